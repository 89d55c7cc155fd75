"""How many records a stream has on each UTC day of a stretch of time: what a recount goes by.

Pure. In STATE the counts stand under `day_counts`, about 250 bytes for a month:

    {"from": "2026-05-11T00:00:00.000Z", "to": "2026-06-10T05:13:20.000Z", "days": [120, 98, …]}
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.timestamps import DAY, SECOND, parse, to_iso

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_DAYS = 2_000
"""More days than any setting asks for."""
_MOST_RECORDS = 10**15


@dataclass(frozen=True)
class DayCounts:
    """The counts of the time `[start, end)`, epoch milliseconds on whole seconds."""

    start: int
    end: int
    days: tuple[int, ...]
    """One count for each UTC day that the stretch touches; it may hold the first and the last of
    them in part only."""

    def __post_init__(self) -> None:
        """Refuse counts that do not belong to the stretch.

        Raises:
            ValueError: They do not.
        """
        if (
            self.start > self.end
            or self.start % SECOND
            or self.end % SECOND
            or len(self.days) != len(self.edges) - 1
            or min(self.days, default=0) < 0
        ):
            message = f"not the counts of [{self.start}, {self.end}): {self.days}"
            raise ValueError(message)

    @classmethod
    def none(cls, at: int) -> DayCounts:
        """Return the counts of no time at all, from which a stretch can grow."""
        return cls(at, at, ())

    @classmethod
    def of(cls, start: int, end: int, dates: Sequence[int]) -> DayCounts:
        """Count records by day.

        Args:
            start: Inclusive, epoch milliseconds on a whole second.
            end: Exclusive, epoch milliseconds on a whole second.
            dates: Dates of the records in their order; those outside the stretch do not count.
        """
        places = [bisect_left(dates, edge) for edge in edges_of(start, end)]
        return cls(start, end, tuple(after - before for before, after in pairwise(places)))

    @property
    def edges(self) -> list[int]:
        """Where the days of the stretch begin, and the end of the last one; empty if there is none.

        Never empty but for a stretch without width, which has one edge.
        """
        return edges_of(self.start, self.end)

    @property
    def total(self) -> int:
        """How many records the whole stretch has."""
        return sum(self.days)

    def then(self, later: DayCounts) -> DayCounts:
        """Return the counts of both stretches, of which the later one begins where this one ends.

        Raises:
            ValueError: It does not.
        """
        if later.start != self.end:
            message = f"{later.start} is not {self.end}: between the two is time without a count"
            raise ValueError(message)
        if not self.days or not later.days:
            return DayCounts(self.start, later.end, self.days + later.days)
        if self.end % DAY:  # both hold a part of one day
            shared = self.days[-1] + later.days[0]
            days = (*self.days[:-1], shared, *later.days[1:])
        else:
            days = self.days + later.days
        return DayCounts(self.start, later.end, days)

    def since(self, start: int) -> DayCounts:
        """Return what is left without the days that begin before `start`, if one does."""
        if start <= self.start:
            return self
        first = -(-start // DAY) * DAY
        return self._between(first, self.end)

    def before(self, end: int) -> DayCounts:
        """Return what is left without the days that end after `end`, if one does."""
        if end >= self.end:
            return self
        return self._between(self.start, end // DAY * DAY)

    def _between(self, start: int, end: int) -> DayCounts:
        """Return the counts of the days between two edges; nothing where none lies there."""
        if start >= end:
            return DayCounts.none(max(self.start, min(start, self.end)))
        edges = self.edges
        return DayCounts(start, end, self.days[edges.index(start) : edges.index(end)])

    def changed(self, start: int, by: Sequence[int]) -> DayCounts:
        """Return the counts with other ones for some days; days that are not here are passed over.

        Args:
            start: A moment of the first of these days, epoch milliseconds.
            by: By how much the count of each differs.
        """
        days = list(self.days)
        first = start // DAY - self.start // DAY
        for place, difference in enumerate(by, first):
            if 0 <= place < len(days):
                days[place] = max(0, days[place] + difference)
        return DayCounts(self.start, self.end, tuple(days))

    def with_total(self, total: int) -> DayCounts:
        """Return the counts with so many records in all: the last days make up for a difference."""
        days = list(self.days)
        missing = total - self.total
        for place in reversed(range(len(days))):
            before = days[place]
            days[place] = max(0, before + missing)
            missing -= days[place] - before
        return DayCounts(self.start, self.end, tuple(days))

    def as_json(self) -> dict[str, Any]:
        """Return the counts as they stand in STATE."""
        return {"from": to_iso(self.start), "to": to_iso(self.end), "days": list(self.days)}

    @classmethod
    def from_json(cls, value: Any) -> DayCounts | None:
        """Read what stands in STATE; None where that is damaged."""
        try:
            start, end, days = parse(value["from"]), parse(value["to"]), value["days"]
            are_numbers = isinstance(days, list) and all(type(one) is int for one in days)
            if not are_numbers or end - start > _MOST_DAYS * DAY or sum(days) > _MOST_RECORDS:
                return None
            return cls(start, end, tuple(days))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return None


def edges_of(start: int, end: int) -> list[int]:
    """Return the start, each midnight (UTC) behind it, and the end of a stretch; epoch ms."""
    if start >= end:
        return [start]
    return [start, *range((start // DAY + 1) * DAY, end, DAY), end]
