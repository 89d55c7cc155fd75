"""Limits that a well-behaved client has to keep: rate, day, identical requests."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from px_sandbox.errors import RefusedError
from px_sandbox.times import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from px_sandbox.clock import Clock
    from px_sandbox.misbehaviour import Misbehaviour

DUPLICATE_MESSAGE = "Duplicate request blocked. Please wait before retrying"


class Limits:
    """Counts requests and refuses those that are too many. Refused ones do not count."""

    def __init__(
        self, clock: Clock, misbehaviour: Misbehaviour, monotonic: Callable[[], float] | None = None
    ) -> None:
        """Apply the limits of ``misbehaviour``.

        The day is one of ``clock``; seconds are real ones (``monotonic``), because clients wait
        for real.
        """
        self._clock = clock
        self._misbehaviour = misbehaviour
        self._monotonic = monotonic or time.monotonic
        self._recent: deque[float] = deque()
        self._day = -1
        self._today = 0
        self._last_sent: OrderedDict[str, float] = OrderedDict()

    def check(self, target: str) -> None:
        """Count a request for ``target`` (path and known parameters), or refuse it."""
        now = self._monotonic()
        self._check_day()
        self._check_rate(now)
        self._check_duplicate(target, now)
        self._today += 1
        self._recent.append(now)

    def _check_day(self) -> None:
        limit = self._misbehaviour.requests_per_day
        now_ms = self._clock.now_ms()
        day = now_ms // DAY_MS
        if day != self._day:
            self._day, self._today = day, 0
        if limit is not None and self._today >= limit:
            seconds = math.ceil(((day + 1) * DAY_MS - now_ms) / 1000)
            msg = f"Daily limit of {limit} API requests exceeded; it is reset at 00:00 UTC"
            raise RefusedError(429, msg, {"Retry-After": str(seconds)})

    def _check_rate(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        limit = self._misbehaviour.requests_per_second
        if limit is not None and len(self._recent) >= limit:
            msg = f"Rate limit of {limit} requests a second exceeded"
            raise RefusedError(429, msg, {"Retry-After": "1"})

    def _check_duplicate(self, target: str, now: float) -> None:
        window = self._misbehaviour.duplicate_window_ms / 1000
        if not window:
            return
        sent = self._last_sent
        while sent and next(iter(sent.values())) <= now - window:
            sent.popitem(last=False)
        if target in sent:
            if self._misbehaviour.duplicates_renewed:
                sent[target] = now
                sent.move_to_end(target)
            raise RefusedError(self._misbehaviour.duplicate_status, DUPLICATE_MESSAGE)
        sent[target] = now
