"""One window while it is read, once or again and again, until nothing of it is in doubt."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import Paging
from tap_gainsight_px.errors import (
    RangeIgnoredError,
    RefusedError,
    ScrollLostError,
    TapError,
    WindowError,
)
from tap_gainsight_px.reading.completeness import READINGS, Doubt, Ledger, other_page_size
from tap_gainsight_px.reading.paginators import paginator_for
from tap_gainsight_px.reading.window_rows import WindowRows
from tap_gainsight_px.reading.windows import split
from tap_gainsight_px.records.page import OTHER_EVENT, Lines, Slice, dates_and_keys
from tap_gainsight_px.tally import here

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.reading.filter_formats import FilterFormats
    from tap_gainsight_px.reading.page_source import PageRequest, PageSource
    from tap_gainsight_px.reading.windows import PartSizes
    from tap_gainsight_px.records.page import Page

logger = logging.getLogger(__name__)

_PARTS_AROUND_A_BURST = 16
# A window is held in memory until it is whole. Only one second, or a window without a count, can
# come near this.
MOST_RECORDS_IN_A_WINDOW = 1_000_000


class WindowReading:
    """What one window brings, read once or again and again."""

    def __init__(
        self,
        source: PageSource,
        request: PageRequest,
        formats: FilterFormats,
        *,
        sizes: PartSizes,
        wait: Callable[[float], None],
        is_part: bool,
        needs_proof: bool,
    ) -> None:
        """Prepare without a request.

        Args:
            source: Reads the pages.
            request: What is asked for.
            formats: Which way of writing times the API understands.
            sizes: How much a window may hold, and how large its parts are otherwise.
            wait: Waits that many seconds before the window is read again.
            is_part: Whether it is a part of a window that announced records.
            needs_proof: Whether the loader will delete what the result lacks.
        """
        self._asked = request
        self.request = formats.applied(request)
        self._formats = formats
        self._source = source
        self._sizes = sizes
        self._wait = wait
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
            except RefusedError as refused:
                if not is_refused_filter(refused) or not self._try_other(refused.api_message):
                    raise
                continue
            if doubt is None and self._other_form_has_more():
                continue
            if doubt is None or not self._begin_again(doubt, error):
                break
        if doubt is not None and doubt.is_final:
            message = (
                f"{doubt.message}, {self._ledger.readings} times in a row; run again later, and "
                "ask Gainsight support if it stays like this"
            )
            raise WindowError(message) from error
        return []

    def _begin_again(self, doubt: Doubt, error: TapError | None) -> bool:
        if isinstance(error, RangeIgnoredError):
            self._discard()
            if self._ledger.readings > 1:
                self._try_other(error.message)
        if not self._ledger.begin_again(doubt):
            return False
        if not doubt.is_routine:
            here().note_read_again()
        level = logging.DEBUG if doubt.is_routine else logging.WARNING
        logger.log(level, "%s: %s; reading it again", self.request.subject, doubt.message)
        self._rows.begin_again()
        self._wait(self._ledger.wait_seconds)
        return True

    def _try_other(self, reason: str) -> bool:
        """Write times in the other form from now on, if there is one; say whether there is."""
        has_other = self._asked.time_format is None and self._formats.give_up(
            self.request.time_format, reason
        )
        self.request = self._formats.applied(self._asked)
        return has_other

    def _discard(self) -> None:
        """Believe nothing of what has come."""
        self._ledger.discard()
        self._rows = WindowRows()

    def _other_form_has_more(self) -> bool:
        """Whether the filter was ignored: written in the other form it finds older records."""
        if self._asked.time_format is not None:
            return False
        if self._formats.is_given_up(self.request.time_format):
            self._discard()
            self.request = self._formats.applied(self._asked)
            return True
        other = self._formats.other_to_check(self.request, self._rows.earliest)
        if other is None:
            return False
        # Another page size than any reading has: PX refuses a request that was sent before.
        page_size = other_page_size(self._source.page_size, READINGS)
        paginator = paginator_for(self._source.spec.paging, page_size)
        try:
            page = self._source.page({**other.params, **paginator.first()}, other)
        except RefusedError as error:
            if is_refused_filter(error):
                return False
            raise
        dates, _ = dates_and_keys(page.rows)
        has_more = max(page.total_hits or 0, len(dates)) > self.holds
        if not has_more or not self._formats.is_older(dates):
            return False
        self._discard()
        return self._try_other("it finds nothing from before the last day")

    def _read_once(self) -> list[PageRequest]:
        """Go from the first page to the last, or to the parts that the window is split into."""
        ledger, request = self._ledger, self.request
        page_size = other_page_size(self._source.page_size, ledger.readings - 1)
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
        ledger, most = self._ledger, self._sizes.most
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
        left = self.holds * max(1.0, request.seconds_left / window.seconds)
        parts = self._sizes.parts(self.holds, left)
        if 4 * self.holds > 3 * request.split_from:
            # Nearly all that the wider window held is in this part of it: a burst. Halving would
            # take a request, one after another, for each step from days down to seconds.
            parts = max(parts, _PARTS_AROUND_A_BURST)
        return [
            replace(self._asked, window=part, split_from=self.holds, seconds_left=0)
            for part in split(window, parts)[:: -1 if request.fills_back else 1]
        ]

    def slice(self) -> Slice:
        """Return what has come."""
        ledger, request, spec = self._ledger, self.request, self._source.spec
        is_confirmed = not self._needs_proof or ledger.is_confirmed
        if ledger.is_believed_doubled:
            logger.warning("%s: %s", request.subject, ledger.doubled_message)
        arrived = ledger.different
        if self._needs_proof and is_confirmed:
            self._rows.keep_last()
            arrived = len(ledger.keys)
        rows = self._rows.in_order(request.checked_window, has_doubled=ledger.has_doubled)
        if ledger.has_doubled and request.is_settled:
            self._tell_conflicts()
        left_out: list[int] = []
        if spec.event_name is not None and not isinstance(rows, Lines):
            left_out = [row[0] or 0 for row in rows if row[2] is OTHER_EVENT]
            rows = [row for row in rows if row[2] is not OTHER_EVENT]
        window = request.window
        return Slice(
            rows=rows,
            read_to=window.end if window and not request.fills_back else None,
            read_from=window.start if window and request.fills_back else None,
            missing=ledger.missing,
            is_confirmed=is_confirmed,
            subject=request.subject,
            announced=ledger.announced,
            arrived=arrived,
            doubled=ledger.believed_doubled,
            span=window.end - window.start if window else 0,
            left_out=left_out,
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


def is_refused_filter(error: RefusedError) -> bool:
    """Whether the API may have refused the way in which the filter is written."""
    return error.status == 400  # noqa: PLR2004
