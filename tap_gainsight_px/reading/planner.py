"""From a stream and its bookmark to the jobs that read it."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from tap_gainsight_px.catalog.spec import HISTORY_DAYS, MAX_RANGE_DAYS, Paging
from tap_gainsight_px.reading.child_reader import ChildReader
from tap_gainsight_px.reading.completeness import READINGS, other_page_size
from tap_gainsight_px.reading.entity_reader import EntityReader
from tap_gainsight_px.reading.full_reader import FullReader
from tap_gainsight_px.reading.ordered_pool import More, OrderedPool
from tap_gainsight_px.reading.page_source import PageSource
from tap_gainsight_px.reading.parent_ids import ParentIds
from tap_gainsight_px.reading.window_reader import WindowReader
from tap_gainsight_px.reading.windows import Window, incremental_windows
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.page import held_bytes
from tap_gainsight_px.timestamps import DAY, EARLIEST, floor_second, to_iso, to_iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from tap_gainsight_px.api.transport import Get
    from tap_gainsight_px.cancellation import Cancellation
    from tap_gainsight_px.catalog.spec import Parent, StreamSpec, TimeRange
    from tap_gainsight_px.errors import TapError
    from tap_gainsight_px.output.state import StreamState
    from tap_gainsight_px.reading.progress import StreamProgress
    from tap_gainsight_px.records.page import Slice
    from tap_gainsight_px.run_clock import RunClock
    from tap_gainsight_px.settings import Settings

logger = logging.getLogger(__name__)

# What windows that are read, or wait for their turn to be written, may take together, and one of
# them as a rule (a part of 5,000 events): more of them than the account's limit can use.
_MOST_BYTES_HELD = 128 * 1024**2
_USUAL_BYTES = 4 * 1024**2

Job: TypeAlias = "Callable[[], Slice | More[Slice]]"


@dataclass
class Run:
    """What the streams of one run share."""

    settings: Settings
    get: Get
    pool: OrderedPool[Slice]
    cancellation: Cancellation
    specs: Mapping[str, StreamSpec]
    """The stream table by name."""
    clock: RunClock
    """Bounds what the run may claim to have read."""
    scroll: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered for as long as a scroll is open."""
    records: int = 0
    """How many have been read and handed on, before any stream map."""
    shortfalls: list[str] = field(default_factory=list)
    """One line for every stretch that could not be read whole."""
    forbidden: list[str] = field(default_factory=list)
    """Streams that the key may not read and the user has allowed to skip."""
    failures: list[TapError] = field(default_factory=list)
    """What ended single streams; the others were read all the same."""
    parent_ids: dict[tuple[str, str], ParentIds] = field(default_factory=dict)
    """What knows the ids of a parent stream, by its name and the field that holds them."""
    progress: dict[str, StreamProgress] = field(default_factory=dict)
    """The streams that are being read (ahead, too), by name, until each has been written out."""


def slice_pool(
    settings: Settings, cancellation: Cancellation, is_limit_used_up: Callable[[], bool]
) -> OrderedPool[Slice]:
    """Return what reads windows side by side, bounded by the memory that they take.

    Args:
        settings: How many may be read at once.
        cancellation: Ends the wait for a window.
        is_limit_used_up: Whether one more window would only wait for the account's limit.
    """
    return OrderedPool(
        settings.max_workers,
        capacity=_MOST_BYTES_HELD,
        weigh=lambda slice_: held_bytes(slice_.rows),
        check=cancellation.check,
        is_busy=is_limit_used_up,
        expected=_USUAL_BYTES,
    )


def for_a_sample(run: Run) -> Run:
    """Return the run as `--test` needs it, which looks at one record of each stream.

    A stream that is asked for each parent and week may be empty for years: the range of one call
    has to do.
    """
    settings = run.settings
    if settings.given_start is not None:
        return run
    start = max(settings.start, settings.end - MAX_RANGE_DAYS * DAY)
    return replace(run, settings=replace(settings, start=start))


