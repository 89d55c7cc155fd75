"""What a plan says of each stream, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import Granularity
from tap_gainsight_px.errors import RefusedError
from tap_gainsight_px.plan.report import REQUESTS_A_DAY, Row, Skipped, percent
from tap_gainsight_px.timestamps import DAY, to_iso_seconds

if TYPE_CHECKING:
    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.errors import TapError
    from tap_gainsight_px.plan.measure import Measured
    from tap_gainsight_px.plan.rehearsal import Rehearsed
    from tap_gainsight_px.reading.planner import Aside
    from tap_gainsight_px.settings import Settings

_FORBIDDEN = 403
_STEPS = {Granularity.DAY: "days", Granularity.WEEK: "weeks"}


def row(spec: StreamSpec, played: Rehearsed, measured: Measured, settings: Settings) -> Row:
    """Return what a sync would read of a stream.

    Args:
        spec: The stream.
        played: What its rehearsal has come to.
        measured: What PX has, of the stream itself or of its parent.
        settings: The settings of the sync.
    """
    return Row(
        spec.name,
        reads=_reads(spec, played, settings),
        start=None if played.start is None else to_iso_seconds(played.start),
        end=None if played.end is None else to_iso_seconds(played.end),
        records=played.records if measured.is_counted else None,
        requests=played.requests,
        note=_note(spec, played, measured),
    )


def unreadable(spec: StreamSpec, error: TapError, settings: Settings) -> Row:
    """Return the row of a stream that cannot be read."""
    is_forbidden = isinstance(error, RefusedError) and error.status == _FORBIDDEN
    if is_forbidden and settings.skip_forbidden_streams:
        return Row(spec.name, "left out: the key may not read it (skip_forbidden_streams)")
    line = str(error) if error.subject == spec.name else f"{spec.name}: {error}"
    return Row(spec.name, "", problem=line)


def skipped(spec: StreamSpec, users: Measured | None) -> Skipped:
    """Return why a stream is not read, and what it would cost where that is much.

    Args:
        spec: The stream.
        users: What PX has of users; None where it was not asked.
    """
    if spec.parent is None or not spec.parent.many:
        return Skipped(spec.name, "not selected")
    reason = f"not selected. It takes one request for each of the {spec.parent.stream}"
    if users is None or not users.is_counted:
        return Skipped(spec.name, reason)
    share = percent(users.total)
    return Skipped(spec.name, f"{reason}: {users.total:,}, {share} of those of a day")


def limits(settings: Settings) -> tuple[str, ...]:
    """Return what bounds the run, as lines."""
    lines = [
        (
            f"The time is that of {settings.requests_per_second} requests a second "
            "(requests_per_second); slow answers and the loader take more. Of a day: the share of "
            f"the {REQUESTS_A_DAY:,} requests that an account has"
        )
    ]
    if most := settings.max_requests:
        lines.append(f"max_requests ends each run after {most:,} requests; the next one goes on")
    if most := settings.max_run_seconds:
        lines.append(f"max_run_seconds ends each run after {most:,} s; the next one goes on")
    return tuple(lines)


def _reads(spec: StreamSpec, played: Rehearsed, settings: Settings) -> str:
    aside = played.aside
    if aside.is_full_reading:
        return f"all, to find what is gone (full_read_days: {settings.full_read_days})"
    if played.start is not None:
        end = "now" if settings.end == settings.run_start else _day(settings.end)
        return f"{_day(played.start)} to {end} ({_why(aside, played.start, settings)})"
    if played.end is not None:
        return "all (first sync)"
    if spec.time_range is None or spec.time_range.full_table_is_whole:
        return "all (full table)"
    return "nothing: the bookmark lies behind end_date"


def _why(aside: Aside, start: int, settings: Settings) -> str:
    if not aside.state.is_incremental:
        return "full table"
    if aside.bookmark is None:
        return "first sync, newest first" if settings.newest_first else "first sync"
    if start < aside.bookmark - settings.lookback:
        return f"on from the bookmark {_day(aside.bookmark)}, then the past before it"
    counts = aside.state.counts
    days = 0 if counts is None else len(counts.counts.days)
    recheck = f"; {days} past days compared by counts" if days else ""
    return f"on from the bookmark{recheck}"


def _day(time: int) -> str:
    text = to_iso_seconds(time)
    return text.removesuffix("T00:00:00Z") if time % DAY == 0 else text


def _note(spec: StreamSpec, played: Rehearsed, measured: Measured) -> str:
    if spec.parent is not None and played.parents is not None:
        text = f"one request for each of {played.parents:,} {spec.parent.stream}"
        granularity = spec.time_range.granularity if spec.time_range else None
        if granularity is not None:
            text += f" and each of {played.ranges:,} {_STEPS[granularity]}"
        return f"{text}; PX tells no count of its records"
    return measured.note
