"""Reads everything an endpoint has, page by page, and hands on each record once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import ScrollLostError, TapError, WindowError
from tap_gainsight_px.reading.completeness import Doubt, Ledger, other_page_size
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.paginators import paginator_for
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
        *,
        needs_proof: bool = False,
    ) -> None:
        """Prepare without a request.

        Args:
            reader: Reads pages of the stream.
            wanted: Which records to hand on.
            read_to: All records before this time (epoch ms) are here once the last page is.
            subject: What it is read for, in messages; the stream itself if empty.
            needs_proof: Whether the loader will delete what the result lacks. Then one reading has
                to be whole by itself.
        """
        self._source = reader.source
        self._wait = reader.wait
        self._wanted = wanted
        self._subject = subject or reader.spec.name
        self._read_to = read_to
        self._needs_proof = needs_proof
        self._ledger = Ledger(settled=not needs_proof, needs_proof=needs_proof)
        self._start()

    def _start(self) -> None:
        self._page_size = other_page_size(self._source.page_size, self._ledger.readings - 1)
        self._paginator = paginator_for(self._source.spec.paging, self._page_size)
        self._params: Params = self._paginator.first()

    def next_page(self) -> Slice | More[Slice]:
        """Read one page; return its records and the job for what comes after it.

        Raises:
            WindowError: It cannot be read whole.
            RequestError: A page cannot be had.
        """
        try:
            return self._next_page()
        except TapError as error:
            error.during(self._subject)
            raise

    def _next_page(self) -> Slice | More[Slice]:
        ledger = self._ledger
        try:
            page = self._source.page(self._params, on_lost=ledger.note_lost)
            rows = self._new_rows(page)
            news = ledger.add(page)
            is_over = ledger.is_over(page, self._page_size)
        except ScrollLostError as error:
            return self._again(Doubt(error.message, is_final=True), [])
        following = self._paginator.next(
            self._params, page, is_proved=ledger.is_proved, has_news=bool(news)
        )
        if following is not None and not is_over:
            self._params = following
            return More([lambda: Slice(rows, subject=self._subject), self.next_page])
        doubt = ledger.doubt()
        return self._last_slice(rows) if doubt is None else self._again(doubt, rows)

    def _new_rows(self, page: Page) -> list[Row]:
        """Return the wanted records that have not been handed on yet."""
        rows: dict[Key, Row] = {}
        # From its end, because the later of two versions counts. A page is in the order of dates.
        for row in reversed(page.rows):
            if not self._ledger.knows(row[1]):
                rows.setdefault(row[1], row)
        return [row for row in reversed(rows.values()) if self._wanted(row)]

    def _again(self, doubt: Doubt, rows: list[Row]) -> Slice | More[Slice]:
        ledger = self._ledger
        if not ledger.begin_again(doubt):
            if not doubt.is_final:
                return self._last_slice(rows)
            message = f"{doubt.message}, {ledger.readings} times in a row; run again later"
            raise WindowError(message)
        level = logging.DEBUG if doubt.is_routine else logging.WARNING
        logger.log(level, "%s: %s; reading it again", self._subject, doubt.message)
        self._start()
        return More([lambda: Slice(rows, subject=self._subject), self._after_a_wait])

    def _after_a_wait(self) -> Slice | More[Slice]:
        self._wait(self._ledger.wait_seconds)
        return self.next_page()

    def _last_slice(self, rows: list[Row]) -> Slice:
        ledger = self._ledger
        if ledger.is_believed_doubled:
            logger.warning("%s: %s", self._subject, ledger.doubled_message)
        return Slice(
            rows,
            read_to=self._read_to,
            missing=ledger.missing,
            is_confirmed=not self._needs_proof or ledger.is_confirmed,
            subject=self._subject,
            total=len(ledger.keys),
        )
