"""Runs programs that are connected by pipes, and counts the CPU of each."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Program:
    """A program that runs; its output goes to the next one, or nowhere.

    Attributes:
        kind: tap, loader, or both, for the table.
        command: What to run.
        env: What its environment has beside that of the benchmarks.
    """

    kind: str
    command: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict)


Pipe: TypeAlias = "tuple[Program, ...]"


def run_pipes(pipes: Sequence[Pipe], log: Path) -> list[tuple[str, float]]:
    """Run pipes side by side, and return the kind and the CPU seconds of each program.

    Raises:
        RuntimeError: A program failed.
    """
    started: list[tuple[str, subprocess.Popen[bytes]]] = []
    with log.open("w", encoding="utf-8") as errors:
        for pipe in pipes:
            source: Any = subprocess.DEVNULL
            for number, one in enumerate(pipe):
                is_last = number == len(pipe) - 1
                process = subprocess.Popen(  # noqa: S603
                    [str(part) for part in one.command],
                    stdin=source,
                    stdout=subprocess.DEVNULL if is_last else subprocess.PIPE,
                    stderr=errors,
                    env={**os.environ, "PGTZ": "UTC", **one.env},
                )
                if source is not subprocess.DEVNULL:
                    source.close()  # the next one has it now, and only its end may count
                source = process.stdout
                started.append((one.kind, process))
        used = []
        for kind, process in started:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            used.append((kind, usage.ru_utime + usage.ru_stime))
    broken = [process.args for _, process in started if process.returncode]
    if broken:
        message = f"a pipe broke at {broken}; its log: {log.read_text(encoding='utf-8')[-2000:]}"
        raise RuntimeError(message)
    return used
