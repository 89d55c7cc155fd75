"""Airflow with the DAGs of `orchestrate/`, Meltano, the loader, Postgres and the sandbox: all real.

`make airflow` prepares in `.build` what they need.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from demo import services
from tests.e2e.conftest import Sandbox, built, open_folder
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
KEYS = {"users": "aptrinsicId", "accounts": "id"}
"""Where it is not `eventId`."""
BIN = Path(sys.executable).parent
ENTITIES_JOB = "prod:tap-gainsight-px-entities-to-target-postgres"
EVENTS_JOB = "prod:tap-gainsight-px-events-to-target-postgres"


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

    def backfill(self, **params: Any) -> str:
        """Run the whole DAG in this process; its mapped tasks one after another."""
        return self.airflow("dags", "test", "gainsight_px_backfill", "--conf", json.dumps(params))

    def tasks(self) -> dict[tuple[str, int], tuple[str, int]]:
        """Return how each task of the last run has ended and in which try, by name and index."""
        query = (
            "SELECT task_id, map_index, state, try_number FROM task_instance "
            "WHERE run_id = (SELECT run_id FROM dag_run ORDER BY id DESC LIMIT 1)"
        )
        with closing(sqlite3.connect(self.folder / "airflow" / "airflow.db")) as kept:
            return {
                (name, index): (state, tries) for name, index, state, tries in kept.execute(query)
            }

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the bookmarks of each STATE that Meltano keeps, without asking it."""
        with closing(sqlite3.connect(self.folder / ".meltano" / "meltano.db")) as kept:
            rows = kept.execute("SELECT state_id, completed_state FROM state").fetchall()
        found = {name: json.loads(text or "{}").get("singer_state", {}) for name, text in rows}
        return {name: state["bookmarks"] for name, state in found.items() if state}

    def tables(self) -> dict[str, Table]:
        """Return the tables with all that is in them."""
        return read_tables(self.database.url, SCHEMA)

    def keys(self, *streams: str) -> dict[str, list[str]]:
        """Return the key of each row, by table."""
        tables = self.tables()
        return {
            name: sorted(row[KEYS.get(name, "eventId")] for row in tables[name].rows)
            for name in streams
        }

    def truth(self, *streams: str, since: datetime | None = None) -> dict[str, list[str]]:
        """Return the same of what the sandbox itself has, of events those from a moment on."""
        first = int(since.timestamp() * 1000) if since else 0
        return {
            name: sorted(
                one[KEYS.get(name, "eventId")]
                for one in self.sandbox.truth(name)
                if one.get("date", first) >= first
            )
            for name in streams
        }

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
        made.airflow("pools", "set", "gainsight_px", "2", "Tasks that ask PX")
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
        theirs = r"(AIRFLOW|GAINSIGHT_PX|MELTANO|PG|TAP_GAINSIGHT_PX|TARGET_POSTGRES)_?"
        env = {name: value for name, value in os.environ.items() if not re.match(theirs, name)}
        made = Engine(
            folder,
            env
            | {
                "AIRFLOW_HOME": str(folder / "airflow"),
                "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "orchestrate"),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "FLAG": str(folder / "killed"),
                "GAINSIGHT_PX_REQUESTS_PER_SECOND": "200",
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
    (folder / "meltano.yml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    shutil.copytree(PROJECT / "orchestrate", folder / "orchestrate")
