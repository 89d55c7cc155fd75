"""Worlds that a test can tell the truth about, at one fixed moment.

A tap that runs within the test lives by the clock of its world. A tap that runs as a program has
the machine's clock: its worlds are built around `present_day()`, with `Clock()`.
"""

from __future__ import annotations

import random
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from px_sandbox import ManualClock, World, WorldPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from px_sandbox import Clock

SECOND = 1_000
DAY = 86_400 * SECOND

NOW = 1_781_072_000_000
"""2026-06-10T06:13:20Z in epoch milliseconds: where the clock of the tests stands."""

ATTRIBUTES = (
    {"id": "a1", "apiName": "plan", "name": "Plan", "type": "STRING", "origin": "CUSTOM"},
    {"id": "a2", "apiName": "seats", "name": "Seats", "type": "NUMBER", "origin": "CUSTOM"},
    {"id": "a3", "apiName": "vip", "name": "VIP", "type": "BOOLEAN", "origin": "CUSTOM"},
    {"id": "a4", "apiName": "renewal", "name": "Renewal", "type": "DATE_TIME", "origin": "CUSTOM"},
)


def today() -> int:
    """Return the midnight (UTC) before `NOW` in epoch milliseconds."""
    return NOW // DAY * DAY


@cache
def present_day() -> int:
    """Return the last midnight (UTC) by the machine's clock; it stays while the tests run."""
    return int(time.time() * 1_000) // DAY * DAY


def iso(milliseconds: int) -> str:
    """Write a whole second the way people write settings."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(milliseconds // SECOND))


def event(key: str, date: int) -> dict[str, Any]:
    """Make one custom event."""
    return {"eventId": key, "date": date, "eventName": f"clicked {key}", "identifyId": "ada"}


def user(key: str, modified: int | None, **fields: Any) -> dict[str, Any]:
    """Make one user; without a time it has no lastModifiedDate at all."""
    dated = {} if modified is None else {"lastModifiedDate": modified}
    return {"aptrinsicId": key, "identifyId": f"id-{key}", **dated, **fields}


def account(key: str, modified: int | None, **fields: Any) -> dict[str, Any]:
    """Make one account; without a time it has no lastModifiedDate at all."""
    dated = {} if modified is None else {"lastModifiedDate": modified}
    return {"id": key, "name": f"Account {key}", **dated, **fields}


def world_of(clock: Clock | None = None, **records: Iterable[dict[str, Any]]) -> World:
    """Make a world of these records by kind; without a clock it stands still at `NOW`."""
    world = World(clock or ManualClock(NOW))
    for kind, ones in records.items():
        world.put_many(kind, ones)
    return world


def events_at(dates: Sequence[int], clock: Clock | None = None) -> World:
    """Make a world with a custom event at each of these times."""
    return world_of(clock, custom_events=[event(f"e{n}", date) for n, date in enumerate(dates)])


def years_of_dates(start: int, end: int, *, seed: int, quiet: int, burst: int) -> list[int]:
    """Choose times over a long range: at random, in bursts, equal, and around window edges."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    dates = [chance.randrange(start, end) for _ in range(quiet)]
    for number in range(3):
        at = start + (end - start) * (number + 1) // 4
        dates += [at + chance.randrange(2 * SECOND) for _ in range(burst)]
        dates += [at + 7] * (burst // 5)
    for edge in range(start, end, 190 * DAY):
        around = (-SECOND, -1, 0, 1, SECOND - 1, SECOND)
        dates += [edge + shift for shift in around if start <= edge + shift < end]
    dates += [start, start, end - 1, end - 1]
    return dates


def lively_world(clock: Clock | None = None, *, events: int = 800) -> World:
    """Make a generated world: users, accounts, attributes and events up to its last midnight."""
    clock = clock or ManualClock(NOW)
    anchor_ms = clock.now_ms() // DAY * DAY
    plan = WorldPlan(anchor_ms=anchor_ms, seed=5, days=60, users=120, accounts=30, events=events)
    return World.generated(plan, clock)
