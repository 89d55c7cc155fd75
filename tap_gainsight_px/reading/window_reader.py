"""Reads one window of one stream: its records whole, in order, each once.

Nothing of a window is handed on before all of it is there and proved by the rule of completeness.
Whatever goes wrong on the way, the window is read again from its start.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import Paging, TimeFormat
from tap_gainsight_px.errors import (
    RangeIgnoredError,
    ScrollLostError,
    TapError,
    WindowError,
)
from tap_gainsight_px.reading.completeness import Doubt, Ledger, other_page_size
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.page_source import PageRequest, PageSource
from tap_gainsight_px.reading.paginators import paginator_for
from tap_gainsight_px.reading.window_rows import WindowRows
from tap_gainsight_px.reading.windows import Window, split
from tap_gainsight_px.records.page import Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.records.page import Page, Row

logger = logging.getLogger(__name__)

_PARTS_AROUND_A_BURST = 16
# A window is held in memory until it is whole. Only one second, or a window without a count, can
# come near this.
MOST_RECORDS_IN_A_WINDOW = 1_000_000


class WindowReader:
    """Reads windows of one stream. Holds no state between windows, so threads may share it."""

    def __init__(
        self, source: PageSource, *, window_max_records: int, wait: Callable[[float], None]
    ) -> None:
        """Prepare for one stream.

        Args:
            source: Reads the pages.
            window_max_records: A window that holds more is split.
            wait: Waits that many seconds before a window is read again.
        """
        self.source = source
        self.spec = source.spec
        self.page_size = source.page_size
        self.window_max_records = window_max_records
        self.wait = wait

    def job(
        self,
        window: Window | None,
        time_format: TimeFormat = TimeFormat.ISO,
        *,
        parent: str | None = None,
        needs_proof: bool = False,
    ) -> Callable[[], Slice | More[Slice]]:
        """Return the job that reads one window.

        Args:
            window: The stretch of time; None for everything the endpoint has.
            time_format: How times are written in a filter.
            parent: The record of the parent stream that is asked about.
            needs_proof: Whether the loader will delete what the result lacks.
        """
        request = PageRequest(self.spec, window, time_format, parent)
        return lambda: self._read(request, needs_proof=needs_proof)

    def sample(self, window: Window, time_format: TimeFormat) -> Sequence[Row]:
        """Read the first page of a window, whatever else it holds."""
        request = PageRequest(self.spec, window, time_format)
        paging = paginator_for(self.spec.paging, self.page_size).first()
        return self.source.page({**request.params, **paging}, request).rows

    def _read(
        self,
        request: PageRequest,
        whole: _SplitWindow | None = None,
        *,
        needs_proof: bool = False,
    ) -> Slice | More[Slice]:
        """Read what is asked for; `whole` is the window that it is a part of."""
        try:
            reading = _Reading(self, request, is_part=whole is not None, needs_proof=needs_proof)
            parts = reading.until_whole()
            if whole is not None and (unheld := whole.report(request, reading.holds)):
                return self._find_unheld(whole, unheld, self._outcome(reading, parts))
            return self._outcome(reading, parts)
        except TapError as error:
            error.during(request.subject)
            raise

    def _outcome(self, reading: _Reading, parts: list[PageRequest]) -> Slice | More[Slice]:
        if not parts:
            return reading.slice()
        logger.debug("%s: in %d parts", reading.request.subject, len(parts))
        whole = _SplitWindow(reading.request, reading.holds, len(parts))
        return More([partial(self._read, part, whole) for part in parts])

    def _find_unheld(
        self, whole: _SplitWindow, unheld: int, outcome: Slice | More[Slice]
    ) -> More[Slice]:
        """Look for records that the whole window announced but none of its parts held.

        Ask for the counts again, and read again the parts that hold more than they said.
        """
        subject = whole.request.subject
        count = self._count(whole.request, 1)
        unheld += min(0, (count or 0) - whole.announced)
        jobs: list[Callable[[], Slice | More[Slice]]] = [lambda: outcome]
        if unheld > 0:
            logger.warning(
                "%s: %d announced records are in none of its parts; looking for them",
                subject,
                unheld,
            )
            for part, held in whole.held:
                more = (self._count(part, 2) or 0) - held
                if more > 0:
                    unheld -= more
                    jobs.append(partial(self._read, part))
        if unheld > 0:
            jobs.insert(0, lambda: Slice([], missing=unheld, subject=subject))
        return More(jobs)

    def _count(self, request: PageRequest, reading: int) -> int | None:
        paginator = paginator_for(self.spec.paging, other_page_size(self.page_size, reading))
        return self.source.page({**request.params, **paginator.first()}, request).total_hits


class _SplitWindow:
    """A window that is read in parts. Workers read them side by side, so it has a lock."""

    def __init__(self, request: PageRequest, announced: int, parts: int) -> None:
        """Wait for the reports of so many parts."""
        self.request = request
        self.announced = announced
        self.held: list[tuple[PageRequest, int]] = []
        self._parts = parts
        self._lock = threading.Lock()

    def report(self, part: PageRequest, held: int) -> int:
        """Note how many records a part holds.

        Returns:
            With the last report: how many of the announced records no part holds. Else 0.
        """
        with self._lock:
            self.held.append((part, held))
            is_last = len(self.held) == self._parts
            return max(0, self.announced - sum(count for _, count in self.held)) if is_last else 0


class _Reading:
    """What one window brings, read once or again and again."""

    def __init__(
        self, reader: WindowReader, request: PageRequest, *, is_part: bool, needs_proof: bool
    ) -> None:
        self.request = request
        self._reader = reader
        self._source = reader.source
        # One answer that arrived whole shows one moment: there are no pages to slip between.
        self._needs_proof = needs_proof and request.spec.paging is not Paging.SINGLE
        self._ledger = Ledger(
            settled=request.is_settled,
            # That there is nothing to tell about a parent is the usual case.
            confirm_empty=request.parent is None,
            expect_records=is_part,
            needs_proof=self._needs_proof,
        )
        self._rows = WindowRows()

    @property
    def holds(self) -> int:
        """How many records the window holds, as far as is known."""
        return max(self._ledger.announced or 0, self._ledger.arrived)

    def until_whole(self) -> list[PageRequest]:
        """Read until nothing is in doubt, or nothing new comes.

        Returns:
            The parts to read instead, where the window holds too much.
        """
        while True:
            error: TapError | None = None
            try:
                with self._source.scroll():
                    parts = self._read_once()
                if parts:
                    return parts
                doubt = self._ledger.doubt()
            except (ScrollLostError, RangeIgnoredError) as raised:
                error = raised
                doubt = Doubt(raised.message, is_final=True)
            if doubt is None or not self._begin_again(doubt, error):
                break
        if doubt is not None and doubt.is_final:
            message = f"{doubt.message}, {self._ledger.readings} times in a row; run again later"
            raise WindowError(message) from error
        return []

    def _begin_again(self, doubt: Doubt, error: TapError | None) -> bool:
        if isinstance(error, RangeIgnoredError):
            self._ledger.discard()  # nothing of this one is to be believed
            self._rows = WindowRows()
        if not self._ledger.begin_again(doubt):
            return False
        level = logging.DEBUG if doubt.is_routine else logging.WARNING
        logger.log(level, "%s: %s; reading it again", self.request.subject, doubt.message)
        self._rows.begin_again()
        self._reader.wait(self._ledger.wait_seconds)
        return True

    def _read_once(self) -> list[PageRequest]:
        """Go from the first page to the last, or to the parts that the window is split into."""
        ledger, request = self._ledger, self.request
        page_size = other_page_size(self._reader.page_size, ledger.readings - 1)
        paginator = paginator_for(self._source.spec.paging, page_size)
        params: Params | None = {**request.params, **paginator.first()}
        while params is not None:
            page = self._source.page(params, request, on_lost=ledger.note_lost)
            news = ledger.add(page)
            self._rows.add(page)
            if self._rows.leave(request.checked_window):
                message = "the API answers with records outside the range asked for"
                raise RangeIgnoredError(message)
            if self._is_too_much(page, page_size) and (parts := self._split()):
                return parts
            if ledger.is_over(page, page_size):
                break
            params = paginator.next(params, page, is_proved=ledger.is_proved, has_news=bool(news))
        return []

    def _is_too_much(self, page: Page, page_size: int) -> bool:
        """Whether the window is better read in parts."""
        ledger, most = self._ledger, self._reader.window_max_records
        announced = ledger.announced or 0
        if ledger.arrived > MOST_RECORDS_IN_A_WINDOW:
            message = f"one window gives more than {MOST_RECORDS_IN_A_WINDOW:,} records"
            raise WindowError(message)
        is_full = len(page.rows) >= page_size
        if ledger.pages == 1:
            # A short page may be all there is, whatever is announced: the second one tells.
            return (is_full or ledger.arrived >= announced) and self.holds > most
        if ledger.largest_page < page_size:
            # The API caps the page size.
            is_full = len(page.rows) >= ledger.largest_page
            if ledger.pages == 2 and ledger.arrived < announced:  # noqa: PLR2004
                return is_full and announced > most
        # The count is missing or cut off (Elasticsearch counts to 10,000 unless told otherwise).
        return is_full and ledger.arrived > max(most, announced)

    def _split(self) -> list[PageRequest]:
        """Return what to ask instead of what holds too much; nothing where it cannot be split."""
        request = self.request
        window = request.checked_window
        if window is None or window.seconds == 1:
            return []
        # Parts are made to hold half of what they may. Nights and weekends make them unequal, and
        # one that holds too much costs a request for nothing. Nor do workers then have to wait
        # long, at the end of a range, for the one who reads the last part.
        parts = -(-2 * self.holds // self._reader.window_max_records)
        if 4 * self.holds > 3 * request.split_from:
            # Nearly all that the wider window held is in this part of it: a burst. Halving would
            # take a request, one after another, for each step from days down to seconds.
            parts = max(parts, _PARTS_AROUND_A_BURST)
        return [
            replace(request, window=part, split_from=self.holds) for part in split(window, parts)
        ]

    def slice(self) -> Slice:
        """Return what has come."""
        ledger, request, spec = self._ledger, self.request, self._source.spec
        is_confirmed = not self._needs_proof or ledger.is_confirmed
        if ledger.is_believed_doubled:
            logger.warning("%s: %s", request.subject, ledger.doubled_message)
        if self._needs_proof and is_confirmed:
            self._rows.keep_last()
        rows = self._rows.in_order(request.checked_window, has_doubled=ledger.has_doubled)
        if ledger.has_doubled and request.is_settled:
            self._tell_conflicts()
        if spec.event_name is not None:
            # The API's filters do not tell upper from lower case.
            rows = [row for row in rows if _event_name(row) == spec.event_name]
        window = request.window
        return Slice(
            rows=rows,
            read_to=window.end if window else None,
            missing=ledger.missing,
            is_confirmed=is_confirmed,
            subject=request.subject,
        )

    def _tell_conflicts(self) -> None:
        keys = self._rows.conflicting()
        if keys:
            logger.warning(
                "%s: %d keys stand for records that differ (such as %s); the later record is kept",
                self.request.subject,
                len(keys),
                keys[0],
            )


def _event_name(row: Row) -> object:
    return row[2].get("eventName") if isinstance(row[2], dict) else None
