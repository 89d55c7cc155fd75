"""The clock of a run: what it may claim to have read is bounded by this host's clock and by PX's.

A host's clock that is ahead would let a bookmark pass over events that have not happened yet, and
no later run would read them. PX tells its own time in the `Date` header of each answer.
"""

from __future__ import annotations

import logging
import threading
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tap_gainsight_px.timestamps import DAY, SECOND, floor_second, parse, to_iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

# PX did not exist before: a server that says so has no clock. Nor has one at the end of time.
_CREDIBLE = range(parse("2013-01-01"), parse("9999-01-01"))
_TOLERANCE = 60 * SECOND
# The answer of a cache may be days old. Nobody goes back so far on its word.
_MOST_BEHIND = DAY


class RunClock:
    """Knows when the run began, by this host and by PX. Threads may share it."""

    def __init__(self, now: Callable[[], int], run_start: int) -> None:
        """Know only this host's clock yet.

        Args:
            now: This host's clock, epoch milliseconds.
            run_start: When the run began by it.
        """
        self.now = now
        self._run_start = floor_second(run_start)
        self._end = self._px_now = self._run_start
        self._lock = threading.Lock()
        self._has_warned = False

    @property
    def run_start(self) -> int:
        """When the run began by this host's clock, epoch milliseconds."""
        return self._run_start

    @property
    def end(self) -> int:
        """What the run may claim to have read, at most: the earliest of all clocks, epoch ms."""
        return self._end

    @property
    def px_now(self) -> int:
        """The present at the start of the run (epoch ms), by PX where its clock is credible."""
        return self._px_now

    def is_future(self, time: int) -> bool:
        """Whether a bookmark (epoch ms) claims what had not happened when this run began."""
        is_past_px = self._px_now < self._run_start and time > self._px_now + _TOLERANCE
        return time > self._run_start or is_past_px

    def note(self, date: str | None, sent_at: int) -> None:
        """Take in the `Date` header of an answer; one that is missing or no date says nothing.

        Args:
            date: The header.
            sent_at: When the request was sent, by this host's clock, epoch milliseconds.
        """
        told = _read(date)
        if told is None:
            return
        now = self.now()
        with self._lock:
            self._end = min(self._end, told)
            if told >= self._run_start - _MOST_BEHIND:
                self._px_now = min(self._px_now, told)
            is_off = not sent_at - _TOLERANCE <= told <= now + _TOLERANCE
            if not is_off or self._has_warned:
                return
            self._has_warned = True
        logger.warning(
            "This host's clock says %s and PX's says %s: set the clock of this host. Bookmarks go "
            "by the earlier of the two, so nothing is lost, but the next run may read more again",
            to_iso_seconds(now),
            to_iso_seconds(told),
        )


def _read(date: str | None) -> int | None:
    try:
        time = int(parsedate_to_datetime(date or "").timestamp()) * SECOND
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    return time if time in _CREDIBLE else None
