"""The only back-off: what is tried again, how often, and how long after."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import backoff

from tap_gainsight_px.errors import RetriableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

# Waits of at most 0.5, 1, 2 … 30 seconds: about two minutes in all, and half of that on average.
MAX_TRIES = 10
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0


def retrying(wait: Callable[[float], None]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator that calls a function again after a `RetriableError`.

    Args:
        wait: Waits that many seconds; may raise to end the tries for good.
    """
    return backoff.on_exception(
        lambda: _waits(wait),
        RetriableError,
        max_tries=MAX_TRIES,
        jitter=None,
        logger=None,
    )


def _waits(wait: Callable[[float], None]) -> Generator[float, Exception, None]:
    """Wait between the tries, and leave nothing to wait for to `backoff`.

    Its own sleep is deaf to a stop; `wait` is not.
    """
    steps = backoff.expo(factor=_FIRST_WAIT_SECONDS, max_value=_LONGEST_WAIT_SECONDS)
    steps.send(None)
    error = yield 0
    while True:
        longest = next(steps)
        asked = error.retry_after if isinstance(error, RetriableError) else None
        # Full jitter keeps workers that failed together from coming back together.
        seconds = random.uniform(longest / 4, longest) if asked is None else asked  # noqa: S311
        logger.info("%s; trying again in %.1f s", error, seconds)
        wait(seconds)
        error = yield 0
