"""Whatever PX sends is in Postgres, over several runs: the tap, real HTTP and the real loader."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from px_sandbox import ManualClock, SandboxServer, World
from tests.e2e.odd_worlds import plans
from tests.e2e.pipe import Pipe, happen
from tests.tap.harness import sync
from tests.tap.worlds import NOW

if TYPE_CHECKING:
    from tests.e2e.loader import Loader
    from tests.e2e.odd_worlds import Plan

EXAMPLES = int(os.environ.get("PIPE_EXAMPLES", "20"))
# To find the smallest example takes minutes; the soak has them.
PHASES = [phase for phase in Phase if phase is not Phase.shrink or EXAMPLES > 20]


@pytest.mark.timeout(0)
@settings(
    max_examples=EXAMPLES,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)
@given(plan=plans())
def test_what_is_in_the_tables_is_what_px_has(loader: Loader, plan: Plan) -> None:
    """After each of several runs every record is a row, with every value in it and no other."""
    schema = "any_world"
    loader.drop(schema)
    world = World(ManualClock(NOW))
    with SandboxServer(world) as sandbox:
        pipe = Pipe(plan, sandbox, loader, schema)
        for number, step in enumerate(plan.steps):
            if number:
                world.clock.advance(seconds=86_400)
            happen(world, step)
            pipe.run(step)
            assert not list(pipe.differences()), f"after run {number + 1}"


@pytest.mark.xfail(strict=True, reason="by COPY the loader makes a double of every number")
@pytest.mark.parametrize(
    "digits",
    ["9007199254740993", "-0.123456789012345678901", "1" * 320],
    ids=["past a double", "with many decimals", "beyond a double"],
)
def test_every_digit_of_a_number_lands(loader: Loader, digits: str) -> None:
    """In its column, or in `_unexpected` where a column would round it."""
    world = World(ManualClock(NOW))
    record = {"eventId": "e", "date": NOW - 1, "eventName": "n"}
    loader.drop("digits")
    world.put("custom_events", {**record, "attributes": {"size": Decimal(digits)}})
    with SandboxServer(world) as sandbox:
        output = sync(sandbox, "custom_event_n", custom_event_streams=["n"])
    loader.load(output.text, "digits")
    (row,) = loader.tables("digits")["custom_event_n"].rows
    landed = (row["_unexpected"] or row)["size"]
    assert Decimal(landed) == Decimal(digits)
