"""From a stream and its bookmark to the jobs that read it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tap_gainsight_px.catalog.spec import MAX_RANGE_DAYS
from tap_gainsight_px.reading.child_reader import ChildReader
from tap_gainsight_px.reading.entity_reader import EntityReader
from tap_gainsight_px.reading.filter_proof import NO_PROOF, read_proof
from tap_gainsight_px.reading.full_reader import FullReader
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.ranges import (
    known_before,
    latest_windows,
    log_range,
    missing_past,
    past_windows,
    resume_at,
)
from tap_gainsight_px.reading.recheck import with_recheck
from tap_gainsight_px.reading.run import make_reader, parent_ids_of
from tap_gainsight_px.reading.windows import incremental_windows
from tap_gainsight_px.tally import Unit
from tap_gainsight_px.timestamps import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.output.state import StreamState
    from tap_gainsight_px.reading.run import Run
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.reading.windows import Window
    from tap_gainsight_px.records.decoder import PageDecoder
    from tap_gainsight_px.records.page import Slice

logger = logging.getLogger(__name__)

Job: TypeAlias = "Callable[[], Slice | More[Slice]]"


@dataclass(frozen=True)
class Plan:
    """What is to be read of one stream."""

    jobs: list[Job]
    """What brings it up to date."""
    earlier: Callable[[], list[Job]] = list
    """Gives what fills in its past, once the rest has been read; asked for one time."""


@dataclass(frozen=True)
class Aside:
    """A plan that nobody has to carry out."""

    plan: Plan
    state: StreamState
    """A copy of the stream's part of STATE, as the plan has left it."""
    bookmark: int | None
    """Where the stream stands, epoch milliseconds."""
    is_full_reading: bool
    """Whether an incremental stream is read whole, to find what is gone."""


def for_a_sample(run: Run) -> Run:
    """Return the run as `--test` needs it, which looks at one record of each stream.

    A stream that is asked for each parent and week may be empty for years: the range of one call
    has to do.
    """
    settings = replace(run.settings, newest_first=False, recheck=0)
    if settings.given_start is None:
        start = max(settings.start, settings.end - MAX_RANGE_DAYS * DAY)
        settings = replace(settings, start=start)
    return replace(run, settings=settings)


def plan_jobs(
    spec: StreamSpec,
    run: Run,
    decode: PageDecoder,
    state: StreamState,
    *,
    is_full_reading: bool = False,
) -> Plan:
    """Return what there is to read of one stream.

    Args:
        spec: The stream.
        run: What the streams share.
        decode: Decodes the stream's answers.
        state: Where the stream stands: a bookmark if it is incremental, else perhaps the parent
            that an interrupted full table has read last.
        is_full_reading: Whether an incremental stream is read whole, to find what is gone.
    """
    reader = make_reader(spec, decode, run)
    deletes = not state.is_incremental and run.settings.emit_activate_version_messages
    time_range = spec.time_range
    if spec.parent is not None:
        children = ChildReader(reader, parent_ids_of(spec.parent, run), spec.parent)
        if time_range is None:
            return Plan([children.job(None, state.position)])
        return _by_windows(spec, run, state, lambda ranges, **back: [children.job(ranges, **back)])
    if time_range is None:
        logger.info("%s: reading all", spec.name)
        return Plan([reader.job(None, needs_proof=deletes)])
    if time_range.full_table_is_whole:
        return Plan([_entity_job(reader, run, state, is_full_reading=is_full_reading)])
    return _by_windows(
        spec,
        run,
        state,
        reader.jobs,
        lambda jobs, windows: with_recheck(jobs, windows, reader, run.settings, state),
    )


