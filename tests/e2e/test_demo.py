"""`make demo`, and with it Meltano without the Hub: run in a small world, and interrupted."""

from __future__ import annotations

import os
import pwd
import re
import shutil
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
    from typing import NoReturn

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
        # Long before the tap asks: however fast the machine is, the run is not over by itself.
        hang = {"rules": [{"fault": "hang", "times": None}]}
        requests.post(f"{api_url}/_sandbox/misbehave", json=hang, timeout=30).raise_for_status()
        next(line for line in started.stdout if "meltano" in line)
        started.send_signal(signal.SIGINT)
        rest = started.stdout.read()
    assert started.returncode == 130, rest
    assert "Stopped." in rest
    assert not (demo_home / "postgres/postmaster.pid").exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(api_url, timeout=5)


@pytest.fixture
def _new_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be root on a machine that has never run this Postgres, with the PATH that cron gives."""

    def getpwnam(name: str) -> NoReturn:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.mark.usefixtures("_new_machine")
def test_root_is_told_which_program_is_missing(
    monkeypatch: pytest.MonkeyPatch, demo_home: Path
) -> None:
    """Where no system user can be made for Postgres, one line says so."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert services.user_to_be_made() == "pgserver"
    with (
        pytest.raises(services.ServiceError, match="there is no `useradd` on this machine"),
        services.postgres(demo_home / "postgres"),
    ):
        pass


@pytest.mark.usefixtures("_new_machine")
def test_what_makes_a_system_user_is_found_without_the_path(
    monkeypatch: pytest.MonkeyPatch, demo_home: Path
) -> None:
    """It lies in a folder that only interactive shells of root look into."""
    paths = []

    def get_server(*_: object, **__: object) -> NoReturn:
        paths.append(os.environ["PATH"])
        message = "enough"
        raise RuntimeError(message)

    monkeypatch.setattr(services, "get_server", get_server)
    monkeypatch.setattr(shutil, "which", lambda name, **_: name)
    with (
        pytest.raises(services.ServiceError, match="enough"),
        services.postgres(demo_home / "postgres"),
    ):
        pass
    assert paths == ["/usr/bin:/bin:/usr/sbin:/sbin"]
    assert os.environ["PATH"] == "/usr/bin:/bin"
