"""Reads a stream whose date filter the API does not document: users and accounts.

Before the filter is relied on, it is tried on a record whose date is known. Where the API refuses
it or ignores it, everything is read page by page and what has not changed is left out here.
Records without a date are read that way too: no filter can find them.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import RefusedError, TapError
from tap_gainsight_px.reading.completeness import other_page_size
from tap_gainsight_px.reading.filter_proof import NO_PROOF, Proof
from tap_gainsight_px.reading.full_reader import FullReader
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.page_source import range_params
from tap_gainsight_px.reading.paginators import paginator_for
from tap_gainsight_px.reading.sorted_reader import SortedPages, SortedReader
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.records.page import Slice, has_key
from tap_gainsight_px.tally import Unit, here
from tap_gainsight_px.timestamps import DAY, SECOND, floor_second, parse, to_iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.catalog.spec import TimeFormat, TimeRange
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.records.page import Page, Row

logger = logging.getLogger(__name__)

# All the time that a filter can name. What lies before the product's own time is odd, and read as
# one window.
ALL_TIME = Window(parse("0001-01-02"), parse("9999-12-31"))
_BEFORE_PX = parse("2013-01-01")
_SAMPLE_SIZE = 25


class EntityReader:
    """Reads what has changed in a stretch of time, with the filter or without it."""

    def __init__(
        self, reader: WindowReader, time_range: TimeRange, proved: Proof | None = None
    ) -> None:
        """Prepare for one stream.

        Args:
            reader: Reads windows of the stream.
            time_range: The filter to verify.
            proved: What an earlier run has found out, not long ago.
        """
        self._proved = proved
        self._reader = reader
        self._filter = time_range
        self._name = reader.spec.name
        self._sample_size = min(_SAMPLE_SIZE, reader.page_size)

    def job(
        self, begin: Callable[[], int | None], end: int, *, ends_now: bool
    ) -> Callable[[], Slice | More[Slice]]:
        """Return the job that reads a stretch of time.

        Args:
            begin: Gives its start, once PX has answered: inclusive, epoch milliseconds on a whole
                second; None for everything there is.
            end: Exclusive, epoch milliseconds on a whole second.
            ends_now: Whether `end` is the present and not a date of the user's choice. Then
                records with a date that is still to come are read too.
        """
        return lambda: self._plan(begin, end, ends_now=ends_now)

    def newest(self) -> Sequence[Row] | None:
        """Read one page of the records that have changed last, without the filter.

        Returns:
            None where their order cannot be relied on, so that everything would be read.

        Raises:
            RequestError: PX does not answer.
        """
        if not _have_an_order(self._sample()):
            return None
        return SortedPages(self._reader.source, self._filter.field).newest()

    def _plan(
        self, begin: Callable[[], int | None], end: int, *, ends_now: bool
    ) -> Slice | More[Slice]:
        try:
            if self._proved is not None and (found := self._as_proved(begin, end, self._proved)):
                return found
            sample = self._sample()
            start = begin()
            if not sample.rows and not sample.total_hits:
                return Slice([], read_to=end, subject=self._name, total=sample.total_hits)
            count = Slice([], subject=self._name, total=sample.total_hits)
            time_format, reason = self._working_format(sample)
            if time_format is None:
                return More([lambda: count, self._without_filter(sample, start, end, reason)])
            if start is None and sample.total_hits:
                here().plan(Unit.RECORDS, sample.total_hits)
            jobs = [lambda: count, *self._windows(start, end, time_format, ends_now=ends_now)]
            if self._has_undated(time_format, sample):
                logger.info(
                    "%s: some records have no %s; reading all to find them",
                    self._name,
                    self._filter.field,
                )
                # They were read, but for those of no date, when this begins.
                jobs.append(self._read_all(_is_out_of_reach, None, counts=False))
            facts = Proof(time_format, self._reader.now).facts
            jobs.append(lambda: Slice([], subject=self._name, facts=facts))
            return More(jobs)
        except TapError as error:
            error.during(self._name)
            raise

    def _as_proved(
        self, begin: Callable[[], int | None], end: int, proof: Proof
    ) -> Slice | More[Slice] | None:
        """Return what has changed, by a filter that has worked not long ago; None if in doubt.

        Its own answer shows that it still does: a record within the stretch. Without any record
        the bookmark stays, so that nothing is lost if the filter has ceased to find anything: the
        run that proves it again reads the whole stretch. That one also looks for records without
        a date, and for dates that are still to come.
        """
        start = begin()
        if start is None or start >= end:
            return None
        window = Window(start, end)
        # No request of the window itself equals this one.
        size = min(_SAMPLE_SIZE, self._reader.page_size - 1) or 2
        params = {**range_params(self._filter, window, proof.time_format), **self._first_page(size)}
        try:
            page = self._get(params)
        except RefusedError as error:
            if error.status != 400:  # noqa: PLR2004
                raise
            return None
        # PX has told its time with this answer, at the latest.
        if begin() != start or not _lie_in(page, window):
            return None
        if page.rows:
            # A window that cannot be read as a whole leaves no proof to the next run.
            noted = [
                partial(Slice, [], subject=self._name, facts=one) for one in (NO_PROOF, proof.facts)
            ]
            return More([noted[0], self._reader.job(window, proof.time_format), noted[1]])
        return Slice([], subject=self._name, announced=0) if page.total_hits == 0 else None

    def _without_filter(
        self, sample: Page, start: int | None, end: int, reason: str
    ) -> Callable[[], Slice | More[Slice]]:
        """Return what reads by the order of changes where that can be verified, else all."""
        all_records = self._read_all(lambda row: _changed(row, start), end)
        if start is not None and _have_an_order(sample):
            logger.warning(
                "%s: %s; reading it sorted, newest first, down to %s",
                self._name,
                reason,
                to_iso_seconds(start),
            )
            field = self._filter.field
            return SortedReader(self._reader, field, start, end, all_records).job
        logger.warning(
            "%s: %s; reading all %s records%s",
            self._name,
            reason,
            "" if sample.total_hits is None else sample.total_hits,
            "" if start is None else f" for those changed since {to_iso_seconds(start)}",
        )
        return all_records

    def _get(self, params: Params) -> Page:
        return self._reader.source.page(params)

    def _first_page(self, page_size: int) -> Params:
        return paginator_for(self._reader.spec.paging, page_size).first()

    def _sample(self) -> Page:
        """Read a few records, or a whole page of them when none of the few will do."""
        sample = self._get({"pageSize": self._sample_size})
        if not any(_is_known(row) for row in sample.rows) and sample.total_hits != 0:
            sample = self._get({"pageSize": other_page_size(self._reader.page_size, 1)})
        return sample

    def _working_format(self, sample: Page) -> tuple[TimeFormat | None, str]:
        """Return the way of writing a time that the API understands, or None and the reason."""
        if self._filter.documented:
            return self._filter.time_formats[0], ""
        field = self._filter.field
        dated = [row for row in sample.rows if _is_known(row)]
        if not dated:
            return None, f"records have no {field}"
        # The one changed longest ago is the least likely to change between two requests.
        date, key, _ = min(dated, key=lambda row: row[0] or 0)
        second = floor_second(date or 0)
        window = Window(second, second + SECOND)
        reason = ""
        for time_format in self._filter.time_formats:
            params = {
                **range_params(self._filter, window, time_format),
                **self._first_page(self._reader.page_size),
            }
            try:
                page = self._get(params)
            except RefusedError as error:
                if error.status != 400:  # noqa: PLR2004
                    raise
                reason = f"the API refuses a filter on {field} ({error.api_message})"
                continue
            found = key in {row[1] for row in page.rows} or _is_cut(page)
            if (
                found
                and _lie_in(page, window)
                and not self._gives_all(page, sample, window, time_format)
            ):
                return time_format, ""
            reason = f"the API ignores a filter on {field}"
        return None, reason

    def _gives_all(self, page: Page, sample: Page, window: Window, time_format: TimeFormat) -> bool:
        """Whether the API gives everything, which happens to lie in the second asked for."""
        if page.total_hits is not None and page.total_hits != sample.total_hits:
            return False
        before = Window(window.start - SECOND, window.start)
        params = {**range_params(self._filter, before, time_format), "pageSize": 1}
        rows = self._get(params).rows
        return any(date is None or date >= window.start for date, _, _ in rows)

    def _windows(
        self, start: int | None, end: int, time_format: TimeFormat, *, ends_now: bool
    ) -> list[Callable[[], Slice | More[Slice]]]:
        windows = [Window(start, end)] if start is not None and start < end else []
        if start is None:
            edge = min(_BEFORE_PX, end - SECOND)
            windows = [Window(ALL_TIME.start, edge), Window(edge, end)]
        if ends_now:
            # Dates ahead of the clock. What changes during this run is left to the next one.
            windows.append(Window(end + DAY, ALL_TIME.end))
        return [self._reader.job(window, time_format) for window in windows]

    def _has_undated(self, time_format: TimeFormat, sample: Page) -> bool:
        """Whether there may be records that no filter finds.

        Those before and those after a moment are counted apart: counts that are cut off
        (Elasticsearch counts to 10,000 unless told otherwise) then do not add up to the total.
        """
        first = min(date for date, _, _ in filter(_is_known, sample.rows) if date is not None)
        edge = floor_second(first) + SECOND
        dated = 0
        for window in (Window(ALL_TIME.start, edge), Window(edge, ALL_TIME.end)):
            params = {
                **range_params(self._filter, window, time_format),
                **self._first_page(self._sample_size),
            }
            page = self._get(params)
            if page.total_hits is None or not _lie_in(page, window):
                return True
            dated += page.total_hits
        return dated != sample.total_hits

    def _read_all(
        self, wanted: Callable[[Row], bool], read_to: int | None, *, counts: bool = True
    ) -> Callable[[], Slice | More[Slice]]:
        return FullReader(self._reader, wanted, read_to, counts=counts).next_page


def _is_known(row: Row) -> bool:
    """Whether a record can be looked for by its date, and recognised."""
    return has_key(row) and not _is_out_of_reach(row)


def _have_an_order(sample: Page) -> bool:
    """Whether all of a few records can be put in the order of their changes."""
    return bool(sample.rows) and all(map(_is_known, sample.rows))


def _is_out_of_reach(row: Row) -> bool:
    """Whether a record has no date that a filter can name."""
    return row[0] is None or not ALL_TIME.start < row[0] < ALL_TIME.end


def _lie_in(page: Page, window: Window) -> bool:
    """Whether all records of a page have a date within a window."""
    return all(date is not None and window.start <= date < window.end for date, _, _ in page.rows)


def _is_cut(page: Page) -> bool:
    """Whether more records match than the page shows."""
    return page.total_hits is not None and page.total_hits > len(page.rows) > 0


def _changed(row: Row, start: int | None) -> bool:
    return row[0] is None or start is None or row[0] >= start
