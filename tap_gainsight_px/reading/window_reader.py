"""Reads one window of one stream: its records whole, in order, each once.

Nothing of a window is handed on before all of it is there and proved by the rule of completeness.
Whatever goes wrong on the way, the window is read again from its start.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

from tap_gainsight_px.errors import RefusedError, TapError
from tap_gainsight_px.reading.completeness import counting_page_size, other_page_size
from tap_gainsight_px.reading.filter_formats import FilterFormats
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.page_source import PageRequest, PageSource
from tap_gainsight_px.reading.paginators import paginator_for
from tap_gainsight_px.reading.window_reading import WindowReading, is_refused_filter
from tap_gainsight_px.reading.windows import PartSizes
from tap_gainsight_px.records.page import Slice, dates_and_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_gainsight_px.catalog.spec import TimeFormat
    from tap_gainsight_px.reading.windows import Window
    from tap_gainsight_px.records.page import Row

logger = logging.getLogger(__name__)

Job: TypeAlias = "Callable[[], Slice | More[Slice]]"


class WindowReader:
    """Reads windows of one stream. Threads may share it."""

    def __init__(
        self,
        source: PageSource,
        *,
        window_max_records: int,
        wait: Callable[[float], None],
        now: int = 0,
        windows_at_once: int = 1,
    ) -> None:
        """Prepare for one stream.

        Args:
            source: Reads the pages.
            window_max_records: A window that holds more is split.
            wait: Waits that many seconds before a window is read again.
            now: The start of the run, epoch milliseconds.
            windows_at_once: How many windows are read side by side.
        """
        self.source = source
        self.spec = source.spec
        self.page_size = source.page_size
        self._sizes = PartSizes(window_max_records, windows_at_once)
        self.wait = wait
        self.now = now
        self._formats = FilterFormats(source.spec, now)

    def jobs(self, windows: Sequence[Window], *, fills_back: bool = False) -> list[Job]:
        """Return the jobs that read windows one behind the other.

        Args:
            windows: Stretches of time.
            fills_back: Whether they go back in time.
        """
        left = [*accumulate(window.seconds for window in windows[::-1])][::-1]
        return [
            self.job(window, fills_back=fills_back, seconds_left=seconds)
            for window, seconds in zip(windows, left, strict=True)
        ]

    def job(
        self,
        window: Window | None,
        time_format: TimeFormat | None = None,
        *,
        parent: str | None = None,
        needs_proof: bool = False,
        fills_back: bool = False,
        seconds_left: int = 0,
    ) -> Job:
        """Return the job that reads one window.

        Args:
            window: The stretch of time; None for everything the endpoint has.
            time_format: How times are written in a filter; None to find it out.
            parent: The record of the parent stream that is asked about.
            needs_proof: Whether the loader will delete what the result lacks.
            fills_back: Whether the latest part comes first, where the window is split.
            seconds_left: How much time there is to read, this window included, if that is known.
        """
        request = PageRequest(
            self.spec,
            window,
            time_format,
            parent,
            fills_back=fills_back,
            seconds_left=seconds_left,
        )
        return lambda: self._read(request, needs_proof=needs_proof)

    def sample(self, window: Window) -> Sequence[Row]:
        """Read the first page of a window, whatever else it holds."""
        paging = paginator_for(self.spec.paging, self.page_size).first()
        while True:
            request = self._formats.applied(PageRequest(self.spec, window))
            try:
                return self.source.page({**request.params, **paging}, request).rows
            except RefusedError as error:
                if not is_refused_filter(error):
                    raise
                if not self._formats.give_up(request.time_format, error.api_message):
                    raise

    def count(self, window: Window) -> int | None:
        """Ask how many records a window holds; None where PX does not tell, or ignores the range.

        Raises:
            RequestError: PX does not answer.
        """
        paging = paginator_for(self.spec.paging, counting_page_size(self.page_size)).first()
        refusal: RefusedError | None = None
        # None of them is given up for what is refused here: it may be so small a page.
        for request in self._formats.in_each_form(PageRequest(self.spec, window)):
            try:
                page = self.source.page({**request.params, **paging}, request)
            except RefusedError as error:
                if not is_refused_filter(error):
                    raise
                refusal = refusal or error
                continue
            dates, _ = dates_and_keys(page.rows)
            if all(date is None or window.start <= date <= window.end for date in dates):
                return page.total_hits
        if refusal is not None:
            raise refusal
        return None

    def _read(
        self,
        request: PageRequest,
        whole: _SplitWindow | None = None,
        *,
        needs_proof: bool = False,
    ) -> Slice | More[Slice]:
        """Read what is asked for; `whole` is the window that it is a part of."""
        try:
            reading = WindowReading(
                self.source,
                request,
                self._formats,
                sizes=self._sizes,
                wait=self.wait,
                is_part=whole is not None,
                needs_proof=needs_proof,
            )
            parts = reading.until_whole()
            if whole is not None and (unheld := whole.report(request, reading.holds)):
                return self._find_unheld(whole, unheld, self._outcome(reading, parts))
            return self._outcome(reading, parts)
        except TapError as error:
            error.during(request.subject)
            raise

    def _outcome(self, reading: WindowReading, parts: list[PageRequest]) -> Slice | More[Slice]:
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
