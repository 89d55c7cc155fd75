"""Answers that several streams need are asked for once a run: PX refuses a request sent twice."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tap_gainsight_px.api.transport import Get, Params

T = TypeVar("T")


class SharedAnswers:
    """Stands in for `Transport.get`, and keeps the answers of some paths for the run.

    Threads may share it. One that needs an answer which another is waiting for waits with it.
    """

    def __init__(self, get: Get, paths: Collection[str]) -> None:
        """Keep nothing yet.

        Args:
            get: Sends the requests.
            paths: Endpoints that more than one stream reads, and whose answers are few: all of
                them stay in memory.
        """
        self._get = get
        self._paths = frozenset(paths)
        self._lock = threading.Lock()
        self._answers: dict[object, _Answer] = {}

    def __call__(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> T:
        """Return the decoded answer, from an earlier request where there was one.

        Raises:
            RequestError: As `Transport.get` does; nothing is kept then.
        """
        if path not in self._paths:
            return self._get(path, params, decode, on_lost=on_lost)
        with self._lock:
            answer = self._answers.setdefault((path, *sorted(params.items())), _Answer())
        with answer.lock:
            if answer.body is not None:
                return decode(answer.body)

            def keep(body: bytes) -> T:
                value = decode(body)
                answer.body = body
                return value

            return self._get(path, params, keep, on_lost=on_lost)


class _Answer:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.body: bytes | None = None
