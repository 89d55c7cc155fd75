"""Reads one window of one stream: its records whole, in order, each once.

Nothing of a window is handed on before all of it is there and counted. Whatever goes wrong on
the way, the window is read again from its start.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import StreamSpec, TimeFormat
from tap_gainsight_px.errors import (
    RangeIgnoredError,
    RefusedError,
    RetriableError,
    ScrollLostError,
    TapError,
    WindowError,
)
from tap_gainsight_px.reading.completeness import (
    PAGES_WITHOUT_NEWS,
    READINGS,
    Walk,
    other_page_size,
)
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.page_request import PageRequest
from tap_gainsight_px.reading.paginators import first_params, next_params
from tap_gainsight_px.reading.windows import Window, split
from tap_gainsight_px.records.page import Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_gainsight_px.api.transport import Get, Params
    from tap_gainsight_px.records.decoder import PageDecoder
    from tap_gainsight_px.records.page import Page, Row

logger = logging.getLogger(__name__)

_PARTS_AROUND_A_BURST = 16
# Answers to a scrollId that the API no longer knows; which one PX gives is not documented.
_SCROLL_GONE = frozenset({400, 404, 410})


class WindowReader:
    """Reads windows of one stream. Holds no state between windows, so threads may share it."""

    def __init__(
        self,
        spec: StreamSpec,
        get: Get,
        decode: PageDecoder,
        *,
        page_size: int,
        window_max_records: int,
        wait: Callable[[float], None],
    ) -> None:
        """Prepare for one stream.

        Args:
            spec: The stream.
            get: Sends the requests.
            decode: Turns the bytes of an answer into a page of this stream.
            page_size: Records per page, within the endpoint's maximum.
            window_max_records: A window that holds more is split.
            wait: Waits that many seconds before a window is read again.
        """
        self.spec = spec
        self._get = get
        self._decode = decode
        self.page_size = page_size
        self._max_records = window_max_records
        self._wait = wait

    def job(
        self,
        window: Window | None,
        time_format: TimeFormat = TimeFormat.ISO,
        *,
        parent: str | None = None,
    ) -> Callable[[], Slice | More[Slice]]:
        """Return the job that reads one window.

        Args:
            window: The stretch of time; None for everything the endpoint has.
            time_format: How times are written in a filter.
            parent: The record of the parent stream that is asked about.
        """
        return lambda: self._read(PageRequest(self.spec, window, time_format, parent))

    def sample(self, window: Window, time_format: TimeFormat) -> Sequence[Row]:
        """Read the first page of a window, whatever else it holds."""
        request = PageRequest(self.spec, window, time_format)
        paging = first_params(self.spec.paging, self.page_size)
        return self.page({**request.params, **paging}, request).rows

    def _read(self, request: PageRequest) -> Slice | More[Slice]:
        try:
            return self._read_until_whole(request)
        except TapError as error:
            error.during(request.subject)
            raise

    def _read_until_whole(self, request: PageRequest) -> Slice | More[Slice]:
        subject = request.subject
        walk = Walk(is_settled=request.is_settled)
        trouble: TapError | None = None
        for reading in range(READINGS):
            if reading:
                walk.begin_again()
                # The same request again at once would be refused as a duplicate.
                self._wait(0.2 * 2**reading)
            try:
                parts = self._walk(walk, request, other_page_size(self.page_size, reading))
            except (ScrollLostError, RangeIgnoredError) as error:
                trouble = error
                logger.warning("%s: %s; reading it again", subject, error)
                if isinstance(error, RangeIgnoredError):
                    walk = Walk(
                        is_settled=request.is_settled
                    )  # nothing of this one is to be believed
                continue
            if parts is not None:
                return parts
            trouble = None
            if walk.missing and walk.looks_whole and walk.looked_whole:
                logger.warning(
                    "%s: PX holds %d records twice; each was read once", subject, walk.missing
                )
                walk.announced = len(walk.keys)
            if not walk.missing:
                break
            logger.warning(
                "%s: %d of %d announced records are missing; reading it again",
                subject,
                walk.missing,
                walk.announced,
            )
        if trouble is not None:
            message = f"{trouble.message}, {READINGS} times in a row; run again later"
            raise WindowError(message) from trouble
        return self._slice(walk, request)

    def _slice(self, walk: Walk, request: PageRequest) -> Slice:
        window = request.window
        rows = walk.in_order(request.checked_window)
        if self.spec.event_name is not None:
            # The API's filters do not tell upper from lower case.
            rows = [row for row in rows if _event_name(row) == self.spec.event_name]
        return Slice(
            rows=rows,
            read_to=window.end if window else None,
            missing=walk.missing,
            subject=request.subject,
        )

    def _walk(self, walk: Walk, request: PageRequest, page_size: int) -> More[Slice] | None:
        """Go from the first page to the last; return the parts when the window is to be split."""
        spec = self.spec
        paging = first_params(spec.paging, spec.page_size_max and page_size)
        params: Params | None = {**request.params, **paging}
        without_news = 0
        while params is not None:
            page = self.page(params, request, announced=walk.announced, on_lost=walk.note_lost)
            news = walk.add(page)
            if walk.leaves(request.checked_window):
                message = "the API answers with records outside the range asked for"
                raise RangeIgnoredError(message)
            holds = self._too_many(walk, page, page_size)
            if holds and (parts := self._split(request, holds)):
                logger.debug("%s: in %d parts", request.subject, len(parts))
                return More([partial(self._read, part) for part in parts])
            without_news = 0 if news else without_news + 1
            if without_news >= PAGES_WITHOUT_NEWS:
                if len(page.rows) < page_size:
                    break
                message = "the scroll gives the same records over and over"
                raise ScrollLostError(message)
            params = next_params(spec.paging, params, page, records_missing=not walk.is_proved)
        if walk.lost_an_answer and not walk.is_proved:
            message = "an answer was lost on the way, and the count does not prove that it was all"
            raise ScrollLostError(message)
        return None

    def page(
        self,
        params: Params,
        request: PageRequest | None = None,
        *,
        announced: int | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> Page:
        """Read one page.

        Args:
            params: Parameters of the request, besides those of the stream itself.
            request: What is asked for; None for the endpoint as a whole.
            announced: How many records the first page of this walk announced.
            on_lost: Called when a page of a scroll is asked for again, its answer being lost.

        Raises:
            ScrollLostError: The scroll is gone, or may have moved on unseen.
            RequestError: The page cannot be had.
        """
        request = request or PageRequest(self.spec)
        in_scroll = "scrollId" in params
        try:
            return self._get(
                request.path,
                {**self.spec.params, **params},
                partial(self._decode, context_fields=request.context_fields),
                # Without a count nothing would tell that a scroll has moved on by itself.
                repeatable=not in_scroll or announced is not None,
                on_lost=on_lost if in_scroll else None,
            )
        except RetriableError as error:
            if in_scroll:
                message = f"the scroll cannot be gone on with: {error.message}"
                raise ScrollLostError(message) from error
            raise
        except RefusedError as error:
            if in_scroll and error.status in _SCROLL_GONE:
                message = f"the scroll ended early: {error.message}"
                raise ScrollLostError(message) from error
            raise

    def _too_many(self, walk: Walk, page: Page, page_size: int) -> int:
        """Return how many records the window holds when that is too many, else 0."""
        announced = walk.announced or 0
        if len(page.rows) < min(page_size, announced):
            return 0  # this was all, whatever is announced
        if walk.arrived == len(page.rows) and announced > self._max_records:
            return announced
        # The count is missing or cut off (Elasticsearch counts to 10,000 unless told otherwise).
        is_full = len(page.rows) >= page_size
        return walk.arrived if is_full and walk.arrived > max(self._max_records, announced) else 0

    def _split(self, request: PageRequest, holds: int) -> list[PageRequest]:
        """Return what to ask instead of what holds too much; nothing where it cannot be split."""
        window = request.checked_window
        if window is None or window.seconds == 1:
            return []
        # Parts are made to hold half of what they may. Nights and weekends make them unequal, and
        # one that holds too much costs a request for nothing. Nor do workers then have to wait
        # long, at the end of a range, for the one who reads the last part.
        parts = -(-2 * holds // self._max_records)
        if 4 * holds > 3 * request.split_from:
            # Nearly all that the wider window held is in this part of it: a burst. Halving would
            # take a request, one after another, for each step from days down to seconds.
            parts = max(parts, _PARTS_AROUND_A_BURST)
        return [replace(request, window=part, split_from=holds) for part in split(window, parts)]


def _event_name(row: Row) -> object:
    return row[2].get("eventName") if isinstance(row[2], dict) else None
