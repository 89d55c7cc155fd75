"""The one door to PX: GET requests under the rate limit, tried again where that is of use."""

from __future__ import annotations

import math
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar
from urllib.request import getproxies

from tap_gainsight_px.api.connection import Connection
from tap_gainsight_px.api.responses import check_status, decoded
from tap_gainsight_px.api.retry import Told, retrying
from tap_gainsight_px.api.scroll_limit import ScrollLimit
from tap_gainsight_px.errors import (
    AnswerLostError,
    RateLimitedError,
    StoppedError,
    TooManyScrollsError,
    UnreachableError,
)
from tap_gainsight_px.redaction import hide, hide_address
from tap_gainsight_px.tally import here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_gainsight_px.api.arrivals import Grant
    from tap_gainsight_px.api.rate_limit import RateLimit
    from tap_gainsight_px.run_clock import RunClock
    from tap_gainsight_px.settings import Settings

T = TypeVar("T")

# Where no answer has ever come, the address is more likely to be wrong than PX to be down: whoever
# waits at a terminal is told soon. Seconds from the first request on, between two tries, and for
# each address of a host.
_FIRST_ANSWER_SECONDS = 10.0
_FIRST_WAIT_SECONDS = 2.0
_FIRST_CONNECT_SECONDS = 4.0

Params: TypeAlias = "Mapping[str, str | int]"
"""Query parameters of one request."""


class Get(Protocol):
    """What readers are given: `Transport.get`, or what stands in for it."""

    def __call__(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> T:
        """Send a GET request and decode its answer, as often as it takes."""


class Transport:
    """Requests to one PX account, shared by all workers."""

    def __init__(
        self,
        settings: Settings,
        rate_limit: RateLimit,
        wait: Callable[[float], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        run_clock: RunClock | None = None,
    ) -> None:
        """Open no connection yet.

        Args:
            settings: Where to, with which key, how fast and how often.
            rate_limit: Asked before every request.
            wait: Waits that many seconds between tries; may raise to end them.
            clock: Seconds on a clock that never goes back.
            run_clock: Told the `Date` of each answer.
        """
        hide(settings.api_key)
        for proxy in getproxies().values():
            hide_address(proxy)
        self._settings = settings
        self._rate_limit = rate_limit
        self._wait = wait
        self._clock = clock
        self._run_clock = run_clock
        self._local = threading.local()
        self._lock = threading.Lock()
        self._told = Told(clock)
        self._sent = 0
        self._began: float | None = None
        self._has_answered = False
        self.scrolls = ScrollLimit(settings.max_workers, clock=clock, wait=wait)

    @property
    def requests_sent(self) -> int:
        """Number of requests sent so far, retries included."""
        return self._sent

    def get(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> T:
        """Send a GET request and decode its answer, as often as it takes.

        Args:
            path: Path with its version prefix, such as `/v1/users`.
            params: Query parameters.
            decode: Turns the body into a value. A `ValueError` counts as an answer that did not
                arrive whole.
            on_lost: Called when it is sent again after its answer was lost: a scroll may have
                moved on by one page (Elasticsearch scrolls do).

        Raises:
            RefusedError: The API said no.
            RetriableError: All tries within `retry_timeout_seconds` failed; the last one like this.
            UnreachableError: Likewise, or nothing has ever answered in this run.
            ScrollLostError: The scroll that was to be continued no longer exists.
            DailyLimitError: The account's requests of the day are used up.
            StoppedError: `max_requests` is reached, or the run was asked to end.
        """
        once = partial(self._once, path, params, decode, on_lost)
        seconds = self._settings.retry_timeout_seconds
        return retrying(self._wait, seconds=seconds, clock=self._clock, told=self._told)(once)()

    def answer(self, path: str, params: Params) -> tuple[int, Mapping[str, str], bytes]:
        """Send a GET request once; return status, headers and body, whatever they say.

        No rate limit is asked: the caller leaves time between its requests.

        Raises:
            RequestError: No whole answer arrived.
            StoppedError: `max_requests` is reached, or the run was asked to end.
        """
        self._wait(0)  # a run that is to end sends nothing more
        self._count()
        return self._ask(path, params)

    def _once(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        on_lost: Callable[[], None] | None,
    ) -> T:
        grant = self._rate_limit.acquire()
        run_clock = self._run_clock
        try:
            self._wait(0)  # a run that is to end sends nothing more
            self._count()
            sent_at = run_clock.now() if run_clock else 0
            status, headers, body = self._ask(path, params, grant)
            check_status(path, status, headers, body, in_scroll="scrollId" in params)
            if run_clock:
                # Before anybody has the answer: what it holds was there at that time.
                run_clock.note(headers.get("Date"), sent_at)
            self._rate_limit.note_success()
            return decoded(path, status, body, decode)
        except RateLimitedError as error:
            self._rate_limit.slow_down(grant, error.retry_after)
            raise
        except TooManyScrollsError:
            self.scrolls.note_refusal()
            raise
        except AnswerLostError:
            if on_lost is not None:
                on_lost()
            raise
        finally:
            grant.sent()  # or it never was, and counts no longer than if it had been

    def _ask(
        self, path: str, params: Params, grant: Grant | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        if self._began is None:
            self._began = self._clock()
        longest = math.inf if self._has_answered else _FIRST_CONNECT_SECONDS
        began = self._clock()
        try:
            answer = self._connection().get(path, params, longest_connect=longest, grant=grant)
        except UnreachableError as error:
            if not self._has_answered:
                is_over = self._clock() - self._began >= _FIRST_ANSWER_SECONDS
                error.longest_patience = 0.0 if is_over else math.inf
                error.longest_wait = _FIRST_WAIT_SECONDS
            raise
        finally:
            here().note_answer(self._clock() - began)
        self._has_answered = True
        return answer

    def _count(self) -> None:
        limit = self._settings.max_requests
        with self._lock:
            if limit is not None and self._sent >= limit:
                message = (
                    f"stopped after max_requests ({limit}); what was written out is in STATE, "
                    "run again to continue from there"
                )
                raise StoppedError(message)
            self._sent += 1
        here().note_request()

    def _connection(self) -> Connection:
        """Return this worker's own connection."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = Connection(self._settings, self._clock)
        return connection
