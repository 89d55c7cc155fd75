"""Which way of writing a time an endpoint understands in its `filter`: found out, not assumed.

Each event endpoint is documented, or known, to take one form: ISO-8601 text or epoch milliseconds.
Where PX refuses that with status 400, or answers with records from outside the range, the other
form is tried, once for each stream and run.

A filter that is ignored can look like an empty past: without a range PX gives the last day only.
So what brings nothing from before the last day is asked for once in the other form too, until one
window has shown that the form works. That costs nothing where a sync reads the last hours.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import RangeParams, TimeFormat
from tap_gainsight_px.timestamps import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.reading.page_source import PageRequest

logger = logging.getLogger(__name__)

_NAMES = {TimeFormat.ISO: "ISO-8601 text", TimeFormat.EPOCH_MS: "epoch milliseconds"}


class FilterFormats:
    """The form that one stream's requests are written in. Threads share it."""

    def __init__(self, spec: StreamSpec, now: int = 0) -> None:
        """Start with the form that the stream table names first.

        Args:
            spec: The stream.
            now: The start of the run, epoch milliseconds.
        """
        time_range = spec.time_range
        uses_filter = time_range is not None and time_range.params is not RangeParams.RANGE
        self._name = spec.name
        self._left = list(time_range.time_formats) if time_range and uses_filter else []
        self._lock = threading.Lock()
        self._recent = now - 2 * DAY
        self._is_verified = False

    def applied(self, request: PageRequest) -> PageRequest:
        """Return the request with times in the present form, unless it names one itself."""
        with self._lock:
            if request.time_format is not None or not self._left:
                return request
            return replace(request, time_format=self._left[0])

    def in_each_form(self, request: PageRequest) -> list[PageRequest]:
        """Return the request in each form that may work, the present one first."""
        with self._lock:
            forms = list(self._left)
        return [replace(request, time_format=one) for one in forms] or [request]

    def is_given_up(self, time_format: TimeFormat | None) -> bool:
        """Whether a form has turned out not to work, perhaps for another window."""
        with self._lock:
            return bool(self._left) and time_format is not None and time_format not in self._left

    def other_to_check(self, request: PageRequest, earliest: int | None) -> PageRequest | None:
        """Return a window in the other form where the present one may have been ignored.

        Args:
            request: The window as it was asked for.
            earliest: The earliest date among its records; None where it has none.
        """
        with self._lock:
            if earliest is not None and earliest < self._recent:
                self._is_verified = True
            window = request.checked_window
            if (
                self._is_verified
                or window is None
                or window.start >= self._recent
                or request.time_format not in self._left
                or len(self._left) == 1
            ):
                return None
            other = next(form for form in self._left if form is not request.time_format)
            return replace(request, time_format=other)

    def is_older(self, dates: Sequence[int | None]) -> bool:
        """Whether one of these dates lies before what PX gives without a range."""
        return any(date is not None and date < self._recent for date in dates)

    def give_up(self, time_format: TimeFormat | None, reason: str) -> bool:
        """Take the next form, unless another thread already has.

        Args:
            time_format: The form that does not work.
            reason: Why, for the log.

        Returns:
            Whether there is another form to try.
        """
        with self._lock:
            if time_format is None or time_format not in self._left:
                return bool(self._left) and time_format is not None
            if len(self._left) == 1:
                return False
            self._left.remove(time_format)
            logger.warning(
                "%s: a filter with times as %s does not work (%s); trying %s",
                self._name,
                _NAMES[time_format],
                reason,
                _NAMES[self._left[0]],
            )
            return True