def plan_jobs(
    spec: StreamSpec,
    run: Run,
    decode: PageDecoder,
    state: StreamState,
    *,
    is_full_reading: bool = False,
) -> list[Job]:
    """Return the jobs that read one stream.

    Args:
        spec: The stream.
        run: What the streams share.
        decode: Decodes the stream's answers.
        state: Where the stream stands: a bookmark if it is incremental, else perhaps the parent
            that an interrupted full table has read last.
        is_full_reading: Whether an incremental stream is read whole, to find what is gone.
    """
    bookmark = state.bookmark
    reader = make_reader(spec, decode, run)
    deletes = not state.is_incremental and run.settings.emit_activate_version_messages
    time_range = spec.time_range
    if spec.parent is not None:
        children = ChildReader(reader, _parent_ids(spec.parent, run), spec.parent)
        if time_range is None:
            return [children.job(None, state.position)]
        return _jobs(spec, run, bookmark, lambda ranges: [children.job(ranges)])
    if time_range is None:
        logger.info("%s: reading all", spec.name)
        return [reader.job(None, needs_proof=deletes)]
    if time_range.full_table_is_whole:
        return [_entity_job(reader, run, state, is_full_reading=is_full_reading)]
    return _jobs(spec, run, bookmark, lambda ranges: [reader.job(one) for one in ranges])


def _entity_job(
    reader: WindowReader, run: Run, state: StreamState, *, is_full_reading: bool
) -> Job:
    """Return the job that reads users or accounts: all, or what has changed since the bookmark."""
    spec, settings, bookmark = reader.spec, run.settings, state.bookmark
    if is_full_reading or not state.is_incremental:
        # What it lacks will be deleted by the loader. So it is read in one scroll, which shows one
        # moment: between windows, somebody could slip from one to another.
        if not is_full_reading:
            logger.info("%s: reading all (full table)", spec.name)
        deletes = settings.emit_activate_version_messages
        read_to = settings.end if is_full_reading else None
        return FullReader(reader, lambda _: True, read_to, needs_proof=deletes).next_page
    time_range = spec.time_range
    assert time_range is not None  # noqa: S101 - this stream has one
    start = None if bookmark is None else _resume_at(bookmark, None, settings)

    def begin() -> int | None:
        # By then PX has told its time.
        if bookmark is None or not run.clock.is_future(bookmark):
            return start
        return _resume_at(run.clock.px_now, None, settings)

    ends_now = settings.end == settings.run_start
    _log_range(spec, settings, bookmark, start)
    return EntityReader(reader, time_range).job(begin, settings.end, ends_now=ends_now)


def _jobs(
    spec: StreamSpec,
    run: Run,
    bookmark: int | None,
    jobs_of: Callable[[Sequence[Window]], list[Job]],
) -> list[Job]:
    """Return the jobs for all stretches of time, the first of which looks at the clock of PX.

    A host whose clock was ahead may have left a bookmark that lies in PX's future. PX tells its
    time with its first answer; then what lies between its present and the first stretch is read
    before it.
    """
    time_range = spec.time_range
    assert time_range is not None  # noqa: S101 - this stream has one
    windows = _ranges(spec, time_range, run.settings, bookmark)
    jobs = jobs_of(windows) if windows else []
    if bookmark is None or not jobs:
        return jobs
    first, begin = jobs[0], windows[0].start

    def read() -> Slice | More[Slice]:
        outcome = first()
        if not run.clock.is_future(bookmark):
            return outcome
        start = _resume_at(run.clock.px_now, run.settings.given_start, run.settings)
        skipped = incremental_windows(
            time_range, start, begin, widest=run.settings.window, is_first_sync=False
        )
        return More([*(jobs_of(skipped) if skipped else []), lambda: outcome])

    return [read, *jobs[1:]]


