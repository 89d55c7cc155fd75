"""Progress as lines of the log: rarely, but at each tenth of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_gainsight_px.progress.overview import Pace, duration, percent, waited
from tap_gainsight_px.tally import Wait

if TYPE_CHECKING:
    from tap_gainsight_px.progress.overview import Overview

# A run of some seconds says at its end what it has done, and that is enough.
_QUIET_SECONDS = 10.0
_LONGEST_SILENCE = 30.0
_SHORTEST_SILENCE = 3.0
_MOST_STREAMS = 3


class ProgressLines:
    """Decides when a line is due, and what it says."""

    def __init__(self) -> None:
        """Start at the beginning of the run."""
        self._pace = Pace()
        self._told_at = 0.0
        self._tenth = 0
        self._waits = dict.fromkeys(Wait, 0.0)

    def look(self, view: Overview) -> str | None:
        """Return the line that is due now, if one is. To be called every second or so."""
        pace = self._pace.add(view)
        silence = view.elapsed - self._told_at
        tenth = int(10 * (view.share or 0.0))
        is_tenth = tenth > self._tenth and silence >= _SHORTEST_SILENCE
        if view.elapsed < _QUIET_SECONDS or not (is_tenth or silence >= _LONGEST_SILENCE):
            return None
        since = {wait: seconds - self._waits[wait] for wait, seconds in view.waits.items()}
        self._told_at, self._tenth = view.elapsed, max(tenth, self._tenth)
        self._waits = dict(view.waits)
        return "; ".join(filter(None, (_head(view, pace), _running(view), _waits(since))))


def _head(view: Overview, pace: float) -> str:
    left = "" if view.left is None else f", about {duration(view.left)} left"
    return (
        f"{percent(view.share)} after {duration(view.elapsed)}{left}: "
        f"{view.records:,} records read ({pace:,.0f}/s), "
        f"{view.done} of {view.streams} streams done"
    )


def _running(view: Overview) -> str:
    shown = [f"{one.name} {percent(one.share)}" for one in view.running[:_MOST_STREAMS]]
    more = len(view.running) - len(shown)
    if not shown:
        return ""
    return f"now {', '.join(shown)}{f' and {more} more' if more else ''}"


def _waits(since: dict[Wait, float]) -> str:
    told = waited(since)
    return f"workers waited {told}" if told else ""
