"""How far a run is, from what is counted of its streams."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_gainsight_px.tally import Outcome, StreamTally, Wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PACE_SECONDS = 30.0
_LEAST_SHARE = 0.01
_MINUTE, _HOUR = 60, 3_600


@dataclass(frozen=True)
class StreamView:
    """One stream that is being read."""

    name: str
    share: float | None
    """How much of its way lies behind, 0 to 1; None where that is not known."""
    records: int
    """Read so far."""


@dataclass(frozen=True)
class Overview:
    """A run at one moment."""

    elapsed: float
    """Seconds since it began."""
    share: float | None
    """How much of it lies behind, 0 to 1, as far as can be told; None as long as nothing can."""
    streams: int
    done: int
    """Streams that have come to their end."""
    running: tuple[StreamView, ...]
    records: int
    waits: Mapping[Wait, float]
    """Seconds of all workers together."""

    @property
    def left(self) -> float | None:
        """Seconds that it will still take, if it goes on like this; None where that is unknown."""
        if self.share is None or self.share < _LEAST_SHARE:
            return None
        return self.elapsed * (1 - self.share) / self.share


def overview(tallies: Sequence[StreamTally], elapsed: float) -> Overview:
    """Return how far a run is.

    Each stream counts by the requests that it takes: those sent, over its share. One whose share is
    not known yet counts as the average of the others, so the first figures are rough; and it has
    come halfway at most. Retries bring nobody further.

    Args:
        tallies: Those of the selected streams.
        elapsed: Seconds since the run began.
    """
    sent, known, unknown = 0, [], []
    for tally in tallies:
        useful = tally.requests - tally.retries
        sent += useful
        share = tally.share
        if share:
            known.append(useful / share)
        else:
            unknown.append(useful)
    total = sum(known)
    if known:
        average = total / len(known)
        total += sum(max(average, 2 * useful) for useful in unknown)
    running = [one for one in tallies if one.outcome is Outcome.RUNNING]
    waits = {wait: sum(one.waits[wait] for one in tallies) for wait in Wait}
    return Overview(
        elapsed=elapsed,
        share=min(1.0, sent / total) if total else None,
        streams=len(tallies),
        done=len(tallies) - len(running),
        running=tuple(StreamView(one.name, one.share, one.read) for one in running if one.requests),
        records=sum(one.read for one in tallies),
        waits=waits,
    )


class Pace:
    """Records a second, of the last half a minute."""

    def __init__(self) -> None:
        """Start at the beginning of the run."""
        self._seen: deque[tuple[float, int]] = deque([(0.0, 0)])

    def add(self, view: Overview) -> float:
        """Take in where the run is now; return the records a second."""
        self._seen.append((view.elapsed, view.records))
        while len(self._seen) > 2 and view.elapsed - self._seen[1][0] >= _PACE_SECONDS:  # noqa: PLR2004
            self._seen.popleft()
        began, before = self._seen[0]
        seconds = view.elapsed - began
        return (view.records - before) / seconds if seconds > 0 else 0.0


def percent(share: float | None) -> str:
    """Return a share in words; nothing counts as all before it is."""
    return "?" if share is None else f"{int(100 * share)} %"


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    minutes = round(seconds / _MINUTE)
    return f"{minutes // 60} h {minutes % 60} min"


def waited(waits: Mapping[Wait, float]) -> str:
    """Return for what workers have waited a second or more, and for how long."""
    told = [f"{duration(one)} for {wait.words}" for wait, one in waits.items() if one >= 1]
    return ", ".join(told)
