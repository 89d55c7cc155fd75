"""The real things: the built wheel, the sandbox as a process, a Postgres server, the loader.

`make e2e` prepares in `.build` what they need.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests
from psycopg import sql

from demo import services
from px_sandbox.stores import encode
from tests.e2e.loader import Loader, Table, kept_loader, read_tables, shipped
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import LiteralString

PROJECT = Path(__file__).resolve().parents[2]

# A small world that has stood still for some hours: only what a test adds is new, and a second
# run has nothing else to read again.
DAYS = 20
WORLD = {
    "--seed": "11",
    "--days": str(DAYS),
    "--accounts": "40",
    "--users": "300",
    "--events": "3000",
    "--live-per-minute": "0",
}


def built(path: str) -> Path:
    """Return what the make target of these tests has built at this path below `.build`."""
    found = PROJECT / ".build" / path
    if not found.exists():
        message = f"{found} is missing: the make target of these tests builds it"
        raise FileNotFoundError(message)
    return found


@pytest.fixture(scope="session")
def wheel_bin() -> Path:
    """Return the folder with the programs of the built wheel."""
    return built("wheel/bin")


@pytest.fixture(scope="session")
def singer_check_tap() -> Path:
    """Return the validator of Singer messages."""
    return built("singer-tools/bin/singer-check-tap")


@pytest.fixture(scope="session")
def clean_env() -> dict[str, str]:
    """Return the environment without anything that would change how tap or loader behave."""
    ours = ("TAP_GAINSIGHT_PX_", "TARGET_POSTGRES_", "MELTANO_", "PG")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@dataclass(frozen=True)
class Sandbox:
    """A running px-sandbox."""

    url: str

    def truth(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of a kind, as the sandbox itself knows them."""
        answer = requests.get(f"{self.url}/_sandbox/truth", params={"kind": kind}, timeout=PATIENCE)
        answer.raise_for_status()
        records: list[dict[str, Any]] = answer.json(parse_float=Decimal)["records"]
        return records

    def busiest_second(self) -> int:
        """Return the most requests that came within a second."""
        answer = requests.get(f"{self.url}/_sandbox/status", timeout=30)
        answer.raise_for_status()
        most: int = answer.json()["max_requests_in_one_second"]
        return most

    def put(self, kind: str, *records: Mapping[str, Any]) -> None:
        """Add records; one with the key of an older user or account replaces it."""
        self._post("records", {"kind": kind, "records": records})

    def delete(self, kind: str, *ids: str) -> None:
        """Remove records by their keys."""
        self._post("records/delete", {"kind": kind, "ids": ids})

    def misbehave(self, *rules: Mapping[str, Any]) -> None:
        """Let faults strike by these rules and no others."""
        self._post("misbehave", {"rules": rules})

    def _post(self, call: str, content: Mapping[str, Any]) -> None:
        url = f"{self.url}/_sandbox/{call}"
        requests.post(url, data=encode(content), timeout=PATIENCE).raise_for_status()


@contextmanager
def a_world(options: Mapping[str, str], wheel_bin: Path, folder: Path) -> Iterator[Sandbox]:
    """Start the wheel's px-sandbox with a world of its own, made by these options."""
    anchor = datetime.now(timezone.utc) - timedelta(hours=3)
    world = {**options, "--anchor": anchor.isoformat(timespec="seconds")}
    texts = [text for option in world.items() for text in option]
    program = wheel_bin / "px-sandbox"
    with services.sandbox(program, *texts, log=folder / "sandbox.log") as url:
        yield Sandbox(url)


@pytest.fixture
def sandbox(wheel_bin: Path, tmp_path: Path) -> Iterator[Sandbox]:
    """Start a world for each test."""
    with a_world(WORLD, wheel_bin, tmp_path) as started:
        yield started


