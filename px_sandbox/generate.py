"""The history of a generated world: everything up to its anchor."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from datetime import datetime, timezone
from itertools import accumulate
from typing import TYPE_CHECKING

from px_sandbox.catalogue import Catalogue, make_catalogue
from px_sandbox.events import EventMaker, Session
from px_sandbox.habits import Evenly, Habits
from px_sandbox.kinds import EVENT_KINDS, KINDS, Kind, Record
from px_sandbox.live_values import put_live_values
from px_sandbox.people import People, make_people
from px_sandbox.plan import Chance
from px_sandbox.times import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from px_sandbox.plan import WorldPlan

Shown = tuple[Record, "int | None"]
"""A record and the instant from which it is visible; None: from its beginning."""

# Traffic by hour of the day (UTC) and by weekday, Monday first.
_HOURS = (1, 1, 1, 1, 2, 4, 8, 14, 20, 22, 21, 18, 16, 19, 21, 20, 17, 12, 8, 6, 4, 3, 2, 1)
_WEEKDAYS = (10, 11, 11, 10, 8, 2, 1)
# One event in ten belongs to a burst of this many, within the time below.
_BURST_EVENTS = 300
_BURST_SHARE = 10
_BURST_MS = 20_000
_BURST_STEP_MS = 200


class History:
    """People, things and past events of one plan."""

    def __init__(self, plan: WorldPlan) -> None:
        """Make everything but the events, which `records` makes."""
        self.plan = plan
        self.people: People = make_people(plan)
        if plan.live_values:
            put_live_values(self.people, Chance(f"{plan.seed}/live values"))
        self.catalogue: Catalogue = make_catalogue(plan, self.people.users)
        self.habits = (
            Habits(plan, self.people, self.catalogue.features) if plan.habits else Evenly()
        )
        self.maker = EventMaker(self.catalogue, self.habits)
        self.sessions = self._sessions()
        self._session_starts = array("q", (session.start_ms for session in self.sessions))

    def records(self) -> Iterator[tuple[str, Iterable[Shown]]]:
        """Yield every kind with its records."""
        people, things = self.people, self.catalogue
        made = set()
        for kind, records in (
            ("accounts", people.accounts),
            ("users", people.users),
            ("account_attributes", people.attributes["account"]),
            ("user_attributes", people.attributes["user"]),
            ("user_preferences", people.preferences),
            ("user_denylist", people.denylist),
            ("subscription_users", people.subscription_users),
            ("features", things.features),
            ("segments", things.segments),
            ("engagements", things.engagements),
            ("survey_metadata", things.survey_metadata),
            ("articles", things.articles),
            ("kc_bots", things.kc_bots),
            ("subscription", [things.subscription]),
            ("integrations", things.integrations),
            ("engagement_collisions", things.collisions),
            ("engagement_error_occurrences", things.errors),
        ):
            yield kind, [(record, None) for record in records]
            made.add(kind)
        for name, other in KINDS.items():
            if name not in made and name not in EVENT_KINDS and other.base is None:
                yield name, [(record, None) for record in _plain_records(other)]
        for kind, count in self.plan.event_counts().items():
            yield kind, self._events(kind, count)

    def session_before(self, date_ms: int) -> Session:
        """Return the session that was the latest to begin at ``date_ms``."""
        index = bisect_right(self._session_starts, date_ms) - 1
        return self.sessions[max(index, 0)]

    def visible_from(self, rng: Chance, date_ms: int) -> int | None:
        """Return when an event of ``date_ms`` becomes visible if it is late; otherwise None."""
        if self.plan.late_share and rng.happens(self.plan.late_share):
            return date_ms + rng.randrange(self.plan.late_delay_ms) + 1
        return None

    def _sessions(self) -> list[Session]:
        rng = Chance(f"{self.plan.seed}/sessions")
        # Events need a session to belong to, even in a world that shows none.
        number = max(1, self.plan.event_counts()["session_events"])
        dates = self._dates(rng, number, bursts=self.habits.bursts_of_sessions)
        users = self.people.users
        return [
            Session(
                f"session-{rng.getrandbits(64):016x}",
                date_ms,
                self.habits.visitor(rng, users, date_ms),
            )
            for date_ms in dates
        ]

    def _events(self, kind: str, count: int) -> Iterator[Shown]:
        rng = Chance(f"{self.plan.seed}/{kind}")
        if kind == "session_events":
            for session in self.sessions[:count]:
                event = self.maker.make(kind, rng, session.start_ms, session)
                yield event, self.visible_from(rng, session.start_ms)
            return
        for date_ms in self._dates(rng, count):
            event = self.maker.make(kind, rng, date_ms, self.session_before(date_ms))
            yield event, self.visible_from(rng, date_ms)

    def _dates(self, rng: Chance, count: int, *, bursts: bool = True) -> array[int]:
        """Return ``count`` sorted instants with the rhythm of working days, and bursts."""
        start_ms, end_ms = self.plan.start_ms, self.plan.anchor_ms
        slots = range(start_ms - start_ms % HOUR_MS, end_ms, HOUR_MS)
        weights = list(accumulate(_weight(slot) * self.habits.traffic(slot) for slot in slots))
        dates: list[int] = []
        in_bursts = count // _BURST_SHARE if bursts else 0
        while len(dates) < in_bursts:
            middle_ms = rng.choices(slots, cum_weights=weights)[0] + rng.randrange(HOUR_MS)
            size = min(_BURST_EVENTS, in_bursts - len(dates))
            # In steps: within a burst, many events share one instant.
            dates += [middle_ms + rng.randrange(0, _BURST_MS, _BURST_STEP_MS) for _ in range(size)]
        hours = rng.choices(slots, cum_weights=weights, k=count - len(dates))
        dates += [slot_ms + rng.randrange(HOUR_MS) for slot_ms in hours]
        return array("q", sorted(min(max(date, start_ms), end_ms - 1) for date in dates))


def _plain_records(kind: Kind) -> list[Record]:
    """Return a few records of a kind that nothing else makes."""
    names = [f"{kind.name}-{number}" for number in range(5)]
    return [{kind.key or "id": name, "name": f"Name of {name}"} for name in names]


def generate_history(plan: WorldPlan) -> History:
    """Return the history of ``plan``."""
    return History(plan)


def _weight(slot_ms: int) -> int:
    moment = datetime.fromtimestamp(slot_ms / 1000, tz=timezone.utc)
    return _HOURS[moment.hour] * _WEEKDAYS[moment.weekday()]
