"""What a recheck of the past has brought of one stream: put into STATE, and told at the end.

Only the main thread is in here, after the records of a slice have been written out.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_gainsight_px.output.day_counts import edges_of
from tap_gainsight_px.records.page import Step
from tap_gainsight_px.tally import Rechecked
from tap_gainsight_px.timestamps import DAY, to_iso, to_iso_seconds

if TYPE_CHECKING:
    from tap_gainsight_px.output.state import StreamState
    from tap_gainsight_px.records.page import Recount, Slice

logger = logging.getLogger(__name__)

_DAYS_IN_A_LINE = 5


class RecheckTally:
    """Counts what changed, of one stream in one run."""

    def __init__(self, stream: str, state: StreamState) -> None:
        """Start with nothing compared."""
        self._stream = stream
        self._state = state
        self._compared: Recount | None = None
        self._found: tuple[int, ...] = ()
        self._is_whole = True
        self._records = self._changed_days = self._more = 0
        self._gone: dict[str, int] = {}

    def add(self, slice_: Slice, recount: Recount, *, is_whole: bool) -> None:
        """Take in a slice about the past that has been written out.

        Args:
            slice_: The slice.
            recount: What it says of the past.
            is_whole: Whether all its records came, or the user accepts that some never do. Else
                the counts stay as they are, and the next run reads the stretch again.
        """
        if recount.is_doubted:
            self._state.doubt_counts()
        if recount.step is Step.COMPARED:
            self._compared = recount
            return
        self._records += len(slice_.rows)
        self._is_whole = self._is_whole and is_whole
        if recount.found:
            before = self._found or (0,) * len(recount.found)
            self._found = tuple(map(sum, zip(before, recount.found, strict=True)))
        if recount.step is Step.WHOLE:
            if self._is_whole:
                self._close(recount)
            self._found, self._is_whole = (), True

    def _close(self, recount: Recount) -> None:
        """Keep the counts of a stretch that has been read to its end."""
        self._state.recount(recount.start, recount.end, self._found, recount.kept)
        if recount.kept is None:
            return
        days = edges_of(recount.start, recount.end)
        for day, now, before in zip(days, self._found, recount.kept, strict=False):
            self._changed_days += now != before
            self._more += max(0, now - before)
            if now < before:
                self._gone[to_iso(day // DAY * DAY)[:10]] = before - now

    @property
    def result(self) -> Rechecked | None:
        """What the recheck has come to so far; None where there was none."""
        compared = self._compared
        if compared is None and not self._records:
            return None
        return Rechecked(
            start=None if compared is None else compared.start,
            end=None if compared is None else compared.end,
            days=self._changed_days,
            more=self._more,
            fewer=sum(self._gone.values()),
            records=self._records,
        )

    def report(self) -> None:
        """Log what the recheck has come to, if there was one."""
        if self.result is None:
            return
        if self._compared is not None:
            logger.info(
                "%s: rechecked %s to %s: %s",
                self._stream,
                to_iso_seconds(self._compared.start),
                to_iso_seconds(self._compared.end),
                self._changes if self._changed_days or self._records else "nothing has changed",
            )
        else:
            logger.info("%s: %d records read again", self._stream, self._records)
        if self._gone:
            days = [f"{day}: {number}" for day, number in sorted(self._gone.items())]
            more = len(days) - _DAYS_IN_A_LINE
            logger.warning(
                "%s: %d records that were read are gone from PX (%s%s). The loader keeps their "
                "rows: no record can take them back",
                self._stream,
                sum(self._gone.values()),
                ", ".join(days[:_DAYS_IN_A_LINE]),
                f" and {more} more days" if more > 0 else "",
            )

    @property
    def _changes(self) -> str:
        return (
            f"days that have changed: {self._changed_days} ({self._more} records more, "
            f"{sum(self._gone.values())} fewer); records read again: {self._records}"
        )
