"""Reads everything an endpoint has, page by page, and hands on each record once."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import ScrollLostError, TapError, WindowError
from tap_gainsight_px.reading.completeness import Doubt, Ledger, other_page_size
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.paginators import paginator_for
from tap_gainsight_px.records.page import Slice
from tap_gainsight_px.tally import Unit, here

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
        counts: bool = True,
    ) -> None:
        """Prepare without a request.

        Args:
            reader: Reads pages of the stream.
            wanted: Which records to hand on.
            read_to: All records before this time (epoch ms) are here once the last page is.
            subject: What it is read for, in messages; the stream itself if empty.
            needs_proof: Whether the loader will delete what the result lacks. Then one reading has
                to be whole by itself.
            counts: Whether its records count as announced and arrived; else those handed on alone.
        """
        self._source = reader.source
        self._wait = reader.wait
        self._wanted = wanted
        self._subject = subject or reader.spec.name
        self._read_to = read_to
        self._needs_proof = needs_proof
        self._counts = counts
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
            slice_ = self._slice(self._new_rows(page))
            news = ledger.add(page)
            is_over = ledger.is_over(page, self._page_size)
        except ScrollLostError as error:
            return self._again(Doubt(error.message, is_final=True), self._slice([]))
        if self._counts and ledger.readings == ledger.pages == 1 and page.total_hits:
            here().plan(Unit.RECORDS, page.total_hits)
        following = self._paginator.next(
            self._params, page, is_proved=ledger.is_proved, has_news=bool(news)
        )
        if following is not None and not is_over:
            self._params = following
            return More([lambda: slice_, self.next_page])
        doubt = ledger.doubt()
        return self._last(slice_) if doubt is None else self._again(doubt, slice_)

    def _slice(self, rows: list[Row]) -> Slice:
        """Return a slice of those records that are wanted."""
        wanted = [row for row in rows if self._wanted(row)]
        found = Slice(wanted, subject=self._subject, arrived=len(rows))
        if self._counts:
            return found
        # No filter finds these, so that no window has announced them.
        return replace(found, arrived=len(wanted), announced=len(wanted))

    def _new_rows(self, page: Page) -> list[Row]:
        """Return the records that have not been handed on yet."""
        rows: dict[Key, Row] = {}
        # From its end, because the later of two versions counts. A page is in the order of dates.
        for row in reversed(page.rows):
            if not self._ledger.knows(row[1]):
                rows.setdefault(row[1], row)
        return list(reversed(rows.values()))

    def _again(self, doubt: Doubt, slice_: Slice) -> Slice | More[Slice]:
        ledger = self._ledger
        if not ledger.begin_again(doubt):
            if not doubt.is_final:
                return self._last(slice_)
            message = (
                f"{doubt.message}, {ledger.readings} times in a row; run again later, and "
                "ask Gainsight support if it stays like this"
            )
            raise WindowError(message)
        if not doubt.is_routine:
            here().note_read_again()
        level = logging.DEBUG if doubt.is_routine else logging.WARNING
        logger.log(level, "%s: %s; reading it again", self._subject, doubt.message)
        self._start()
        return More([lambda: slice_, self._after_a_wait])

    def _after_a_wait(self) -> Slice | More[Slice]:
        self._wait(self._ledger.wait_seconds)
        return self.next_page()

    def _last(self, slice_: Slice) -> Slice:
        ledger = self._ledger
        if ledger.is_believed_doubled:
            logger.warning("%s: %s", self._subject, ledger.doubled_message)
        return replace(
            slice_,
            read_to=self._read_to,
            missing=ledger.missing,
            is_confirmed=not self._needs_proof or ledger.is_confirmed,
            total=len(ledger.keys),
            announced=ledger.announced if self._counts else slice_.announced,
            doubled=ledger.believed_doubled if self._counts else 0,
        )
