"""What an answer means: its status and its body, turned into a value or into an error."""

from __future__ import annotations

import codecs
import json
import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests

from tap_gainsight_px import timestamps
from tap_gainsight_px.errors import (
    AnswerLostError,
    DailyLimitError,
    RateLimitedError,
    RefusedError,
    RequestError,
    RetriableError,
    TooLargeError,
)
from tap_gainsight_px.redaction import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

_MESSAGE_LENGTH = 300

# Longer than this the API only asks to wait when the day's requests are used up.
_LONGEST_PAUSE_SECONDS = 900.0
_LONGEST_SENSIBLE_SECONDS = 7 * 86_400.0
_DUPLICATE_WAIT_SECONDS = 2.0

_ADVICE = {
    400: "The API does not accept the request: check the settings, or report it to the tap",
    401: "Check api_key and region: a key works in one data centre only",
    403: "The key may not read this: give it the Read permission in PX (Administration → REST API)"
    ", or deselect the stream",
    404: "Check api_url and region",
}


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


def check_status(path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Turn a status that is not a success into the error that says what can be done."""
    if 200 <= status < 300:  # noqa: PLR2004
        return
    message = _api_message(body)
    facts: dict[str, Any] = {"path": path, "status": status, "api_message": message}
    error: RequestError
    if status == requests.codes.too_many_requests:
        error = _rate_limited(_retry_after(headers), facts)
    elif "duplicate request blocked" in message.lower():
        error = RetriableError("", **facts)
        error.retry_after = _DUPLICATE_WAIT_SECONDS
    elif status >= 500 or status in {requests.codes.request_timeout, 425}:  # noqa: PLR2004
        error = AnswerLostError("", **facts, advice="PX has a problem of its own: try later")
        asked = _retry_after(headers)
        error.retry_after = None if asked is None else min(asked, _LONGEST_PAUSE_SECONDS)
    elif 300 <= status < 400:  # noqa: PLR2004
        host = urlsplit(headers.get("Location", "")).netloc.rpartition("@")[2]
        where = f" to {host}" if host else ""
        advice = "Redirects are not followed, so that the key goes nowhere else: check api_url"
        error = RefusedError(f"HTTP {status}, a redirect{where}", **facts, advice=advice)
    else:
        error = RefusedError("", **facts, advice=_ADVICE.get(status, _ADVICE[400]))
    raise error


def _rate_limited(retry_after: float | None, facts: dict[str, Any]) -> RequestError:
    says_day = "day" in facts["api_message"].lower() or "daily" in facts["api_message"].lower()
    if says_day or (retry_after or 0) > _LONGEST_PAUSE_SECONDS:
        when = "tomorrow (UTC)"
        if retry_after and retry_after < _LONGEST_SENSIBLE_SECONDS:
            at = timestamps.now() + int(retry_after * 1_000)
            when = f"after {timestamps.to_iso_seconds(at)}"
        advice = f"The account's requests of the day are used up. Run again {when}: STATE goes on"
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
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _api_message(body: bytes) -> str:
    """Find the API's own words in an error's body, without repeating the body whole."""
    text = body[:65_536].decode("utf-8", errors="replace")
    try:
        found = _find_message(json.loads(text))
    except (ValueError, RecursionError):
        found = "" if text.lstrip().startswith("<") else text
    return _short(found)


def _short(text: str) -> str:
    # Cleaned first: half a secret would not be recognised.
    return one_line(text)[:_MESSAGE_LENGTH]


def _find_message(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _find_message(value[0]) if value else ""
    if isinstance(value, dict):
        by_name = {str(name).lower(): inner for name, inner in value.items()}
        for name in ("message", "errormessage", "error_description", "detail", "errors", "error"):
            if found := _find_message(by_name.get(name)):
                return found
    return ""
