"""One limit on requests, shared by all workers: it falls when PX says 429 and grows again."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from tap_gainsight_px.api.arrivals import Arrivals
from tap_gainsight_px.tally import Wait, here

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.api.arrivals import Grant

# After a 429 the rate is halved. It takes half a minute without another one until it grows, by a
# twentieth of the limit every ten seconds: five minutes from the lowest rate to the limit.
_GROWS_AFTER_SECONDS = 30.0
_GROWS_EVERY_SECONDS = 10.0
_GROWS_IN_STEPS = 20

# All workers pause after a 429: a second after the first, twice as long after each in a row.
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class _Place:
    """Where one worker stands in line."""

    def __init__(self) -> None:
        self.grant: Grant | None = None
        self._called = threading.Lock()
        self._called.acquire()

    def call(self) -> None:
        self._called.release()

    def wait(self) -> None:
        self._called.acquire()


class RateLimit:
    """Lets at most `requests_per_second` requests arrive in any second, of all threads."""

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
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._line: deque[_Place] = deque()
        self._arrivals = Arrivals(clock)
        self._paused_from = self._paused_until = 0.0
        self._paused_before = 0.0
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._slowed_at = -1.0
        self._grows_at = 0.0

    @property
    def rate(self) -> int:
        """Requests a second that are granted at present."""
        return self._rate

    @property
    def is_used_up(self) -> bool:
        """Whether more wait than the limit lets go in a fifth of a second."""
        return len(self._line) > max(1, self.rate // 5)

    def acquire(self) -> Grant:
        """Wait until one more request may be sent. Whoever sends it tells the grant when."""
        place = _Place()
        with self._lock:
            began = self._clock()
            paused = self._paused(began)
            self._line.append(place)
            is_first = len(self._line) == 1
        try:
            # The first in line waits for the next moment, the others until they are called. If all
            # of them woke up for each moment, that would cost a tenth of the CPU.
            if not is_first:
                place.wait()
            while place.grant is None:
                if delay := self._give():
                    self._wait(delay)
        finally:
            with self._lock:
                if place.grant is None:
                    self._line.remove(place)
                    self._call_first()
                now = self._clock()
                waited = now - began
                paused = self._paused(now) - paused
            if waited:
                tally = here()
                tally.note_wait(Wait.PX_429, paused)
                tally.note_wait(Wait.RATE_LIMIT, waited - paused)
        return place.grant

    def slow_down(self, grant: Grant, retry_after: float | None = None) -> None:
        """Halve the rate and pause all workers, because PX has refused a request with 429.

        Args:
            grant: What `acquire` has returned for that request.
            retry_after: Seconds for which PX wants no request at all, if it says so.
        """
        with self._lock:
            now = self._clock()
            seconds = retry_after or 0.0
            # Whoever was granted before the last halving met the rate of before.
            if grant.at > self._slowed_at:
                seconds = max(seconds, self._pause_seconds)
                self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)
                # What was granted at the old rate still counts.
                self._rate = max(1, self._rate // 2)
                self._slowed_at = now
            if now >= self._paused_until:
                self._paused_before = self._paused(now)
                self._paused_from = self._paused_until = now
            self._paused_until = max(self._paused_until, now + seconds)
            self._grows_at = self._paused_until + _GROWS_AFTER_SECONDS

    def note_success(self) -> None:
        """Let the next pause be short again, because PX has answered."""
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def _paused(self, now: float) -> float:
        """Return how long all pauses together have lasted up to now, in seconds."""
        until = min(now, self._paused_until)
        return self._paused_before + max(0.0, until - self._paused_from)

    def _grow(self, now: float) -> None:
        if self._rate < self._most and now >= self._grows_at:
            steps = 1 + int((now - self._grows_at) / _GROWS_EVERY_SECONDS)
            self._grows_at += steps * _GROWS_EVERY_SECONDS
            step = -(-self._most // _GROWS_IN_STEPS)
            self._rate = min(self._most, self._rate + steps * step)

    def _give(self) -> float:
        """Grant what may go now to the first in line; return the seconds until to ask again."""
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return self._paused_until - now
            self._grow(now)
            room = min(self._arrivals.room(now, self._rate), len(self._line))
            if room <= 0:
                return self._arrivals.delay(now, self._rate)
            first, *others = [self._line.popleft() for _ in range(room)]
            first.grant = self._arrivals.grant(now)
            for place in others:
                place.grant = self._arrivals.grant(now)
                place.call()
            self._call_first()
            return 0.0

    def _call_first(self) -> None:
        """Let the first in line wait for the next moment, in place of the one before."""
        if self._line:
            self._line[0].call()
