"""Reads one window of one stream: its records whole, in order, each once.

Nothing of a window is handed on before all of it is there and counted. Whatever goes wrong on
the way, the window is read again from its start.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tap_gainsight_px.errors import (
    RangeIgnoredError,
    RefusedError,
    ScrollLostError,
    TapError,
    WindowError,
)
from tap_gainsight_px.ordered_pool import More
from tap_gainsight_px.paging import first_params, next_params
from tap_gainsight_px.stream_spec import DateFilter, StreamSpec, TimeForm
from tap_gainsight_px.timestamps import to_iso_seconds
from tap_gainsight_px.windows import Window, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.paging import Params
    from tap_gainsight_px.records import Page, Row

T = TypeVar("T")

logger = logging.getLogger(__name__)

# How often a window is read from its start before its shortfall is believed.
READINGS = 4
# Full pages without one new record after which a scroll counts as running in circles, and short
# pages after which it counts as ended although records are missing.
PAGES_WITHOUT_NEWS = 3
# Answers to a scrollId that the API no longer knows; which one PX gives is not documented.
_SCROLL_GONE = frozenset({400, 404, 410})


class Get(Protocol):
    """Sends a GET request and decodes its answer."""

    def __call__(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        *,
        repeatable: bool = True,
    ) -> T:
        """Return the decoded answer; raise `RequestError` for one that cannot be had."""


@dataclass(frozen=True)
class Batch:
    """Records that leave the tap together."""

    rows: list[Row]
    read_to: int | None = None
    """All records before this time (epoch ms) are in this batch or an earlier one."""
    missing: int = 0
    """How many records the API announced that did not arrive."""
    subject: str = ""
    """Stream and time range, for messages."""


@dataclass
class _Walk:
    """What one walk from the first page to the last has brought."""

    announced: int | None = None
    arrived: int = 0
    outside: int = 0
    rows: dict[Any, Row] = field(default_factory=dict)

    def add(self, page: Page, window: Window | None) -> int:
        """Take in a page; return how many of its records are new."""
        if self.announced is None:
            self.announced = page.total_hits
        before = len(self.rows)
        for row in page.rows:
            self.arrived += 1
            # A record without a key is never taken for another one.
            self.rows[row.key or self.arrived] = row
            if window and row.date is not None and not window.start <= row.date <= window.end:
                self.outside += 1
        return len(self.rows) - before

    @property
    def missing(self) -> int:
        return max(0, (self.announced or 0) - len(self.rows))

    def in_order(self, window: Window | None) -> list[Row]:
        """Return the records by replication value, without those of the next window.

        A server that takes the end of a range as inclusive gives the records of that very
        millisecond twice.
        """
        rows = [
            row
            for row in self.rows.values()
            if window is None or row.date is None or window.start <= row.date < window.end
        ]
        rows.sort(key=lambda row: -1 if row.date is None else row.date)
        return rows


class WindowReader:
    """Reads windows of one stream. Holds no state between windows, so threads may share it."""

    def __init__(
        self,
        spec: StreamSpec,
        get: Get,
        decode: Callable[[bytes], Page],
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

    def job(self, window: Window | None, form: TimeForm) -> Callable[[], Batch | More[Batch]]:
        """Return the job that reads one window (None: everything the endpoint has)."""
        return lambda: self._read(window, form)

    def _read(self, window: Window | None, form: TimeForm) -> Batch | More[Batch]:
        subject = f"{self.spec.name} {window}" if window else self.spec.name
        try:
            return self._read_until_whole(window, form, subject)
        except TapError as error:
            error.during(subject)
            raise

    def _read_until_whole(
        self, window: Window | None, form: TimeForm, subject: str
    ) -> Batch | More[Batch]:
        seen: dict[Any, Row] = {}
        last = _Walk()
        trouble: TapError | None = None
        for reading in range(READINGS):
            if reading:
                # The same request again at once would be refused as a duplicate.
                self._wait(0.2 * 2**reading)
            # Other page edges on another reading: a fault tied to a page then shows as one.
            page_size = max(1, self.page_size - reading)
            try:
                walk = self._walk(window, form, page_size)
            except (ScrollLostError, RangeIgnoredError) as error:
                trouble = error
                logger.warning("%s: %s; reading it again", subject, error)
                continue
            if isinstance(walk, More):
                return walk
            seen.update(walk.rows)
            if not walk.missing:
                return self._batch(walk, window, subject)
            if walk.arrived >= (walk.announced or 0) and len(walk.rows) == len(last.rows):
                logger.warning(
                    "%s: the API holds %d records twice; each was read once",
                    subject,
                    walk.missing,
                )
                walk.announced = len(walk.rows)
                return self._batch(walk, window, subject)
            last, trouble = walk, None
            logger.warning(
                "%s: %d of %d announced records are missing; reading it again",
                subject,
                walk.missing,
                walk.announced,
            )
        if trouble is not None:
            message = f"{trouble.message}, {READINGS} times in a row; run again later"
            raise WindowError(message) from trouble
        last.rows = seen
        return self._batch(last, window, subject)

    def _batch(self, walk: _Walk, window: Window | None, subject: str) -> Batch:
        return Batch(
            rows=walk.in_order(window),
            read_to=window.end if window else None,
            missing=walk.missing,
            subject=subject,
        )

    def _walk(self, window: Window | None, form: TimeForm, page_size: int) -> _Walk | More[Batch]:
        """Go from the first page to the last, or split the window."""
        spec = self.spec
        params: Params | None = {
            **range_params(spec.date_filter, window, form),
            **first_params(spec.paging, spec.page_size_max and page_size),
        }
        walk = _Walk()
        without_news = 0
        while params is not None:
            page = self.page(params, announced=walk.announced)
            news = walk.add(page, window)
            if walk.outside:
                message = "the API answers with records outside the range asked for"
                raise RangeIgnoredError(message)
            if parts := self._parts(walk, page, window, page_size):
                logger.debug("%s %s: in %d parts", spec.name, window, len(parts))
                return More([self.job(part, form) for part in parts])
            without_news = 0 if news else without_news + 1
            if without_news >= PAGES_WITHOUT_NEWS:
                if len(page.rows) < page_size:
                    break
                message = "the scroll gives the same records over and over"
                raise ScrollLostError(message)
            params = next_params(spec.paging, params, page, records_missing=bool(walk.missing))
        return walk

    def page(self, params: Params, *, announced: int | None = None) -> Page:
        """Read one page.

        Args:
            params: Parameters of the request.
            announced: How many records the first page of this walk announced.

        Raises:
            ScrollLostError: The scroll is gone, or may have moved on unseen.
            RequestError: The page cannot be had.
        """
        in_scroll = "scrollId" in params
        try:
            return self._get(
                self.spec.path,
                params,
                self._decode,
                # Without a count nothing would tell that a scroll has moved on by itself.
                repeatable=not in_scroll or announced is not None,
            )
        except RefusedError as error:
            if in_scroll and error.status in _SCROLL_GONE:
                message = f"the scroll ended early: {error.message}"
                raise ScrollLostError(message) from error
            raise

    def _parts(
        self, walk: _Walk, page: Page, window: Window | None, page_size: int
    ) -> list[Window]:
        """Return the windows to read instead when this one holds too much."""
        if window is None or window.seconds == 1:
            return []
        first = walk.arrived == len(page.rows)
        announced = walk.announced or 0
        if first and announced > self._max_records:
            return split(window, -(-announced // self._max_records))
        # The count is missing or cut off (Elasticsearch counts to 10,000 unless told otherwise).
        full = len(page.rows) >= page_size
        if full and walk.arrived > max(self._max_records, announced):
            return split(window, 1 + walk.arrived // self._max_records)
        return []


def range_params(
    date_filter: DateFilter | None, window: Window | None, form: TimeForm
) -> dict[str, str | int]:
    """Return the parameters that ask for one window."""
    if date_filter is None or window is None:
        return {}
    start, end = (write_time(time, form) for time in (window.start, window.end))
    params: dict[str, str | int] = {
        "filter": f"{date_filter.field}>={start};{date_filter.field}<{end}"
    }
    if date_filter.also_range_params:
        params["dateRangeStart"] = str(window.start)
        params["dateRangeEnd"] = str(window.end)
    return params


def write_time(milliseconds: int, form: TimeForm) -> str:
    """Write a time the way an endpoint wants it."""
    return to_iso_seconds(milliseconds) if form is TimeForm.ISO else str(milliseconds)
