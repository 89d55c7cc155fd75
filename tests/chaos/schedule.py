"""One schedule from one seed: a world, settings, and for each run what goes wrong and how it ends.

Left out is what nobody can detect: a count that is too low by exactly what is lost, and records
left out while the count is missing or too low. A server that hangs is tested on its own.

In half of the schedules the past changes as well (`past.py`), and days pass between runs.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from tests.chaos.past import Change, Past
from tests.tap.worlds import DAY, SECOND, account, event, iso, user

Json = dict[str, Any]

EVENTS = ("custom_events", "page_view_events", "survey_responses")
PEOPLE = ("users", "accounts")
KEYS = {"users": "aptrinsicId", "accounts": "id", **dict.fromkeys(EVENTS, "eventId")}
DATES = {
    "users": "lastModifiedDate",
    "accounts": "lastModifiedDate",
    **dict.fromkeys(EVENTS, "date"),
}

# Records without a date. No count here is ever wrong by this many, which nobody could see.
UNDATED = 3
WRONG_BY = 10
LOOKBACK = 3_600 * SECOND

HARMLESS: dict[str, Json] = {
    "latency": {"ms": 5, "jitter_ms": 20},
    "too_many_requests": {"retry_after": 0},
    "too_many_requests_date": {"retry_after": 0},
    "unsorted": {},
    "repeated_records": {},
    "duplicate_records": {},
    "wrong_content_type": {},
    "empty_page": {},
    "filter_ignored": {},
    "total_hits_growing": {"by": 1},
    "oversize_body": {"bytes": 500_000},
}
LOSES_ANSWERS: dict[str, Json] = {
    "too_many_requests_bare": {},
    "http_500": {},
    "http_502": {},
    "http_503": {"retry_after": 0},
    "http_504": {},
    "html": {},
    "empty_body": {},
    "list_instead_of_object": {},
    "records_key_missing": {},
    "records_not_a_list": {},
    "records_null": {},
    "reset_before": {},
    "reset_midway": {},
    "short_body": {},
    "truncated_json": {},
    "scroll_expired": {},
}
# Never together with records left out or a scroll that moves on: nobody could tell.
WRONG_COUNTS: dict[str, Json] = {
    "total_hits_too_low": {"by": WRONG_BY},
    "total_hits_capped": {"cap": 60},
    "total_hits_missing": {},
    "total_hits_too_high": {"by": WRONG_BY},
}
ENDERS: tuple[Json, ...] = (
    {"fault": "key_revoked", "times": None},
    {"fault": "forbidden", "times": None},
    {"fault": "redirect"},
    {"fault": "http_503", "times": None, "retry_after": 0},
)


@dataclass(frozen=True)
class Late:
    """A record that becomes visible only some time after the schedule has begun."""

    kind: str
    record: Json
    after_ms: int


@dataclass(frozen=True)
class Ending:
    """How a run is broken off.

    Attributes:
        how: `SIGTERM`, `SIGINT` or `SIGKILL`; `pipe`: the target closes it; `disk`: no room for
            a single byte; `address`: nobody listens there.
        after_lines: So many lines of output are read first.
    """

    how: str
    after_lines: int = 0


@dataclass(frozen=True)
class FaultyRun:
    """What goes wrong in one run, how many days pass before it, and what changes meanwhile."""

    misbehaviour: Json
    ending: Ending | None = None
    settings: Json = field(default_factory=dict)
    days_before: float = 0
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True)
class Schedule:
    """Everything that a seed decides."""

    seed: int
    world: dict[str, list[Json]]
    late: list[Late]
    settings: Json
    scroll_ttl_seconds: float
    runs: list[FaultyRun]


def schedule_of(seed: int, now: int) -> Schedule:
    """Make the schedule of a seed, dated around `now` (epoch milliseconds)."""
    return _Maker(seed, now).make()


class _Maker:
    def __init__(self, seed: int, now: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        self.now = now
        self.start = (now - self.chance.choice([2, 30, 250, 600]) * DAY) // SECOND * SECOND
        self.page_size = self.chance.choice([1, 3, 7, 20, 20, 50, 100, 1_000])
        self.size = {1: 12, 3: 30}.get(self.page_size, self.chance.randint(60, 160))

    def make(self) -> Schedule:
        """Draw everything, always in the same order."""
        chance = self.chance
        kinds = ["custom_events", chance.choice(EVENTS[1:])]
        world = {kind: self.events(kind[:1]) for kind in kinds}
        world["users"] = self.people(user, "u", self.size)
        world["accounts"] = self.people(account, "a", max(8, self.size // 3))
        settings: Json = {
            "start_date": iso(self.start),
            "page_size": self.page_size,
            # More than WRONG_BY: else a count that is too high splits empty days into seconds.
            "window_max_records": chance.choice([12, 15, 40, 100, 10_000]),
            "max_workers": chance.randint(1, 8),
            "requests_per_second": 200,
        }
        late = [one for kind in kinds for one in self.late_events(kind)]
        late += self.late_people("users", user, world["users"])
        late += self.late_people("accounts", account, world["accounts"])
        runs = [self.run() for _ in range(chance.randint(2, 6))]
        if chance.random() < 0.5:
            settings |= self.settings_for_the_past()
            taken = {one.record[KEYS[one.kind]] for one in late}
            runs = self.with_past(runs, settings, world, kinds, taken)
        return Schedule(self.seed, world, late, settings, chance.choice([60, 60, 0.5]), runs)

    def settings_for_the_past(self) -> Json:
        """How far back the tap looks, and how often."""
        return {
            "recheck_days": self.chance.choice([30, 30, 30, 8, 400, 0]),
            "full_read_days": self.chance.choice([7, 7, 1, 3, 0]),
            "first_sync": self.chance.choice(["oldest_first", "newest_first"]),
        }

    def with_past(
        self,
        runs: list[FaultyRun],
        settings: Json,
        world: dict[str, list[Json]],
        kinds: list[str],
        taken: set[str],
    ) -> list[FaultyRun]:
        """Let days pass between the runs, the past change, and the start date move back."""
        chance = self.chance
        for number, one in enumerate(world["users"]):
            if number % 2:
                one["accountId"] = chance.choice(world["accounts"])["id"]
        people = {
            kind: [one[KEYS[kind]] for one in world[kind] if one[KEYS[kind]] not in taken]
            for kind in ("users", "accounts")
        }
        past = Past(chance, kinds, people, start=self.start, now=self.now)
        waits = [0, *(chance.choice([0, 0, 0.05, 1.1, 3.5, 8]) for _ in runs[1:])]
        later = iso(self.now - chance.choice([1, 5, 20, 100]) * DAY)
        is_later = chance.random() < 0.4
        made = []
        for number, run in enumerate(runs):
            is_later = is_later and chance.random() < 0.7
            until_now, to_come = sum(waits[: number + 1]), sum(waits[number + 1 :])
            moved = {"start_date": later} if is_later and later > settings["start_date"] else {}
            made.append(
                replace(
                    run,
                    settings={**run.settings, **moved},
                    days_before=waits[number],
                    changes=past.changes(until_now, to_come, settings["recheck_days"]),
                )
            )
        return made

    def events(self, letter: str) -> list[Json]:
        """Bursts, equal milliseconds, records on the edges of windows, one from the future."""
        chance, start, end = self.chance, self.start, self.now
        dates = [chance.randrange(start, end - SECOND) for _ in range(self.size)]
        burst = chance.randrange(start, end - 2 * SECOND)
        dates += [burst + chance.randrange(2 * SECOND) for _ in range(self.size // 3)]
        dates += [burst + 7] * (self.size // 6)
        for edge in (start, start + DAY, *range(start + DAY, end, 190 * DAY)):
            dates += [edge + shift for shift in (-SECOND, -1, 0, 0, 1, SECOND - 1, SECOND)]
        dates = [date for date in dates if start <= date < end - SECOND]
        dates.append(end + chance.choice([DAY, 400 * DAY]))
        return [event(f"{letter}{number}", date) for number, date in enumerate(dates)]

    def people(self, make: Any, letter: str, size: int) -> list[Json]:
        """Changed at any time, some in one second, some never, and one in the future."""
        chance = self.chance
        dates: list[int | None] = [chance.randrange(self.start, self.now) for _ in range(size)]
        dates += [self.start + DAY + chance.randrange(SECOND) for _ in range(size // 4)]
        dates += [None] * chance.choice([0, UNDATED])
        dates += [self.now + 3 * DAY]
        return [make(f"{letter}{number}", date) for number, date in enumerate(dates)]

    def late_events(self, kind: str) -> list[Late]:
        """Dated within the lookback, but not to be seen yet."""
        dates = [self.now - self.chance.randrange(LOOKBACK - 120 * SECOND) for _ in range(4)]
        return [
            Late(kind, event(f"late {kind} {number}", date), self.chance.randrange(2_500))
            for number, date in enumerate(dates)
        ]

    def late_people(self, kind: str, make: Any, people: list[Json]) -> list[Late]:
        """Changes of people who were there before, made while the schedule runs, and a new one."""
        keys = [self.chance.choice(people[:-1])[KEYS[kind]] for _ in range(5)] + ["newcomer"]
        after = [self.chance.randrange(2_500) for _ in keys]
        return [
            Late(kind, make(key, self.now + ms, name=f"Later {ms}"), ms)
            for key, ms in zip(sorted(set(keys)), after, strict=False)
        ]

    def run(self) -> FaultyRun:
        """Some faults at random, perhaps one that ends the run, perhaps a kill."""
        chance = self.chance
        wrong_counts = chance.random() < 0.4
        faults: Json = {}
        for menu, most, highest in ((HARMLESS, 4, 0.12), (LOSES_ANSWERS, 3, 0.04)):
            for name in chance.sample(sorted(menu), chance.randint(0, most)):
                faults[name] = {**menu[name], "rate": round(chance.uniform(0.01, highest), 3)}
        if wrong_counts:
            name = chance.choice(sorted(WRONG_COUNTS))
            rate = chance.choice([0.02, 0.2]) if name == "total_hits_too_high" else 1
            faults[name] = {**WRONG_COUNTS[name], "rate": rate}
            if name == "total_hits_too_low":
                # A count lowered to 0 with an empty page looks like a window that holds nothing.
                faults.pop("empty_page", None)
        else:
            faults["lost_records"] = {"rate": chance.choice([0, 0.02, 0.05])}
        rules = []
        if chance.random() < 0.15:
            rules.append({**chance.choice(ENDERS), "nth": chance.randint(2, 60)})
        misbehaviour: Json = {
            "faults": faults,
            "rules": rules,
            "seed": chance.randrange(10**6),
            "scroll_moves_on": not wrong_counts and chance.random() < 0.5,
            "scroll_ids": chance.choice(["changing", "changing", "fixed"]),
            "stale_scroll_id": chance.choice(["next_page", "same_page", "refused"]),
            "last_modified_filter": chance.choice(["honoured", "refused", "ignored"]),
            "duplicate_window_ms": chance.choice([0, 0, 20]),
        }
        if chance.random() < 0.15:
            misbehaviour["requests_per_day"] = chance.randint(20, 120)
        settings = {"max_requests": chance.randint(5, 80)} if chance.random() < 0.1 else {}
        return FaultyRun(misbehaviour, self.ending(), settings)

    def ending(self) -> Ending | None:
        """Two runs of three are broken off."""
        how = self.chance.choice(
            [*["SIGTERM", "SIGINT", "SIGKILL", "pipe", None] * 3, "disk", "address"]
        )
        lines = int(self.chance.triangular(1, 4 * self.size, 1))
        return None if how is None else Ending(how, lines)
