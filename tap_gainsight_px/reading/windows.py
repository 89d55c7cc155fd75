"""Windows: half-open stretches of time, cut and split without a gap or an overlap.

An incremental sync advances from its bookmark to now in windows of at most 190 days, the longest
range of one call (`MAX_RANGE_DAYS`); each window is read by one scroll, whose pages a paginator
follows by `scrollId`. The bookmark follows when a window has been written out (`output.state`).

Pure functions. A window's ends lie on whole seconds, because that is the finest step at which
the PX API is known to filter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import Granularity
from tap_gainsight_px.timestamps import DAY, SECOND, to_iso_seconds

if TYPE_CHECKING:
    from tap_gainsight_px.catalog.spec import TimeRange

# Width of what one record sums up, and a moment at which one begins (weeks: a Monday), in ms.
_STEPS = {Granularity.DAY: (DAY, 0), Granularity.WEEK: (7 * DAY, 4 * DAY)}

# Of what a window may hold.
_SMALL, _LARGE = 0.5, 0.75
# So many parts are large ones' due for each of those that read side by side.
_ROUNDS_LEFT = 2


@dataclass(frozen=True, order=True)
class Window:
    """The time `[start, end)` in epoch milliseconds, both whole seconds."""

    start: int
    end: int

    def __post_init__(self) -> None:
        """Refuse ends that are out of order or not on whole seconds."""
        if self.start >= self.end or self.start % SECOND or self.end % SECOND:
            message = f"not a window: [{self.start}, {self.end})"
            raise ValueError(message)

    def __str__(self) -> str:
        """Name the window for logs and errors."""
        return f"[{to_iso_seconds(self.start)}, {to_iso_seconds(self.end)})"

    @property
    def seconds(self) -> int:
        """Width in seconds."""
        return (self.end - self.start) // SECOND


@dataclass(frozen=True)
class PartSizes:
    """Into how many parts a window is split that holds too much.

    Parts are made to hold half of what they may. Nights and weekends make them unequal, and one
    that holds too much costs a request for nothing. Nor do workers then have to wait long, at the
    end of a range, for the one who reads the last part.

    As long as there is much to read behind them, they are made to hold three quarters: the last
    page of a part is half empty as a rule, and fewer parts have fewer of these pages.
    """

    most: int
    """How many records a window may hold."""
    at_once: int
    """How many windows are read side by side."""

    def parts(self, holds: int, left: float) -> int:
        """Return the number of parts.

        Args:
            holds: How many records the window holds.
            left: How many there are to read, those of the window included.
        """
        is_long = left > _ROUNDS_LEFT * self.at_once * self.most * _LARGE
        return math.ceil(holds / (self.most * (_LARGE if is_long else _SMALL)))


def incremental_windows(
    time_range: TimeRange, start: int, end: int, *, widest: int, is_first_sync: bool
) -> list[Window]:
    """Advance from `start` to `end` in windows that the endpoint accepts, earliest first.

    Args:
        time_range: How the endpoint is asked for a stretch of time, and for how long a one.
        start: Inclusive, epoch milliseconds on a whole second.
        end: Exclusive, epoch milliseconds on a whole second.
        widest: Widest window that the user wants, in milliseconds.
        is_first_sync: Whether there is no bookmark yet.
    """
    if time_range.granularity is not None:
        return cut_aligned(start, end, *_STEPS[time_range.granularity])
    widest = _widest(time_range, widest)
    # The first records of a long sync need not wait for the whole of a wide window.
    first_end = min(start + DAY, end) if is_first_sync else start
    return cut(start, first_end, widest) + cut(first_end, end, widest)


def earlier_windows(time_range: TimeRange, start: int, end: int, *, widest: int) -> list[Window]:
    """Go back from `end` to `start` in windows that the endpoint accepts, latest first.

    Args:
        time_range: How the endpoint is asked for a stretch of time, and for how long a one.
        start: Inclusive, epoch milliseconds on a whole second.
        end: Exclusive, epoch milliseconds on a whole second; for sums the beginning of one.
        widest: Widest window that the user wants, in milliseconds.
    """
    if time_range.granularity is not None:
        return cut_aligned(start, end, *_STEPS[time_range.granularity])[::-1]
    step = _widest(time_range, widest) // SECOND * SECOND
    return [Window(max(start, at - step), at) for at in range(end, start, -step)]


def floor_step(time_range: TimeRange, at: int) -> int:
    """Return the beginning of the sum that a time (epoch ms) lies in; without sums, the time."""
    if time_range.granularity is None:
        return at
    step, first = _STEPS[time_range.granularity]
    return at - (at - first) % step


def _widest(time_range: TimeRange, widest: int) -> int:
    """Return the widest window that user and endpoint accept, in milliseconds."""
    return widest if time_range.max_days is None else min(widest, time_range.max_days * DAY)


def cut(start: int, end: int, widest: int) -> list[Window]:
    """Cut `[start, end)` into windows of at most `widest` milliseconds, earliest first.

    Args:
        start: Inclusive, epoch milliseconds on a whole second.
        end: Exclusive, epoch milliseconds on a whole second.
        widest: Greatest width in milliseconds, at least one second.

    Returns:
        No window when `start` is not before `end`.
    """
    step = widest // SECOND * SECOND
    return [Window(at, min(at + step, end)) for at in range(start, end, step)]


def cut_aligned(start: int, end: int, step: int, first: int) -> list[Window]:
    """Cut the time around `[start, end)` into windows that begin at `first`, plus whole steps.

    The earliest begins at or before `start`; the latest is not over yet when it is cut at `end`.

    Args:
        start: Inclusive, epoch milliseconds on a whole second.
        end: Exclusive, epoch milliseconds on a whole second.
        step: Width in milliseconds, whole seconds.
        first: A moment at which a window begins, epoch milliseconds.
    """
    return cut(start - (start - first) % step, end, step) if start < end else []


def split(window: Window, parts: int) -> list[Window]:
    """Split a window into up to `parts` of (nearly) equal width, none under one second."""
    parts = max(1, min(parts, window.seconds))
    edges = [
        window.start + window.seconds * number // parts * SECOND for number in range(parts + 1)
    ]
    return [Window(start, end) for start, end in pairwise(edges)]
