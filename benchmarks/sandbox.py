"""The sandbox as a process of its own, and what it tells of the requests it got."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped,unused-ignore]
import requests

from benchmarks.place import OWN_PYTHON, program
from benchmarks.runners import odd_world

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

API_KEY = "sandbox-key"
_READY = "px-sandbox ready: "
_SECONDS = 120


@dataclass(frozen=True)
class Sandbox:
    """A running px-sandbox with a history of `days` days before `anchor`."""

    url: str
    pid: int
    anchor: datetime
    days: int

    @property
    def start(self) -> datetime:
        """The first moment of its history."""
        return self.anchor - timedelta(days=self.days)

    @property
    def end(self) -> datetime:
        """A moment after its last record."""
        return self.anchor + timedelta(seconds=1)

    def cpu_seconds(self) -> float:
        """Return the CPU time used so far, of user and system."""
        times = psutil.Process(self.pid).cpu_times()
        seconds: float = times.user + times.system
        return seconds

    def forget(self) -> None:
        """Forget the requests so far."""
        requests.post(f"{self.url}/_sandbox/reset", timeout=_SECONDS).raise_for_status()

    def request_log(self) -> dict[str, Any]:
        """Return the log: `requests`, `total`, `max_requests_in_one_second`."""
        answer = requests.get(f"{self.url}/_sandbox/requests", timeout=_SECONDS)
        answer.raise_for_status()
        log: dict[str, Any] = answer.json()
        return log

    def status(self) -> dict[str, Any]:
        """Return what the world holds."""
        answer = requests.get(f"{self.url}/_sandbox/status", timeout=_SECONDS)
        answer.raise_for_status()
        status: dict[str, Any] = answer.json()
        return status

    def count(self, start: datetime, end: datetime) -> int:
        """Return how many custom events lie in `[start, end)`."""
        params = {"pageSize": "1", "filter": f"date>={start:%FT%TZ};date<{end:%FT%TZ}"}
        return int(self._custom_events(params).json()["totalHits"])

    def mean_record_bytes(self) -> float:
        """Return the size of a custom event, from a page of them."""
        answer = self._custom_events({"pageSize": "1000"})
        return len(answer.content) / max(1, len(answer.json()["customEvents"]))

    def _custom_events(self, params: dict[str, str]) -> requests.Response:
        answer = requests.get(
            f"{self.url}/v1/events/custom",
            params=params,
            headers={"X-APTRINSIC-API-KEY": API_KEY},
            timeout=_SECONDS,
        )
        answer.raise_for_status()
        return answer


@contextmanager
def sandbox(
    *, custom_events: int, days: int, events: int = 20, latency_ms: int = 0
) -> Iterator[Sandbox]:
    """Start a sandbox on a free port and stop it in the end."""
    anchor = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(seconds=1)
    options = {
        "--custom-events": custom_events,
        "--days": days,
        "--events": events,
        "--anchor": anchor.isoformat(),
        "--seed": 5,
        "--latency-ms": latency_ms,
    }
    given = [str(part) for option in options.items() for part in option]
    with _serving([program("px-sandbox"), "--as-documented", *given], anchor, days) as world:
        yield world


@contextmanager
def odd_sandbox(shape: str, records: int) -> Iterator[Sandbox]:
    """Start a sandbox of so many events of one shape, and stop it in the end."""
    anchor = datetime.fromtimestamp(odd_world.ANCHOR_MS / 1_000, timezone.utc)
    command: list[str | Path] = [OWN_PYTHON, "-m", odd_world.__name__, shape, str(records)]
    with _serving(command, anchor, odd_world.DAYS) as world:
        yield world


@contextmanager
def _serving(command: Sequence[str | Path], anchor: datetime, days: int) -> Iterator[Sandbox]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith(_READY):
                message = "the sandbox did not start"
                raise RuntimeError(message)
            url = line.removeprefix(_READY).split()[0]
            yield Sandbox(url, process.pid, anchor, days)
        finally:
            process.terminate()
