"""Whatever PX sends is in Postgres, over several runs: the tap, real HTTP and the real loader."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any

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

EXAMPLES = int(os.environ.get("PIPE_EXAMPLES", "15"))
# To find the smallest example takes minutes; the soak has them.
PHASES = [phase for phase in Phase if phase is not Phase.shrink or EXAMPLES > 15]


@pytest.mark.timeout(0)
# A world is told in full where it fails, however much is in it.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
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


@pytest.mark.parametrize(
    "digits",
    [
        pytest.param("9007199254740993", id="past a double"),
        pytest.param("-0.123456789012345678901", id="with many decimals"),
        pytest.param("1" * 320, id="beyond a double"),
    ],
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


def test_a_field_that_px_makes_up_is_no_attribute(loader: Loader) -> None:
    """Its name may be that of a column; an event without that attribute has none there."""
    world = World(ManualClock(NOW))
    events: list[dict[str, Any]] = [{"attributes": {"size": 1}}, {"size": 2, "attributes": {}}]
    for number, fields in enumerate(events):
        event = {"eventId": f"{number}", "date": NOW - 1, "eventName": "n"}
        world.put("custom_events", {**event, **fields})
    loader.drop("made_up")
    with SandboxServer(world) as sandbox:
        output = sync(sandbox, "custom_event_n", custom_event_streams=["n"])
    loader.load(output.text, "made_up")
    rows = loader.tables("made_up")["custom_event_n"].by("eventId")
    assert [rows[one]["size"] for one in ("0", "1")] == [1, None]
    assert 2 in rows["1"]["_unexpected"].values()
