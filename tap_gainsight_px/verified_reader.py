"""Reads a stream whose date filter the API does not document: users and accounts.

Before the filter is relied on, it is tried on a record whose date is known. Where the API refuses
it or does not heed it, everything is read page by page and what has not changed is left out here.
Records without a date are read that way too: no filter can find them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.errors import RefusedError, ScrollLostError, TapError, WindowError
from tap_gainsight_px.ordered_pool import More
from tap_gainsight_px.paging import first_params, next_params
from tap_gainsight_px.reader import PAGES_WITHOUT_NEWS, READINGS, Batch, WindowReader, range_params
from tap_gainsight_px.timestamps import DAY, SECOND, floor_second, parse, to_iso_seconds
from tap_gainsight_px.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.paging import Params
    from tap_gainsight_px.records import Page, Row
    from tap_gainsight_px.stream_spec import DateFilter, TimeForm

logger = logging.getLogger(__name__)

# No record of PX can be older than the product; what claims to be is read as one window.
_BEFORE_PX = parse("2013-01-01")
_END_OF_TIME = parse("9999-01-01")
_SAMPLE_SIZE = 25


class VerifiedReader:
    """Reads what has changed in a stretch of time, with the filter or without it."""

    def __init__(self, reader: WindowReader, date_filter: DateFilter) -> None:
        """Prepare for one stream.

        Args:
            reader: Reads windows of the stream.
            date_filter: The filter to verify.
        """
        self._reader = reader
        self._filter = date_filter
        self._name = reader.spec.name

    def job(
        self, start: int | None, end: int, *, ends_now: bool
    ) -> Callable[[], Batch | More[Batch]]:
        """Return the job that reads `[start, end)`.

        Args:
            start: Inclusive, epoch milliseconds on a whole second; None for everything there is.
            end: Exclusive, epoch milliseconds on a whole second.
            ends_now: Whether `end` is the present and not a date of the user's choice. Then
                records with a date that is still to come are read too.
        """
        return lambda: self._plan(start, end, ends_now=ends_now)

    def _plan(self, start: int | None, end: int, *, ends_now: bool) -> Batch | More[Batch]:
        try:
            sample = self._sample()
            if not sample.rows and not sample.total_hits:
                return Batch([], read_to=end, subject=self._name)
            form, reason = self._working_form(sample)
            if form is None:
                logger.warning(
                    "%s: %s; reading all %s records%s",
                    self._name,
                    reason,
                    "" if sample.total_hits is None else sample.total_hits,
                    "" if start is None else f" for those changed since {to_iso_seconds(start)}",
                )
                return More([self._read_all(lambda row: _changed(row, start), end)])
            jobs = self._windows(start, end, form, ends_now=ends_now)
            if self._has_undated(form, sample):
                logger.info(
                    "%s: some records have no %s; reading all to find them",
                    self._name,
                    self._filter.field,
                )
                jobs.append(self._read_all(lambda row: row.date is None, None))
            return More(jobs)
        except TapError as error:
            error.during(self._name)
            raise

    def _get(self, params: Params) -> Page:
        return self._reader.page(params)

    def _sample(self) -> Page:
        """Read a few records, or a whole page of them when none of the few has a date."""
        sample = self._get({"pageSize": min(_SAMPLE_SIZE, self._reader.page_size)})
        if sample.rows and not any(_is_known(row) for row in sample.rows):
            sample = self._get({"pageSize": self._reader.page_size})
        return sample

    def _working_form(self, sample: Page) -> tuple[TimeForm | None, str]:
        """Return the way of writing a time that the API heeds, or None and the reason."""
        field = self._filter.field
        dated = [row for row in sample.rows if _is_known(row)]
        if not dated:
            return None, f"records have no {field}"
        # The one changed longest ago is the least likely to change between two requests.
        known = min(dated, key=lambda row: row.date or 0)
        second = floor_second(known.date or 0)
        window = Window(second, second + SECOND)
        reason = ""
        for form in self._filter.forms:
            params = {
                **range_params(self._filter, window, form),
                **first_params(self._reader.spec.paging, self._reader.page_size),
            }
            try:
                page = self._get(params)
            except RefusedError as error:
                if error.status != 400:  # noqa: PLR2004
                    raise
                reason = f"the API refuses a filter on {field} ({error.api_message})"
                continue
            inside = all(
                row.date is not None and window.start <= row.date < window.end for row in page.rows
            )
            if inside and (known.key in {row.key for row in page.rows} or _is_cut(page)):
                return form, ""
            reason = f"the API does not heed a filter on {field}"
        return None, reason

    def _windows(
        self, start: int | None, end: int, form: TimeForm, *, ends_now: bool
    ) -> list[Callable[[], Batch | More[Batch]]]:
        windows = [Window(start, end)] if start is not None and start < end else []
        if start is None:
            edge = min(_BEFORE_PX, end - SECOND)
            windows = [Window(0, edge), Window(edge, end)]
        if ends_now:
            # Dates ahead of the clock. What changes during this run is left to the next one.
            windows.append(Window(end + DAY, _END_OF_TIME))
        return [self._reader.job(window, form) for window in windows]

    def _has_undated(self, form: TimeForm, sample: Page) -> bool:
        if sample.total_hits is None:
            return True
        params = {
            **range_params(self._filter, Window(0, _END_OF_TIME), form),
            **first_params(self._reader.spec.paging, _SAMPLE_SIZE),
        }
        dated = self._get(params).total_hits
        return dated is None or dated < sample.total_hits

    def _read_all(
        self, wanted: Callable[[Row], bool], read_to: int | None
    ) -> Callable[[], Batch | More[Batch]]:
        return _FullRead(self._reader, wanted, read_to).next_page


def _is_known(row: Row) -> bool:
    """Whether a record can be looked for by its date, and recognised."""
    return row.date is not None and row.key is not None


def _is_cut(page: Page) -> bool:
    """Whether more records match than the page shows."""
    return page.total_hits is not None and page.total_hits > len(page.rows) > 0


def _changed(row: Row, start: int | None) -> bool:
    return row.date is None or start is None or row.date >= start


class _FullRead:
    """Reads everything an endpoint has, page by page, and hands on each record once.

    One page leads to the next, so only one thread at a time is in here.
    """

    def __init__(
        self, reader: WindowReader, wanted: Callable[[Row], bool], read_to: int | None
    ) -> None:
        self._reader = reader
        self._wanted = wanted
        self._read_to = read_to
        # Page by page means that what was handed on cannot be taken back when the scroll is lost
        # and everything is read again. So the keys are remembered, and only the keys.
        self._seen: set[Any] = set()
        self._seen_before = -1
        self._readings = 0
        self._restart()

    def _restart(self) -> None:
        spec = self._reader.spec
        size = max(1, self._reader.page_size - self._readings)
        self._params: Params = first_params(spec.paging, size)
        self._announced: int | None = None
        self._arrived = 0
        self._unkeyed = 0
        self._without_news = 0
        self._readings += 1

    def next_page(self) -> Batch | More[Batch]:
        """Read one page; return its records and the job for what comes after it."""
        try:
            return self._next_page()
        except TapError as error:
            error.during(self._reader.spec.name)
            raise

    def _next_page(self) -> Batch | More[Batch]:
        name = self._reader.spec.name
        try:
            page = self._reader.page(self._params, announced=self._announced)
            rows = self._new_rows(page)
        except ScrollLostError as error:
            if self._readings >= READINGS:
                message = f"{error.message}, {READINGS} times in a row; run again later"
                raise WindowError(message) from error
            logger.warning("%s: %s; reading it again", name, error)
            return self._again([])
        if self._announced is None:
            self._announced = page.total_hits
        self._arrived += len(page.rows)
        following = next_params(
            self._reader.spec.paging,
            self._params,
            page,
            records_missing=bool(self._missing and page.rows),
        )
        if following is not None:
            self._params = following
            return More([lambda: Batch(rows, subject=name), self.next_page])
        return self._end(rows)

    def _new_rows(self, page: Page) -> list[Row]:
        new = [row for row in page.rows if self._is_new(row)]
        # A reading after the first starts with pages of known records.
        if page.rows and not new and self._readings == 1:
            self._without_news += 1
        if self._without_news >= PAGES_WITHOUT_NEWS:
            message = "the scroll gives the same records over and over"
            raise ScrollLostError(message)
        return [row for row in new if self._wanted(row)]

    def _is_new(self, row: Row) -> bool:
        if row.key is None:
            self._unkeyed += 1
            return True
        before = len(self._seen)
        self._seen.add(row.key[0] if len(row.key) == 1 else row.key)
        return len(self._seen) > before

    @property
    def _missing(self) -> int:
        return max(0, (self._announced or 0) - len(self._seen) - self._unkeyed)

    def _end(self, rows: list[Row]) -> Batch | More[Batch]:
        name = self._reader.spec.name
        doubled = self._arrived >= (self._announced or 0) and len(self._seen) == self._seen_before
        missing = 0 if doubled else self._missing
        if missing and self._readings < READINGS:
            logger.warning(
                "%s: %d of %s announced records are missing; reading it again",
                name,
                missing,
                self._announced,
            )
            return self._again(rows)
        return Batch(rows, read_to=self._read_to, missing=missing, subject=name)

    def _again(self, rows: list[Row]) -> More[Batch]:
        self._seen_before = len(self._seen)
        self._restart()
        subject = self._reader.spec.name
        return More([lambda: Batch(rows, subject=subject), self.next_page])
