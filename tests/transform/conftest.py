"""A world in a real Postgres by the tap and the loader, and the marts that dbt makes of it.

`make transform` prepares in `.build` what they need.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from demo import services
from tests.e2e.conftest import built, open_folder
from tests.e2e.loader import PROJECT, kept_loader
from tests.transform.world import STREAMS, load, make_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from px_sandbox import World

SCHEMA = "gainsight_px"
ALL_STREAMS = sorted(file.stem for file in (PROJECT / "schemas").glob("*.json"))

Json = dict[str, Any]


@dataclass(frozen=True)
class Warehouse:
    """A database with the tables of the loader, and dbt with the package for it."""

    server: services.Postgres
    folder: Path
    world: World

    def dbt(
        self, *command: str, into: str = "marts", succeeds: bool = True, **variables: Any
    ) -> str:
        """Run dbt to its end, by default a good one, and return what it printed."""
        done = subprocess.run(
            [
                built("dbt/bin/dbt"),
                "--no-use-colors",
                *command,
                *("--project-dir", PROJECT / "transform"),
                *("--profiles-dir", PROJECT / "transform"),
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
                "PGHOST": str(self.server.folder),
                "PGUSER": "postgres",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert (done.returncode == 0) == succeeds, done.stdout[-6000:]
        return done.stdout

    def rows(self, table: str, *, schema: str = "marts") -> list[Json]:
        """Return all rows of a mart."""
        query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, f"gainsight_px__{table}"))
        with psycopg.connect(self.server.url, row_factory=dict_row) as connection:
            return connection.execute(query).fetchall()

    def tables(self, schema: str) -> set[str]:
        """Return the names of the marts in a schema."""
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
        with psycopg.connect(self.server.url) as connection:
            names = {name for (name,) in connection.execute(query, [schema])}
        return {name.removeprefix("gainsight_px__") for name in names if name[:3] == "gai"}

    @property
    def not_loaded(self) -> list[str]:
        """Streams that the package does not read, and that were not loaded here."""
        return [name for name in ALL_STREAMS if name not in STREAMS]


@pytest.fixture(scope="session")
def warehouse() -> Iterator[Warehouse]:
    """Load the world, and let dbt build and test everything.

    The time zone of the sessions is far from UTC, so that a day that is reckoned by it shows.
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
            load(world, loader, SCHEMA)
        made = Warehouse(server, folder, world)
        made.dbt("build")
        yield made
