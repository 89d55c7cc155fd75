"""What happens after the anchor: events arrive, users and accounts change, and so does the past.

Each live event is a pure function of the plan and of its running number, so that a restarted
sandbox holds the same world plus what time has added. How the past changes: see ``past.py``.
"""

from __future__ import annotations

from heapq import merge
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING

from px_sandbox.events import Session
from px_sandbox.past import PastChanges
from px_sandbox.plan import SHARES, Chance, WorldPlan
from px_sandbox.population import Change, Population
from px_sandbox.times import DAY_MS, MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox.generate import History

MAX_LIVE_EVENTS = 5_000_000
"""Beyond this, an anchor far back in time is rather a mistake than a wish."""

_USER_EVERY = 10
_ACCOUNT_EVERY = 40

Happening = tuple[int, "Iterator[Change]"]
"""An instant (epoch milliseconds), and what is made of it when it has come."""


class Growth:
    """Live events and changes, in the order in which they happen."""

    def __init__(self, plan: WorldPlan, history: History) -> None:
        """Continue ``history`` at the pace of ``plan``."""
        self._plan = plan
        self._history = history
        self._kinds = _rotation()
        self._population = Population(history.people)
        self._session = history.sessions[-1]
        sources = [self._live_events()] if plan.live_per_minute > 0 else []
        if plan.past_changes_per_day > 0:
            sources.append(PastChanges(history, self._population).happenings())
        # Neither looks at who is there before its turn has come: the order is that of time,
        # however seldom or often the world is looked at.
        self._coming = merge(*sources, key=itemgetter(0))
        self._next: Happening | None = next(self._coming, None)

    def until(self, now_ms: int) -> Iterator[Change]:
        """Yield what has not been yielded yet of the time up to ``now_ms``."""
        if self._next is not None:
            self._refuse_too_many(now_ms - max(self._next[0], self._plan.anchor_ms))
        while self._next is not None and self._next[0] <= now_ms:
            changes = self._next[1]
            self._next = next(self._coming, None)
            yield from changes

    def _refuse_too_many(self, span_ms: int) -> None:
        a_minute = self._plan.live_per_minute + self._plan.past_changes_per_day / _MINUTES_A_DAY
        number = int(span_ms / MINUTE_MS * a_minute)
        if number > MAX_LIVE_EVENTS:
            msg = (
                f"{number} live events lie between the anchor and now, more than "
                f"{MAX_LIVE_EVENTS}: choose a later anchor or fewer live events per minute"
            )
            raise ValueError(msg)

    def _live_events(self) -> Iterator[Happening]:
        step_ms = MINUTE_MS / self._plan.live_per_minute
        for number in count():
            rng = Chance(f"{self._plan.seed}/live/{number}")
            date_ms = self._plan.anchor_ms + int((number + rng.random()) * step_ms)
            yield date_ms, self._live_event(number, rng, date_ms)

    def _live_event(self, number: int, rng: Chance, date_ms: int) -> Iterator[Change]:
        kind = self._kinds[number % len(self._kinds)]
        people = self._population
        if kind == "session_events":
            user = self._history.habits.visitor(rng, people.users, date_ms)
            self._session = Session(f"session-{rng.getrandbits(64):016x}", date_ms, user)
        event = self._history.maker.make(kind, rng, date_ms, self._session)
        late_ms = self._history.visible_from(rng, date_ms)
        yield Change(kind, event["eventId"], event, date_ms if late_ms is None else late_ms)
        if number % _USER_EVERY == 0:
            yield people.touch_user(rng, date_ms)
        if number % _ACCOUNT_EVERY == 0:
            yield people.touch_account(rng, date_ms)


_MINUTES_A_DAY = DAY_MS / MINUTE_MS


def _rotation() -> list[str]:
    """Return 100 kinds in the proportions of history, well mixed."""
    kinds = [kind for kind, share in SHARES.items() for _ in range(round(share * 100))]
    Chance("rotation").shuffle(kinds)
    return kinds
