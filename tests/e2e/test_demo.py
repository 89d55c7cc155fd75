"""`make demo`, and with it Meltano without the Hub: run in a small world, and interrupted."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from demo import report, services
from demo.__main__ import WORLD
from px_sandbox import ManualClock, World, WorldPlan
from tests.e2e.conftest import PROJECT, Sandbox, open_folder
from tests.patience import PATIENCE
from tests.transform import truth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import NoReturn

EVENTS = 2000


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


@dataclass(frozen=True)
class Runs:
    """What two runs one after the other have printed, and left behind in `home`."""

    home: Path
    first: str
    second: str


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """Run the demo twice in one folder."""
    with open_folder() as home:
        yield Runs(home, run_demo(home), run_demo(home))


def figures(runs: Runs, chart: str) -> list[dict[str, Any]]:
    """Return what a chart of the page draws."""
    page = (runs.home / "answers.html").read_text(encoding="utf-8")
    specs = re.search(r"Object\.entries\((\{.*\})\)\) \{$", page, re.MULTILINE)
    assert specs
    rows: list[dict[str, Any]]
    (rows,) = json.loads(specs[1])[chart]["datasets"].values()
    return rows


def test_demo_loads_all_and_then_only_what_is_new(runs: Runs) -> None:
    """The second run finds the first one's rows and state, and loads little more."""
    with services.postgres(runs.home / "postgres") as server:
        tables = report.read_tables(server.url, 0)
    assert all(table.rows for table in tables.values())
    rows = sum(table.rows for table in tables.values())
    all_loaded = re.search(r"([\d,]+) rows in 12 tables", runs.first)
    again = re.search(r"([\d,]+) rows, ([\d,]+) of them new; ([\d,]+) were already", runs.second)
    assert all_loaded, runs.first
    assert again, runs.second
    loaded, new, there = (int(number.replace(",", "")) for number in again.groups())
    assert there == int(all_loaded[1].replace(",", ""))
    assert there + new == rows
    assert loaded < rows / 2


def test_demo_tells_the_active_accounts_of_each_week(runs: Runs) -> None:
    """Its page has the figures of the sandbox's own world; the weeks before it grew are in full."""
    anchor = datetime.fromisoformat(
        (runs.home / "anchor").read_text().strip().replace("Z", "+00:00")
    )
    now = int(anchor.timestamp() * 1000)
    plan = WorldPlan(
        anchor_ms=now,
        seed=int(WORLD["--seed"]),
        days=int(WORLD["--days"]),
        accounts=int(WORLD["--accounts"]),
        users=int(WORLD["--users"]),
        events=EVENTS,
        habits=True,
    )
    events = truth.activity(World.generated(plan, ManualClock(now)))
    accounts = truth.grouped(events, lambda one: truth.monday(one.day))
    told = figures(runs, "weeks")
    assert len(told) >= 25
    for row in told:
        week = date.fromisoformat(row["week"])
        assert row["accounts"] == len(truth.accounts(accounts.get(week, [])))


def test_demo_ends_with_answers(runs: Runs) -> None:
    """The terminal shows each, and says where the page is, which asks for nothing else."""
    for title in ("Accounts active in each week", "Features, by the share", "Net Promoter Score"):
        assert title in runs.first
        assert title in runs.second
    for row in figures(runs, "features")[:5]:
        assert re.search(rf"{row['name']} +█+ {row['share']:.0%}\n", runs.second)
    for row in figures(runs, "months")[-6:]:
        score = re.escape(f"{row['nps']:+.0f}")
        assert re.search(rf"{score}  █* ?{row['answers']} answers", runs.second)
    assert "answers.html" in runs.second
    page, script, _ = (
        (runs.home / "answers.html").read_text(encoding="utf-8").partition('<script type="module">')
    )
    assert script
    assert not re.search(r"<(link|script|img)|url\(|@import", page)


def test_interrupted_demo_leaves_nothing_running(demo_home: Path) -> None:
    """Ctrl-C during the run ends the sandbox, Postgres and Meltano, and says so."""
    with demo(demo_home) as started:
        assert started.stdout is not None
        api_url = next(line.split()[-1] for line in started.stdout if "px-sandbox" in line)
        # Long before the tap asks: however fast the machine is, the run is not over by itself.
        Sandbox(api_url).misbehave({"fault": "hang", "times": None})
        next(line for line in started.stdout if "meltano" in line)
        started.send_signal(signal.SIGINT)
        rest = started.stdout.read()
    assert started.returncode == 130, rest
    assert "Stopped." in rest
    assert not (demo_home / "postgres/postmaster.pid").exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(api_url, timeout=PATIENCE)


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
