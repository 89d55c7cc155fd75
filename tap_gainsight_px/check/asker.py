"""Asks PX a few things, one after another, slowly, and never the same twice.

Each request is sent once and never tried again: what PX answers, refusals included, is what the
check wants to know. A refused duplicate or a 429 makes the next request wait longer.
"""

from __future__ import annotations

import codecs
import enum
import json
import logging
import re
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.api.responses import check_status
from tap_gainsight_px.errors import (
    AnswerLostError,
    DailyLimitError,
    DuplicateRequestError,
    EdgeRefusedError,
    RateLimitedError,
    RequestError,
    ScrollLostError,
    TapError,
    TooManyScrollsError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_gainsight_px.api.transport import Params

logger = logging.getLogger(__name__)

MOST_REQUESTS = 25
_SPACING_SECONDS = 1.0
_SPACING_AFTER_REFUSAL = 10.0
_LONGEST_SPACING = 60.0
_MOST_REFUSALS = 3
"""After so many 429 in a row nothing more is asked."""

_LIMIT_HEADER = re.compile(r"limit|quota|remaining|retry|throttl", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,40}")


class Outcome(str, enum.Enum):
    """What became of one request."""

    ANSWERED = "answered"
    KEY_REFUSED = "key refused"
    FORBIDDEN = "forbidden"
    EDGE_REFUSED = "refused by an edge"
    NOT_FOUND = "not found"
    REFUSED = "refused"
    DUPLICATE = "refused as a duplicate"
    LIMITED = "rate limited"
    DAY_USED_UP = "day used up"
    SCROLLS_USED_UP = "too many scrolls"
    SCROLL_LOST = "scroll lost"
    REDIRECTED = "redirected"
    BROKEN = "no usable answer"
    NO_CONNECTION = "no connection"


_BY_ERROR: tuple[tuple[type[TapError], Outcome], ...] = (
    (DuplicateRequestError, Outcome.DUPLICATE),
    (TooManyScrollsError, Outcome.SCROLLS_USED_UP),
    (ScrollLostError, Outcome.SCROLL_LOST),
    (EdgeRefusedError, Outcome.EDGE_REFUSED),
    (RateLimitedError, Outcome.LIMITED),
    (DailyLimitError, Outcome.DAY_USED_UP),
    (AnswerLostError, Outcome.BROKEN),
)
_BY_STATUS = {401: Outcome.KEY_REFUSED, 403: Outcome.FORBIDDEN, 404: Outcome.NOT_FOUND}


@dataclass(frozen=True)
class Answer:
    """What came back from one request.

    Attributes:
        outcome: What it means.
        status: HTTP status; None without an answer.
        content: The JSON of the body; None where there is none.
        ahead_ms: By how much this host's clock is ahead of the `Date` header; None without one.
        limit_headers: Names of the headers that look like limits.
        cause: Why no answer came, without an address.
        retry_after: Seconds that PX asks to wait, where it does.
    """

    outcome: Outcome
    status: int | None = None
    content: Any = None
    ahead_ms: int | None = None
    limit_headers: tuple[str, ...] = ()
    cause: str = ""
    retry_after: float | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the request was answered."""
        return self.outcome is Outcome.ANSWERED

    @property
    def says_no(self) -> bool:
        """Whether PX does not accept the parameters (HTTP 400)."""
        return self.outcome is Outcome.REFUSED and self.status == 400  # noqa: PLR2004

    @property
    def in_words(self) -> str:
        """The outcome, with its status."""
        return self.outcome.value if self.status is None else f"HTTP {self.status}"


@dataclass
class Asker:
    """Sends the requests of one check to one address.

    Attributes:
        send: Sends one request, once: `Transport.answer`.
        address: Base address, which no text may hold.
        wait: Waits that many seconds.
        now: Tells the time in epoch milliseconds.
        most: How many requests may be sent.
    """

    send: Callable[[str, Params], tuple[int, Mapping[str, str], bytes]]
    address: str
    wait: Callable[[float], None]
    now: Callable[[], int]
    most: int = MOST_REQUESTS
    answers: list[Answer] = field(default_factory=list)
    _sent: dict[tuple[str, str], Answer] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many requests may still be sent."""
        return 0 if self.is_shut_out else self.most - len(self.answers)

    @property
    def is_shut_out(self) -> bool:
        """Whether PX has refused so many requests in a row that no more are sent."""
        return self._refusals >= _MOST_REFUSALS

    @property
    def _refusals(self) -> int:
        """How many of the last requests in a row were too many."""
        outcomes = (one.outcome for one in reversed(self.answers))
        return len(list(takewhile(lambda one: one is Outcome.LIMITED, outcomes)))

    def ask(self, path: str, params: Params) -> Answer | None:
        """Return the answer to a request; that of before where it was sent before.

        Args:
            path: Path with its version prefix.
            params: Query parameters.

        Returns:
            None where no request is left.
        """
        request = (path, str(sorted((name, str(value)) for name, value in params.items())))
        if request in self._sent:
            return self._sent[request]
        if self.left <= 0:
            return None
        if self.answers:
            self.pause()
        answer = self._sent[request] = self._ask(path, params)
        self.answers.append(answer)
        return answer

    def pause(self) -> None:
        """Wait for as long as has to lie between two requests."""
        self.wait(self._spacing())

    def _spacing(self) -> float:
        last = self.answers[-1]
        if last.outcome in {Outcome.LIMITED, Outcome.DUPLICATE, Outcome.SCROLLS_USED_UP}:
            # Ten seconds, then thirty.
            seconds = _SPACING_AFTER_REFUSAL * max(1, 3 * (self._refusals - 1))
            return min(max(seconds, last.retry_after or 0.0), _LONGEST_SPACING)
        return _SPACING_SECONDS

    def _ask(self, path: str, params: Params) -> Answer:
        before = self.now()
        try:
            status, headers, body = self.send(path, params)
        except RequestError as error:
            cause = error.message.removeprefix(f"GET {error.path}: ")
            return Answer(Outcome.NO_CONNECTION, cause=cause.replace(self.address, "PX"))
        facts: dict[str, Any] = {
            "status": status,
            "ahead_ms": _ahead(headers, (before + self.now()) // 2),
            "limit_headers": tuple(
                sorted(
                    name.lower()
                    for name in headers
                    if _LIMIT_HEADER.search(name) and _HEADER_NAME.fullmatch(name)
                )
            ),
        }
        content, is_json = _parsed(body)
        try:
            check_status(path, status, headers, body, in_scroll="scrollId" in params)
        except TapError as error:
            logger.debug("%s", error)
            asked = getattr(error, "retry_after", None)
            return Answer(_outcome(error), content=content, retry_after=asked, **facts)
        usable = is_json or status == 204  # noqa: PLR2004
        return Answer(Outcome.ANSWERED if usable else Outcome.BROKEN, content=content, **facts)


def _outcome(error: TapError) -> Outcome:
    for kind, outcome in _BY_ERROR:
        if isinstance(error, kind):
            return outcome
    status = getattr(error, "status", None) or 0
    if 300 <= status < 400:  # noqa: PLR2004
        return Outcome.REDIRECTED
    return _BY_STATUS.get(status, Outcome.REFUSED)


def _ahead(headers: Mapping[str, str], now: int) -> int | None:
    try:
        told = parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    # The header has whole seconds: on average half a second has gone by since.
    return now - int(told.timestamp() * 1_000) - 500


def _parsed(body: bytes) -> tuple[Any, bool]:
    """Return the JSON of a body, and whether it is any."""
    try:
        return json.loads(body.removeprefix(codecs.BOM_UTF8), strict=False), True
    except (ValueError, RecursionError):
        return None, False
