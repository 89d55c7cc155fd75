"""How the past changes after the anchor: what PX does to days that were read long ago.

In turn, ``past_changes_per_day`` times a day:

* *late posts*: a few custom events arrive, each with any date of the last ``past_days``;
* *a back-fill*: a feature gets matches for some of those days, the newest day first and an hour
  from one day to the next, so that a day may change hours after the day before it;
* *a deletion* of a user, or of an account with all its users;
* *a revival*: a deleted user is seen again, within seven days as the same record and later under
  another ``aptrinsicId``.

Each change is a pure function of the plan, of its running number and of who is there.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from px_sandbox.plan import Chance
from px_sandbox.population import Change
from px_sandbox.times import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox.generate import History
    from px_sandbox.population import Population

_MOST_POSTS = 3
_MOST_DAYS_OF_A_BACK_FILL = 8
_MOST_MATCHES_OF_A_DAY = 4


class PastChanges:
    """The changes of one plan, in the order of their running numbers."""

    def __init__(self, history: History, population: Population) -> None:
        """Change the past of ``history``, and who is in ``population``."""
        self._plan = history.plan
        self._history = history
        self._population = population
        self._turns = (
            self._late_posts,
            self._back_fill,
            population.delete_user,
            self._late_posts,
            population.revive_user,
            self._back_fill,
            population.delete_account,
            population.revive_user,
        )

    def happenings(self) -> Iterator[tuple[int, Iterator[Change]]]:
        """Yield the instant of each change, and what is made of it when it has come."""
        step_ms = DAY_MS / self._plan.past_changes_per_day
        for number in count():
            rng = Chance(f"{self._plan.seed}/past/{number}")
            at_ms = self._plan.anchor_ms + int((number + rng.random()) * step_ms)
            yield at_ms, self._turns[number % len(self._turns)](rng, at_ms)

    def _late_posts(self, rng: Chance, at_ms: int) -> Iterator[Change]:
        for _ in range(1 + rng.randrange(_MOST_POSTS)):
            yield self._event("custom_events", rng, self._past_date(rng, at_ms), at_ms)

    def _back_fill(self, rng: Chance, at_ms: int) -> Iterator[Change]:
        feature = self._history.maker.a_feature(rng)
        newest_ms = self._past_date(rng, at_ms)
        for back in range(1 + rng.randrange(_MOST_DAYS_OF_A_BACK_FILL)):
            visible_ms = at_ms + back * HOUR_MS
            # Never older than `past_days` when it appears, and never from the future.
            start_ms = max((newest_ms // DAY_MS - back) * DAY_MS, self._earliest_ms(visible_ms))
            end_ms = min((newest_ms // DAY_MS - back + 1) * DAY_MS, at_ms)
            if start_ms >= end_ms:
                return
            for _ in range(1 + rng.randrange(_MOST_MATCHES_OF_A_DAY)):
                date_ms = rng.randrange(start_ms, end_ms)
                yield self._event(
                    "feature_match_events", rng, date_ms, visible_ms, featureId=feature
                )

    def _event(
        self, kind: str, rng: Chance, date_ms: int, visible_ms: int, **fields: str
    ) -> Change:
        session = self._history.session_before(date_ms)
        event = self._history.maker.make(kind, rng, date_ms, session) | fields
        return Change(kind, event["eventId"], event, visible_ms)

    def _past_date(self, rng: Chance, at_ms: int) -> int:
        return rng.randrange(self._earliest_ms(at_ms), at_ms)

    def _earliest_ms(self, at_ms: int) -> int:
        return max(self._plan.start_ms, at_ms - round(self._plan.past_days * DAY_MS))
