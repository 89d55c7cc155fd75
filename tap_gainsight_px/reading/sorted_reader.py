"""Reads what has changed where the filter does not work: sorted by the date, newest first.

The first record that has not changed since the last sync ends it, so a sync costs as many pages as
hold changes. That the API really sorts is verified: the other way round another record has to come
first, and every page has to be in order. Where it does not sort, all is read.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import RefusedError, ScrollLostError, TapError
from tap_gainsight_px.reading.completeness import READINGS, other_page_size
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.paginators import paginator_for
from tap_gainsight_px.records.page import Slice, dates_and_keys
from tap_gainsight_px.tally import here

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.reading.page_source import PageSource
    from tap_gainsight_px.reading.paginators import Paginator
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.records.page import Page, Row

logger = logging.getLogger(__name__)

# So many records in order are no accident. One alone would always be in order.
_IN_ORDER = 10
# Unlike the page size of any other request for these records.
_OLDEST = 2


class SortedPages:
    """Pages of one stream, the latest changes first, whose order is verified."""

    def __init__(self, source: PageSource, field: str) -> None:
        """Prepare without a request.

        Args:
            source: Reads pages of the stream.
            field: The date to sort by.
        """
        self._source = source
        self._field = field
        self._sort = f"-{field}"

    def newest(self) -> Sequence[Row] | None:
        """Read one page of the records that have changed last; None where the API does not sort.

        Raises:
            RequestError: A page cannot be had.
        """
        size = other_page_size(self._source.page_size, READINGS)
        try:
            page = self.page(self.first(paginator_for(self._source.spec.paging, size)))
            self.check_order(page, None)
            if len(page.rows) < _IN_ORDER:
                return None
            self.check_direction(max(row[0] or 0 for row in page.rows))
        except (_NotSortedError, ScrollLostError):
            return None
        return page.rows

    def first(self, paginator: Paginator) -> Params:
        """Return the parameters of the first page."""
        return {"sort": self._sort, **paginator.first()}

    def page(self, params: Params) -> Page:
        """Read one page; raise `_NotSortedError` where the API refuses to sort."""
        try:
            return self._source.page(params, on_lost=_give_up)
        except RefusedError as error:
            if error.status != 400:  # noqa: PLR2004
                raise
            message = f"the API refuses to sort by {self._sort} ({error.api_message})"
            raise _NotSortedError(message) from error

    def check_order(self, page: Page, earliest: int | None) -> int:
        """Return the date of the last record; raise `_NotSortedError` where the order is wrong."""
        dates, _ = dates_and_keys(page.rows)
        if not dates:
            message = "a page without records came before the records already known"
            raise ScrollLostError(message)
        first, last = max(date or 0 for date in dates), min(date or 0 for date in dates)
        if not page.came_newest_first or (earliest is not None and first > earliest):
            message = f"the API does not sort by {self._sort}"
            raise _NotSortedError(message)
        return last

    def check_direction(self, latest: int) -> None:
        """Raise `_NotSortedError` unless the order turns with the sort.

        Records that come newest first by themselves look sorted, until an old one changes. Such an
        order stays as it is when it is asked for the other way round.
        """
        page = self.page(
            {"sort": self._field, **paginator_for(self._source.spec.paging, _OLDEST).first()}
        )
        dates = [row[0] for row in page.rows]
        if not dates or any(date is None or date >= latest for date in dates):
            message = f"the API does not sort by {self._sort}"
            raise _NotSortedError(message)


class SortedReader:
    """One such reading. It hands on nothing before it has come to the records already known."""

    def __init__(
        self,
        reader: WindowReader,
        field: str,
        start: int,
        read_to: int,
        otherwise: Callable[[], Slice | More[Slice]],
    ) -> None:
        """Prepare without a request.

        Args:
            reader: Reads pages of the stream.
            field: The date to sort by.
            start: Records with a date before this one are known, epoch milliseconds.
            read_to: All records before this time (epoch ms) are here once it has ended.
            otherwise: The job that takes its place where the API does not sort.
        """
        self._source = reader.source
        self._wait = reader.wait
        self._name = reader.spec.name
        self._pages = SortedPages(reader.source, field)
        self._start = start
        self._read_to = read_to
        self._otherwise = otherwise

    def job(self) -> Slice | More[Slice]:
        """Read what has changed.

        Raises:
            RequestError: A page cannot be had.
        """
        reason = ""
        for reading in range(READINGS):
            if reading:
                here().note_read_again()
                self._wait(0.1 * (1 << reading))
            try:
                with self._source.scroll():
                    return self._read(other_page_size(self._source.page_size, reading))
            except _NotSortedError as error:
                reason = error.message
                break
            except ScrollLostError as error:
                reason = error.message
        logger.warning("%s: %s; reading all records for the changed ones", self._name, reason)
        return More([self._otherwise])

    def _read(self, page_size: int) -> Slice:
        paginator = paginator_for(self._source.spec.paging, page_size)
        params: Params | None = self._pages.first(paginator)
        rows: list[Row] = []
        earliest: int | None = None
        while params is not None:
            page = self._pages.page(params)
            earliest = self._pages.check_order(page, earliest)
            rows += page.rows
            if earliest < self._start and len(rows) >= _IN_ORDER:
                break
            params = paginator.next(params, page, is_proved=False, has_news=bool(page.rows))
        else:
            # These can be counted when they are read as a whole.
            message = "all records have changed, or there are too few to tell their order"
            raise _NotSortedError(message)
        self._pages.check_direction(max(row[0] or 0 for row in rows))
        changed = [row for row in rows if row[0] is not None and row[0] >= self._start]
        return Slice(_in_order(changed), read_to=self._read_to, subject=self._name)


class _NotSortedError(TapError):
    """The API does not sort, so the early stop would lose records."""


def _give_up() -> None:
    # No count tells whether the scroll has moved on by a page.
    message = "an answer was lost on the way"
    raise ScrollLostError(message)


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Return records by date, each once; of two versions the later one."""
    found = {row[1]: row for row in sorted(rows, key=lambda row: row[0] or 0)}
    return sorted(found.values(), key=lambda row: row[0] or 0)
