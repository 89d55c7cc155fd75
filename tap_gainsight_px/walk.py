"""What walking through the pages of a scroll has brought, and what that proves."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_gainsight_px.records import Key, Page, Row
    from tap_gainsight_px.windows import Window

_key_of = itemgetter(1)

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
    rows: dict[Key, Row] = field(default_factory=dict)
    """The records of this reading."""
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
        self.rows = {}
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
        self.arrived += len(page.rows)
        dates = [date for row in page.rows if (date := row[0]) is not None]
        if dates:
            first, last = min(dates), max(dates)
            self.earliest = first if self.earliest is None else min(self.earliest, first)
            self.latest = last if self.latest is None else max(self.latest, last)
        before = len(self.rows)
        self.rows.update(zip(map(_key_of, page.rows), page.rows, strict=True))
        return len(self.rows) - before

    @property
    def _all(self) -> dict[Key, Row]:
        return {**self.earlier, **self.rows} if self.earlier else self.rows

    @property
    def looks_whole(self) -> bool:
        """Whether as many rows have come as announced, though some may have come twice."""
        if self.announced is None or self.arrived < self.announced:
            return False
        return self.earlier.keys() <= self.rows.keys()

    @property
    def missing(self) -> int:
        """How many of the announced records have not come."""
        return max(0, (self.announced or 0) - len(self._all if self.is_settled else self.rows))

    @property
    def is_proved(self) -> bool:
        """Whether exactly as many different records have come as announced, in this reading."""
        return self.announced is not None and len(self.rows) == self.announced

    def leaves(self, window: Window | None) -> bool:
        """Whether a record lies outside the window.

        One on its very end does not count: a server may take the end of a range as inclusive.
        """
        if window is None or self.earliest is None or self.latest is None:
            return False
        return self.earliest < window.start or self.latest > window.end

    def in_order(self, window: Window | None) -> list[Row]:
        """Return the records by replication value, without those of the next window."""
        rows = list(self._all.values())
        if window is not None and self.latest is not None and self.latest >= window.end:
            rows = [row for row in rows if row[0] is None or row[0] < window.end]
        if self.earliest is not None:
            rows.sort(key=lambda row: -1 if row[0] is None else row[0])
        return rows


def other_page_size(page_size: int, reading: int) -> int:
    """Return the page size of another reading.

    With other page edges, a fault that is tied to a page shows as one.
    """
    return page_size - reading if page_size > READINGS else page_size + reading
