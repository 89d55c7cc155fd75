"""Ports at which nobody listens, nor anybody else can begin to."""

from __future__ import annotations

import socket


def taken_port() -> socket.socket:
    """Return a socket that keeps a free port; who connects to it is refused.

    A port that has only been free a moment ago may be another test's by now.
    """
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    taken.bind(("127.0.0.1", 0))
    return taken
