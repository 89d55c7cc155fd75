"""Reads everything an endpoint has, page by page, and hands on each record once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import ScrollLostError, TapError, WindowError
from tap_gainsight_px.reading.completeness import PAGES_WITHOUT_NEWS, READINGS, other_page_size
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.paginators import first_params, next_params
from tap_gainsight_px.records.page import Slice

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.records.page import Key, Page, Row

logger = logging.getLogger(__name__)


class FullReader:
    """One such reading.

    One page leads to the next, so only one thread at a time is in here. Unlike a window, what has
    been handed on cannot be taken back when the scroll is lost and all is read again. So the keys
    are remembered, and only the keys: memory does not grow with the size of the records.
    """

    def __init__(
        self,
        reader: WindowReader,
        wanted: Callable[[Row], bool],
        read_to: int | None,
        subject: str = "",
    ) -> None:
        """Prepare without a request.

        Args:
            reader: Reads pages of the stream.
            wanted: Which records to hand on.
            read_to: All records before this time (epoch ms) are here once the last page is.
            subject: What it is read for, in messages; the stream itself if empty.
        """
        self._reader = reader
        self._wanted = wanted
        self._subject = subject or reader.spec.name
        self._read_to = read_to
        self._seen: set[Key] = set()
        self._seen_before = -1
        self._fruitless = 0
        self._looked_whole = False
        self._restart()

    def _restart(self) -> None:
        self._page_size = other_page_size(self._reader.page_size, self._fruitless)
        self._params: Params = first_params(self._reader.spec.paging, self._page_size)
        self._announced: int | None = None
        self._arrived = 0
        self._empty_pages = 0
        self._lost_an_answer = False

    def next_page(self) -> Slice | More[Slice]:
        """Read one page; return its records and the job for what comes after it."""
        try:
            return self._next_page()
        except TapError as error:
            error.during(self._subject)
            raise

    def _next_page(self) -> Slice | More[Slice]:
        name = self._subject
        try:
            page = self._page()
        except ScrollLostError as error:
            logger.warning("%s: %s; reading it again", name, error)
            if self._is_worth_another():
                return self._again([])
            message = f"{error.message}, {READINGS} times in a row; run again later"
            raise WindowError(message) from error
        # From its end, because the later of two versions counts. A page is in the order of dates.
        rows = [row for row in reversed(page.rows) if self._is_new(row) and self._wanted(row)]
        rows.reverse()
        following = next_params(
            self._reader.spec.paging,
            self._params,
            page,
            records_missing=not self._is_proved and self._empty_pages < PAGES_WITHOUT_NEWS,
        )
        if following is not None:
            self._params = following
            return More([lambda: Slice(rows, subject=name), self.next_page])
        return self._end(rows)

    def _page(self) -> Page:
        page = self._reader.page(self._params, announced=self._announced, on_lost=self._note_lost)
        if self._announced is None:
            self._announced = page.total_hits
        self._arrived += len(page.rows)
        self._empty_pages = 0 if page.rows else self._empty_pages + 1
        if self._arrived > 2 * len(self._seen) + PAGES_WITHOUT_NEWS * self._page_size:
            message = "the scroll gives the same records over and over"
            raise ScrollLostError(message)
        return page

    def _is_new(self, row: Row) -> bool:
        before = len(self._seen)
        self._seen.add(row[1])
        return len(self._seen) > before

    def _note_lost(self) -> None:
        self._lost_an_answer = True

    @property
    def _is_proved(self) -> bool:
        """Whether exactly as many records have come as announced, and none of them twice."""
        return self._arrived == self._announced and not self._missing

    @property
    def _missing(self) -> int:
        return max(0, (self._announced or 0) - len(self._seen))

    def _end(self, rows: list[Row]) -> Slice | More[Slice]:
        name = self._subject
        looks_whole = self._arrived >= (self._announced or 0)
        is_doubled = looks_whole and self._looked_whole and len(self._seen) == self._seen_before
        self._looked_whole = looks_whole
        missing = 0 if is_doubled else self._missing
        if self._lost_an_answer and not self._is_proved:
            message = "an answer was lost on the way, and the count does not prove that it was all"
            if not self._is_worth_another():
                raise WindowError(message)
            logger.warning("%s: %s; reading it again", name, message)
            return self._again(rows)
        if missing and self._is_worth_another():
            logger.warning(
                "%s: %d of %s announced records are missing; reading it again",
                name,
                missing,
                self._announced,
            )
            return self._again(rows)
        return Slice(rows, read_to=self._read_to, missing=missing, subject=name)

    def _is_worth_another(self) -> bool:
        """Whether to read it again: always after news, else a few times.

        A slow target makes a long scroll expire again and again; each reading still gets further.
        """
        self._fruitless = 0 if len(self._seen) > self._seen_before else self._fruitless + 1
        return self._fruitless < READINGS - 1

    def _again(self, rows: list[Row]) -> More[Slice]:
        self._seen_before = len(self._seen)
        self._restart()
        subject = self._subject
        return More([lambda: Slice(rows, subject=subject), self.next_page])
