"""The records of one window while it is read: in order at the end, and each once."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.records.page import Lines, dates_and_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_gainsight_px.reading.windows import Window
    from tap_gainsight_px.records.page import Key, Page, Row


class WindowRows:
    """Pages of one or more readings of a window."""

    def __init__(self) -> None:
        """Begin the first reading."""
        self._pages: list[Sequence[Row]] = []
        self._earlier: dict[Key, Row] = {}
        self._earliest: int | None = None
        self._latest: int | None = None

    def add(self, page: Page) -> None:
        """Take in a page."""
        self._pages.append(page.rows)
        dates, _ = dates_and_keys(page.rows)
        known = [date for date in dates if date is not None]
        if known:
            first, last = min(known), max(known)
            self._earliest = first if self._earliest is None else min(self._earliest, first)
            self._latest = last if self._latest is None else max(self._latest, last)

    @property
    def earliest(self) -> int | None:
        """The earliest date that has come, epoch milliseconds."""
        return self._earliest

    def begin_again(self) -> None:
        """Begin another reading, and keep what the ones before have brought."""
        self._earlier = self._all
        self._pages = []

    def keep_last(self) -> None:
        """Forget the readings before the last one."""
        self._earlier = {}

    @property
    def _all(self) -> dict[Key, Row]:
        return {**self._earlier, **{row[1]: row for rows in self._pages for row in rows}}

    def leave(self, window: Window | None) -> bool:
        """Whether a record lies outside the window.

        One on its very end does not count: a server may take the end of a range as inclusive.
        """
        if window is None or self._earliest is None or self._latest is None:
            return False
        return self._earliest < window.start or self._latest > window.end

    def conflicting(self) -> list[Key]:
        """Return the keys under which this reading has records that differ, in no order."""
        first: dict[Key, Row] = {}
        found = set()
        for rows in self._pages:
            for row in rows:
                other = first.setdefault(row[1], row)
                if other is not row and _content(other) != _content(row):
                    found.add(row[1])
        return list(found)

    def in_order(self, window: Window | None, *, has_doubled: bool) -> Sequence[Row]:
        """Return the records by replication value, without those of the next window.

        Args:
            window: What was asked for, where each record's date must lie in it.
            has_doubled: Whether a record came more than once in this reading.
        """
        pages = None if has_doubled else self._pages_in_order(window)
        if pages is not None:
            return Lines.joined(pages)
        rows = list(self._all.values())
        if window is not None and self._latest is not None and self._latest >= window.end:
            rows = [row for row in rows if row[0] is None or row[0] < window.end]
        if self._earliest is not None:
            rows.sort(key=lambda row: -1 if row[0] is None else row[0])
        return rows

    def _pages_in_order(self, window: Window | None) -> list[Lines] | None:
        """Return the pages where no row has to be taken out of one, else None."""
        pages = [rows for rows in self._pages if isinstance(rows, Lines) and rows]
        if self._earlier or not pages or len(pages) < sum(bool(rows) for rows in self._pages):
            return None
        if self._earliest is None or self._latest is None:
            return pages
        if any(None in rows.dates for rows in pages):
            return None
        if window is not None and self._latest >= window.end:
            return None
        # The API may give the newest first.
        pages.sort(key=lambda rows: rows.dates[0] or 0)
        edges = [(rows.dates[0] or 0, rows.dates[-1] or 0) for rows in pages]
        overlap = any(before[1] > after[0] for before, after in pairwise(edges))
        return None if overlap else pages


def _content(row: Row) -> Any:
    """Return a record, or the message of one, without the time at which it was read."""
    message = json.loads(row[2]) if isinstance(row[2], bytes) else row[2]
    return {name: message[name] for name in message if name != "time_extracted"}
