"""The only back-off: what is tried again, for how long, and how long after."""

from __future__ import annotations

import logging
import math
import random
import threading
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import backoff

from tap_gainsight_px.errors import (
    DuplicateRequestError,
    RateLimitedError,
    RetriableError,
    TooManyScrollsError,
)
from tap_gainsight_px.tally import Wait, here

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

# The first try of several is told, and then those that somebody waits for. What several workers
# meet is told once.
_LONG_WAIT_SECONDS = 5.0
_QUIET_SECONDS = 5.0

# Its own: the one of the process belongs to whoever has set its seed, as property tests do.
_CHANCE = random.Random()  # noqa: S311 - to be spread, not to be secret


class Told:
    """What has been told of late, by whatever worker. Threads share it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Know of nothing yet; `clock` gives seconds and never goes back."""
        self._clock = clock
        self._lock = threading.Lock()
        self._at: dict[str, float] = {}

    def is_news(self, error: RetriableError) -> bool:
        """Whether nobody has told of this error, from whatever path, for some seconds."""
        cause = error.fact.removeprefix(f"GET {error.path}: ")
        with self._lock:
            now = self._clock()
            is_news = now - self._at.get(cause, -math.inf) >= _QUIET_SECONDS
            if is_news:
                self._at[cause] = now
            return is_news


def retrying(
    wait: Callable[[float], None], *, seconds: float, clock: Callable[[], float], told: Told
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator that calls a function again after a `RetriableError`.

    Args:
        wait: Waits that many seconds; may raise to give up.
        seconds: For how long after its first error it is called again; the last call comes when
            they are over. 0: never.
        clock: Seconds on a clock that never goes back.
        told: Knows what other workers have told.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        def retried(*args: P.args, **kwargs: P.kwargs) -> T:
            tries = _Tries(wait, seconds, clock, told)
            return backoff.on_exception(
                tries.waits, RetriableError, giveup=tries.are_over, jitter=None, logger=None
            )(function)(*args, **kwargs)

        return retried

    return decorate


class _Tries:
    """The tries of one call."""

    def __init__(
        self,
        wait: Callable[[float], None],
        seconds: float,
        clock: Callable[[], float],
        told: Told,
    ) -> None:
        self._wait = wait
        self._seconds = seconds
        self._clock = clock
        self._told = told
        self._began: float | None = None
        self._step = 0.0
        self._is_told = False

    def are_over(self, error: Exception) -> bool:
        """Whether the error is the last one."""
        if self._began is None:
            self._began = self._clock()
        return self._left(error) <= 0

    def waits(self) -> Generator[float, Exception, None]:
        """Wait between the tries, and leave nothing to wait for to `backoff`.

        Its own sleep is deaf to a signal; `wait` is not.
        """
        error = yield 0
        while True:
            if isinstance(error, RetriableError):
                seconds = min(self._next_wait(error), self._left(error))
                is_news = not self._is_told or seconds >= _LONG_WAIT_SECONDS
                self._is_told = True
                level = logging.INFO if is_news and self._told.is_news(error) else logging.DEBUG
                # What to do about it is for when it stays like this.
                logger.log(level, "%s; trying again in %.1f s", error.fact, seconds)
                self._wait_for(error, seconds)
            error = yield 0

    def _wait_for(self, error: RetriableError, seconds: float) -> None:
        began = self._clock()
        is_retry = False
        try:
            self._wait(seconds)
            is_retry = True
        finally:
            here().note_wait(_cause(error), self._clock() - began, is_retry=is_retry)

    def _left(self, error: Exception) -> float:
        patience = error.longest_patience if isinstance(error, RetriableError) else 0.0
        return min(self._seconds, patience) - (self._clock() - (self._began or 0.0))

    def _next_wait(self, error: RetriableError) -> float:
        self._step = min(max(2 * self._step, error.first_wait), error.longest_wait)
        # A block that each early try renews is waited out in full. Else jitter keeps workers that
        # failed together from coming back together.
        is_full = isinstance(error, DuplicateRequestError)
        seconds = self._step if is_full else _CHANCE.uniform(self._step / 4, self._step)
        # What the API asks for may make the wait longer, never shorter.
        return max(seconds, error.retry_after or 0.0)


def _cause(error: RetriableError) -> Wait:
    if isinstance(error, RateLimitedError):
        return Wait.PX_429
    return Wait.SCROLL_LIMIT if isinstance(error, TooManyScrollsError) else Wait.RETRY
