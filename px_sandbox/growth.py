"""What happens after the anchor: events arrive, users and accounts change.

Each live event is a pure function of the plan and of its running number, so that a restarted
sandbox holds the same world plus what time has added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from px_sandbox.events import Session
from px_sandbox.kinds import Record
from px_sandbox.plan import SHARES, Chance, WorldPlan
from px_sandbox.times import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox.generate import History

MAX_LIVE_EVENTS = 5_000_000
"""Beyond this, an anchor far back in time is rather a mistake than a wish."""

_USER_EVERY = 10
_ACCOUNT_EVERY = 40

Change = tuple[str, Record, int]
"""Kind, record, and the instant (epoch milliseconds) from which it is visible."""


class Growth:
    """Live events and changes, in the order of their running numbers."""

    def __init__(self, plan: WorldPlan, history: History) -> None:
        """Continue ``history`` at the pace of ``plan``."""
        self._plan = plan
        self._history = history
        self._next = 0
        self._step_ms = MINUTE_MS / plan.live_per_minute
        self._kinds = _rotation()
        # Latest versions; the world keeps bytes only.
        self._users = list(history.people.users)
        self._accounts = list(history.people.accounts)
        self._session = history.sessions[-1]

    def until(self, now_ms: int) -> Iterator[Change]:
        """Yield what has not been yielded yet of the time up to ``now_ms``."""
        end = int((now_ms - self._plan.anchor_ms) / self._step_ms) + 1
        if end - self._next > MAX_LIVE_EVENTS:
            msg = (
                f"{end - self._next} live events lie between the anchor and now, more than "
                f"{MAX_LIVE_EVENTS}: choose a later anchor or fewer live events per minute"
            )
            raise ValueError(msg)
        while self._next < end:
            yield from self._happening(self._next)
            self._next += 1

    def _happening(self, number: int) -> Iterator[Change]:
        rng = Chance(f"{self._plan.seed}/live/{number}")
        date_ms = self._plan.anchor_ms + int((number + rng.random()) * self._step_ms)
        kind = self._kinds[number % len(self._kinds)]
        if kind == "session_events":
            user = rng.choice(self._users)
            self._session = Session(f"session-{rng.getrandbits(64):016x}", date_ms, user)
        event = self._history.maker.make(kind, rng, date_ms, self._session)
        late_ms = self._history.visible_from(rng, date_ms)
        yield kind, event, date_ms if late_ms is None else late_ms
        if number % _USER_EVERY == 0:
            yield "users", _touched(rng, self._users, date_ms), date_ms
        if number % _ACCOUNT_EVERY == 0:
            yield "accounts", _touched(rng, self._accounts, date_ms), date_ms


def _touched(rng: Chance, records: list[Record], date_ms: int) -> Record:
    index = rng.randrange(len(records))
    record = {**records[index], "lastModifiedDate": date_ms, "lastSeenDate": date_ms}
    if "numberOfVisits" in record:
        record["numberOfVisits"] += 1
    records[index] = record
    return record


def _rotation() -> list[str]:
    """Return 100 kinds in the proportions of history, well mixed."""
    kinds = [kind for kind, share in SHARES.items() for _ in range(round(share * 100))]
    Chance("rotation").shuffle(kinds)
    return kinds