@dataclass(frozen=True)
class Tap:
    """The tap of the wheel, run from an empty folder so that nothing comes from the tree."""

    program: Path
    folder: Path
    env: Mapping[str, str]

    def command(self, *options: str | Path) -> list[str | Path]:
        """Return the command line of a run with the settings of this folder."""
        return [self.program, "--config", self.folder / "config.json", *options]

    def output(self, *options: str | Path) -> str:
        """Run the tap to its end, which has to be a good one, and return what it wrote."""
        done = subprocess.run(
            self.command(*options),
            capture_output=True,
            check=False,
            cwd=self.folder,
            encoding="utf-8",
            env=self.env,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout


@pytest.fixture
def tap(wheel_bin: Path, sandbox: Sandbox, tmp_path: Path, clean_env: dict[str, str]) -> Tap:
    """Return the tap, set up for the sandbox."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    start = datetime.now(timezone.utc) - timedelta(days=DAYS + 1)
    settings = {
        "api_key": services.API_KEY,
        "api_url": sandbox.url,
        "start_date": start.isoformat(),
        "requests_per_second": 200,
    }
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return Tap(wheel_bin / "tap-gainsight-px", folder, clean_env)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a temporary folder for Postgres.

    Postgres refuses to run as root, and for root runs as a user of its own, who has to get at its
    data. pytest closes its folders to other users each time that any pytest of this user starts.
    """
    with tempfile.TemporaryDirectory(prefix="px-e2e-") as folder:
        yield Path(folder)


@pytest.fixture
def demo_home() -> Iterator[Path]:
    """Return an empty folder for a demo."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[services.Postgres]:
    """Start an empty Postgres whose time zones are not UTC, as many are not."""
    with open_folder() as folder, services.postgres(folder / "data") as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("ALTER DATABASE postgres SET timezone = 'America/New_York'")
            connection.execute("ALTER ROLE postgres SET timezone = 'Asia/Kolkata'")
        with psycopg.connect(server.url, autocommit=True) as connection:
            # No test of ours pulls the plug.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="session")
def loader(postgres: services.Postgres, clean_env: dict[str, str]) -> Iterator[Loader]:
    """Start the real loader once."""
    python = built("target-postgres/bin/python")
    with (
        open_folder() as folder,
        kept_loader(
            python, folder, clean_env, url=postgres.url, sqlalchemy_url=postgres.sqlalchemy_url
        ) as started,
    ):
        yield started


@dataclass(frozen=True)
class Pipeline:
    """`tap | target-postgres` into one schema of the database."""

    tap: Tap
    target: Path
    url: str
    schema: str
    env: Mapping[str, str]

    def run(self, *options: str | Path) -> Path:
        """Run both programs to their good end; return the file with the loader's last STATE."""
        folder = self.tap.folder
        command = (self.target, "--config", folder / "target.json")
        with (
            (folder / "states").open("w+", encoding="utf-8") as states,
            (folder / "log").open("w+", encoding="utf-8") as log,
        ):
            with subprocess.Popen(
                self.tap.command(*options),
                cwd=folder,
                env=self.tap.env,
                stdout=subprocess.PIPE,
                stderr=log,
            ) as source:
                loaded = subprocess.run(
                    command,
                    check=False,
                    cwd=folder,
                    env=self.env,
                    stdin=source.stdout,
                    stdout=states,
                    stderr=log,
                )
            assert (source.returncode, loaded.returncode) == (0, 0), _end_of(log.name)
        state = folder / "state.json"
        lines = (folder / "states").read_text(encoding="utf-8").splitlines()
        state.write_text(lines[-1], encoding="utf-8")
        return state

    def rows(self, query: LiteralString, **names: str) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds in this schema; `names` are quoted into it."""
        quoted = {key: sql.Identifier(name) for key, name in names.items()}
        options = f"-c search_path={self.schema} -c timezone=UTC"
        with psycopg.connect(self.url, options=options) as connection:
            return connection.execute(sql.SQL(query).format(**quoted)).fetchall()

    def tables(self) -> dict[str, Table]:
        """Return the tables of this schema with all that is in them."""
        return read_tables(self.url, self.schema)

    def keys(self, table: str, key: str) -> list[str]:
        """Return the key of every row of a table, in order."""
        return sorted(row[0] for row in self.rows("SELECT {key} FROM {t}", key=key, t=table))

    def marked(self, table: str, key: str) -> list[str]:
        """Return the key of every row that is marked as deleted."""
        query = "SELECT {key} FROM {t} WHERE _sdc_deleted_at IS NOT NULL"
        return [row[0] for row in self.rows(query, key=key, t=table)]


def _end_of(log: str) -> str:
    return Path(log).read_text(encoding="utf-8")[-4000:]


@pytest.fixture
def pipeline(
    tap: Tap,
    postgres: services.Postgres,
    request: pytest.FixtureRequest,
    clean_env: dict[str, str],
) -> Pipeline:
    """Return the pipe from the sandbox into an empty schema, named after the test."""
    schema = request.node.name[:60]
    shipped_settings, shipped_env = shipped()
    settings = {
        **shipped_settings,
        "sqlalchemy_url": postgres.sqlalchemy_url,
        "default_target_schema": schema,
    }
    (tap.folder / "target.json").write_text(json.dumps(settings), encoding="utf-8")
    target = built("target-postgres/bin/target-postgres")
    return Pipeline(tap, target, postgres.url, schema, clean_env | shipped_env)
