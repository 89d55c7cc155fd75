"""What STATE says was read was read, whatever happened: from `read_from` up to the bookmark.

Runs are broken off at any slice, have another start date or order than those before, miss records
that PX only counts, and live by a clock that is ahead. The planner, readers, pool and STATE are the
tap's own; only the network is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from tap_gainsight_px.cancellation import Cancellation
from tap_gainsight_px.output.state import StreamState
from tap_gainsight_px.reading.ordered_pool import OrderedPool
from tap_gainsight_px.reading.planner import plan_jobs
from tap_gainsight_px.reading.progress import StreamProgress
from tap_gainsight_px.reading.run import Run
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.run_clock import RunClock
from tap_gainsight_px.settings import SETTINGS_SCHEMA, Settings
from tap_gainsight_px.timestamps import DAY, SECOND, parse, to_iso
from tests.properties.scroll_api import EVENTS, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.records.page import Slice

T = TypeVar("T")

HOUR = 3_600 * SECOND
NOW = parse("2026-06-10T06:13:20Z")
DEFAULTS = {name: one.get("default") for name, one in SETTINGS_SCHEMA["properties"].items()}

days_ago = st.integers(0, 700)


class NoWait(Cancellation):
    """Reads again at once what has to be read again."""

    def wait(self, seconds: float) -> None:
        """Let no time pass."""


@dataclass(frozen=True)
class Step:
    """One run."""

    start: int | None
    """Days before `NOW`; None for all that PX keeps."""
    newest_first: bool
    end: int | None
    """Days before the present of this run; None for the present."""
    lookback: int
    """Hours."""
    later: int
    """Hours since the last run."""
    ahead: int
    """Hours that the host's clock is ahead."""
    hidden: frozenset[int]
    """Numbers of events that PX counts and does not give."""
    slices: int | None
    """How many slices are written before the run is killed; None to let it end."""


steps = st.builds(
    Step,
    start=st.none() | days_ago,
    newest_first=st.booleans(),
    end=st.none() | st.none() | days_ago,
    lookback=st.sampled_from([0, 1, 24 * 40]),
    later=st.integers(0, 24 * 30),
    ahead=st.sampled_from([0, 0, 0, 5, 24 * 20]),
    hidden=st.frozensets(st.integers(0, 19), max_size=2),
    slices=st.none() | st.integers(0, 25),
)


