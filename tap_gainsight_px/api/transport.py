"""The only place that speaks HTTP: sessions, key, timeouts, limits and the meaning of a status."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError

from tap_gainsight_px import timestamps
from tap_gainsight_px.api.retry import retrying
from tap_gainsight_px.errors import (
    AnswerLostError,
    DailyLimitError,
    RateLimitedError,
    RefusedError,
    RequestError,
    RetriableError,
    ScrollLostError,
    StoppedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_gainsight_px.api.rate_limit import RateLimit
    from tap_gainsight_px.settings import Settings

T = TypeVar("T")

Params: TypeAlias = "Mapping[str, str | int]"
"""Query parameters of one request."""

logger = logging.getLogger(__name__)

KEY_HEADER = "X-APTRINSIC-API-KEY"

# The largest page of 1000 records seen is a few megabytes. A server that sends without end must
# not take all the memory.
MAX_BODY_BYTES = 256 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_MESSAGE_LENGTH = 300

# Longer than this the API only asks to wait when the day's requests are used up.
_LONGEST_PAUSE_SECONDS = 900.0
_LONGEST_SENSIBLE_SECONDS = 7 * 86_400.0
_PAUSE_WITHOUT_RETRY_AFTER_SECONDS = 1.0
_DUPLICATE_WAIT_SECONDS = 2.0

_ADVICE = {
    400: "The API does not accept the request: check the settings, or report it to the tap",
    401: "Check api_key and region: a key works in one data centre only",
    403: "The key may not read this: give it the Read permission in PX (Administration → REST API)"
    ", or deselect the stream",
    404: "Check api_url and region",
}


class Transport:
    """Requests to one PX account, shared by all workers."""

    def __init__(
        self,
        settings: Settings,
        rate_limit: RateLimit,
        wait: Callable[[float], None],
    ) -> None:
        """Open no connection yet.

        Args:
            settings: Where to, with which key, how fast and how often.
            rate_limit: Asked before every request.
            wait: Waits that many seconds between tries; may raise to end them.
        """
        self._settings = settings
        self._rate_limit = rate_limit
        self._wait = wait
        self._local = threading.local()
        self._lock = threading.Lock()
        self._sent = 0

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
        repeatable: bool = True,
        on_lost: Callable[[], None] | None = None,
    ) -> T:
        """Send a GET request and decode its answer, as often as it takes.

        Args:
            path: Path with its version prefix, such as `/v1/users`.
            params: Query parameters.
            decode: Turns the body into a value. A `ValueError` counts as an answer that did not
                arrive whole.
            repeatable: Whether the request may be sent again after its answer was lost.
            on_lost: Called when it is sent again for that reason.

        Raises:
            RefusedError: The API said no.
            RetriableError: All tries failed; the last one like this.
            ScrollLostError: The answer was lost and the request is not `repeatable`.
            DailyLimitError: The account's requests of the day are used up.
            StoppedError: `max_requests` is reached, or the run was asked to end.
        """
        once = partial(self._once, path, params, decode, repeatable=repeatable, on_lost=on_lost)
        return retrying(self._wait)(once)()

    def _once(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        *,
        repeatable: bool,
        on_lost: Callable[[], None] | None,
    ) -> T:
        self._rate_limit.acquire()
        self._wait(0)  # a run that is to end sends nothing more
        self._count()
        try:
            status, headers, body = self._send(path, params)
            _check_status(path, status, headers, body)
            return _decoded(path, status, body, decode)
        except RateLimitedError as error:
            self._rate_limit.pause(error.retry_after or _PAUSE_WITHOUT_RETRY_AFTER_SECONDS)
            raise
        except AnswerLostError as error:
            if repeatable:
                if on_lost is not None:
                    on_lost()
                raise
            raise ScrollLostError(error.message) from error

    def _count(self) -> None:
        limit = self._settings.max_requests
        with self._lock:
            if limit is not None and self._sent >= limit:
                message = (
                    f"stopped after max_requests ({limit}); what was written out is in STATE, "
                    "run again to go on from there"
                )
                raise StoppedError(message)
            self._sent += 1

    def _connection(self) -> _Connection:
        """Return this worker's own connection."""
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _Connection(self._settings)
        return connection

    def _send(self, path: str, params: Params) -> tuple[int, Mapping[str, str], bytes]:
        deadline = time.monotonic() + self._settings.request_timeout_seconds
        try:
            response = self._connection().get(path, params)
            body = _read(path, response, deadline)
            if not response.ok:
                # Some servers quote what they were sent, and errors end up in logs.
                body = body.replace(self._settings.api_key.encode(), b"***")
        except (requests.RequestException, HTTPError, OSError) as error:
            raise self._connection_error(path, error) from error
        return response.status_code, response.headers, body

    def _connection_error(self, path: str, error: Exception) -> RequestError:
        what = f"no answer from {self._settings.api_url}"
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return RefusedError(
                f"{what}: its TLS certificate cannot be verified",
                path=path,
                advice="Check api_url, and REQUESTS_CA_BUNDLE if a proxy of yours is in between",
            )
        if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
            return RefusedError(f"{what}: not an address", path=path, advice="Check api_url")
        reason = _reason(error)
        advice = "Check the network, api_url and region"
        if isinstance(error, requests.ConnectTimeout) or "NewConnectionError" in repr(error):
            return RetriableError(f"{what}: {reason}", path=path, advice=advice)
        return AnswerLostError(f"{what}: {reason}", path=path, advice=advice)


