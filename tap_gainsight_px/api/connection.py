"""One worker's connection to PX: where to, with which key, within which time and size."""

from __future__ import annotations

import io
import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests
from urllib3.exceptions import HTTPError

from tap_gainsight_px.api.deadline import Deadline, DeadlineAdapter
from tap_gainsight_px.api.failures import failure_of
from tap_gainsight_px.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_gainsight_px.api.arrivals import Grant
    from tap_gainsight_px.settings import Settings

logger = logging.getLogger(__name__)

KEY_HEADER = "X-APTRINSIC-API-KEY"

# The largest page of 1000 records seen is a few megabytes. A server that sends without end must
# not take all the memory, and each worker may hold one answer.
MAX_BODY_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


class Connection:
    """Sends GET requests, one after another. Belongs to one thread.

    It uses the adapter under a session: that follows no redirect (which could lead the key to
    another host), keeps no cookie, reads no .netrc, and costs half the time.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        """Open no connection yet.

        Args:
            settings: Where to, with which key and within how many seconds.
            clock: Seconds on a clock that never goes back.
        """
        self._settings = settings
        self._deadline = Deadline(clock)
        session = requests.Session()
        # Proxies and certificates of the environment stay in force.
        options: Mapping[str, Any] = session.merge_environment_settings(
            settings.api_url, {}, stream=True, verify=None, cert=None
        )
        self._send: Callable[..., requests.Response]
        self._send = partial(DeadlineAdapter(self._deadline).send, **options)
        headers = {
            KEY_HEADER: settings.api_key,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": settings.user_agent,
        }
        # Prepared once: from one request to the next only the address changes.
        self._request = requests.Request("GET", settings.api_url, headers=headers).prepare()
        self._base = (self._request.url or "").rstrip("/")

    def get(
        self,
        path: str,
        params: Mapping[str, str | int],
        *,
        longest_connect: float = math.inf,
        grant: Grant | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of the answer to one request.

        Args:
            path: Its path, such as `/v1/users`.
            params: Its query parameters.
            longest_connect: Seconds within which an address has to take the connection.
            grant: Told when it was sent, and when its answer began.

        Raises:
            UnreachableError: There was no connection.
            AnswerLostError: The answer did not arrive, or not whole or not in time.
            RefusedError: It cannot arrive: the address, a certificate or its size is wrong.
        """
        self._request.url = f"{self._base}{path}{'?' if params else ''}{urlencode(params)}"
        seconds = self._settings.request_timeout_seconds
        self._deadline.start(seconds, longest_connect=longest_connect, grant=grant)
        try:
            response = self._send(self._request, timeout=self._deadline.left())
            body = _read(path, response)
        except (requests.RequestException, HTTPError, OSError) as error:
            logger.debug("GET %s: %r", path, error)
            failure = failure_of(error, path=path, address=self._settings.api_url)
        else:
            return response.status_code, response.headers, body
        # Not from within `except`: the causes are for developers (DEBUG), and may quote what a
        # server sent.
        raise failure


def _read(path: str, response: requests.Response) -> bytes:
    """Read a body whole, within the size that one answer may take."""
    try:
        body = _body(response)
    except BaseException:
        response.close()
        raise
    if body is None:
        response.close()
        raise RefusedError(
            f"the answer is larger than {MAX_BODY_BYTES // 1024**2} MiB",
            path=path,
            status=response.status_code,
            advice="Lower page_size",
        )
    return body


def _body(response: requests.Response) -> bytes | None:
    """Return the body, unpacked, or None as soon as it is more than it may be."""
    is_packed = "Content-Encoding" in response.headers
    if not is_packed and (response.raw.length_remaining or 0) > MAX_BODY_BYTES:
        return None
    # Unlike a list of chunks that are joined, it holds the bytes only once.
    body = io.BytesIO()
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=is_packed):
        if body.tell() + len(chunk) > MAX_BODY_BYTES:
            return None
        body.write(chunk)
    return body.getvalue()
