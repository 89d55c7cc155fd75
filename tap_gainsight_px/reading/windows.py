"""Windows: half-open stretches of time, cut and split without a gap or an overlap.

Pure functions. A window's ends lie on whole seconds, because that is the finest step at which
the PX API is known to filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tap_gainsight_px.timestamps import SECOND, to_iso_seconds


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
