"""Whatever PX sends is in Postgres, over several runs: the tap, real HTTP and the real loader."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from px_sandbox import ManualClock, SandboxServer, World
from tests.e2e.odd_worlds import plans
from tests.e2e.pipe import Pipe, happen
from tests.tap.worlds import NOW

if TYPE_CHECKING:
    from tests.e2e.loader import Loader
    from tests.e2e.odd_worlds import Plan

EXAMPLES = int(os.environ.get("PIPE_EXAMPLES", "20"))
# To find the smallest example takes minutes; the soak has them.
PHASES = [phase for phase in Phase if phase is not Phase.shrink or EXAMPLES > 20]


@pytest.mark.xfail(strict=True, reason="kinds 1 to 9 of the loader's table are being mended")
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