class _Connection:
    """Sends requests by the adapter under a session.

    That follows no redirect (which could lead the key to another host), keeps no cookie, reads no
    .netrc, and costs half the time.
    """

    def __init__(self, settings: Settings) -> None:
        session = requests.Session()
        # Proxies and certificates of the environment stay in force.
        options: Mapping[str, Any] = session.merge_environment_settings(
            settings.api_url, {}, stream=True, verify=None, cert=None
        )
        timeout = settings.request_timeout_seconds
        send = session.get_adapter(settings.api_url).send
        self._send: Callable[..., requests.Response] = partial(send, timeout=timeout, **options)
        headers = {
            KEY_HEADER: settings.api_key,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": settings.user_agent,
        }
        # Prepared once: from one request to the next only the address changes.
        self._request = requests.Request("GET", settings.api_url, headers=headers).prepare()
        self._base = (self._request.url or "").rstrip("/")

    def get(self, path: str, params: Params) -> requests.Response:
        """Send a GET request and return the answer, its body not yet read."""
        self._request.url = f"{self._base}{path}{'?' if params else ''}{urlencode(params)}"
        return self._send(self._request)


def _reason(error: Exception) -> str:
    """Name a connection error without the address and the memory addresses in its text."""
    if isinstance(error, (requests.Timeout, TimeoutError)) or "timed out" in str(error).lower():
        return "timed out"
    for text in ("refused", "reset", "aborted", "incomplete", "broken", "resolve"):
        if text in str(error).lower():
            return {
                "refused": "connection refused",
                "reset": "connection reset",
                "aborted": "connection aborted",
                "incomplete": "the answer broke off",
                "broken": "the answer broke off",
                "resolve": "the host name cannot be resolved",
            }[text]
    return type(error).__name__


def _read(path: str, response: requests.Response, deadline: float) -> bytes:
    """Read a body whole, within the time and the size that one answer may take."""
    try:
        body = b"".join(_chunks(response, deadline))
    except BaseException:
        response.close()
        raise
    if len(body) > MAX_BODY_BYTES:
        response.close()
        raise AnswerLostError(
            f"the answer is larger than {MAX_BODY_BYTES // 1024**2} MiB",
            path=path,
            status=response.status_code,
            advice="Lower page_size",
        )
    # Read to its end, the connection can serve the next request.
    response.raw.release_conn()
    return body


def _chunks(response: requests.Response, deadline: float) -> Iterator[bytes]:
    """Yield the body as it arrives, until its end, the deadline or more than it may hold."""
    size = 0
    is_packed = "Content-Encoding" in response.headers
    while size <= MAX_BODY_BYTES:
        chunk: bytes = response.raw.read1(_CHUNK_BYTES, decode_content=is_packed)
        if not chunk:
            return
        yield chunk
        size += len(chunk)
        if time.monotonic() > deadline:
            raise requests.ReadTimeout


def _decoded(path: str, status: int, body: bytes, decode: Callable[[bytes], T]) -> T:
    is_empty = not body and status != requests.codes.no_content
    try:
        if not is_empty:
            return decode(body)
        reason = "it is empty"
    except (ValueError, RecursionError) as error:
        reason = "it is an HTML page" if body.lstrip()[:1] == b"<" else str(error)
    raise AnswerLostError(
        f"HTTP {status}, but the answer is not the JSON expected: {reason[:_MESSAGE_LENGTH]}",
        path=path,
        status=status,
        advice="If it stays like this, check api_url and any proxy in between",
    )


def _check_status(path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
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
    return " ".join(found.split())[:_MESSAGE_LENGTH]


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
