"""A local stand-in for the Gainsight PX REST API.

It follows the documentation, and public evidence of the live service where the two differ. Wrong
page sizes, too wide ranges and missing keys are refused; unknown parameters are ignored, or
refused by choice. Scrolls are snapshots with a cursor and a time to live. The world grows with the
clock, its past changes if asked for (``past.py``), and the server misbehaves on demand: see
``misbehaviour.py`` and ``faults.py``.

It writes nothing, speaks no HTTPS, exports no translations, and proves nothing about the real
service. Its world lives in memory: a restart brings back the generated world only.

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
    """Load the server on first use: it alone needs aiohttp."""
    if name == "SandboxServer":
        from px_sandbox.server import SandboxServer  # noqa: PLC0415

        return SandboxServer
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
