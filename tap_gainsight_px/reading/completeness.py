"""What walking through the pages of a scroll has brought, and what that proves."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_gainsight_px.records.page import Lines, dates_and_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_gainsight_px.reading.windows import Window
    from tap_gainsight_px.records.page import Key, Page, Row

READINGS = 4
"""How often everything is read from its start before a shortfall is believed."""
PAGES_WITHOUT_NEWS = 3
"""Full pages without one new record after which a scroll counts as running in circles, and short
pages after which it counts as ended although it is not proved that all have come."""


@dataclass
class Walk:
    """What walking from the first page to the last has brought, once or again and again."""

    announced: int | None = None
    arrived: int = 0
    earliest: int | None = None
    latest: int | None = None
    pages: list[Sequence[Row]] = field(default_factory=list)
    """The records of this reading."""
    keys: set[Key] = field(default_factory=set)
    """Their keys."""
    earlier: dict[Key, Row] = field(default_factory=dict)
    """The records of the readings before this one."""
    is_settled: bool = True
    """Whether records stay as they are, so that what one reading lacks another may supply."""
    lost_an_answer: bool = False
    """Whether a page was asked for again because its answer was lost on the way."""
    looked_whole: bool = False
    """Whether the reading before this one brought as many rows as announced, of these keys."""

    def begin_again(self) -> None:
        """Start over with the first page, and keep what has been brought so far."""
        self.looked_whole = self.looks_whole
        self.earlier = self._all
        self.pages = []
        self.keys = set()
        self.announced = None
        self.arrived = 0
        self.lost_an_answer = False

    def note_lost(self) -> None:
        """Take down that an answer was lost, and perhaps a page with it."""
        self.lost_an_answer = True

    def add(self, page: Page) -> int:
        """Take in a page; return how many of its records are new in this reading."""
        if self.announced is None:
            self.announced = page.total_hits
        self.pages.append(page.rows)
        self.arrived += len(page.rows)
        dates, keys = dates_and_keys(page.rows)
        known = [date for date in dates if date is not None]
        if known:
            first, last = min(known), max(known)
            self.earliest = first if self.earliest is None else min(self.earliest, first)
            self.latest = last if self.latest is None else max(self.latest, last)
        before = len(self.keys)
        self.keys.update(keys)
        return len(self.keys) - before

    @property
    def _all(self) -> dict[Key, Row]:
        return {**self.earlier, **{row[1]: row for rows in self.pages for row in rows}}

    @property
    def looks_whole(self) -> bool:
        """Whether as many rows have come as announced, though some may have come twice."""
        if self.announced is None or self.arrived < self.announced:
            return False
        return self.earlier.keys() <= self.keys

    @property
    def missing(self) -> int:
        """How many of the announced records have not come."""
        arrived = self.keys.union(self.earlier) if self.is_settled else self.keys
        return max(0, (self.announced or 0) - len(arrived))

    @property
    def is_proved(self) -> bool:
        """Whether exactly as many different records have come as announced, in this reading."""
        return self.announced is not None and len(self.keys) == self.announced

    def leaves(self, window: Window | None) -> bool:
        """Whether a record lies outside the window.

        One on its very end does not count: a server may take the end of a range as inclusive.
        """
        if window is None or self.earliest is None or self.latest is None:
            return False
        return self.earliest < window.start or self.latest > window.end

    def in_order(self, window: Window | None) -> Sequence[Row]:
        """Return the records by replication value, without those of the next window."""
        pages = self._pages_in_order(window)
        if pages is not None:
            return Lines.joined(pages)
        rows = list(self._all.values())
        if window is not None and self.latest is not None and self.latest >= window.end:
            rows = [row for row in rows if row[0] is None or row[0] < window.end]
        if self.earliest is not None:
            rows.sort(key=lambda row: -1 if row[0] is None else row[0])
        return rows

    def _pages_in_order(self, window: Window | None) -> list[Lines] | None:
        """Return the pages where no row has to be taken out of one, else None."""
        pages = [rows for rows in self.pages if isinstance(rows, Lines) and rows]
        is_one_reading = not self.earlier and len(self.keys) == self.arrived
        if not pages or not is_one_reading or sum(map(len, pages)) != self.arrived:
            return None
        if self.earliest is None or self.latest is None:
            return pages
        if any(None in rows.dates for rows in pages):
            return None
        if window is not None and self.latest >= window.end:
            return None
        # The API may give the newest first.
        pages.sort(key=lambda rows: rows.dates[0] or 0)
        edges = [(rows.dates[0] or 0, rows.dates[-1] or 0) for rows in pages]
        overlap = any(before[1] > after[0] for before, after in pairwise(edges))
        return None if overlap else pages


def other_page_size(page_size: int, reading: int) -> int:
    """Return the page size of another reading.

    With other page edges, a fault that is tied to a page shows as one.
    """
    return page_size - reading if page_size > READINGS else page_size + reading
