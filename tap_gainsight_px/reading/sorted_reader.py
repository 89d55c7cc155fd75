"""Reads what has changed where the filter does not work: sorted by the date, newest first.

The first record that has not changed since the last sync ends it, so a sync costs as many pages as
hold changes. That the API really sorts is verified on every page; where it does not, all is read.
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
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.records.page import Page, Row

logger = logging.getLogger(__name__)


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
        self._sort = f"-{field}"
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
        params: Params | None = {"sort": self._sort, **paginator.first()}
        changed: list[Row] = []
        earliest: int | None = None
        while params is not None:
            page = self._page(params)
            earliest = self._check_order(page, earliest)
            changed += [row for row in page.rows if row[0] is not None and row[0] >= self._start]
            if earliest is not None and earliest < self._start:
                break
            params = paginator.next(params, page, is_proved=False, has_news=bool(page.rows))
        else:
            # Then all records have changed: the whole reading can be counted.
            raise _NotSortedError("all records have changed")
        return Slice(_in_order(changed), read_to=self._read_to, subject=self._name)

    def _page(self, params: Params) -> Page:
        try:
            return self._source.page(params, on_lost=_give_up)
        except RefusedError as error:
            if error.status != 400:  # noqa: PLR2004
                raise
            message = f"the API refuses to sort by {self._sort} ({error.api_message})"
            raise _NotSortedError(message) from error

    def _check_order(self, page: Page, earliest: int | None) -> int | None:
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
