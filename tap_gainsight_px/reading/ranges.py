"""From where to where a run reads a stream: on from the bookmark, and back from `read_from`.

What has been read is one stretch of time, `[read_from, bookmark)` in STATE:

    wanted start          read_from                    bookmark             end of the run
         │   past_windows     │   read by earlier runs     │  latest_windows   │
         │ ◄───────────────── │                  lookback ◄│─────────────────► │
         │  latest first      │                            │  earliest first   │

A first sync that reads the latest days first, and a `start_date` that is moved back later, are the
same: something is missing before `read_from`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import HISTORY_DAYS
from tap_gainsight_px.reading.windows import earlier_windows, floor_step, incremental_windows
from tap_gainsight_px.timestamps import DAY, EARLIEST, floor_second, to_iso, to_iso_seconds

if TYPE_CHECKING:
    from tap_gainsight_px.catalog.spec import StreamSpec, TimeRange
    from tap_gainsight_px.output.state import StreamState
    from tap_gainsight_px.reading.windows import Window
    from tap_gainsight_px.settings import Settings

logger = logging.getLogger(__name__)

# A week has every hour of it once, working days and others, so it is the least that shows how
# things are; and it is little enough to be there in minutes, for all streams.
_LATEST_DAYS = 7


def latest_windows(
    spec: StreamSpec, time_range: TimeRange, settings: Settings, state: StreamState
) -> list[Window]:
    """Return the windows up to the end of the run, earliest first, and say which.

    They begin at the bookmark; in a first sync at the start date, or with the latest days.
    """
    bookmark = state.bookmark
    start, end = settings.start, settings.end
    if bookmark is not None:
        start = resume_at(
            bookmark, settings, given_start=settings.given_start, read_from=state.read_from
        )
    elif settings.newest_first and state.is_incremental:
        start = max(start, end - _LATEST_DAYS * DAY)
    windows = incremental_windows(
        time_range, start, end, widest=settings.window, is_first_sync=bookmark is None
    )
    log_range(spec, settings, bookmark, start, windows=len(windows))
    return windows


def past_windows(
    spec: StreamSpec, time_range: TimeRange, settings: Settings, state: StreamState
) -> list[Window]:
    """Return the windows between the start date and what has been read, latest first."""
    missing = missing_past(time_range, settings, state)
    if missing is None:
        return []
    start, read_from = missing
    windows = earlier_windows(time_range, start, read_from, widest=settings.window)
    logger.info(
        "%s: filling in from %s back to %s (%s), windows: %d",
        spec.name,
        to_iso_seconds(read_from),
        to_iso_seconds(start),
        "all that PX keeps, 36 months" if settings.given_start is None else "start_date",
        len(windows),
    )
    return windows


def missing_past(
    time_range: TimeRange, settings: Settings, state: StreamState
) -> tuple[int, int] | None:
    """Return start and end (epoch ms) of what has not been read before what has.

    None where nothing is missing, or where the run is to end before what has been read: what it
    would read then could not be told apart from what is still missing.
    """
    read_from = state.read_from
    if read_from is None:
        return None
    if settings.given_start is None:
        # All that PX keeps now: what was the beginning once may be gone.
        start = max(settings.start, settings.run_start - HISTORY_DAYS * DAY)
    else:
        start = settings.start
    start = floor_step(time_range, start)
    if start >= read_from or settings.end < read_from:
        return None
    return start, read_from


def known_before(time_range: TimeRange, settings: Settings, bookmark: int) -> int:
    """Return from where on runs have read that did not write it down, epoch milliseconds.

    That is the start date, unless it was moved past the bookmark since.
    """
    if settings.start <= bookmark:
        return floor_step(time_range, settings.start)
    return floor_step(time_range, resume_at(bookmark, settings))


def resume_at(
    bookmark: int,
    settings: Settings,
    *,
    given_start: int | None = None,
    read_from: int | None = None,
) -> int:
    """Return where to start again: a lookback before the bookmark.

    But not before `start_date` where the bookmark has passed it, nor before what has been read:
    that is filled in afterwards. All in epoch milliseconds.
    """
    start = floor_second(max(bookmark - settings.lookback, EARLIEST))
    if read_from is not None:
        start = max(start, min(read_from, floor_second(bookmark)))
    if given_start is None or given_start > bookmark:
        return start
    return max(start, given_start)


def log_range(
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
        is_start_date = start == settings.given_start
        bound = "start_date" if is_start_date else "read_from"
        begin = f"{to_iso_seconds(start)} ({bound if is_bounded else why})"
    elif start > settings.start:
        begin = f"{to_iso_seconds(start)} (first_sync: newest_first)"
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
