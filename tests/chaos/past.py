"""How the past of a schedule's world changes, before a run and while it goes on.

Events are posted with old dates, users and accounts are deleted (an account with its users), and
users come back, as before or under another key. Days pass between runs, so that full readings of
users and accounts become due.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.tap.worlds import DAY, SECOND, event, user

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from px_sandbox import World

Json = dict[str, Any]

# What is deleted at most, so that nobody takes it for a reading that lost half of them.
_MOST_DELETED = 3
_MARGIN_DAYS = 2


@dataclass(frozen=True)
class Change:
    """One thing that happens to the past.

    Attributes:
        kind: Kind of the record.
        key: Its key.
        record: What appears; None if the record goes.
        after_ms: How long after the start of the run; 0: before it.
        is_news: Whether the record is dated at the moment at which it appears.
    """

    kind: str
    key: str
    record: Json | None = None
    after_ms: int = 0
    is_news: bool = False

    def happen(self, world: World) -> None:
        """Change the world."""
        if self.record is not None:
            date = {"lastModifiedDate": world.clock.now_ms()} if self.is_news else {}
            world.put(self.kind, {**self.record, **date})
        elif self.kind == "accounts":
            world.delete_account(self.key)
        else:
            world.delete(self.kind, self.key)


class Past:
    """Draws the changes of one schedule, run after run."""

    def __init__(
        self,
        chance: random.Random,
        kinds: Sequence[str],
        people: dict[str, list[str]],
        *,
        start: int,
        now: int,
    ) -> None:
        """Draw for some kinds of events, and for the keys of `users` and `accounts`.

        Args:
            chance: What to draw from.
            kinds: Kinds of events that are posted with old dates.
            people: Keys that may be deleted.
            start: Nothing is older (epoch milliseconds).
            now: When the schedule begins (epoch milliseconds).
        """
        self._chance = chance
        self._kinds = kinds
        self._people = {kind: list(keys) for kind, keys in people.items()}
        self._start = start
        self._now = now
        self._gone: list[str] = []
        self._deleted = 0
        self._number = 0

    def changes(self, days: float, days_to_come: float, recheck_days: int) -> list[Change]:
        """Return what happens in a run.

        Args:
            days: How many have passed since the schedule began.
            days_to_come: How many will pass before the last run.
            recheck_days: How old a change may be to be found.
        """
        chance = self._chance
        found = [
            change
            for _ in range(chance.randint(0, 4))
            if (change := self._late_post(days, recheck_days - days_to_come - _MARGIN_DAYS))
        ]
        if self._gone and chance.random() < 0.4:
            found.append(self._revival())
        if self._deleted < _MOST_DELETED and chance.random() < 0.5:
            found.append(self._deletion())
        return found

    def _late_post(self, days: float, reach_days: float) -> Change | None:
        now = self._now + round(days * DAY)
        earliest = max(self._start, now - round(reach_days * DAY))
        if earliest >= now - SECOND:
            return None
        self._number += 1
        key = f"posted late {self._number}"
        record = event(key, self._chance.randrange(earliest, now - SECOND))
        return Change(self._chance.choice(self._kinds), key, record, self._moment())

    def _deletion(self) -> Change:
        self._deleted += 1
        kind = self._chance.choice(sorted(self._people))
        key = self._people[kind].pop(self._chance.randrange(len(self._people[kind])))
        if kind == "users":
            self._gone.append(key)
        return Change(kind, key, None, self._moment())

    def _revival(self) -> Change:
        self._number += 1
        key = self._gone.pop()
        again = self._chance.choice([key, f"{key} again"])
        return Change("users", again, user(again, None, identifyId=f"id-{key}"), is_news=True)

    def _moment(self) -> int:
        return self._chance.choice([0, 0, self._chance.randrange(2_000)])


class Happening:
    """Lets changes happen, each at its moment; those left over at the end of the run at once."""

    def __init__(self, world: World, changes: Sequence[Change]) -> None:
        """Let those happen that come before the run."""
        self._left: list[Callable[[], None]] = []
        self._timers = []
        self._lock = threading.Lock()
        for change in changes:
            if not change.after_ms:
                change.happen(world)
                continue
            once = self._once(change, world)
            self._left.append(once)
            self._timers.append(threading.Timer(change.after_ms / 1_000, once))

    def _once(self, change: Change, world: World) -> Callable[[], None]:
        has_happened = False

        def happen() -> None:
            nonlocal has_happened
            with self._lock:
                if not has_happened:
                    has_happened = True
                    change.happen(world)

        return happen

    def __enter__(self) -> None:
        """Begin to count."""
        for timer in self._timers:
            timer.start()

    def __exit__(self, *_: object) -> None:
        """Let the rest happen."""
        for timer in self._timers:
            timer.cancel()
            timer.join()
        for happen in self._left:
            happen()
