"""What an answer means: its status and its body, turned into a value or into an error.

Seen of the live service: an equal request is refused with "Duplicate request blocked", under a
status that is not on record; a range too wide with "Exceeded date range190days"; 403 with an HTML
page comes from an edge in front of PX. What an expired scroll answers is not on record.
"""

from __future__ import annotations

import codecs
import math
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests

from tap_gainsight_px import timestamps
from tap_gainsight_px.api.error_bodies import message_in, status_in_error, words_in
from tap_gainsight_px.errors import (
    AnswerLostError,
    DailyLimitError,
    DuplicateRequestError,
    EdgeRefusedError,
    RateLimitedError,
    RefusedError,
    RequestError,
    ScrollLostError,
    TapError,
    TooLargeError,
    TooManyScrollsError,
)
from tap_gainsight_px.redaction import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

_MESSAGE_LENGTH = 300

# Longer than this the API only asks to wait when the day's requests are used up, and what is
# longer than a week is no time to wait at all.
_LONGEST_PAUSE_SECONDS = 900.0
_LONGEST_SENSIBLE_SECONDS = 7 * 86_400.0

_DUPLICATE = re.compile(r"duplicate request", re.IGNORECASE)
_TOO_MANY_SCROLLS = re.compile(
    r"too many (open )?scroll|max_open_scroll|maximum number of (open )?scroll", re.IGNORECASE
)
_SCROLL_GONE = re.compile(
    r"search[ _]context|scroll[ _](context|id)|scrollid|no such scroll", re.IGNORECASE
)
_RANGE_TOO_WIDE = re.compile(r"exceed\w* date range\D{0,20}(\d+)\s*days", re.IGNORECASE)
_DAY_USED_UP = re.compile(r"\b(day|daily|today)\b", re.IGNORECASE)

_ADVICE = {
    400: "The API does not accept the request: check the settings, or report it to the tap",
    401: "Check api_key and region: a key works in one data centre only, and --check asks them all",
    403: "The key may not read this: give it the Read permission in PX (Administration → REST API)"
    ", or deselect the stream",
    404: "If other streams can be read, this call does not exist for the account: deselect the "
    "stream. Else check api_url and region, or ask with --check: a key is unknown outside of its "
    "region",
    407: "Check the user name and password of the proxy (HTTPS_PROXY, HTTP_PROXY)",
}


def check_status(
    path: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    in_scroll: bool = False,
) -> None:
    """Turn an answer that is not a success into the error that says what can be done.

    Args:
        path: Path of the request.
        status: HTTP status of the answer.
        headers: Its headers.
        body: Its body; an error in it counts under a status of success as well.
        in_scroll: Whether a scroll was to be continued.

    Raises:
        RequestError: It is not a success.
        ScrollLostError: The scroll that was to be continued no longer exists.
    """
    if 200 <= status < 300:  # noqa: PLR2004
        told = status_in_error(body)
        if told is None:
            return
        status = told
    message, words = _short(message_in(body)), words_in(body)
    facts: dict[str, Any] = {"path": path, "status": status, "api_message": message}
    raise _by_words(words, facts, in_scroll=in_scroll) or _by_status(
        status, headers, facts, is_html=body.lstrip()[:1] == b"<"
    )


def _short(text: str) -> str:
    # Cleaned first: half a secret would not be recognised.
    return one_line(text)[:_MESSAGE_LENGTH]


def _by_words(words: str, facts: dict[str, Any], *, in_scroll: bool) -> TapError | None:
    """Return the error that the API's words name, whatever the status."""
    if _DUPLICATE.search(words):
        advice = "Another run or client sends the same requests: let them take turns"
        return DuplicateRequestError("", **facts, advice=advice)
    if _TOO_MANY_SCROLLS.search(words):
        return TooManyScrollsError(
            "", **facts, advice="Lower max_workers, or raise window_days, if it stays like this"
        )
    may_be_gone = in_scroll and (facts["status"] in {400, 404, 410} or facts["status"] >= 500)  # noqa: PLR2004
    if may_be_gone and _SCROLL_GONE.search(words):
        return ScrollLostError(RefusedError("", **facts).message)
    if found := _RANGE_TOO_WIDE.search(words):
        days = found[1]
        advice = f"PX answers for at most {days} days at once here: set window_days to {days}"
        return RefusedError("", **facts, advice=advice)
    return None


def _by_status(
    status: int, headers: Mapping[str, str], facts: dict[str, Any], *, is_html: bool
) -> RequestError:
    """Return the error that the status stands for."""
    if status == requests.codes.too_many_requests:
        return _rate_limited(_retry_after(headers), facts)
    if status >= 500 or status in {requests.codes.request_timeout, 425}:  # noqa: PLR2004
        advice = "PX has a problem of its own: run again later with the last STATE"
        error = AnswerLostError("", **facts, advice=advice)
        error.retry_after = _retry_after(headers)
        return error
    if status == requests.codes.forbidden and is_html:
        return EdgeRefusedError(
            "HTTP 403 with an HTML page, so from a firewall or edge in front of PX and not from PX",
            **facts,
            advice="Check whether the address of this host is allowed, and any proxy in between",
        )
    if 300 <= status < 400:  # noqa: PLR2004
        host = urlsplit(headers.get("Location", "")).netloc.rpartition("@")[2]
        where = f" to {host}" if host else ""
        advice = "Redirects are not followed, so that the key goes nowhere else: check api_url"
        return RefusedError(f"HTTP {status}, a redirect{where}", **facts, advice=advice)
    return RefusedError("", **facts, advice=_ADVICE.get(status, _ADVICE[400]))


def decoded(path: str, status: int, body: bytes, decode: Callable[[bytes], T]) -> T:
    """Decode the body of a success.

    Raises:
        AnswerLostError: It is not what the endpoint answers with.
        RefusedError: It holds more than one answer may.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    is_empty = not body and status != requests.codes.no_content
    try:
        if not is_empty:
            return decode(body)
        reason = "it is empty"
    except TooLargeError as error:
        raise RefusedError(
            f"HTTP {status}, but {error}", path=path, status=status, advice="Lower page_size"
        ) from None
    except (ValueError, RecursionError) as error:
        reason = "it is an HTML page" if body.lstrip()[:1] == b"<" else str(error)
    raise AnswerLostError(
        f"HTTP {status}, but the answer is not the JSON expected: {_short(reason)}",
        path=path,
        status=status,
        advice="If it stays like this, check api_url and any proxy in between",
    )


def _rate_limited(retry_after: float | None, facts: dict[str, Any]) -> RequestError:
    if _DAY_USED_UP.search(facts["api_message"]) or (retry_after or 0) > _LONGEST_PAUSE_SECONDS:
        when = "tomorrow (UTC)"
        if retry_after:
            at = timestamps.now() + int(retry_after * 1_000)
            when = f"after {timestamps.to_iso_seconds(at)}"
        advice = (
            f"The account's requests of the day are used up. Run again {when} with the last STATE"
        )
        return DailyLimitError("", **facts, advice=advice)
    error = RateLimitedError(
        "", **facts, advice="Lower requests_per_second: other clients share the account's limit"
    )
    error.retry_after = retry_after
    return error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After, which is a number of seconds or a date, as seconds from now."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - timestamps.now() / 1_000
        except ValueError:
            return None
    is_sensible = math.isfinite(seconds) and seconds <= _LONGEST_SENSIBLE_SECONDS
    return max(0.0, seconds) if is_sensible else None
