"""How an answer goes over the wire: properly, or broken in one of many ways."""

from __future__ import annotations

import asyncio
import codecs
import socket
import struct
from contextvars import ContextVar
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from px_sandbox.errors import RefusedError
from px_sandbox.scrolls import SCROLL_GONE, TOO_MANY_SCROLLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from px_sandbox.misbehaviour import Rule

NOW: ContextVar[float] = ContextVar("NOW")
"""The sandbox's time at the arrival of the request, in epoch seconds."""

WRONG_KEY = "Authentication failed: the API key is not valid"
FORBIDDEN = "The API key has no permission for this call"
JSON = "application/json;charset=UTF-8"

_HTML = (
    b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>Please wait</body></html>"
)
# l_onoff = 1, l_linger = 0: closing sends RST in place of FIN.
_LINGER_ZERO = struct.pack("ii", 1, 0)
_POLL_SECONDS = 0.02
_MESSAGES = {
    "http_500": "Internal error",
    "http_503": "Service temporarily unavailable",
    "bad_request": "The request cannot be understood",
    "key_revoked": WRONG_KEY,
    "forbidden": FORBIDDEN,
    "scroll_expired": SCROLL_GONE,
    "too_many_scrolls": TOO_MANY_SCROLLS,
    "too_many_requests": "Too many requests",
    "too_many_requests_date": "Too many requests",
    "too_many_requests_bare": "Too many requests",
}
_FROM_A_PROXY = ("http_502", "http_504", "http_598", "http_599", "edge_forbidden")
_STATUS = {
    "http_500": 500,
    "http_502": 502,
    "http_503": 503,
    "http_504": 504,
    "http_598": 598,
    "http_599": 599,
    "edge_forbidden": 403,
    "bad_request": 400,
    "key_revoked": 401,
    "forbidden": 403,
    "too_many_requests": 429,
    "too_many_requests_date": 429,
    "too_many_requests_bare": 429,
}


async def send(
    request: web.BaseRequest,
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    content_type: str = JSON,
) -> web.StreamResponse:
    """Send a whole answer."""
    response = web.StreamResponse(status=status, headers=headers)
    if (now := NOW.get(None)) is not None:
        response.headers["Date"] = formatdate(now, usegmt=True)
    if status != HTTPStatus.NO_CONTENT:  # which is without type and length
        response.headers["Content-Type"] = content_type
        response.content_length = len(body)
    await response.prepare(request)
    if body and request.method != "HEAD":
        await response.write(body)
    await response.write_eof()
    return response


async def send_instead(
    request: web.BaseRequest, rule: Rule, own_port: int
) -> tuple[int | None, web.StreamResponse]:
    """Send what ``rule`` puts in place of an answer; return its status too.

    Raises:
        RefusedError: The rule puts one of the API's own refusals there.
    """
    name = rule.fault
    if name == "hang":
        await _hang(request, rule.setting("seconds"))
        return None, cut(request)
    if name == "html":
        return 200, await send(request, 200, _HTML, content_type="text/html")
    if name in ("empty_body", "no_content"):
        status = 200 if name == "empty_body" else 204
        return status, await send(request, status, b"")
    if name == "redirect":
        # Another host name for the same place: shows whether the client hands its key over.
        location = rule.setting("location") or f"http://localhost:{own_port}{request.path_qs}"
        return 302, await send(request, 302, b"", {"Location": location})
    status = _STATUS.get(name) or rule.setting("status")
    if name in _FROM_A_PROXY:
        return status, await send(request, status, _HTML, content_type="text/html")
    raise RefusedError(status, _MESSAGES[name], _retry_after(rule))


async def send_broken(
    request: web.BaseRequest, rule: Rule, status: int, body: bytes
) -> tuple[int | None, web.StreamResponse]:
    """Send the right answer in the wrong way that ``rule`` wants."""
    name = rule.fault
    if name == "reset_before":
        return None, reset(request)
    if name in ("reset_midway", "short_body"):
        response = web.StreamResponse(status=status)
        response.headers["Content-Type"] = JSON
        response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        return status, reset(request) if name == "reset_midway" else cut(request)
    if name == "wrong_content_type":
        return status, await send(request, status, body, content_type="text/html")
    return status, await send(request, status, _damaged(body, rule))


def _damaged(body: bytes, rule: Rule) -> bytes:
    if rule.fault == "truncated_json":
        return body[: len(body) // 2]
    if rule.fault == "byte_order_mark":
        return codecs.BOM_UTF8 + body
    if rule.fault == "control_character":
        return body.replace(b':"', b':"\x01', 1)
    padding: int = max(0, rule.setting("bytes") - len(body))
    return body + b" " * padding


def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Break the connection off with a RST."""
    transport = request.transport
    if transport is not None:
        sock: Any = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
    return web.StreamResponse()


def cut(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection after what has been written."""
    if request.transport is not None:
        request.transport.close()
    return web.StreamResponse()


async def _hang(request: web.BaseRequest, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    # Nothing tells a handler that the client has gone, so it has to look.
    while loop.time() < end and _is_open(request):  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)


def _is_open(request: web.BaseRequest) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def _retry_after(rule: Rule) -> dict[str, str]:
    seconds = rule.setting("retry_after") if "retry_after" in rule.kind.settings else None
    if seconds is None:
        return {}
    if rule.fault == "too_many_requests_date":
        return {"Retry-After": formatdate(NOW.get() + seconds, usegmt=True)}
    return {"Retry-After": str(seconds)}