def _parent_ids(parent: Parent, run: Run) -> ParentIds:
    """Return what knows the ids of the parents, the same for all child streams of a run."""
    key = (parent.stream, parent.field)
    if key not in run.parent_ids:
        spec = run.specs[parent.stream]
        page_size = page_size_of(spec, run.settings)
        if spec.paging is Paging.SCROLL:
            # The stream itself may read everything too, and PX refuses an equal request.
            page_size = other_page_size(page_size, READINGS)
        reader = make_reader(spec, PageDecoder(spec, {}), run, page_size=page_size)
        run.parent_ids[key] = ParentIds(reader, parent.field)
    return run.parent_ids[key]


def shared_paths(specs: Mapping[str, StreamSpec]) -> set[str]:
    """Return the endpoints whose answers serve more than one reader of a run.

    Listings that are parents, and the attributes that discovery reads too. Users, also parents,
    are not among them: there may be millions, and only their ids are kept.
    """
    parents = [specs[spec.parent.stream] for spec in specs.values() if spec.parent]
    paths = {parent.path for parent in parents if parent.paging is Paging.PAGE_NUMBER}
    return paths | {spec.attributes_path for spec in specs.values() if spec.attributes_path}


def make_reader(
    spec: StreamSpec, decode: PageDecoder, run: Run, *, page_size: int | None = None
) -> WindowReader:
    """Return what reads windows of one stream.

    Args:
        spec: The stream.
        decode: Decodes its answers.
        run: What the streams share.
        page_size: Records per page; by default as the user wants, within the endpoint's maximum.
    """
    page_size = page_size or page_size_of(spec, run.settings)
    return WindowReader(
        PageSource(spec, run.get, decode, page_size=page_size, scroll=run.scroll),
        window_max_records=run.settings.window_max_records,
        wait=run.cancellation.wait,
        now=run.settings.run_start,
    )


def page_size_of(spec: StreamSpec, settings: Settings) -> int:
    """Return how many records of a stream one page has, as the user and the endpoint want it."""
    return min(settings.page_size, spec.page_size_max or 1)


def _ranges(
    spec: StreamSpec, time_range: TimeRange, settings: Settings, bookmark: int | None
) -> list[Window]:
    """Return the stretches of time to read, from the bookmark or the start date on."""
    start, end = settings.start, settings.end
    if bookmark is not None:
        start = _resume_at(bookmark, settings.given_start, settings)
    is_first_sync = bookmark is None
    ranges = incremental_windows(
        time_range, start, end, widest=settings.window, is_first_sync=is_first_sync
    )
    _log_range(spec, settings, bookmark, start, windows=len(ranges))
    return ranges


def _log_range(
    spec: StreamSpec,
    settings: Settings,
    bookmark: int | None,
    start: int | None,
    windows: int | None = None,
) -> None:
    """Say what one stream reads and why: the user has chosen a part of it only."""
    if start is None:
        begin = "the beginning (first sync: all there are)"
    elif bookmark is not None:
        is_bounded = start > floor_second(max(bookmark - settings.lookback, EARLIEST))
        why = f"the bookmark {to_iso(bookmark)} minus lookback_seconds"
        begin = f"{to_iso_seconds(start)} ({'start_date' if is_bounded else why})"
    elif settings.given_start is not None:
        begin = f"{to_iso_seconds(start)} (start_date)"
    else:
        is_all = start <= settings.end - HISTORY_DAYS * DAY
        why = "first sync: all that PX keeps, 36 months" if is_all else "for a sample"
        begin = f"{to_iso_seconds(start)} ({why})"
    is_now = settings.end == settings.run_start
    logger.info(
        "%s: reading from %s to %s (%s)%s",
        spec.name,
        begin,
        to_iso_seconds(settings.end),
        "now" if is_now else "end_date",
        "" if windows is None else f", windows: {windows}",
    )


def _resume_at(bookmark: int, given_start: int | None, settings: Settings) -> int:
    """Return where to start again: a lookback before the bookmark.

    But not before `start_date` where the bookmark has passed it.
    """
    start = floor_second(max(bookmark - settings.lookback, EARLIEST))
    if given_start is None or given_start > bookmark:
        return start
    return max(start, given_start)
