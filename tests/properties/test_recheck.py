"""What comes to the past, or goes from it, is noticed by counts, and its days are read again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_gainsight_px.output.day_counts import DayCounts
from tap_gainsight_px.output.state import StreamState
from tap_gainsight_px.reading.progress import StreamProgress
from tap_gainsight_px.reading.recheck import with_recheck
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.run_clock import RunClock
from tap_gainsight_px.timestamps import DAY, SECOND, to_iso
from tests.properties.scroll_api import EVENTS, ScrollApi, make_reader, run
from tests.unit.test_settings import NOW as START_OF_RUN
from tests.unit.test_settings import read

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.records.page import Slice

NOW = START_OF_RUN // SECOND * SECOND
HOUR = 3_600 * SECOND
READ_TO = NOW - 2 * HOUR
"""Where the counts of the run before end: it ran an hour ago."""
SINCE = (NOW - 30 * DAY) // DAY * DAY
Event = dict[str, Any]


def events(*dates: int, name: str = "e") -> list[Event]:
    """Make an event at each of these times."""
    return [{"eventId": f"{name}{number}", "date": date} for number, date in enumerate(dates)]


def counted(events: Iterable[Event], start: int = SINCE, end: int = READ_TO) -> DayCounts:
    """Count what a run has read."""
    return DayCounts.of(start, end, sorted(event["date"] for event in events))


def entry_of(counts: DayCounts | None, bookmark: int = NOW - HOUR) -> dict[str, Any]:
    """Make what STATE has of a stream that was read up to a bookmark."""
    entry: dict[str, Any] = {
        "replication_key": "date",
        "replication_key_value": to_iso(bookmark),
    }
    return entry if counts is None else {**entry, "day_counts": counts.as_json()}


class Rechecked:
    """One run over the past of the stream, to its end or to where it is interrupted."""

    def __init__(
        self,
        api: ScrollApi,
        entry: dict[str, Any],
        *,
        slices: int | None = None,
        page_size: int = 1_000,
        **config: Any,
    ) -> None:
        """Run, until so many slices have been written."""
        self.config = read(page_size=page_size, **config)
        state = StreamState(
            "custom_events", entry, replication_key="date", clock=RunClock(lambda: NOW, NOW)
        )
        reader = make_reader(
            api, page_size=page_size, window_max_records=self.config.window_max_records
        )
        before = len(api.requests)
        new = Window(NOW - HOUR - self.config.lookback, NOW)
        jobs = with_recheck([], [new], reader, self.config, state)
        self.shortfalls: list[str] = []
        progress = StreamProgress(
            EVENTS, state, _nothing(), version=None, shortfalls=self.shortfalls
        )
        self.rows: list[Any] = []
        for slice_ in run(*jobs)[:slices]:
            self.rows += slice_.rows
            progress.add(slice_)
        progress.end()
        self.requests: list[Params] = api.requests[before:]
        assert state.counts is not None
        self.counts = state.counts.counts

    @property
    def keys(self) -> set[str]:
        """The keys of what was read again."""
        return {str(row[1]) for row in self.rows}


def _nothing() -> Generator[Slice, None, None]:
    yield from ()


past = st.integers(SINCE, READ_TO - 1)
worlds = st.lists(past, max_size=80).map(lambda dates: events(*dates))


@st.composite
def changed_worlds(draw: st.DrawFn) -> tuple[list[Event], list[Event], list[Event]]:
    """Draw what was read, what has come since, and what PX has now.

    Some is late or some is gone: where as much comes as goes, no count can tell.
    """
    read_before = draw(worlds)
    if draw(st.booleans()):
        late = events(*draw(st.lists(past, max_size=6)), name="late")
        return read_before, late, [*read_before, *late]
    return read_before, [], [one for one in read_before if draw(st.integers(0, 9))]


@settings(max_examples=300, deadline=None)
@given(
    world=changed_worlds(),
    page_size=st.sampled_from([1, 3, 20, 1_000]),
    window_max_records=st.sampled_from([4, 10_000]),
    window_days=st.sampled_from([1, 4, 190]),
)
def test_the_days_whose_counts_differ_are_read_again(
    world: tuple[list[Event], list[Event], list[Event]],
    page_size: int,
    window_max_records: int,
    window_days: int,
) -> None:
    """All their records, so that nothing late is missing; and the counts are those of PX then."""
    read_before, _, now = world
    api = ScrollApi(now, iter(()))
    done = Rechecked(
        api,
        entry_of(counted(read_before)),
        page_size=page_size,
        window_max_records=window_max_records,
        window_days=window_days,
    )
    before, after = counted(read_before), counted(now)
    changed = {
        edge // DAY
        for edge, one, other in zip(before.edges, before.days, after.days, strict=False)
        if one != other
    }
    assert done.keys >= {one["eventId"] for one in now if one["date"] // DAY in changed}
    assert done.counts == after
    assert not done.shortfalls
    if window_max_records > len(now):
        assert {row[0] // DAY for row in done.rows} <= changed


@settings(max_examples=200, deadline=None)
@given(world=changed_worlds(), page_size=st.sampled_from([1, 7, 1_000]))
def test_no_request_is_sent_twice(
    world: tuple[list[Event], list[Event], list[Event]], page_size: int
) -> None:
    """PX refuses a request that equals an earlier one; the pages of a scroll do not."""
    read_before, _, now = world
    api = ScrollApi(now, iter(()))
    done = Rechecked(api, entry_of(counted(read_before)), page_size=page_size)
    first_pages = [str(one) for one in done.requests if "scrollId" not in one]
    assert len(set(first_pages)) == len(first_pages)


@given(world=worlds)
def test_a_past_that_stays_costs_one_request(world: list[Event]) -> None:
    """However much there is in it."""
    done = Rechecked(ScrollApi(world, iter(())), entry_of(counted(world)))
    assert len(done.requests) == 1
    assert done.rows == []


@settings(max_examples=20, deadline=None)
@given(
    day=st.integers(0, 29),
    by=st.sampled_from([1, -1]),
    days=st.sampled_from([30, 300]),
)
def test_one_changed_day_costs_about_ten_requests_however_busy_the_stream_is(
    day: int, by: int, days: int
) -> None:
    """Here with so many records that no wider stretch than a day is read on one page."""
    each = 24
    start = (NOW - days * DAY) // DAY * DAY
    dates = [
        start + at * DAY // each for at in range(days * each) if start + at * DAY // each < READ_TO
    ]
    world = events(*dates)
    at = start + day * DAY
    now = (
        [*world, *events(at + 5, name="late")]
        if by > 0
        else [one for one in world if one["date"] != at]
    )
    done = Rechecked(
        ScrollApi(now, iter(())),
        entry_of(counted(world, start)),
        page_size=30,
        recheck_days=days,
    )
    windows = -(-days // 190)
    assert len(done.requests) <= windows + 8 + 2
    assert {row[0] // DAY for row in done.rows} == {at // DAY}
    assert len(done.rows) == each + by


@settings(max_examples=100, deadline=None)
@given(
    world=changed_worlds(),
    stops=st.lists(st.integers(0, 6), max_size=4),
    page_size=st.sampled_from([1, 5, 1_000]),
)
def test_an_interruption_costs_a_day_and_loses_nothing(
    world: tuple[list[Event], list[Event], list[Event]], stops: list[int], page_size: int
) -> None:
    """Whatever was not written to its end is read again by the next run."""
    read_before, late, now = world
    api, entry = ScrollApi(now, iter(())), entry_of(counted(read_before))
    written: set[str] = set()
    for slices in [*stops, None]:
        written |= Rechecked(api, entry, slices=slices, page_size=page_size).keys
    before, after = counted(read_before), counted(now)
    days = zip(before.edges, before.days, after.days, strict=False)
    changed = {edge // DAY for edge, one, other in days if one != other}
    assert written >= {one["eventId"] for one in late if one["date"] // DAY in changed}
    assert Rechecked(api, entry).rows == []


@settings(max_examples=100, deadline=None)
@given(
    world=changed_worlds(),
    state=st.sampled_from(["damaged", "shorter", "ends early", "without"]),
)
def test_counts_that_are_not_known_are_found_out(
    world: tuple[list[Event], list[Event], list[Event]], state: str
) -> None:
    """By reading the stretch again; or by asking PX, where an earlier version has read it."""
    read_before, late, now = world
    known = {
        "damaged": None,
        "shorter": counted(read_before, SINCE + 9 * DAY),
        "ends early": counted(read_before, end=READ_TO - 20 * HOUR),
        "without": None,
    }[state]
    entry = entry_of(known)
    if state == "damaged":
        entry["day_counts"] = {"from": "yesterday"}
    done = Rechecked(ScrollApi(now, iter(())), entry)
    assert done.counts == counted(now)
    if state == "without":
        assert done.rows == []
    if state == "damaged":
        assert done.keys == {one["eventId"] for one in now}
    if state == "shorter":
        assert done.keys >= {one["eventId"] for one in late if one["date"] < SINCE + 9 * DAY}


@pytest.mark.parametrize("fault", ["no count", "too high", "too low"])
@settings(max_examples=30, deadline=None)
@given(world=worlds, places=st.lists(st.booleans(), max_size=20))
def test_counts_that_lie_cost_requests_and_no_record(
    fault: str, world: list[Event], places: list[bool]
) -> None:
    """Never an endless loop, and no more requests than to ask for each day and to read each one."""
    faults = iter([fault if one else "well" for one in places])
    entry = entry_of(counted(world))
    api = ScrollApi(world, faults)
    done = Rechecked(api, entry)
    assert len(done.requests) <= 200
    # Once PX is well again, nothing is left of it.
    well = ScrollApi(world, iter(()))
    Rechecked(well, entry)
    last = Rechecked(well, entry)
    assert last.rows == []
    assert last.counts == counted(world)


class CutOff(ScrollApi):
    """Counts no further than to a limit, as Elasticsearch does unless told otherwise."""

    limit = 50

    def get(self, *args: Any, **more: Any) -> Any:
        """Answer one request."""
        page = super().get(*args, **more)
        object.__setattr__(page, "total_hits", min(page.total_hits or 0, self.limit))
        return page


@settings(max_examples=30, deadline=None)
@given(each=st.lists(st.integers(0, 80), min_size=30, max_size=30))
def test_counts_that_are_cut_off_start_no_storm(each: list[int]) -> None:
    """What cannot be counted is not read again and again, nor asked for day by day at each run."""
    dates = [
        date
        for day, count in enumerate(each)
        for date in range(SINCE + day * DAY, SINCE + day * DAY + count * SECOND, SECOND)
    ]
    world = events(*dates)
    entry = entry_of(counted(world))
    api = CutOff(world, iter(()))
    first = Rechecked(api, entry, page_size=5)
    second = Rechecked(api, entry, page_size=5)
    # Where one day alone is busy, it looks like one that has shrunk, and is read once.
    assert len({row[0] // DAY for row in first.rows}) <= 1
    assert second.rows == []
    assert len(first.requests) <= 60
    assert len(second.requests) == 1


def test_a_day_that_is_busier_than_px_counts_is_left_alone_and_the_others_are_not() -> None:
    """Of all days but the busy one, what is late is found."""
    busy = [SINCE + 3 * DAY + number * SECOND for number in range(70)]
    quiet = [SINCE + day * DAY + HOUR for day in range(20)]
    world = events(*busy, *quiet)
    late = events(SINCE + 9 * DAY, name="late")
    api = CutOff([*world, *late], iter(()))
    done = Rechecked(api, entry_of(counted(world)), page_size=5)
    assert "late0" in done.keys
    assert len(done.rows) == 2
    assert all(before <= after for before, after in pairwise(row[0] for row in done.rows))
