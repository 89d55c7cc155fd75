"""Where things are: environments, a folder for what a run needs, and what the machine is like."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]

PROJECT = Path(__file__).resolve().parent.parent
RUNNERS = Path(__file__).resolve().parent / "runners"
OWN_PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Place:
    """Where one run of the benchmarks finds its programs and keeps its files."""

    build: Path
    """Holds the environments: bench, bench-peer, bench-pipelinewise and those of the loaders."""
    folder: Path
    """For configurations, logs and what the programs write."""
    quick: bool = False

    @property
    def bench_python(self) -> Path:
        """Python with orjson, requests and dlt."""
        return self.build / "bench/bin/python"

    @property
    def peer(self) -> Path:
        """The earlier public tap."""
        return self.build / "bench-peer/bin/tap-gainsightpx"

    @property
    def pipelinewise(self) -> Path:
        """PipelineWise's loader for Postgres."""
        return self.build / "bench-pipelinewise/bin/target-postgres"

    @property
    def snowflake_python(self) -> Path:
        """Python with target-snowflake."""
        return self.build / "target-snowflake/bin/python"

    @property
    def target_postgres(self) -> Path:
        """The loader."""
        return self.build / "target-postgres/bin/target-postgres"

    def rounds(self, full: int) -> int:
        """Return how often to measure: as said, or twice when it has to be quick."""
        return min(2, full) if self.quick else full

    def size(self, full: int) -> int:
        """Return how many records to read: as said, or a tenth when it has to be quick."""
        return full // 10 if self.quick else full


def program(name: str) -> Path:
    """Return a program of the environment that this runs in."""
    return OWN_PYTHON.with_name(name)


def circumstances() -> dict[str, str]:
    """Return when and on what something is measured."""
    load = os.getloadavg()
    return {
        "when": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "load": " ".join(f"{one:.1f}" for one in load),
        "cores": str(psutil.cpu_count() or 0),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
