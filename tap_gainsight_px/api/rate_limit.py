"""One limit on requests, shared by all workers: it falls when PX says 429 and grows again.

Whoever asks is told at once when it may send, and sleeps until then by itself: however late it
wakes up, nobody else waits for it. What counts is when it really went, so being late in a bunch
makes no second too full: a moment is given away only if, with all those that were given a moment
and have not gone yet, it leaves every second within the limit.
"""

from __future__ import annotations

import threading
from bisect import insort
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Requests may arrive a little closer together at the server than they were granted here. Counting
# them over slightly more than a second leaves room for that, and so does spreading them: those of
# a burst that wait for one another somewhere on the way would all arrive late together.
_INTERVAL_MS = 1_060

# They are spread a little closer than the limit would have it, and a few may go at once: who was
# late is made up for. Where few are allowed in a second, there is nothing to spread.
_CLOSER = 1.1
_AT_ONCE = 20
_SPREAD_FROM = 10

# So far ahead a moment is given away. Those who would have to wait for longer stand in line behind
# one of them, who looks; for it is a wake-up each, and a refusal takes all moments back.
_AHEAD_MS = 200

# After a 429 the rate is halved. It takes half a minute without another one until it grows, by a
# twentieth of the limit every ten seconds: five minutes from the lowest rate to the limit.
_GROWS_AFTER_MS = 30_000
_GROWS_EVERY_MS = 10_000
_GROWS_IN_STEPS = 20

# All workers pause after a 429: a second after the first, twice as long after each in a row.
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class Schedule:
    """When requests went and when the next ones may go, in milliseconds. Knows no clock."""

    def __init__(self, rate: int) -> None:
        """Start with nothing given away; `rate` is how many may go in a second, and may change."""
        self.rate = rate
        self._most = rate
        self._given: list[int] = []
        self._went: list[int] = []
        self._spread_to = 0.0

    @property
    def first_given(self) -> int:
        """The earliest moment that was given away and is not settled yet; there has to be one."""
        return min(self._given)

    def next(self, earliest: int) -> int | None:
        """Return the next moment, from `earliest` on, that leaves every second within the rate.

        None while as many are given away as may go in a second: it depends on when they go.
        """
        room = self.rate - len(self._given)
        if room <= 0:
            return None
        moment = earliest
        if len(self._went) >= room:
            moment = max(moment, self._went[-room] + _INTERVAL_MS)
        if self.rate > _SPREAD_FROM:
            at_once = self.rate // _AT_ONCE * self._gap_ms
            moment = max(moment, ceil(self._spread_to - at_once))
        return moment

    def give(self, moment: int) -> None:
        """Give a moment away, which `next` has returned."""
        self._given.append(moment)
        self._spread_to = max(self._spread_to, moment) + self._gap_ms

    def settle(self, moment: int, went_at: int | None) -> None:
        """Note when who was given a moment has gone, which may be late; None: it does not go."""
        self._given.remove(moment)
        if went_at is not None:
            insort(self._went, went_at)
            del self._went[: -self._most]

    @property
    def _gap_ms(self) -> float:
        return 1_000 / (_CLOSER * self.rate)


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
        self._schedule = Schedule(requests_per_second)
        self._clock = clock
        self._wait = wait
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._asking = 0
        self._paused_until_ms = 0
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._slowed_at_ms = -1
        self._grows_at_ms = 0

    @property
    def rate(self) -> int:
        """Requests a second that are granted at present."""
        return self._schedule.rate

    @property
    def is_used_up(self) -> bool:
        """Whether as many wait as the limit lets go in a tenth of a second: more are of no use."""
        return self._asking > max(1, self.rate // 10)

    def acquire(self) -> int:
        """Wait until one more request may be sent; return the moment at which it is granted."""
        with self._waiting():
            while True:
                with self._turn:
                    while (moment := self._reserve()) is None:
                        self._wait(self._until_next() / 1_000)
                if (granted_at := self._await(moment)) is not None:
                    return granted_at

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
                self._schedule.rate = max(1, self.rate // 2)
                self._slowed_at_ms = now_ms
            until = now_ms + int(seconds * 1_000)
            self._paused_until_ms = max(self._paused_until_ms, until)
            self._grows_at_ms = self._paused_until_ms + _GROWS_AFTER_MS

    def note_success(self) -> None:
        """Let the next pause be short again, because PX has answered."""
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)

    def _grow(self, now_ms: int) -> None:
        if self.rate < self._most and now_ms >= self._grows_at_ms:
            steps = 1 + (now_ms - self._grows_at_ms) // _GROWS_EVERY_MS
            self._grows_at_ms += steps * _GROWS_EVERY_MS
            step = -(-self._most // _GROWS_IN_STEPS)
            self._schedule.rate = min(self._most, self.rate + steps * step)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Count who asks."""
        with self._lock:
            self._asking += 1
        try:
            yield
        finally:
            with self._lock:
                self._asking -= 1

    def _reserve(self) -> int | None:
        """Give away the next moment, unless it is too far ahead or not known yet."""
        with self._lock:
            now_ms = self._now_ms()
            if now_ms >= self._paused_until_ms:
                self._grow(now_ms)
            moment = self._schedule.next(max(now_ms, self._paused_until_ms))
            if moment is None or moment > now_ms + _AHEAD_MS:
                return None
            self._schedule.give(moment)
            return moment

    def _until_next(self) -> int:
        """Return the milliseconds after which it is worth while to try and reserve again."""
        with self._lock:
            now_ms = self._now_ms()
            moment = self._schedule.next(max(now_ms, self._paused_until_ms))
            at = self._schedule.first_given if moment is None else moment - _AHEAD_MS
            return max(1, at - now_ms)

    def _await(self, moment: int) -> int | None:
        """Wait for a moment and go; return when, or None where there is a pause by then."""
        try:
            while (delay_ms := moment - self._now_ms()) > 0:
                self._wait(delay_ms / 1_000)
        except BaseException:
            with self._lock:
                self._schedule.settle(moment, None)
            raise
        with self._lock:
            now_ms = self._now_ms()
            went_at = None if now_ms < self._paused_until_ms else now_ms
            self._schedule.settle(moment, went_at)
            return went_at
