"""The requests of clients and the answers they got; never the key."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT = 200_000


@dataclass
class LoggedRequest:
    """One request.

    Attributes:
        seq: Running number, from 1.
        time_ms: When it arrived: epoch milliseconds of the wall clock.
        method: HTTP method.
        host: The Host header: shows where a client that followed a redirect went.
        path: Path, decoded.
        params: Query parameters; a repeated one is a list.
        with_key: Whether any API key was sent along.
        user_agent: The User-Agent header.
        status: Status of the answer; None if none was sent.
        faults: Names of the faults that struck.
        lost: The client could not use the answer although the request was right.
        records: How many records the answer held.
    """

    seq: int
    time_ms: int
    method: str
    host: str
    path: str
    params: dict[str, str | list[str]]
    with_key: bool
    user_agent: str
    status: int | None = None
    faults: list[str] = field(default_factory=list)
    lost: bool = False
    records: int = 0


class RequestLog:
    """The requests of a sandbox, newest last; a sequence of ``LoggedRequest``."""

    def __init__(self, file: IO[str] | None = None) -> None:
        """Keep requests in memory, and write them to ``file`` as JSON lines."""
        self._file = file
        self._lock = threading.Lock()
        self._seq = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything, also the counts."""
        self._requests: deque[LoggedRequest] = deque(maxlen=_KEPT)
        self._arrivals: deque[float] = deque()
        self.total = 0
        self.max_in_one_second = 0

    def arrived(
        self,
        method: str,
        path: str,
        pairs: tuple[tuple[str, str], ...],
        *,
        host: str = "",
        with_key: bool = False,
        user_agent: str = "",
    ) -> LoggedRequest:
        """Note a request that has just come in."""
        params: dict[str, str | list[str]] = {}
        for name, value in pairs:
            old = params.get(name)
            if old is None:
                params[name] = value
            else:
                params[name] = [*old, value] if isinstance(old, list) else [old, value]
        with self._lock:
            self._seq += 1
            self.total += 1
            entry = LoggedRequest(
                self._seq,
                time.time_ns() // 1_000_000,
                method,
                host,
                path,
                params,
                with_key,
                user_agent,
            )
            self._requests.append(entry)
            self._count(time.monotonic())
        return entry

    def answered(self, entry: LoggedRequest) -> None:
        """Write a request whose answer is known to the file."""
        if self._file is not None:
            self._file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
            self._file.flush()

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Return the requests after number ``seq`` as dicts."""
        return [asdict(entry) for entry in self if entry.seq > seq]

    def __iter__(self) -> Iterator[LoggedRequest]:
        """Iterate over a copy, oldest first."""
        with self._lock:
            return iter(list(self._requests))

    def __len__(self) -> int:
        """Return how many requests are kept."""
        return len(self._requests)

    def __getitem__(self, index: int) -> LoggedRequest:
        """Return one request by position."""
        with self._lock:
            return self._requests[index]

    def _count(self, now: float) -> None:
        self._arrivals.append(now)
        while self._arrivals[0] <= now - 1:
            self._arrivals.popleft()
        self.max_in_one_second = max(self.max_in_one_second, len(self._arrivals))
