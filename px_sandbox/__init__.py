"""A local stand-in for the Gainsight PX REST API.

What it does NOT do: it writes nothing (only the reading calls exist), speaks no HTTPS, exports no
translations, and proves nothing about the real service, of which it knows only the documentation.
It keeps its world in memory: a restart brings the generated world back, not what was put into it.

What it does: it is strict where the documentation is (unknown parameters, wrong page sizes, too
wide ranges and missing keys are refused), it remembers (scrolls are snapshots with a cursor and a
time to live), its world grows with the clock, and it misbehaves on demand.

In tests::

    world = World.generated(WorldPlan(anchor_ms=..., events=500), ManualClock(...))
    with SandboxServer(world, misbehave={"faults": {"http_503": 0.1}}) as sandbox:
        requests.get(f"{sandbox.url}/v1/users", headers={"X-APTRINSIC-API-KEY": sandbox.api_key})

On the command line: ``px-sandbox --help``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from px_sandbox.clock import Clock, ManualClock
from px_sandbox.faults import FAULTS
from px_sandbox.kinds import EVENT_KINDS, KINDS
from px_sandbox.misbehaviour import Misbehaviour, Rule
from px_sandbox.plan import WorldPlan
from px_sandbox.world import World

if TYPE_CHECKING:
    from px_sandbox.server import SandboxServer

__all__ = [
    "EVENT_KINDS",
    "FAULTS",
    "KINDS",
    "Clock",
    "ManualClock",
    "Misbehaviour",
    "Rule",
    "SandboxServer",
    "World",
    "WorldPlan",
]


def __getattr__(name: str) -> Any:
    """Load the server only when asked for: it alone needs aiohttp."""
    if name == "SandboxServer":
        from px_sandbox.server import SandboxServer  # noqa: PLC0415

        return SandboxServer
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
