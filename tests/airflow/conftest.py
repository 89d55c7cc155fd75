"""Airflow with the DAGs of `orchestrate/`, Meltano, the loader, Postgres and the sandbox: all real.

`make airflow` prepares in `.build` what they need.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from demo import services
from tests.e2e.conftest import Sandbox, built, open_folder
from tests.e2e.equality import differences
from tests.e2e.loader import PROJECT, read_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.e2e.loader import Table

DAYS = 200
WORLD = {
    "--seed": "16",
    "--days": str(DAYS),
    "--accounts": "10",
    "--users": "60",
    "--events": "3000",
    "--live-per-minute": "0",
}
SCHEMA = "backfilled"
SLOTS = 2
REQUESTS_PER_SECOND = 60
"""For all tasks together."""
BIN = Path(sys.executable).parent
ENTITIES_JOB = "prod:tap-gainsight-px-entities-to-target-postgres"
EVENTS_JOB = "prod:tap-gainsight-px-events-to-target-postgres"
BACKFILL = "gainsight_px_backfill"
_A_MOMENT = 0.2


@dataclass(frozen=True)
class Task:
    """How a task of a run has ended, and from when to when it ran, try by try."""

    state: str
    tries: int
    slots: int
    times: list[tuple[datetime, datetime]]


@dataclass(frozen=True)
class Engine:
    """Airflow and a Meltano project, both in a folder of their own."""

    folder: Path
    env: dict[str, str]
    sandbox: Sandbox
    database: services.Postgres

    def airflow(self, *arguments: str) -> str:
        """Run Airflow to its good end and return what it printed."""
        return self._run([built("airflow/bin/airflow"), *arguments])

    def meltano(
        self, *arguments: str, log: str = "log", env: Mapping[str, str] | None = None
    ) -> str:
        """Run Meltano to its good end and return what it printed, by way of the file `log`."""
        return self._run([built("meltano/bin/meltano"), *arguments], name=log, env=env)

    def _run(
        self, command: list[str | Path], name: str = "log", env: Mapping[str, str] | None = None
    ) -> str:
        log = self.folder / name
        with log.open("w", encoding="utf-8") as output:
            done = subprocess.run(
                command,
                check=False,
                cwd=self.folder,
                env={**self.env, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        printed = log.read_text(encoding="utf-8")
        assert done.returncode == 0, printed[-8000:]
        return printed

    def backfill(self, **params: Any) -> dict[tuple[str, int], Task]:
        """Trigger the backfill; return its tasks by name and index when it has come to its end."""
        return self._scheduled(BACKFILL, "trigger", "--conf", json.dumps(params))

    def unpause(self, dag: str) -> None:
        """Let the DAG of a schedule run, which it does at once, for the last time it has missed."""
        self._scheduled(dag, "unpause")

    def _scheduled(self, dag: str, verb: str, *options: str) -> dict[tuple[str, int], Task]:
        """Let a scheduler run a DAG once, to its good end; return its tasks by name and index.

        Airflow's programs are started for it, so that they have the environment of now.
        """
        self.airflow("dags", "reserialize")
        with ExitStack() as programs:
            server = self._start("api-server", programs)
            while not self._answers():  # without it no task can begin
                self._check(server)
            for name in ("dag-processor", "scheduler"):
                self._start(name, programs)
            self.airflow("dags", verb, dag, *options)
            while (state := self._state_of_the_run(dag)) not in ("success", "failed"):
                self._check(server)
        assert state == "success", self._end_of("scheduler.log")
        return self._tasks()

    def _start(self, name: str, programs: ExitStack) -> subprocess.Popen[str]:
        command: list[str | Path] = [built("airflow/bin/airflow"), name]
        log = self.folder / f"{name}.log"
        return programs.enter_context(services.process(command, log=log, env=self.env))

    def _answers(self) -> bool:
        """Return whether Airflow's server takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.env["AIRFLOW__API__PORT"]))) == 0

    def _check(self, server: subprocess.Popen[str]) -> None:
        """Wait a moment; fail if the server ends in it."""
        with suppress(subprocess.TimeoutExpired):
            server.wait(_A_MOMENT)
            pytest.fail(self._end_of("api-server.log"))

    def _end_of(self, log: str) -> str:
        return (self.folder / log).read_text(encoding="utf-8")[-8000:]

    def _state_of_the_run(self, dag: str) -> str | None:
        """Return how far the last run of a DAG is; None if there is none."""
        query = "SELECT state FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1"
        return next((state for (state,) in self._kept(query, dag)), None)

    def _tasks(self) -> dict[tuple[str, int], Task]:
        """Return the tasks of the last run that have run, by name and index."""
        query = (
            "SELECT task_id, map_index, state, try_number, pool_slots, start_date, end_date "
            "FROM {} WHERE run_id = (SELECT run_id FROM dag_run ORDER BY id DESC LIMIT 1) "
            "AND start_date IS NOT NULL"
        )
        tasks: dict[tuple[str, int], Task] = {}
        for table in ("task_instance", "task_instance_history"):
            for name, index, state, tries, slots, start, end in self._kept(query.format(table)):
                task = tasks.setdefault((name, index), Task(state, tries, slots, []))
                task.times.append((datetime.fromisoformat(start), datetime.fromisoformat(end)))
        return tasks

    def _kept(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """Return what Airflow keeps in its database."""
        with closing(sqlite3.connect(self.folder / "airflow" / "airflow.db", timeout=60)) as kept:
            return kept.execute(query, values).fetchall()

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the bookmarks of each STATE that Meltano keeps, without asking it."""
        with closing(sqlite3.connect(self.folder / ".meltano" / "meltano.db")) as kept:
            rows = kept.execute("SELECT state_id, completed_state FROM state").fetchall()
        found = {name: json.loads(text or "{}").get("singer_state", {}) for name, text in rows}
        return {name: state["bookmarks"] for name, state in found.items() if state}

    def tables(self) -> dict[str, Table]:
        """Return the tables with all that is in them."""
        return read_tables(self.database.url, SCHEMA)

    def differences(self, *streams: str, since: datetime | None = None) -> list[str]:
        """Return where tables and sandbox differ, in rows and values; of events, from a moment."""
        found = differences(self.sandbox, self.tables(), streams, since=since)
        return list(found)

    def last_load(self) -> datetime:
        """Return when the last row was loaded."""
        rows = [row for table in self.tables().values() for row in table.rows]
        latest: datetime = max(row["_sdc_received_at"] for row in rows)
        return latest

    def loaded_after(self, moment: datetime) -> set[tuple[str, str]]:
        """Return the events that have been loaded since: their tables and keys."""
        return {
            (name, row["eventId"])
            for name, table in self.tables().items()
            for row in table.rows
            if "eventId" in row and row["_sdc_received_at"] > moment
        }


# Passes on the beginning of what the tap sends, and then kills all programs of the run: Meltano,
# the tap and itself. Once.
KILLER = """#!/bin/sh
case "${STRETCH:-}" in
  "") ;;
  "$TAP_GAINSIGHT_PX_EVENTS_START_DATE") mkdir "$FLAG" 2> /dev/null && {
    head -n 150 | "$LOADER" "$@"
    kill -s KILL 0
  } ;;
