"""The one way in which the sandbox refuses, and the shapes that an error body can have."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR_BODIES = ("envelope", "sub_errors", "error_message", "flat")
"""``envelope``: ``{"externalapierror": {...}}``, as seen of the live API; ``sub_errors``: the same
with the message inside ``subErrors`` only; ``error_message``: a top-level ``errorMessage``, which
the vendor's own loader reads too; ``flat``: ``status``, ``error``, ``message`` and ``path``.
"""


class RefusedError(Exception):
    """A request that gets an error status; its text tells the client what to do about it."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        """Refuse with ``status``, a ``message`` for humans and extra ``headers``."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    def body(self, path: str, shape: str = "envelope") -> bytes:
        """Return the JSON error body in one of the shapes of ``ERROR_BODIES``."""
        return json.dumps(self._data(path, shape)).encode()

    def _data(self, path: str, shape: str) -> dict[str, Any]:
        phrase = _phrase(self.status)
        if shape == "flat":
            return {"status": self.status, "error": phrase, "message": self.message, "path": path}
        if shape == "error_message":
            return {"errorMessage": self.message}
        inner: dict[str, Any] = {
            "status": phrase.upper().replace(" ", "_"),
            "message": self.message,
            "debugMessage": None,
            "subErrors": None,
        }
        if shape == "sub_errors":
            inner |= {"message": None, "subErrors": [{"message": self.message}]}
        return {"externalapierror": inner}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # 598 and 599 are of proxies, not of any standard
        return "Network timeout"


def bad_request(message: str) -> RefusedError:
    """Return a 400: the client has to change the request."""
    return RefusedError(HTTPStatus.BAD_REQUEST, message)


def not_found(message: str) -> RefusedError:
    """Return a 404."""
    return RefusedError(HTTPStatus.NOT_FOUND, message)
