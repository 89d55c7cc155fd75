"""Why no answer arrived: the errors of the HTTP library, named by their cause.

What another try cannot help (a certificate, a proxy, an address) ends the run at once; what may
pass (a refused or broken connection, a name that is not resolved) is tried again.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

import requests

from tap_gainsight_px.errors import (
    AnswerLostError,
    RefusedError,
    RequestError,
    RetriableError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROXIES = "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
_NO_CONNECTION = re.compile("NewConnectionError|NameResolutionError")
_REFUSED_BY_PROXY = re.compile(r"Tunnel connection failed: (4\d\d)")

# What the HTTP library says → what is wrong, and what to do. The first that is found counts.
_CAUSES = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its TLS certificate cannot be verified",
        "Check api_url, and REQUESTS_CA_BUNDLE if a proxy of yours is in between",
    ),
    (
        "Could not find a suitable TLS CA certificate bundle",
        "the file of certificates does not exist",
        "Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE",
    ),
    (
        "[X509",
        "the file of certificates cannot be used",
        "Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE",
    ),
    (
        "WRONG_VERSION_NUMBER",
        "there is no TLS on that port",
        "Check whether api_url, or the address of the proxy, should begin with http://",
    ),
    (
        "Missing dependencies for SOCKS",
        "the proxy speaks SOCKS, and the library for that is missing",
        'Install it beside the tap: pip install "requests[socks]"',
    ),
    (
        "Tunnel connection failed: 407",
        "the proxy asks for another user name or password",
        f"Check {_PROXIES}",
    ),
)


def failure_of(error: Exception, *, path: str, address: str) -> RequestError:
    """Return the error that says why no answer arrived, and whether another try makes sense.

    Args:
        error: What the HTTP library raised.
        path: Path of the request.
        address: Base address of the API.
    """
    what = f"no answer from {address}"
    text = str(error)
    for words, cause, advice in _CAUSES:
        if words in text:
            return RefusedError(f"{what}: {cause}", path=path, advice=advice)
    if found := _REFUSED_BY_PROXY.search(text):
        return RefusedError(
            f"{what}: the proxy refuses to connect (HTTP {found[1]})",
            path=path,
            advice=f"Check {_PROXIES}, and what the proxy allows",
        )
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        # The address of the API was checked with the settings.
        return RefusedError(
            f"{what}: the address of the proxy cannot be used",
            path=path,
            advice=f"Check {_PROXIES}",
        )
    return _passing_failure(error, what, path)


def _passing_failure(error: Exception, what: str, path: str) -> RequestError:
    if any(isinstance(one, OSError) and one.errno in _TOO_MANY_FILES for one in _causes(error)):
        advice = "Raise the limit (ulimit -n) or lower max_workers"
        return RetriableError(f"{what}: too many open files", path=path, advice=advice)
    advice = "Check the network, api_url and region"
    if isinstance(error, requests.exceptions.ProxyError):
        what += " through the proxy"
        advice = f"Check {_PROXIES}"
    reason = _reason(error)
    if reason == _TIMED_OUT and not isinstance(error, requests.ConnectTimeout):
        advice += "; raise request_timeout_seconds, or lower page_size, if PX is slow"
    line = f"{what}: {reason}"
    if isinstance(error, requests.ConnectTimeout) or _NO_CONNECTION.search(repr(error)):
        return UnreachableError(line, path=path, advice=advice)
    return AnswerLostError(line, path=path, advice=advice)


_TOO_MANY_FILES = frozenset({errno.EMFILE, errno.ENFILE})


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


_TIMED_OUT = "timed out"
_REASONS = {
    "refused": "connection refused",
    "reset": "connection reset",
    "aborted": "connection aborted",
    "incomplete": "the answer broke off",
    "broken": "the answer broke off",
    "resolve": "the host name cannot be resolved",
}


def _reason(error: Exception) -> str:
    """Name a connection error without the address and the memory addresses in its text."""
    text = str(error).lower()
    if isinstance(error, (requests.Timeout, TimeoutError)) or "timed out" in text:
        return _TIMED_OUT
    return next((reason for word, reason in _REASONS.items() if word in text), type(error).__name__)
