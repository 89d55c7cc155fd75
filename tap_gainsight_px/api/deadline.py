"""Keeps a request within its time: no wait on a socket is longer than what is left of it.

A timeout of `requests` bounds each wait on its own, so a server that sends a byte now and then
could hold a worker for ever.
"""

from __future__ import annotations

import io
import math
import time
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tap_gainsight_px.api.arrivals import Grant

# A longer read of one page takes few calls; a socket hands on what it has anyway.
_BUFFER_BYTES = 64 * 1024


class Deadline:
    """The moment at which the request of one worker must be over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without time; `clock` gives seconds and never goes back."""
        self._clock = clock
        self._at = clock()
        self._longest_connect = math.inf
        self.grant: Grant | None = None

    def start(
        self, seconds: float, *, longest_connect: float = math.inf, grant: Grant | None = None
    ) -> None:
        """Give the next request `seconds` from now, and each try to connect at most so long.

        Args:
            seconds: For all of it.
            longest_connect: For an address to take the connection.
            grant: Told when the request was sent, and when its answer began.
        """
        self._at = self._clock() + seconds
        self._longest_connect = longest_connect
        self.grant = grant

    def left_to_connect(self) -> float:
        """Return the seconds within which an address has to take the connection.

        Raises:
            TimeoutError: There are none.
        """
        return min(self.left(), self._longest_connect)

    def left(self) -> float:
        """Return the seconds that are left, always more than 0.

        Raises:
            TimeoutError: There are none.
        """
        left = self._at - self._clock()
        if left <= 0:
            message = "timed out"
            raise TimeoutError(message)
        return left


class DeadlineAdapter(HTTPAdapter):
    """Sends requests whose every wait ends at a deadline: connect, TLS, headers and body."""

    def __init__(self, deadline: Deadline) -> None:
        """Use `deadline` for all connections; they belong to one thread."""
        self._deadline = deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool as `requests` does; its connections know the deadline."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        plain = pool.ConnectionCls
        if not issubclass(plain, _DeadlineConnection):
            # Whichever kind it is: plain, TLS or through a SOCKS proxy.
            bases = (_DeadlineConnection, plain)
            pool.ConnectionCls = type(plain.__name__, bases, {"deadline": self._deadline})
        return pool


class _DeadlineConnection:
    """Mixed into a connection class of urllib3."""

    deadline: Deadline
    timeout: float
    sock: socket.socket

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.response_class = partial(_DeadlineResponse, deadline=self.deadline)

    def _new_conn(self) -> socket.socket:
        self.timeout = self.deadline.left_to_connect()
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        # What comes next on it is the TLS handshake, whose timeout bounds it as a whole.
        sock.settimeout(self.deadline.left())
        return sock

    def _tunnel(self) -> None:
        super()._tunnel()  # type: ignore[misc]
        self.sock.settimeout(self.deadline.left())

    def getresponse(self) -> Any:
        # All of the request lies in the socket.
        grant = self.deadline.grant
        if grant is not None:
            grant.sent()
        response: Any = super().getresponse()  # type: ignore[misc]
        if grant is not None:
            grant.answered()
        return response


class _DeadlineResponse(HTTPResponse):
    """Reads status, headers and body from a socket within the deadline."""

    def __init__(self, sock: Any, *args: Any, deadline: Deadline, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_DeadlineReader(sock, self.fp, deadline), _BUFFER_BYTES)


class _DeadlineReader(io.RawIOBase):
    """Waits for the next bytes of a socket for as long as is left."""

    def __init__(self, sock: Any, fp: Any, deadline: Deadline) -> None:
        self._sock = sock
        self._fp = fp
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        self._sock.settimeout(self._deadline.left())
        return self._fp.raw.readinto(buffer)

    def close(self) -> None:
        self._fp.close()
        super().close()
