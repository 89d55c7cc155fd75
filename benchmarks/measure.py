"""Runs programs and measures what they take."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
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
        first_record: Seconds to the first RECORD on standard output; only where that was read.
        records: RECORD messages on standard output; only where that was read.
        served: Records that the sandbox answered with.
        requests: Requests that the sandbox got.
        busiest_second: Most of them in any one second.
        sandbox_cpu: CPU seconds of the sandbox in that time.
    """

    wall: float = 0
    cpu: float = 0
    rss_mib: float = 0
    first_record: float | None = None
    records: int | None = None
    served: int = 0
    requests: int = 0
    busiest_second: int = 0
    sandbox_cpu: float = 0

    def to_json(self) -> dict[str, Any]:
        """Return all figures by name."""
        return asdict(self)


def use(
    commands: Sequence[Sequence[str | Path]],
    world: Sandbox,
    *,
    log: Path,
    read_output: bool = False,
) -> Usage:
    """Run programs one after another against a sandbox and return what they took together.

    Args:
        commands: The programs, each of which has to end with exit code 0.
        world: The sandbox; it forgets its requests first, but keeps its latency.
        log: Takes what they write to standard error.
        read_output: Whether to read standard output as a target would; else it is thrown away.

    Raises:
        RuntimeError: A program failed.
    """
    seen = world.requests()["total"]
    before = world.cpu_seconds()
    usage = Usage()
    for command in commands:
        _run(command, usage, log, read_output=read_output)
    usage.sandbox_cpu = world.cpu_seconds() - before
    answer = world.requests()
    new = [one for one in answer["requests"] if one["seq"] > answer["total"] - (answer["total"] - seen)]
    usage.requests = len(new)
    usage.served = sum(one["records"] for one in new)
    usage.busiest_second = busiest_second([one["time_ms"] for one in new])
    return usage
