"""One limit on requests, shared by all workers, and the pause that a 429 asks for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pyrate_limiter import InMemoryBucket, Rate, RateItem

if TYPE_CHECKING:
    from collections.abc import Callable

# Requests may arrive a little closer together at the server than they were granted here. Counting
# them over slightly more than a second leaves room for that, and so does spreading them: those of
# a burst that wait for one another somewhere on the way would all arrive late together.
_INTERVAL_MS = 1_060
_SLICES = 10


class RateLimit:
    """Grants at most `requests_per_second` requests in any one second, to all threads together."""

    def __init__(
        self,
        requests_per_second: int,
        *,
        clock: Callable[[], float],
        wait: Callable[[float], None],
    ) -> None:
        """Start with nothing granted.

        Args:
            requests_per_second: The limit.
            clock: Seconds on a clock that never goes back.
            wait: Waits that many seconds; may raise to end the wait for good.
        """
        rates = [Rate(requests_per_second, _INTERVAL_MS)]
        if requests_per_second > _SLICES:
            rates.insert(0, Rate(-(-requests_per_second // _SLICES), _INTERVAL_MS // _SLICES))
        self._bucket = InMemoryBucket(rates)
        self._clock = clock
        self._wait = wait
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._paused_until_ms = 0

    def acquire(self) -> None:
        """Wait until one more request may be sent."""
        # One waits for the next moment, the others for their turn: if all of them woke up for a
        # moment that only one can have, that would cost a tenth of the CPU.
        with self._turn:
            while (delay_ms := self._try()) > 0:
                self._wait(delay_ms / 1_000)

    def pause(self, seconds: float) -> None:
        """Grant nothing to any worker for `seconds` from now."""
        with self._lock:
            until = self._now_ms() + int(seconds * 1_000)
            self._paused_until_ms = max(self._paused_until_ms, until)

    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)

    def _try(self) -> int:
        """Return 0 when granted, else the milliseconds after which to ask again."""
        with self._lock:
            now_ms = self._now_ms()
            if now_ms < self._paused_until_ms:
                return self._paused_until_ms - now_ms
            item = RateItem("request", now_ms)
            if self._bucket.put(item):
                self._bucket.leak(now_ms)
                return 0
            waiting = self._bucket.waiting(item)
            return max(1, waiting if isinstance(waiting, int) else 1)
