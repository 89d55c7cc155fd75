"""The tap with a clock around its parts: CPU time of each thread, inner parts not counted twice."""

from __future__ import annotations

import functools
import importlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.api.transport import Transport
from tap_gainsight_px.tap import TapGainsightPx

if TYPE_CHECKING:
    from collections.abc import Callable

# What to time, by the name that the report gives it and in its order. A place that no
# longer exists is reported, and its time shows as the rest.
PARTS = {
    "HTTP: build the request": ["tap_gainsight_px.api.connection:Connection.get"],
    "HTTP: send it, read the head of the answer": ["requests.adapters:HTTPAdapter.send"],
    "HTTP: read the body": ["tap_gainsight_px.api.connection:_read"],
    "decode: bytes to typed records": ["tap_gainsight_px.records.typed:RecordType.decode"],
    "times, and a check of what stays bytes": ["tap_gainsight_px.records.typed:RecordType.finish"],
    "keys and dates": ["tap_gainsight_px.records.typed:RecordType.values"],
    "encode: typed records to messages": ["tap_gainsight_px.records.typed:RecordType.lines"],
    "order within a page, and freeing it": [
        "tap_gainsight_px.records.decoder:PageDecoder._decode_typed"
    ],
    "count, each once": ["tap_gainsight_px.reading.completeness:Ledger.add"],
    "order of pages": ["tap_gainsight_px.reading.window_rows:WindowRows.in_order"],
    "write": [
        "tap_gainsight_px.singer.stream:PxStream._write_rows",
        "tap_gainsight_px.output.message_writer:PageWriter.flush",
    ],
    "rate limit": ["tap_gainsight_px.api.rate_limit:RateLimit.acquire"],
    "pool: hand out and collect": [
        f"tap_gainsight_px.reading.ordered_pool:OrderedPool.{name}"
        for name in ("_next_slot", "_finish", "_await_first")
    ],
    "windows, retries and the rest of a request": [
        "tap_gainsight_px.reading.window_reader:WindowReader._read"
    ],
}


class Clock:
    """Adds up the CPU time of parts over all threads."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.seconds: dict[str, float] = {}
        self.at_first: float | None = None
        self._lock = threading.Lock()
        self._local = threading.local()

    def put_at(self, place: str, part: str) -> bool:
        """Time `module:name.name` as a part; return whether it is there."""
        module, _, names = place.partition(":")
        *outer, name = names.split(".")
        try:
            owner: Any = functools.reduce(getattr, outer, importlib.import_module(module))
            setattr(owner, name, self.timed(getattr(owner, name), part))
        except (ImportError, AttributeError):
            return False
        return True

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
    missing = [
        place for part, places in PARTS.items() for place in places if not clock.put_at(place, part)
    ]
    Transport.get = clock.note_first_request(Transport.get)  # type: ignore[method-assign]
    TapGainsightPx.cli(standalone_mode=False)
    total = time.process_time()
    figures = {
        "total": total,
        "start_up": clock.at_first or 0.0,
        "parts": dict.fromkeys(PARTS, 0.0) | clock.seconds,
        "missing": missing,
    }
    result.write_text(json.dumps(figures), encoding="utf-8")


main()
