"""Runs programs and measures what they take."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.sandbox import Sandbox

_CHUNK_BYTES = 1 << 20
_RECORD = b'"RECORD"'


@dataclass
class Usage:
    """What one program, or several one after another, took.

    Attributes:
        wall: Seconds from start to end.
        cpu: CPU seconds of user and system.
        rss_mib: Largest resident set.
        first_record: Seconds to the first RECORD on standard output, where that was read.
        written: RECORD messages on standard output, where that was read.
        served: Records that the sandbox answered with.
        requests: Requests that the sandbox got.
        busiest_second: Most of them in any one second.
        sandbox_cpu: CPU seconds of the sandbox in that time.
    """

    wall: float = 0
    cpu: float = 0
    rss_mib: float = 0
    first_record: float | None = None
    written: int = 0
    served: int = 0
    requests: int = 0
    busiest_second: int = 0
    sandbox_cpu: float = 0

    def to_json(self) -> dict[str, Any]:
        """Return all figures by name."""
        return asdict(self)


def use(
    commands: Iterable[Sequence[str | Path]],
    world: Sandbox,
    *,
    log: Path,
    reads: bool = False,
) -> Usage:
    """Run programs one after another against a sandbox and return what they took together.

    Args:
        commands: The programs, each of which has to end with exit code 0.
        world: The sandbox; it forgets all earlier requests.
        log: Takes what they write to standard error.
        reads: Whether to read standard output as a target would; else it is thrown away.

    Raises:
        RuntimeError: A program failed.
    """
    world.forget()
    usage = Usage()
    before = world.cpu_seconds()
    for command in commands:
        _run([str(part) for part in command], usage, log, reads=reads)
    usage.sandbox_cpu = world.cpu_seconds() - before
    entries = world.request_log()["requests"]
    usage.requests = len(entries)
    usage.served = sum(entry["records"] for entry in entries)
    usage.busiest_second = _busiest_second(entry["time_ms"] for entry in entries)
    return usage


def _run(command: list[str], usage: Usage, log: Path, *, reads: bool) -> None:
    start = time.monotonic()
    with log.open("w", encoding="utf-8") as errors:
        output = subprocess.PIPE if reads else subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)  # noqa: S603
        if process.stdout is not None:
            _read(process.stdout.fileno(), usage, start)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.stdout is not None:
            process.stdout.close()
    if process.returncode != 0:
        message = f"{command[0]} ended with exit code {process.returncode}; its log: {log}"
        raise RuntimeError(message)
    usage.wall += time.monotonic() - start
    usage.cpu += used.ru_utime + used.ru_stime
    usage.rss_mib = max(usage.rss_mib, used.ru_maxrss / 1024)


def _read(output: int, usage: Usage, start: float) -> None:
    """Read all there is, and note when the first RECORD came and how many there were."""
    rest = b""
    while chunk := os.read(output, _CHUNK_BYTES):
        chunk = rest + chunk  # the word may lie on the edge between two chunks
        usage.written += chunk.count(_RECORD)
        if usage.written and usage.first_record is None:
            usage.first_record = time.monotonic() - start
        rest = chunk[chunk.rfind(_RECORD) + 1 :][-len(_RECORD) + 1 :]


def _busiest_second(times_ms: Iterable[int]) -> int:
    recent: deque[int] = deque()
    most = 0
    for time_ms in sorted(times_ms):
        recent.append(time_ms)
        while recent[0] <= time_ms - 1000:
            recent.popleft()
        most = max(most, len(recent))
    return most
