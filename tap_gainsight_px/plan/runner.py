"""The plan as a whole: what PX is asked, the rehearsal of a sync, and the report of both."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from singer_sdk.helpers._packaging import get_package_version

from tap_gainsight_px.catalog.spec import Paging
from tap_gainsight_px.errors import TapError
from tap_gainsight_px.plan import words
from tap_gainsight_px.plan.measure import Measure, Measured
from tap_gainsight_px.plan.rehearsal import Rehearsal, share_of
from tap_gainsight_px.plan.report import PlanReport
from tap_gainsight_px.plan.stand_in import Recorder
from tap_gainsight_px.reading.ranges import resume_at
from tap_gainsight_px.reading.side_by_side import side_by_side
from tap_gainsight_px.settings import PACKAGE
from tap_gainsight_px.timestamps import to_iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.plan.rehearsal import Planned
    from tap_gainsight_px.plan.report import Row
    from tap_gainsight_px.reading.run import Run

# Enough for the figures, and few enough for some seconds.
_MOST_ROWS = 300_000
_FEWEST_ROWS_A_PAGE = 20


def run_plan(
    run: Run, streams: Sequence[Planned], *, region: str, requests_sent: Callable[[], int]
) -> PlanReport:
    """Ask PX a little, and return what a sync would read.

    Args:
        run: What a sync of these settings shares; nothing of it has been read.
        streams: All streams, in the order in which a sync reads them.
        region: The data centre, for the report.
        requests_sent: Tells how many requests have been sent. Those until now were for the types
            of fields, and a sync sends them too.

    Raises:
        TapError: PX cannot be asked.
    """
    for_types = requests_sent()
    chosen = [one for one in streams if one.selected]
    measured, errors = _measure(run, chosen)
    users = measured.get("users")
    return PlanReport(
        version=get_package_version(PACKAGE),
        region=region,
        planned_at=to_iso_seconds(run.settings.run_start),
        requests=requests_sent(),
        for_types=for_types,
        requests_per_second=run.settings.requests_per_second,
        rows=tuple(_rows(run, chosen, measured, errors)),
        skipped=tuple(words.skipped(one.spec, users) for one in streams if not one.selected),
        notes=words.limits(run.settings),
    )


def _measure(
    run: Run, streams: Sequence[Planned]
) -> tuple[dict[str, Measured], dict[str, TapError]]:
    """Return what PX has at each endpoint that the streams read, and where it cannot be asked."""
    measure = Measure(run)
    parents = {one.spec.parent.stream for one in streams if one.spec.parent is not None}
    jobs = {name: _asking(measure, run, run.specs[name], None) for name in sorted(parents)}
    for stream in streams:
        if stream.spec.parent is None:
            jobs[stream.spec.name] = _asking(measure, run, stream.spec, stream)
    found = side_by_side(jobs, workers=run.settings.max_workers, check=run.cancellation.check)
    return (
        {name: one for name, one in found.items() if isinstance(one, Measured)},
        {name: one for name, one in found.items() if isinstance(one, TapError)},
    )


def _asking(
    measure: Measure, run: Run, spec: StreamSpec, stream: Planned | None
) -> Callable[[], Measured | TapError]:
    """Return the job that measures one endpoint.

    Args:
        measure: Asks PX.
        run: The run that asks.
        spec: The stream that is read there.
        stream: The same, as it is to be synced; None where only its ids are needed.
    """
    fields = {
        one.parent.field
        for one in run.specs.values()
        if one.parent is not None and one.parent.stream == spec.name
    }
    keys = tuple(sorted({*spec.primary_keys, *fields} - {"rowId"}))
    time_range = spec.time_range
    if spec.paging is not Paging.SCROLL or time_range is None:
        return partial(_alone, spec, partial(measure.others, spec, keys))
    if stream is None:
        return partial(_alone, spec, partial(measure.whole, spec, keys))
    # What a sync asks for, found out where nothing answers.
    recorder = Recorder(spec)
    aside = Rehearsal(run, {spec.name: recorder}).play(stream).aside
    if time_range.full_table_is_whole:
        bookmark = None if aside.is_full_reading else aside.bookmark
        start = None if bookmark is None else resume_at(bookmark, run.settings)
        return partial(_alone, spec, partial(measure.people, spec, keys, start))
    if time_range.granularity is not None:
        return partial(_alone, spec, partial(measure.sums, spec, keys, recorder.asked))
    counts = aside.state.counts
    known = None if counts is None else counts.counts
    return partial(_alone, spec, partial(measure.events, spec, keys, recorder.asked, known))


def _alone(spec: StreamSpec, ask: Callable[[], Measured]) -> Measured | TapError:
    """Return what is measured of one endpoint, or what is wrong with it alone."""
    try:
        return ask()
    except TapError as error:
        if error.ends_run:
            raise
        error.during(spec.name)
        return error


def _rows(
    run: Run,
    streams: Sequence[Planned],
    measured: Mapping[str, Measured],
    errors: Mapping[str, TapError],
) -> Iterator[Row]:
    """Rehearse the sync, and yield what comes of each stream."""
    share = share_of(
        sum(one.total for one in measured.values()),
        run.settings.page_size,
        most=_MOST_ROWS,
        fewest_a_page=_FEWEST_ROWS_A_PAGE,
    )
    shares = {name: share for name, one in measured.items() if one.can_be_shared}
    stand_ins = {name: one.stand_in(shares.get(name, 1)) for name, one in measured.items()}
    known_paths = {one.spec.attributes_path for one in streams if one.spec.attributes_path}
    rehearsal = Rehearsal(run, stand_ins, shares, known_paths=known_paths)
    for stream in streams:
        spec = stream.spec
        name = spec.name if spec.parent is None else spec.parent.stream
        if name in errors:
            yield words.unreadable(spec, errors[name], run.settings)
        else:
            yield words.row(spec, rehearsal.play(stream), measured[name], run.settings)
