"""`make demo`, and with it Meltano without the Hub: run in a small world, and interrupted."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import requests

from demo import report, services
from tests.e2e.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = 1000


def demo(home: Path) -> subprocess.Popen[str]:
    """Start the demo with few events; it keeps all it has in `home`."""
    return subprocess.Popen(
        [sys.executable, "-m", "demo", "--home", home, "--events", str(EVENTS)],
        cwd=PROJECT,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run_demo(home: Path) -> str:
    """Run the demo to its good end and return what it printed."""
    with demo(home) as started:
        output, _ = started.communicate()
    assert started.returncode == 0, output
    return output


def test_demo_loads_all_and_then_only_what_is_new(demo_home: Path) -> None:
    """The second run finds the first one's rows and state, and loads little more."""
    first = run_demo(demo_home)
    second = run_demo(demo_home)

    with services.postgres(demo_home / "postgres") as server:
        tables = report.read_tables(server.url, 0)
    assert tables["custom_events"].rows >= EVENTS
    rows = sum(table.rows for table in tables.values())
    all_loaded = re.search(r"This run loaded ([\d,]+) rows\.", first)
    again = re.search(r"loaded ([\d,]+) rows; ([\d,]+) were .*\n +New among them: ([\d,]+)", second)
    assert all_loaded, first
    assert again, second
    loaded, there, new = (int(number.replace(",", "")) for number in again.groups())
    assert there == int(all_loaded[1].replace(",", ""))
    assert there + new == rows
    assert loaded < rows / 2


def test_interrupted_demo_leaves_nothing_running(demo_home: Path) -> None:
    """Ctrl-C during the run ends the sandbox, Postgres and Meltano, and says so."""
    with demo(demo_home) as started:
        assert started.stdout is not None
        api_url = next(line.split()[-1] for line in started.stdout if "px-sandbox" in line)
        next(line for line in started.stdout if "meltano" in line)
        started.send_signal(signal.SIGINT)
        rest = started.stdout.read()
    assert started.returncode == 130, rest
    assert "Stopped." in rest
    assert not (demo_home / "postgres/postmaster.pid").exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(api_url, timeout=5)
