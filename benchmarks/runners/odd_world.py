"""A sandbox of events of the shape that its two arguments name: `odd_world.py SHAPE RECORDS`.

The shapes: `clean` (custom events, forms, page views and sessions as PX documents them), `odd`
(every twentieth custom event is odd in one of five ways), `undeclared` (each has a field that
nobody declared) and `named` (all of one name).
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from px_sandbox.generate import generate_history
from px_sandbox.plan import Chance, WorldPlan
from px_sandbox.server import SandboxServer
from px_sandbox.stores import encode
from px_sandbox.times import DAY_MS
from px_sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANCHOR_MS = 1_764_000_000_000
DAYS = 180
_KINDS = {
    "clean": ("custom_events", "form_submit_events", "page_view_events", "session_events"),
    "odd": ("custom_events",),
    "undeclared": ("custom_events",),
    "named": ("custom_events",),
}
_ONE_IN = 20


def _other_type(event: dict[str, Any]) -> bytes:
    return encode({**event, "remoteHost": {"ip": event.get("remoteHost")}})


def _truth(event: dict[str, Any]) -> bytes:
    return encode({**event, "url": True})


def _large(event: dict[str, Any]) -> bytes:
    return encode({**event, "sessionId": 2**70})


def _line_breaks(event: dict[str, Any]) -> bytes:
    return encode(event).replace(b',"', b',\n"')


def _list(event: dict[str, Any]) -> bytes:
    return encode({**event, "attributes": [event["attributes"]]})


_ODD: tuple[Callable[[dict[str, Any]], bytes], ...] = (
    _other_type,
    _truth,
    _large,
    _line_breaks,
    _list,
)


def _shaped(shape: str, number: int, event: dict[str, Any]) -> bytes:
    if shape == "odd" and number % _ONE_IN == 0:
        return _ODD[number // _ONE_IN % len(_ODD)](event)
    if shape == "undeclared":
        event["tenantRegion"] = f"eu-{number % 7}"
    if shape == "named":
        event["eventName"] = "report_exported"
    return encode(event)


def _events(shape: str, kind: str, records: int) -> Iterator[bytes]:
    plan = WorldPlan(anchor_ms=ANCHOR_MS, seed=5, days=DAYS, events=2_000)
    history = generate_history(plan)
    rng = Chance(f"{shape}/{kind}")
    for number in range(records):
        date_ms = plan.start_ms + number * (DAYS * DAY_MS) // records
        event = history.maker.make(kind, rng, date_ms, history.session_before(date_ms))
        yield _shaped(shape, number, event)


async def _serve(world: World) -> None:
    server = SandboxServer(world)
    await server.listen()
    print(f"px-sandbox ready: {server.url}", flush=True)  # noqa: T201
    await asyncio.Event().wait()


def main() -> None:
    """Serve until somebody ends it."""
    shape, records = sys.argv[1], int(sys.argv[2])
    world = World()
    for kind in _KINDS[shape]:
        world.put_many(kind, _events(shape, kind, records))
    asyncio.run(_serve(world))


if __name__ == "__main__":
    main()
