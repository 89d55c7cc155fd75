"""Weeks of runs against a world whose past changes, in the time of the sandbox's clock.

Events are posted with old dates, matches of features are filled in day by day, accounts go with
their users, and users come back. Runs are broken off between: a target has then received some of
the lines only, and the next run starts from the last STATE among them. After every run that ended
well, the tables are compared with what PX has at that moment, and the requests are counted.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from px_sandbox import ManualClock, SandboxServer, World, WorldPlan
from tests.history.tables import Tables
from tests.streams.truth import listed
from tests.tap.harness import discover, messages_in, sync
from tests.tap.worlds import DAY, SECOND, iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Output

Json = dict[str, Any]

ANCHOR = 1_781_049_600_000
"""2026-06-10T00:00:00Z in epoch milliseconds: where the history ends and the runs begin."""
HOUR = 3_600 * SECOND
LOOKBACK = HOUR
EVENTS = {"custom_events": "/v1/events/custom", "feature_match_events": "/v1/events/feature_match"}
PEOPLE = {"users": "/v1/users", "accounts": "/v1/accounts"}
KEYS = {"users": "aptrinsicId", "accounts": "id", **dict.fromkeys(EVENTS, "eventId")}
PATHS = {**EVENTS, **PEOPLE}


@dataclass(frozen=True)
class Course:
    """What a simulation is like.

    Attributes:
        seed: Source of all that is drawn.
        days: How long it lasts.
        hours: From one run to the next.
        broken_share: Share of the runs that are broken off.
        changes_per_day: Changes of the past a day.
        settings: Settings of the tap.
        misbehave: What the server does beside what is documented.
    """

    seed: int = 1
    days: int = 30
    hours: int = 1
    broken_share: float = 0.2
    changes_per_day: float = 6
    settings: Json = field(default_factory=dict)
    misbehave: Json = field(default_factory=dict)


@dataclass
class Spent:
    """Requests of all runs, beside the fewest that could have done."""

    runs: int = 0
    broken: int = 0
    changed_days: int = 0
    full_readings: int = 0
    equal: int = 0
    """Requests that were sent before in the same run, which PX refuses for some seconds."""
    requests: Counter[str] = field(default_factory=Counter)
    """By stream; what discovery asks for stands under `discovery`."""
    fewest: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """Put it in a few lines."""
        rows = [
            f"  {name:22}{number:8,}{self.fewest[name]:12,}{number / self.fewest[name]:8.2f}"
            for name, number in [*self.requests.items(), ("all", self.requests.total())]
            if name != "all"
        ]
        total, least = self.requests.total(), self.fewest.total()
        told = (
            f"{self.runs} runs, {self.broken} of them broken off; {self.changed_days} changed "
            f"days to find, {self.full_readings} full readings"
        )
        return "\n".join(
            [
                told,
                f"  {'requests':22}{'spent':>8}{'fewest':>12}{'ratio':>8}",
                *rows,
                f"  {'all':22}{total:8,}{least:12,}{total / least:8.2f}",
            ]
        )


class Simulation:
    """Plays one course; `play` raises AssertionError where tables and server differ."""

    def __init__(self, course: Course) -> None:
        """Make the world, as it is before the first run."""
        self.course = course
        self.clock = ManualClock(ANCHOR)
        self.world = World.generated(
            WorldPlan(
                anchor_ms=ANCHOR,
                seed=course.seed,
                days=40,
                users=60,
                accounts=15,
                events=400,
                live_per_minute=0.05,
                late_share=0.2,
                late_delay_ms=LOOKBACK * 9 // 10,
                past_changes_per_day=course.changes_per_day,
                # So that a day is still rechecked when a run or two have been broken off.
                past_days=25,
            ),
            self.clock,
        )
        self.tables = Tables()
        self.spent = Spent()
        self._chance = random.Random(course.seed)  # noqa: S311 - no secret
        self._settings = {"start_date": iso(ANCHOR - 41 * DAY), **course.settings}
        self._seen: dict[str, set[str]] = {stream: set() for stream in EVENTS}
        self._seen_until = 0
        self._catalog: Json = {}

    def play(self) -> Spent:
        """Run until the days are over, then once more when a full reading is due."""
        with SandboxServer(self.world, self.course.misbehave) as sandbox:
            self._catalog = discover(sandbox, *PATHS, **self._settings)
            for _ in range(self.course.days * 24 // self.course.hours):
                self.clock.advance(seconds=self.course.hours * 3_600)
                self._run(sandbox, is_broken=self._chance.random() < self.course.broken_share)
            self._settings["full_read_days"] = 1
            self.clock.advance(days=1, seconds=1)
            self._run(sandbox, is_broken=False)
        self.compare_all()
        return self.spent

    def _run(self, sandbox: SandboxServer, *, is_broken: bool) -> None:
        before = dict(self.tables.activated)
        settings = dict(self._settings)
        if is_broken and self._chance.random() < 0.3:
            settings["max_requests"] = self._chance.randint(1, 20)
        output = sync(sandbox, catalog=self._catalog, state=self.tables.state, **settings)
        assert output.error is None or is_broken, output.error
        self._count(sandbox, output)
        marked = {stream: self.tables.marked(stream) for stream in PEOPLE}
        lines = [f"{line}\n" for line in output.text.split("\n") if line]
        self.take_in(self._received(lines) if is_broken else lines)
        self.spent.broken += is_broken
        # A user that has come back stays marked until a run has read it.
        self._compare_marks(marked if is_broken else {})
        if not is_broken:
            self._compare_events()
            self._compare_people(
                {
                    stream
                    for stream in PEOPLE
                    if self.tables.activated.get(stream) != before.get(stream)
                }
            )

    def take_in(self, lines: list[str]) -> None:
        """Load what a target has received."""
        self.tables.load(messages_in("".join(lines)))

    def _received(self, lines: list[str]) -> list[str]:
        """Return the lines up to a random one; those after the last STATE may be lost, too."""
        received = lines[: self._chance.randint(0, len(lines))]
        if self._chance.random() < 0.5:
            while received and not received[-1].startswith('{"type":"STATE"'):
                received.pop()
        return received

    # What the tables should hold

    def _compare_marks(self, before: dict[str, set[Any]]) -> None:
        for stream in PEOPLE:
            there = {one[KEYS[stream]] for one in self._now(stream)}
            marked = self.tables.marked(stream) - before.get(stream, set())
            wrongly = {key for (key,) in marked} & there
            assert not wrongly, f"{self._when()}: {stream}: wrongly marked as deleted: {wrongly}"

    def _compare_events(self) -> None:
        for stream in EVENTS:
            there = {one["eventId"]: one["date"] for one in self._now(stream)}
            rows = {key for (key,) in self.tables.kept(stream)}
            lost = [f"{key} of {iso(date)}" for key, date in there.items() if key not in rows]
            assert not lost, f"{self._when()}: {stream}: {len(lost)} lost: {lost[:3]}"
            assert rows <= there.keys(), f"{self._when()}: {stream}: more than PX has"
            self._seen[stream] = set(there)
        self._seen_until = self.clock.now_ms() - LOOKBACK

    def _compare_people(self, activated: set[str]) -> None:
        self.spent.full_readings += len(activated)
        for stream in PEOPLE:
            there = {one[KEYS[stream]] for one in self._now(stream)}
            rows = {key for (key,) in self.tables.kept(stream)}
            assert there <= rows, f"{self._when()}: {stream}: lost: {there - rows}"
            if stream in activated:
                assert rows == there, f"{self._when()}: {stream}: not deleted: {rows - there}"

    def compare_all(self) -> None:
        """Hold all tables against the server: rows, values and deletions."""
        for stream in PATHS:
            truth = {(one[KEYS[stream]],): one for one in listed(self.world, stream)}
            assert self.tables.kept(stream) == truth, f"{stream}: tables and server differ"

    def _now(self, stream: str) -> Iterator[Json]:
        return map(_read, self.world.bodies(stream))

    def _when(self) -> str:
        return f"seed {self.course.seed}, {iso(self.clock.now_ms())}"

    # What it costs

    def _count(self, sandbox: SandboxServer, output: Output) -> None:
        """Count the requests of a run, and the fewest that could have done.

        An event stream takes one to learn whether its past has changed and one for what is new,
        and one for each day that has changed since the last run that ended well. Users and
        accounts take one for what has changed, and one for all of them where that is due.
        """
        spent = self.spent
        spent.runs += 1
        streams = {path: stream for stream, path in PATHS.items()}
        spent.requests.update(streams.get(one.path, "discovery") for one in sandbox.requests)
        asked = [f"{one.path} {one.params}" for one in sandbox.requests]
        spent.equal += len(asked) - len(set(asked))
        spent.fewest["discovery"] += 2
        for stream in EVENTS:
            days = {
                one["date"] // DAY
                for one in self._now(stream)
                if one["date"] < self._seen_until and one["eventId"] not in self._seen[stream]
            }
            spent.changed_days += len(days)
            spent.fewest[stream] += 2 + len(days)
        for stream in PEOPLE:
            spent.fewest[stream] += 1 + (stream in output.activated)


@lru_cache(maxsize=100_000)
def _read(body: bytes) -> Json:
    record: Json = json.loads(body)
    return record
