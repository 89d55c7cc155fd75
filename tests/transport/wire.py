"""What the transport meets and what it is given: a server of a few lines, settings, a clock."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.api.rate_limit import RateLimit
from tap_gainsight_px.api.transport import Transport
from tap_gainsight_px.config_checks import find_errors
from tap_gainsight_px.settings import SETTINGS_SCHEMA, Settings
from tap_gainsight_px.timestamps import now
from tests.patience import PATIENCE
from tests.ports import taken_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

KEY = "s3cr3t-k3y-0123456789"
PATH = "/v1/users"
USERS = b'{"users":[{"aptrinsicId":"u"}],"totalHits":1,"scrollId":null}'


@dataclass(frozen=True)
class Request:
    """The head of one request as it came over the wire."""

    connection: int
    line: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> list[str]:
        """Return the values of every header of that name."""
        return [value for known, value in self.headers if known.lower() == name.lower()]


class RawServer:
    """Sends exactly the bytes that a test wants, and keeps what came in."""

    def __init__(self, answer: Callable[[int], bytes | Iterator[bytes] | None]) -> None:
        """Listen on a free port.

        Args:
            answer: Gives the bytes for the nth request (from 1), at once or piece by piece; None
                closes the connection.
        """
        self._answer = answer
        self._port = taken_port()
        self._socket = socket.create_server(self._port.getsockname(), reuse_port=True)
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.requests: list[Request] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Go down, and leave the port to others."""
        self.go_down()
        self._port.close()

    def go_down(self) -> None:
        """Close all connections and take no other; nobody else gets the port."""
        for one in (self._socket, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with self._lock:
                    self.connections += 1
                    self._open.append(connection)
                    number = self.connections
                threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                headers = []
                while head := stream.readline().strip():
                    name, _, value = head.decode("latin-1").partition(":")
                    headers.append((name, value.strip()))
                with self._lock:
                    text = line.decode("latin-1").strip()
                    self.requests.append(Request(number, text, tuple(headers)))
                    count = len(self.requests)
                answer = self._answer(count)
                if answer is None:
                    return
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)


def drip(time: FakeTime) -> Iterator[bytes]:
    """Send a byte of an answer a second until the time of its request is over."""
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
    for _ in range(int(PATIENCE)):
        time.wait(1)
        yield b" "


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Put an answer together; a header's name is written with underscores."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def refusal(status: int, message: str, **headers: str) -> bytes:
    """Put together what the API says when it refuses."""
    return http(status, json.dumps({"message": message}).encode(), **headers)


class FakeTime:
    """A clock that only moves when somebody waits, and the waits it saw (a look at it is none)."""

    def __init__(self) -> None:
        """Start one hour after zero."""
        self.now = 3_600.0
        self.waits: list[float] = []
        self._lock = threading.Lock()

    def clock(self) -> float:
        """Return the seconds that have passed."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let the time pass."""
        with self._lock:
            self.now += seconds
            if seconds:
                self.waits.append(seconds)


def settings_for(url: str, *, timeout: float = PATIENCE, **config: Any) -> Settings:
    """Read a configuration as the tap does; the timeout may be a fraction of a second."""
    full = {"api_key": KEY, "api_url": url, "requests_per_second": 200, **config}
    assert find_errors(full, SETTINGS_SCHEMA, key_required=True, now=now()) == []
    settings = Settings.from_config(full, run_start=now())
    return replace(settings, request_timeout_seconds=timeout)  # type: ignore[arg-type]


def transport_to(
    url: str,
    time: FakeTime | None = None,
    *,
    wait: Callable[[float], None] | None = None,
    **config: Any,
) -> Transport:
    """Set up a transport that does not really wait."""
    time = time or FakeTime()
    settings = settings_for(url, **config)
    limit = RateLimit(settings.requests_per_second, clock=time.clock, wait=time.wait)
    return Transport(settings, limit, wait or time.wait, clock=time.clock)


def users(body: bytes) -> list[dict[str, Any]]:
    """Decode a page of users; anything else is a ValueError."""
    answer = json.loads(body)
    if not isinstance(answer, dict) or not isinstance(answer.get("users"), list):
        message = "no users in it"
        raise ValueError(message)  # noqa: TRY004 - what decoders raise
    found: list[dict[str, Any]] = answer["users"]
    return found
