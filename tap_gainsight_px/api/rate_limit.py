"""One limit on requests, shared by all workers: it falls when PX says 429 and grows again."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from pyrate_limiter import InMemoryBucket, Rate, RateItem

from tap_gainsight_px.tally import Wait, here

if TYPE_CHECKING:
    from collections.abc import Callable

# Requests may arrive a little closer together at the server than they were granted here. Counting
# them over slightly more than a second leaves room for that, and so does spreading them: those of
# a burst that wait for one another somewhere on the way would all arrive late together.
_INTERVAL_MS = 1_060
_SLICES = 10
# A worker that wakes up late has missed its moment. What a tenth lets go beyond its share makes up
# for that in the next one; the whole second still holds no more.
_SHARE_OF_SLICE = 1.2

# After a 429 the rate is halved. It takes half a minute without another one until it grows, by a
# twentieth of the limit every ten seconds: five minutes from the lowest rate to the limit.
_GROWS_AFTER_MS = 30_000
_GROWS_EVERY_MS = 10_000
_GROWS_IN_STEPS = 20

# All workers pause after a 429: a second after the first, twice as long after each in a row.
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class RateLimit:
    """Grants at most `requests_per_second` requests in any one second, to all threads together."""

    def __init__(
        self,
        requests_per_second: int,
        *,
        clock: Callable[[], float],
        wait: Callable[[float], None],
    ) -> None:
        """Start with nothing granted, at the full rate.

        Args:
            requests_per_second: The limit, which the rate never exceeds.
            clock: Seconds on a clock that never goes back.
            wait: Waits that many seconds; may raise to end the wait for good.
        """
        self._most = requests_per_second
        self._rate = requests_per_second
        self._bucket = InMemoryBucket(_rates(requests_per_second))
        self._clock = clock
        self._wait = wait
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._asking = 0
        self._paused_from_ms = self._paused_until_ms = 0
        self._paused_before_ms = 0
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._slowed_at_ms = -1
        self._grows_at_ms = 0

    @property
    def rate(self) -> int:
        """Requests a second that are granted at present."""
        return self._rate

    @property
    def is_used_up(self) -> bool:
        """Whether more wait than the limit lets go in a fifth of a second."""
        return self._asking > max(1, self.rate // 5)

    def acquire(self) -> int:
        """Wait until one more request may be sent; return the moment at which it is granted."""
        with self._lock:
            self._asking += 1
            began = self._now_ms()
            paused = self._paused_ms(began)
        try:
            # One waits for the next moment, the others for their turn: if all of them woke up for a
            # moment that only one can have, that would cost a tenth of the CPU.
            with self._turn:
                while (delay_ms := self._try()) > 0:
                    self._wait(delay_ms / 1_000)
                return self._now_ms()
        finally:
            with self._lock:
                self._asking -= 1
                waited = self._now_ms() - began
                paused = self._paused_ms(began + waited) - paused
            if waited:
                tally = here()
                tally.note_wait(Wait.PX_429, paused / 1_000)
                tally.note_wait(Wait.RATE_LIMIT, (waited - paused) / 1_000)

    def slow_down(self, granted_at: int, retry_after: float | None = None) -> None:
        """Halve the rate and pause all workers, because PX has refused a request with 429.

        Args:
            granted_at: What `acquire` has returned for that request.
            retry_after: Seconds for which PX wants no request at all, if it says so.
        """
        with self._lock:
            now_ms = self._now_ms()
            seconds = retry_after or 0.0
            # Whoever was granted before the last halving met the rate of before.
            if granted_at > self._slowed_at_ms:
                seconds = max(seconds, self._pause_seconds)
                self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
                self._set_rate(max(1, self._rate // 2))
                self._slowed_at_ms = now_ms
            if now_ms >= self._paused_until_ms:
                self._paused_before_ms = self._paused_ms(now_ms)
                self._paused_from_ms = self._paused_until_ms = now_ms
            until = now_ms + int(seconds * 1_000)
            self._paused_until_ms = max(self._paused_until_ms, until)
            self._grows_at_ms = self._paused_until_ms + _GROWS_AFTER_MS

    def note_success(self) -> None:
        """Let the next pause be short again, because PX has answered."""
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)

    def _paused_ms(self, now_ms: int) -> int:
        """Return how long all pauses together have lasted up to now, in milliseconds."""
        until = min(now_ms, self._paused_until_ms)
        return self._paused_before_ms + max(0, until - self._paused_from_ms)

    def _set_rate(self, rate: int) -> None:
        # What was granted at the old rate still counts.
        self._rate, self._bucket.rates = rate, _rates(rate)

    def _grow(self, now_ms: int) -> None:
        if self._rate < self._most and now_ms >= self._grows_at_ms:
            steps = 1 + (now_ms - self._grows_at_ms) // _GROWS_EVERY_MS
            self._grows_at_ms += steps * _GROWS_EVERY_MS
            step = -(-self._most // _GROWS_IN_STEPS)
            self._set_rate(min(self._most, self._rate + steps * step))

    def _try(self) -> int:
        """Return 0 when granted, else the milliseconds after which to ask again."""
        with self._lock:
            now_ms = self._now_ms()
            if now_ms < self._paused_until_ms:
                return self._paused_until_ms - now_ms
            self._grow(now_ms)
            item = RateItem("request", now_ms)
            if self._bucket.put(item):
                self._bucket.leak(now_ms)
                return 0
            waiting = self._bucket.waiting(item)
            return max(1, waiting if isinstance(waiting, int) else 1)


def _rates(requests_per_second: int) -> list[Rate]:
    rates = [Rate(requests_per_second, _INTERVAL_MS)]
    if requests_per_second > _SLICES:
        in_slice = math.ceil(_SHARE_OF_SLICE * requests_per_second / _SLICES)
        rates.insert(0, Rate(in_slice, _INTERVAL_MS // _SLICES))
    return rates
