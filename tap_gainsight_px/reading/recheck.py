"""Compares the past of an event stream with what has been read of it, by counts alone.

Records come to the past: PX fills in feature matches for weeks, events are posted with any date,
and others are deleted. So each run asks how many records the last `recheck_days` hold now. Where
that is what was read, one request was enough. Else it asks for halves of the time, of which only
one has to be asked for (the other one is the rest), down to what takes no more requests to read
than to go on asking: at last a day. The days whose counts differ leave the tap once more.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from tap_gainsight_px.catalog.spec import HISTORY_DAYS
from tap_gainsight_px.errors import RefusedError, TapError
from tap_gainsight_px.output.day_counts import DayCounts, edges_of
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.windows import Window, cut
from tap_gainsight_px.records.page import Recount, Slice, Step, known_dates
from tap_gainsight_px.timestamps import DAY, to_iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.output.kept_counts import KeptCounts
    from tap_gainsight_px.output.state import StreamState
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.records.page import Row
    from tap_gainsight_px.settings import Settings

logger = logging.getLogger(__name__)

Job: TypeAlias = "Callable[[], Slice | More[Slice]]"

# What is read because its counts are not known is closed so often: an interruption costs no more.
_DAYS_AT_ONCE = 30


def with_recheck(
    jobs: list[Job],
    windows: Sequence[Window],
    reader: WindowReader,
    settings: Settings,
    state: StreamState,
) -> list[Job]:
    """Return the jobs that read what is new of a stream, with those for its past around them.

    Args:
        jobs: What reads `windows`.
        windows: The time that is new, earliest first. Where there is none, the run ends before the
            bookmark, and the past is left alone.
        reader: Reads windows of the stream.
        settings: How far back the past is compared.
        state: Where the stream stands; from here on it keeps counts.
    """
    time_range = reader.spec.time_range
    if time_range is None or not _has_a_past(reader.spec) or not (windows and state.is_incremental):
        return jobs
    if not settings.recheck:
        state.drop_counts()
        return jobs
    latest = max(settings.end, state.bookmark or settings.end)
    kept = state.keep_counts(
        since=max((latest - settings.recheck) // DAY * DAY, settings.start),
        begin=windows[0].start,
        end=settings.end,
        lookback=settings.lookback,
    )
    recheck = Recheck(
        reader,
        kept,
        new_from=windows[0].start,
        widest=min(settings.window, (time_range.max_days or HISTORY_DAYS) * DAY),
        most_records=settings.window_max_records,
    )
    return [*recheck.first(), *jobs, *recheck.then()]


def _has_a_past(spec: StreamSpec) -> bool:
    """Whether a stream has events, each with a date and a key that stay."""
    time_range = spec.time_range
    return (
        time_range is not None
        and time_range.granularity is None
        and not time_range.full_table_is_whole
        and spec.parent is None
        and not spec.row_id_of
    )


class Recheck:
    """One stream's recheck in one run. Its jobs run after the windows of what is new."""

    def __init__(
        self,
        reader: WindowReader,
        kept: KeptCounts,
        *,
        new_from: int,
        widest: int,
        most_records: int,
    ) -> None:
        """Take the counts as they are when the run begins.

        Args:
            reader: Reads windows of the stream.
            kept: What STATE has of its past.
            new_from: Where the windows of what is new begin, epoch milliseconds.
            widest: Widest window of one call, milliseconds.
            most_records: A window with more records would be split.
        """
        self._reader = reader
        self._name = reader.spec.name
        self._known = kept.counts
        self._edges = kept.counts.edges
        self._uncounted = kept.uncounted
        self._unread = kept.unread
        self._gap = kept.gap
        self._new_from = new_from
        self._widest = widest
        self._most_records = most_records
        self._is_doubted = kept.doubted_at is not None
        self._told: dict[tuple[int, int], int] = {}

    def first(self) -> list[Job]:
        """Return the jobs that close a gap in the counts, before anything new is counted."""
        if self._gap is None:
            return []
        return [partial(self._asking, partial(self._take_as_read, *self._gap))]

    def then(self) -> list[Job]:
        """Return the jobs that compare, and that read again what differs or is not known.

        They come behind what is new, so that no part of the past can hold that up.
        """
        jobs: list[Job] = []
        if self._known.days:
            jobs.append(partial(self._asking, self._compare))
        if self._uncounted is not None:
            logger.info(
                "%s: STATE has no counts of the past. What PX has now from %s to %s counts as "
                "read, and later changes will be noticed; docs/incremental.md says how to read it "
                "again",
                self._name,
                *map(to_iso_seconds, self._uncounted),
            )
            jobs.append(partial(self._asking, partial(self._take_as_read, *self._uncounted)))
        if self._unread is not None:
            jobs += self._reading_once(*self._unread)
        return jobs

    def _reading_once(self, start: int, end: int) -> list[Job]:
        """Return the jobs that read a stretch whose counts are not known."""
        logger.info(
            "%s: reading %s to %s again, because its counts are not known",
            self._name,
            to_iso_seconds(start),
            to_iso_seconds(end),
        )
        # The latest first: counts grow backwards from those that there are.
        windows = cut(start, end, _DAYS_AT_ONCE * DAY)[::-1]
        return [job for one in windows for job in self._reading(one.start, one.end, None)]

    def _asking(self, ask: Job) -> Slice | More[Slice]:
        """Ask for counts; a past that cannot be counted fails no stream."""
        try:
            return ask()
        except _NoCountError:
            logger.warning(
                "%s: PX does not tell how many records it has, so changes of the past go unnoticed",
                self._name,
            )
        except RefusedError as error:
            if error.ends_run or error.status != 400:  # noqa: PLR2004
                error.during(self._name)
                raise
            logger.warning(
                "%s: PX refuses to count (%s), so changes of the past go unnoticed",
                self._name,
                error.api_message,
            )
        except TapError as error:
            error.during(self._name)
            raise
        return Slice([])

    # What STATE of an earlier version does not have

    def _take_as_read(self, start: int, end: int) -> Slice:
        """Return the counts that PX has now, for a stretch that was read without counting."""
        edges = edges_of(start, end)
        days = [0] * (len(edges) - 1)
        if any(self._ask(part.start, part.end) for part in cut(start, end, self._widest)):
            days = [self._ask(*day) for day in pairwise(edges)]
        return Slice([], recount=Recount(Step.WHOLE, start, end, tuple(days)))

    # What has changed

    def _compare(self) -> Slice | More[Slice]:
        compared = Recount(Step.COMPARED, self._known.start, self._known.end)
        jobs: list[Job] = []
        count, days_at_once = len(self._known.days), max(1, self._widest // DAY)
        for first in range(0, count, days_at_once):
            last = min(first + days_at_once, count)
            whole = self._ask_days(first, last)
            if self._is_doubted and whole < sum(self._known.days[first:last]):
                # It cannot be told from a count that is cut off, until a day has passed.
                continue
            try:
                found = list(self._differing(first, last, whole))
            except _NotAdditiveError:
                found = [] if self._is_doubted else self._one_by_one(first, last, whole)
                compared = replace(compared, is_doubted=not self._is_doubted)
            for start, end in found:
                jobs += self._reading(
                    self._edges[start], self._edges[end], self._known.days[start:end]
                )
        return More([lambda: Slice([], recount=compared), *jobs])

    def _differing(
        self, first: int, last: int, count: int, *, is_asked: bool = True
    ) -> Iterator[tuple[int, int]]:
        """Yield stretches to read again, as the numbers of their first day and the one behind.

        Args:
            first: Number of the first day.
            last: Number of the day behind the last one.
            count: How many records PX has there.
            is_asked: Whether PX has said so itself; else it is the rest of a wider stretch.

        Raises:
            _NotAdditiveError: The parts of a stretch have not as many records as the whole.
        """
        if count < 0:
            raise _NotAdditiveError
        if count == sum(self._known.days[first:last]):
            return
        if last - first == 1 or self._is_soon_read(last - first, count):
            if not is_asked and self._ask_days(first, last) != count:
                raise _NotAdditiveError
            yield first, last
            return
        middle = (first + last) // 2
        count_before = self._ask_days(first, middle)
        yield from self._differing(first, middle, count_before)
        yield from self._differing(middle, last, count - count_before, is_asked=False)

    def _is_soon_read(self, days: int, count: int) -> bool:
        """Whether reading all of it takes no more requests than to find the day that differs."""
        halvings = (days - 1).bit_length()
        return count <= min(self._most_records, halvings * self._reader.page_size)

    def _one_by_one(self, first: int, last: int, whole: int) -> list[tuple[int, int]]:
        """Return the days that differ, each of which was asked for.

        Counts that do not add up may be cut off: Elasticsearch counts to 10,000 unless told
        otherwise. Then what is told of a day may be that limit and no count.
        """
        counts = [self._ask_days(day, day + 1) for day in range(first, last)]
        kept = self._known.days[first:last]
        logger.warning(
            "%s: the counts of PX do not add up (%d for %s to %s, %d for its days one by one), so "
            "it was asked for each day; until tomorrow only more records than before are believed",
            self._name,
            whole,
            to_iso_seconds(self._edges[first]),
            to_iso_seconds(self._edges[last]),
            sum(counts),
        )
        is_cut = sum(counts) > whole
        return [
            (day, day + 1)
            for day, (now, before) in enumerate(zip(counts, kept, strict=True), first)
            if now != before and not (is_cut and now == whole and now < before)
        ]

    def _ask_days(self, first: int, last: int) -> int:
        return self._ask(self._edges[first], self._edges[last])

    def _ask(self, start: int, end: int) -> int:
        """Return how many records PX has of a stretch; none is asked for twice."""
        if (start, end) not in self._told:
            count = self._reader.count(Window(start, end))
            if count is None:
                raise _NoCountError
            self._told[start, end] = count
        return self._told[start, end]

    # Reading again

    def _reading(self, start: int, end: int, kept: tuple[int, ...] | None) -> list[Job]:
        """Return the jobs that read a stretch again, and say at last that it is whole."""
        part = Recount(Step.PART, start, end, kept=kept)
        windows = cut(start, end, self._widest)
        is_one = len(windows) == 1
        jobs: list[Job] = [
            partial(self._again, self._reader.job(window), part, is_all=is_one)
            for window in windows
        ]
        return [*jobs, lambda: Slice([], recount=replace(part, step=Step.WHOLE))]

    def _again(self, job: Job, recount: Recount, *, is_all: bool) -> Slice | More[Slice]:
        """Do a job of the window reader, and count by day what it brings."""
        outcome = job()
        if isinstance(outcome, More):
            parts = [partial(self._again, one, recount, is_all=False) for one in outcome.jobs]
            return More(parts)
        end = recount.end if outcome.read_to is None else outcome.read_to
        counts = DayCounts.of(recount.start, end, known_dates(outcome))
        is_exact = outcome.announced in (None, counts.total)
        is_doubted = outcome.announced is not None and outcome.announced < counts.total
        if outcome.announced is not None:
            # What PX holds twice is read once, and counted twice.
            counts = counts.with_total(outcome.announced)
        days = len(edges_of(recount.start, recount.end)) - 1
        found = counts.days + (0,) * (days - len(counts.days))
        rows = outcome.rows
        if is_all and is_exact and recount.kept is not None and days > 1:
            rows = _of_changed_days(rows, counts, recount.kept)
        if end > self._new_from:
            # The lookback of a run that goes on from an interrupted one: already written.
            rows = [row for row in rows if row[0] is None or row[0] < self._new_from]
        return replace(
            outcome, rows=rows, recount=replace(recount, found=found, is_doubted=is_doubted)
        )


def _of_changed_days(rows: Sequence[Row], counts: DayCounts, kept: Sequence[int]) -> Sequence[Row]:
    """Return the rows of the days whose counts are not those that were kept."""
    changed = {
        edge // DAY
        for edge, now, before in zip(counts.edges, counts.days, kept, strict=False)
        if now != before
    }
    return [row for row in rows if row[0] is None or row[0] // DAY in changed]


class _NoCountError(Exception):
    """PX does not tell how many records there are."""


class _NotAdditiveError(Exception):
    """The parts of a stretch have not as many records as the whole."""
