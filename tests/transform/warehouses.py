"""A database with the tables of a loader, and dbt with the package for it."""

from __future__ import annotations

import json
import os
import subprocess
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import yaml
from psycopg.rows import dict_row

from demo import services
from demo.report import STREAMS
from tests.e2e.conftest import built, open_folder
from tests.e2e.loader import PROJECT, kept_loader
from tests.snowflake.process import Process, shipped_settings, warehouse
from tests.transform.world import load, make_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from px_sandbox import World

ALL_STREAMS = sorted(file.stem for file in (PROJECT / "schemas").glob("*.json"))

Json = dict[str, Any]


@dataclass(frozen=True)
class Warehouse(ABC):
    """The tables of a world, and what dbt makes of them."""

    folder: Path
    world: World

    @abstractmethod
    def column(self, name: str) -> str:
        """Return the name of a column as statements have to write it."""

    @abstractmethod
    def execute(self, statement: str) -> None:
        """Run a statement."""

    @abstractmethod
    def rows(self, table: str, *, schema: str = "marts") -> list[Json]:
        """Return all rows of a mart, names of columns in lower case."""

    @abstractmethod
    def tables(self, schema: str) -> set[str]:
        """Return the names of the marts in a schema."""

    @abstractmethod
    def _program(self) -> tuple[Path, Path, dict[str, str]]:
        """Return dbt, the folder of its profile, and variables for its environment."""

    def dbt(
        self, *command: str, into: str = "marts", succeeds: bool = True, **variables: Any
    ) -> str:
        """Run dbt to its end, by default a good one, and return what it printed."""
        program, profiles, env = self._program()
        done = subprocess.run(
            [
                program,
                "--no-use-colors",
                *command,
                *("--project-dir", PROJECT / "transform"),
                *("--profiles-dir", profiles),
                *("--target-path", self.folder / "target" / into),
                *("--log-path", self.folder / "logs"),
                *("--vars", json.dumps({f"gainsight_px_{k}": v for k, v in variables.items()})),
            ],
            check=False,
            cwd=self.folder,
            encoding="utf-8",
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("PG")},
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                "GAINSIGHT_PX_MARTS_SCHEMA": into,
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert (done.returncode == 0) == succeeds, done.stdout[-6000:]
        return done.stdout

    @property
    def not_loaded(self) -> list[str]:
        """Streams that the package does not read, and that were not loaded here."""
        return [name for name in ALL_STREAMS if name not in STREAMS]


@dataclass(frozen=True)
class PostgresWarehouse(Warehouse):
    """A real Postgres, filled by the real target-postgres."""

    server: services.Postgres

    def _program(self) -> tuple[Path, Path, dict[str, str]]:
        env = {"PGHOST": str(self.server.folder), "PGUSER": "postgres"}
        return built("dbt/bin/dbt"), PROJECT / "transform", env

    def column(self, name: str) -> str:
        """Return the name as it is: this loader keeps its case."""
        return f'"{name}"'

    def execute(self, statement: str) -> None:
        """Run a statement."""
        with psycopg.connect(self.server.url) as connection:
            connection.execute(statement.encode())

    def rows(self, table: str, *, schema: str = "marts") -> list[Json]:
        """Return all rows of a mart."""
        query = f'SELECT * FROM {schema}."gainsight_px__{table}"'  # noqa: S608 - our own names
        with psycopg.connect(self.server.url, row_factory=dict_row) as connection:
            return connection.execute(query.encode()).fetchall()

    def tables(self, schema: str) -> set[str]:
        """Return the names of the marts in a schema."""
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
        with psycopg.connect(self.server.url) as connection:
            return marts_among(name for (name,) in connection.execute(query, [schema]))


@dataclass(frozen=True)
class ImitatedSnowflake(Warehouse):
    """fakesnow, filled by the code of target-snowflake; dbt reaches it as it reaches Snowflake."""

    process: Process

    def _program(self) -> tuple[Path, Path, dict[str, str]]:
        return built("dbt-snowflake/bin/dbt"), self.folder, {}

    def column(self, name: str) -> str:
        """Return the name in upper case, as this loader makes it."""
        return f'"{name.upper()}"'

    def execute(self, statement: str) -> None:
        """Run a statement."""
        self.process.do(execute=statement)

    def rows(self, table: str, *, schema: str = "marts") -> list[Json]:
        """Return all rows of a mart, in the types that Postgres gives them."""
        found = self.process.do(tables=schema.upper())[f"GAINSIGHT_PX__{table.upper()}"]
        kinds = found["types"]
        return [
            {name.lower(): from_text(value, kinds[name]) for name, value in row.items()}
            for row in found["rows"]
        ]

    def tables(self, schema: str) -> set[str]:
        """Return the names of the marts in a schema."""
        return marts_among(name.lower() for name in self.process.do(tables=schema.upper()))


def marts_among(names: Iterator[str]) -> set[str]:
    """Return the names of marts among those of tables, without what all begin with."""
    prefix = "gainsight_px__"
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


def from_text(value: Any, kind: str) -> Any:
    """Return a value of a column of Snowflake that came as JSON."""
    kinds: Mapping[str, Callable[[Any], Any]] = {
        "DATE": date.fromisoformat,
        "NUMBER": number,
        "TIMESTAMP_NTZ": datetime.fromisoformat,
        "VARIANT": json.loads,
    }
    return value if value is None else kinds.get(kind, lambda value: value)(value)


def number(text: Any) -> int | Decimal:
    """Return a number of NUMBER, whole or not."""
    exact = Decimal(text)
    return int(exact) if exact == int(exact) else exact


@contextmanager
def postgres() -> Iterator[Warehouse]:
    """Load the world into a Postgres.

    The time zone of the sessions is far from UTC, so that a day counted in it shows.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    with open_folder() as folder, services.postgres(folder / "data") as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("ALTER ROLE postgres SET timezone = 'Asia/Kolkata'")
        world = make_world()
        with kept_loader(
            built("target-postgres/bin/python"),
            folder,
            env,
            url=server.url,
            sqlalchemy_url=server.sqlalchemy_url,
        ) as loader:
            load(world, lambda text: loader.load(text, "gainsight_px"))
        yield PostgresWarehouse(folder, world, server)


@contextmanager
def imitated_snowflake() -> Iterator[Warehouse]:
    """Load the world into an imitation of Snowflake, and let it listen for dbt."""
    login = {"account": "a", "user": "u", "password": "p", "database": "PX_DB"}
    with (
        open_folder() as folder,
        warehouse("loader", folder, {**login, **shipped_settings()}) as process,
    ):

        def load_text(text: str) -> None:
            messages = folder / "messages"
            messages.write_text(text, encoding="utf-8")
            process.do(load=str(messages))

        world = make_world()
        load(world, load_text)
        output = {
            **login,
            "type": "snowflake",
            "host": "127.0.0.1",
            "port": process.do(serve=None),
            "protocol": "http",
            "schema": "{{ env_var('GAINSIGHT_PX_MARTS_SCHEMA') }}",
            "threads": 1,
        }
        profile = {"gainsight_px": {"target": "imitation", "outputs": {"imitation": output}}}
        (folder / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
        yield ImitatedSnowflake(folder, world, process)
