"""What STATE keeps of the past of one event stream: the counts of the records that have been read.

They reach back `recheck_days` and end a lookback before the end of the run: what lies behind that
is read again by the next run anyway. Works on the stream's part of STATE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_gainsight_px.output.day_counts import DayCounts
from tap_gainsight_px.timestamps import DAY, parse, to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FIELD = "day_counts"
_DOUBTED = "doubted"


class KeptCounts:
    """The counts of one stream: as STATE had them, and as they grow with what is read."""

    def __init__(
        self,
        entry: dict[str, Any],
        *,
        since: int,
        begin: int,
        read: tuple[int, int] | None,
        until: Callable[[], int],
        now: int,
    ) -> None:
        """Read what an earlier run has left, also if damaged or without counts.

        Args:
            entry: The stream's own part of STATE; changed in place.
            since: The earliest moment to keep counts of, epoch milliseconds on a whole second.
            begin: Where this run begins to read, a lookback before the bookmark; the same unit.
            read: What earlier runs have read, up to the bookmark; None before a first sync.
            until: Gives the moment that no count may pass, as far as the clocks tell.
            now: The start of the run, epoch milliseconds.
        """
        self._entry = entry
        self._since = since
        self._until = until
        self._now = now
        self.uncounted: tuple[int, int] | None = None
        """A stretch read by a version that kept no counts: those of PX now have to do for it."""
        self.unread: tuple[int, int] | None = None
        """A stretch whose counts are not known (damaged, or further back than before): only to read
        it again tells them, and what has changed there."""
        self.gap: tuple[int, int] | None = None
        """A stretch without counts just before what this run reads: `lookback_seconds` was lowered.
        The last run has read it, so the counts of PX have to do for it, too."""
        first, bookmark = read or (begin, begin)
        first = max(since, first)
        past = (first, begin) if first < begin else None
        kept = None
        if past is None or FIELD not in entry:
            self.uncounted = past
        elif (kept := DayCounts.from_json(entry[FIELD])) is None:
            self.unread = past
        else:
            kept = kept.before(bookmark).since(first)
            if not kept.days:
                self.uncounted, kept = past, None
        if kept is not None:
            self.gap = (kept.end, begin) if kept.end < begin else None
            self.unread = (first, kept.start) if first < kept.start else None
        self.counts = DayCounts.none(max(since, begin)) if kept is None else kept
        """What is known by now."""

    def extend(self, read_to: int, dates: Sequence[int]) -> bool:
        """Count records that have been written out.

        Args:
            read_to: All records before this time are among those counted so far or now.
            dates: Dates of the new ones in their order, epoch milliseconds.

        Returns:
            Whether the counts have changed.
        """
        start, end = self.counts.end, min(read_to, self._until())
        if start >= end:
            return False
        return self._keep(self.counts.then(DayCounts.of(start, end, dates)))

    def extend_back(self, read_from: int, read_to: int, dates: Sequence[int]) -> bool:
        """Count records from before the counts that have been written out.

        Args:
            read_from: Where their stretch begins, epoch milliseconds.
            read_to: Where it ends. Nothing is counted where the counts begin later.
            dates: Their dates in order, epoch milliseconds.

        Returns:
            Whether the counts have changed.
        """
        start, end = max(read_from, self._since), self.counts.start
        if start >= end or read_to < end:
            return False
        return self._keep(DayCounts.of(start, end, dates).then(self.counts))

    def recount(
        self, start: int, end: int, found: tuple[int, ...], kept: tuple[int, ...] | None
    ) -> bool:
        """Take in what a stretch of the past has now.

        Args:
            start: Where it begins, epoch milliseconds.
            end: Where it ends.
            found: The counts of its days.
            kept: What was kept for them when this run began; None where that was not known.

        Returns:
            Whether the counts have changed.
        """
        if kept is not None:
            differences = [now - before for now, before in zip(found, kept, strict=True)]
            return self._keep(self.counts.changed(start, differences))
        counts = DayCounts(start, end, found)
        if start == self.counts.end:
            return self._keep(self.counts.then(counts))
        return end == self.counts.start and self._keep(counts.then(self.counts))

    @property
    def doubted_at(self) -> int | None:
        """When PX's counts were found not to add up, if that is less than a day ago; epoch ms."""
        kept = self._entry.get(FIELD)
        try:
            at = parse(kept[_DOUBTED]) if isinstance(kept, dict) else None
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        return at if at is not None and self._now - DAY < at <= self._now else None

    def doubt(self) -> None:
        """Note that PX's counts do not add up."""
        self._entry[FIELD] = {**self.counts.as_json(), _DOUBTED: to_iso(self._now)}

    def _keep(self, counts: DayCounts) -> bool:
        if counts == self.counts:
            return False
        self.counts = counts
        at = self.doubted_at
        self._entry[FIELD] = {
            **counts.as_json(),
            **({} if at is None else {_DOUBTED: to_iso(at)}),
        }
        return True