def _entity_job(
    reader: WindowReader, run: Run, state: StreamState, *, is_full_reading: bool
) -> Job:
    """Return the job that reads users or accounts: all, or what has changed since the bookmark."""
    spec, settings, bookmark = reader.spec, run.settings, state.bookmark
    if is_full_reading or not state.is_incremental:
        # What it lacks will be deleted by the loader. So it is read in one scroll, which shows one
        # moment: between windows, somebody could slip from one to another.
        if is_full_reading:
            state.note(**NO_PROOF)
        else:
            logger.info("%s: reading all (full table)", spec.name)
        deletes = settings.emit_activate_version_messages
        read_to = settings.end if is_full_reading else None
        return FullReader(reader, lambda _: True, read_to, needs_proof=deletes).next_page
    time_range = spec.time_range
    assert time_range is not None  # noqa: S101 - this stream has one
    start = None if bookmark is None else resume_at(bookmark, settings)

    def begin() -> int | None:
        # By then PX has told its time.
        if bookmark is None or not run.clock.is_future(bookmark):
            return start
        return resume_at(run.clock.px_now, settings)

    ends_now = settings.end == settings.run_start
    log_range(spec, settings, bookmark, start)
    run.tally.of(spec.name).reads(start, settings.end)
    proved = read_proof(state, settings.run_start)
    return EntityReader(reader, time_range, proved).job(begin, settings.end, ends_now=ends_now)


class _JobsOf(Protocol):
    """Gives the jobs that read some windows, in their order."""

    def __call__(self, windows: Sequence[Window], /, *, fills_back: bool = False) -> list[Job]:
        """Return the jobs.

        Args:
            windows: Stretches of time.
            fills_back: Whether they go back in time.
        """


def _by_windows(
    spec: StreamSpec,
    run: Run,
    state: StreamState,
    jobs_of: _JobsOf,
    with_past: Callable[[list[Job], Sequence[Window]], list[Job]] = lambda jobs, _: jobs,
) -> Plan:
    """Return the jobs for all stretches of time: those up to the present, and those before them.

    Args:
        spec: The stream.
        run: What the streams share.
        state: Where the stream stands.
        jobs_of: Gives the jobs for some windows.
        with_past: Puts what rechecks the past around the jobs for the latest windows.
    """
    time_range = spec.time_range
    assert time_range is not None  # noqa: S101 - this stream has one
    if state.bookmark is not None:
        state.begin_at(known_before(time_range, run.settings, state.bookmark))
    windows = latest_windows(spec, time_range, run.settings, state)
    tally = run.tally.of(spec.name)
    if windows:
        state.begin_at(windows[0].start)
        tally.reads(windows[0].start, windows[-1].end)
    if spec.parent is None:
        past = missing_past(time_range, run.settings, state)
        spans = [(one.start, one.end) for one in windows] + ([past] if past else [])
        tally.plan(Unit.TIME, sum(end - start for start, end in spans))

    def earlier() -> list[Job]:
        past = past_windows(spec, time_range, run.settings, state)
        if past:
            tally.reads(past[-1].start, past[0].end)
        return jobs_of(past, fills_back=True) if past else []

    latest = _after_a_look_at_the_clock(spec, run, state, windows, jobs_of)
    return Plan(with_past(latest, windows), earlier)


def _after_a_look_at_the_clock(
    spec: StreamSpec,
    run: Run,
    state: StreamState,
    windows: Sequence[Window],
    jobs_of: _JobsOf,
) -> list[Job]:
    """Return the jobs for some windows, the first of which looks at the clock of PX.

    A host whose clock was ahead may have left a bookmark that lies in PX's future. PX tells its
    time with its first answer; then what lies between its present and the first stretch is read
    before it.
    """
    bookmark, read_from = state.bookmark, state.read_from
    time_range = spec.time_range
    assert time_range is not None  # noqa: S101 - this stream has one
    jobs = jobs_of(windows) if windows else []
    if bookmark is None or not jobs:
        return jobs
    first, begin = jobs[0], windows[0].start

    def read() -> Slice | More[Slice]:
        outcome = first()
        if not run.clock.is_future(bookmark):
            return outcome
        start = resume_at(
            run.clock.px_now,
            run.settings,
            given_start=run.settings.given_start,
            read_from=read_from,
        )
        skipped = incremental_windows(
            time_range, start, begin, widest=run.settings.window, is_first_sync=False
        )
        if skipped:
            run.tally.of(spec.name).reads(start, begin)
        return More([*(jobs_of(skipped) if skipped else []), lambda: outcome])

    return [read, *jobs[1:]]