esac
exec "$LOADER" "$@"
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Set up a project like ours, and an Airflow for it, with a world of 200 days."""
    with open_engine() as made:
        made.airflow("db", "migrate")
        made.airflow("pools", "set", "gainsight_px", str(SLOTS), "Tasks that ask PX")
        yield made


@contextmanager
def open_engine(options_of_world: Mapping[str, str] | None = None) -> Iterator[Engine]:
    """Start the servers, and make a project with the programs that are built already.

    Args:
        options_of_world: Options of `px-sandbox` in the place of the usual ones.
    """
    anchor = datetime.now(timezone.utc) - timedelta(hours=3)
    world = (
        WORLD | dict(options_of_world or {}) | {"--anchor": anchor.isoformat(timespec="seconds")}
    )
    options = [text for option in world.items() for text in option]
    with (
        open_folder() as folder,
        services.postgres(folder / "data") as database,
        services.sandbox(BIN / "px-sandbox", *options, log=folder / "sandbox.log") as url,
    ):
        _make_project(folder)
        port = _free_port()
        theirs = r"(AIRFLOW|GAINSIGHT_PX|MELTANO|PG|TAP_GAINSIGHT_PX|TARGET_POSTGRES)_?"
        env = {name: value for name, value in os.environ.items() if not re.match(theirs, name)}
        made = Engine(
            folder,
            env
            | {
                "AIRFLOW_HOME": str(folder / "airflow"),
                "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "orchestrate"),
                "AIRFLOW__API__PORT": str(port),
                "AIRFLOW__API__WORKERS": "1",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__PARALLELISM": str(2 * SLOTS),
                "FLAG": str(folder / "killed"),
                "GAINSIGHT_PX_POOL_SLOTS": str(SLOTS),
                "GAINSIGHT_PX_REQUESTS_PER_SECOND": str(REQUESTS_PER_SECOND),
                "GAINSIGHT_PX_RETRY_SECONDS": "1",
                "LOADER": str(built("target-postgres/bin/target-postgres")),
                "MELTANO_ENVIRONMENT": "prod",
                "MELTANO_EXECUTABLE": str(built("meltano/bin/meltano")),
                "NO_COLOR": "1",
                "PYTHONWARNINGS": "ignore",
                "TAP_GAINSIGHT_PX_API_KEY": services.API_KEY,
                "TAP_GAINSIGHT_PX_API_URL": url,
                "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": SCHEMA,
                "TARGET_POSTGRES_SQLALCHEMY_URL": database.sqlalchemy_url,
            },
            Sandbox(url),
            database,
        )
        yield made


def _free_port() -> int:
    """Return a port for Airflow, which cannot choose one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _make_project(folder: Path) -> None:
    """Copy `meltano.yml` and the DAGs; the programs are those that are built already."""
    definition = yaml.safe_load((PROJECT / "meltano.yml").read_text(encoding="utf-8"))
    killer = folder / "target-postgres"
    killer.write_text(KILLER, encoding="utf-8")
    killer.chmod(0o755)
    for plugin in (one for kind in definition["plugins"].values() for one in kind):
        if "inherit_from" not in plugin:
            loads = plugin["name"] == "target-postgres"
            plugin["executable"] = str(killer if loads else BIN / plugin["executable"])
    for schedule in definition["schedules"]:
        schedule["interval"] = "@yearly"  # so that none begins in the middle of a test
    (folder / "meltano.yml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    shutil.copytree(PROJECT / "orchestrate", folder / "orchestrate")
