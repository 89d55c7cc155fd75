"""The one way in which the sandbox says no."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class RefusedError(Exception):
    """A request that gets an error status; its text tells the client what to do about it."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        """Refuse with ``status``, a ``message`` for humans and extra ``headers``."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    def body(self, path: str) -> bytes:
        """Return the JSON error body; the same shape for every status."""
        return json.dumps(
            {
                "status": self.status,
                "error": HTTPStatus(self.status).phrase,
                "message": self.message,
                "path": path,
            }
        ).encode()


def bad_request(message: str) -> RefusedError:
    """Return a 400: the client has to change the request."""
    return RefusedError(HTTPStatus.BAD_REQUEST, message)


def not_found(message: str) -> RefusedError:
    """Return a 404."""
    return RefusedError(HTTPStatus.NOT_FOUND, message)
