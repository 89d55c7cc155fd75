"""The tap with a clock around its parts: CPU time of each thread, inner parts not counted twice."""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests.adapters

from tap_gainsight_px import singer_streams, transport
from tap_gainsight_px.message_writer import PageWriter
from tap_gainsight_px.ordered_pool import OrderedPool
from tap_gainsight_px.rate_limit import RateLimit
from tap_gainsight_px.reader import WindowReader, _Walk
from tap_gainsight_px.record_types import RecordType
from tap_gainsight_px.records import PageDecoder
from tap_gainsight_px.tap import TapGainsightPx

if TYPE_CHECKING:
    from collections.abc import Callable

# What to time: where it is, its name, and what the report calls it. Order is that of the report.
PARTS: list[tuple[Any, str, str]] = [
    (transport.Transport, "_send", "HTTP: build the request"),
    (requests.adapters.HTTPAdapter, "send", "HTTP: send it, read the head of the answer"),
    (transport, "_read", "HTTP: read the body"),
    (RecordType, "decode", "decode: bytes to typed records"),
    (RecordType, "finish", "times, and a check of what stays bytes"),
    (RecordType, "values", "keys and dates"),
    (PageDecoder, "_decode_typed", "encode: records to bytes, rows"),
    (_Walk, "add", "count, free of duplicates"),
    (_Walk, "in_order", "order"),
    (singer_streams.PxStream, "_write_rows", "join into messages"),
    (PageWriter, "flush", "write"),
    (RateLimit, "acquire", "rate limit"),
    (OrderedPool, "_next_slot", "pool: hand out and collect"),
    (OrderedPool, "_finish", "pool: hand out and collect"),
    (OrderedPool, "_await_first", "pool: hand out and collect"),
    (WindowReader, "_read", "windows, retries and the rest of a request"),
]


class Clock:
    """Adds up the CPU time of parts over all threads."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.seconds: dict[str, float] = {}
        self.at_first: float | None = None
        self._lock = threading.Lock()
        self._local = threading.local()

    def timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        """Return the callable with its time added to a part."""

        @functools.wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:
            stack = self._local.__dict__.setdefault("stack", [])
            begin = time.thread_time()
            stack.append(0.0)
            try:
                return call(*args, **kwargs)
            finally:
                took = time.thread_time() - begin
                inner = stack.pop()
                if stack:
                    stack[-1] += took
                with self._lock:
                    self.seconds[part] = self.seconds.get(part, 0.0) + took - inner

        return timed

    def note_first_request(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the callable; its first call marks the end of the start-up."""

        @functools.wraps(call)
        def noting(*args: Any, **kwargs: Any) -> Any:
            if self.at_first is None:
                self.at_first = time.process_time()
            return call(*args, **kwargs)

        return noting


def main() -> None:
    """Run the tap and write what its parts took into the file named first."""
    result = Path(sys.argv.pop(1))
    clock = Clock()
    for owner, name, part in PARTS:
        setattr(owner, name, clock.timed(getattr(owner, name), part))
    transport.Transport.get = clock.note_first_request(  # type: ignore[method-assign]
        transport.Transport.get
    )
    TapGainsightPx.cli(standalone_mode=False)
    total = time.process_time()
    parts = dict.fromkeys((part for _, _, part in PARTS), 0.0)
    figures = {"total": total, "start_up": clock.at_first or 0.0, "parts": parts | clock.seconds}
    result.write_text(json.dumps(figures), encoding="utf-8")


main()