@dataclass
class Px:
    """PX with some events, those of the future unseen, and what a loader has got of them."""

    dates: list[int]
    now: int = NOW
    hidden: frozenset[int] = frozenset()
    entry: dict[str, Any] = field(default_factory=dict)
    """The last STATE of the stream."""
    written: set[int] = field(default_factory=set)

    def get(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> T:
        """Answer one request: all that there is is on the first page."""
        assert path == EVENTS.path
        assert on_lost is None or callable(on_lost)
        first, last = str(params["filter"]).split(";")
        start, end = int(first.removeprefix("date>=")), int(last.removeprefix("date<"))
        assert end - start <= 190 * DAY
        found = [one for one in self.expected(start, end) if "scrollId" not in params]
        given = [{"eventId": f"e{one}", "date": one} for one in found if not self.hides(one)]
        total = len(self.expected(start, end))
        answer = {"customEvents": given, "totalHits": total, "scrollId": "s"}
        return decode(json.dumps(answer).encode())

    def hides(self, date: int) -> bool:
        """Whether an event is counted and not given."""
        return self.dates.index(date) in self.hidden

    def expected(self, start: int, end: int) -> list[int]:
        """Return the dates of a stretch of time that have come."""
        return [date for date in self.dates if start <= date < end and date < self.now]

    def run(self, step: Step) -> None:
        """Let the tap read, and hold every STATE against what was written before it."""
        self.now += step.later * HOUR
        self.hidden = step.hidden
        host = self.now + step.ahead * HOUR
        clock = RunClock(lambda: host, host)
        dates = {
            "start_date": None if step.start is None else to_iso(NOW - step.start * DAY),
            "end_date": None if step.end is None else to_iso(self.now - step.end * DAY),
        }
        config = Settings.from_config(
            {
                **DEFAULTS,
                "api_key": "k",
                "first_sync": "newest_first" if step.newest_first else "oldest_first",
                "lookback_seconds": step.lookback * 3_600,
                "window_max_records": 3,
                **dates,
            },
            run_start=host,
        )

        def get(*args: Any, **kwargs: Any) -> Any:
            clock.note(formatdate(self.now // SECOND, usegmt=True), host)
            return self.get(*args, **kwargs)

        pool: OrderedPool[Slice] = OrderedPool(
            2, capacity=50, weigh=lambda one: len(one.rows), check=lambda: None
        )
        run = Run(config, get, pool, NoWait(), {EVENTS.name: EVENTS}, clock)
        entry = json.loads(json.dumps(self.entry))
        state = StreamState(EVENTS.name, entry, replication_key="date", clock=clock)
        left = step.slices
        try:
            plan = plan_jobs(EVENTS, run, PageDecoder(EVENTS, SCHEMA), state)
            self.save(entry)
            for fills_back in (False, True):
                slices = pool.queue(plan.earlier() if fills_back else plan.jobs)
                progress = StreamProgress(
                    EVENTS, state, slices, version=None, shortfalls=[], fills_back=fills_back
                )
                for one in slices:
                    if left is not None and left <= 0:
                        return
                    left = None if left is None else left - 1
                    self.written |= {date for date, _, _ in one.rows if date is not None}
                    progress.add(one)
                    self.save(entry)
            self.save(entry)
        finally:
            pool.close()

    def save(self, entry: dict[str, Any]) -> None:
        """Keep a STATE, which has to be true."""
        self.entry = json.loads(json.dumps(entry))
        if "replication_key_value" not in entry:
            return
        start, end = parse(entry["read_from"]), parse(entry["replication_key_value"])
        assert start <= end <= self.now
        missing = set(self.expected(start, end)) - self.written
        assert not missing, (to_iso(start), to_iso(end), sorted(map(to_iso, missing)))


worlds = st.lists(
    st.integers(-700 * 24, 60 * 24).map(lambda hours: NOW + hours * HOUR + 7), max_size=20
).map(lambda dates: sorted(set(dates)))
LAST = Step(
    start=700,
    newest_first=False,
    end=None,
    lookback=1,
    later=1,
    ahead=0,
    hidden=frozenset(),
    slices=None,
)


@settings(max_examples=150, deadline=None)
@given(worlds, st.lists(steps, max_size=5))
def test_state_is_true_at_every_moment_and_nothing_is_lost(
    dates: list[int], runs: list[Step]
) -> None:
    """Whatever runs there were, one more that goes well has everything from its start date on."""
    px = Px(dates)
    for step in runs:
        px.run(step)
    px.run(LAST)
    assert set(px.expected(NOW - 700 * DAY, px.now)) <= px.written


@settings(max_examples=50, deadline=None)
@given(worlds, days_ago, days_ago, st.lists(steps, max_size=3))
def test_state_of_before_is_gone_on_with(
    dates: list[int], start: int, end: int, runs: list[Step]
) -> None:
    """Earlier versions wrote the bookmark alone, and had read all from the start date on."""
    px = Px(dates)
    first, bookmark = sorted((NOW - start * DAY, NOW - end * DAY))
    px.written |= set(px.expected(first, bookmark))
    px.entry = {"replication_key": "date", "replication_key_value": to_iso(bookmark)}
    px.run(replace(LAST, start=max(start, end), slices=0))
    for step in runs:
        px.run(step)
    px.run(LAST)
    assert set(px.expected(NOW - 700 * DAY, px.now)) <= px.written
