"""Projects of Meltano with the backends for STATE, and a sandbox that takes its time.

`make meltano` prepares in `.build` what they need.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from tests.e2e.conftest import Sandbox, a_world, built, clean_env, postgres, wheel_bin
from tests.e2e.equality import differences
from tests.e2e.loader import read_tables
from tests.e2e.meltano_project import Project, production

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from demo import services

__all__ = ["clean_env", "postgres", "wheel_bin"]

STREAMS = ("accounts", "users", "custom_events")
"""What the tap itself selects, and the job `gainsight-px-to-postgres` reads, in this order."""
EVENTS = 1_500
# The events come one page after another, each in a fifth of a second at least.
WORLD = {
    "--seed": "11",
    "--days": "20",
    "--accounts": "40",
    "--users": "300",
    "--events": "0",
    "--custom-events": str(EVENTS),
    "--live-per-minute": "0",
    "--latency-ms": "200",
}
SLOWLY = {
    "TAP_GAINSIGHT_PX_START_DATE": (datetime.now(timezone.utc) - timedelta(days=30)).isoformat(
        timespec="seconds"
    ),
    "TAP_GAINSIGHT_PX_MAX_WORKERS": "1",
    "TAP_GAINSIGHT_PX_PAGE_SIZE": "100",
    "TAP_GAINSIGHT_PX_WINDOW_MAX_RECORDS": "200",
    "TARGET_POSTGRES_BATCH_SIZE_ROWS": "100",
}
"""Settings of a run that is long enough to be interrupted in its middle."""
STUCK = {"fault": "http_503", "path": "/v1/events/*", "times": None, "retry_after": 1}
"""A rule by which no event is read until the sandbox has other rules."""
_A_MOMENT = 0.02


@pytest.fixture
def sandbox(wheel_bin: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """Start a world for each test."""
    with a_world(WORLD, wheel_bin, tmp_path) as started:
        yield started


@dataclass(frozen=True)
class Pipeline:
    """A project whose jobs load from the sandbox into a schema of its own."""

    project: Project
    sandbox: Sandbox
    url: str
    schema: str
    env: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *arguments: str, **env: str) -> str:
        """Run what is named to its good end."""
        return self.project.meltano("run", "--no-install", *arguments, env=self.env | env)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        """Start what is named."""
        run = self.project.start("run", "--no-install", *arguments, env=self.env | env)
        self.started.append(run)
        return run

    def end(self) -> None:
        """End what was started and is still there, with all that it has started."""
        for run in self.started:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()

    def wait_for_events(self, run: subprocess.Popen[bytes]) -> None:
        """Wait until the first events are in their table."""
        table = sql.Identifier(self.schema, "custom_events").as_string()
        is_there = sql.SQL("SELECT to_regclass({})").format(table)
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.SQL(table))
        with psycopg.connect(self.url, autocommit=True) as connection:
            while True:
                is_made = connection.execute(is_there).fetchone() != (None,)
                if is_made and connection.execute(count).fetchone() != (0,):
                    return
                with suppress(subprocess.TimeoutExpired):
                    run.wait(_A_MOMENT)
                    pytest.fail(
                        f"the run has ended before it could be interrupted: {self.project.log}"
                    )

    def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        return len(read_tables(self.url, self.schema)[table].rows)

    def loaded_since(self, moment: float, table: str) -> int:
        """Return how many rows were loaded by runs that began after a moment (seconds)."""
        rows = read_tables(self.url, self.schema)[table].rows
        return sum(row["_sdc_sync_started_at"] >= moment * 1_000 for row in rows)

    def differences(self) -> list[str]:
        """Return where the tables differ from the server."""
        return list(differences(self.sandbox, read_tables(self.url, self.schema), STREAMS))


@pytest.fixture
def pipeline(  # noqa: PLR0917 - what it needs running
    sandbox: Sandbox,
    wheel_bin: Path,
    postgres: services.Postgres,
    clean_env: dict[str, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Pipeline]:
    """Make a project, and the database that Meltano itself needs."""
    meltano = built("meltano-backends/bin/meltano")
    project = Project.made_in(tmp_path / "project", clean_env, program=meltano)
    project.use_built(wheel_bin)
    schema = "".join(one if one.isalnum() else "_" for one in request.node.name)[:60]
    env = production(sandbox, postgres.sqlalchemy_url, schema)
    project.meltano("state", "list", env=env)
    pipeline = Pipeline(project, sandbox, postgres.url, schema, env)
    yield pipeline
    pipeline.end()


def change(pipeline: Pipeline, event: str = "added") -> None:
    """Let somebody be renamed, and an event of this name happen."""
    now = int(time.time()) * 1000 - 2_000  # before the end of the next run, which is exclusive
    user, known = pipeline.sandbox.truth("users")[0], pipeline.sandbox.truth("custom_events")[-1]
    renamed = user | {"lastModifiedDate": now, "firstName": f"After {event}"}
    pipeline.sandbox.put("users", renamed)
    pipeline.sandbox.put("custom_events", known | {"eventId": event, "date": now})


def child(parent: int, program: str) -> int:
    """Return the process of a program that another process has started."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)],  # noqa: S607
        capture_output=True,
        check=True,
        encoding="utf-8",
    ).stdout
    (found,) = (line for line in listed.splitlines() if f"/{program} " in line)
    return int(found.split()[0])
