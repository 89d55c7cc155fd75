"""Plans a sync of a sandbox, and then does it."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from px_sandbox import ManualClock, World, WorldPlan
from tap_gainsight_px.tap import TapGainsightPx
from tap_gainsight_px.timestamps import parse
from tests.tap.harness import config, discover, sync

if TYPE_CHECKING:
    from px_sandbox import SandboxServer
    from tap_gainsight_px.plan.report import PlanReport
    from tests.tap.harness import Output

Json = dict[str, Any]

NOW = parse("2026-06-10T09:37:21Z")


def world(**habits: Any) -> World:
    """Return a generated world whose clock stands still."""
    return World.generated(WorldPlan(anchor_ms=NOW, **habits), ManualClock(NOW))


@dataclass
class Planned:
    """A plan, and what it has cost."""

    report: PlanReport
    requests: int

    @property
    def json(self) -> Json:
        """The plan as JSON."""
        content: Json = json.loads(self.report.as_json())
        return content

    @property
    def text(self) -> str:
        """The plan as text, in one line."""
        return " ".join(self.report.as_text().split())

    def row(self, stream: str) -> Json:
        """Return what the plan says of a stream, as JSON has it."""
        found: Json = next(one for one in self.json["streams"] if one["stream"] == stream)
        return found


def plan(
    sandbox: SandboxServer, *streams: str, state: Json | None = None, **settings: Any
) -> Planned:
    """Plan a sync of some streams, or of all."""
    catalog = discover(sandbox, *streams, everything=not streams, **settings)
    sandbox.requests.clear()
    tap = TapGainsightPx(
        clock=sandbox.world.clock.now_ms,
        config=config(sandbox, **settings),
        state=deepcopy(state),
        catalog=catalog,
        parse_env_config=False,
        setup_mapper=False,
    )
    report = tap.plan()
    return Planned(report, len(sandbox.requests))


def plan_and_sync(
    sandbox: SandboxServer, *streams: str, state: Json | None = None, **settings: Any
) -> tuple[Planned, Output, int]:
    """Plan a sync, and do it.

    Returns:
        The plan, what the sync wrote, and how many requests it took.
    """
    planned = plan(sandbox, *streams, state=state, **settings)
    output = sync(sandbox, *streams, state=state, **settings)
    assert output.error is None
    return planned, output, len(sandbox.requests)
