"""The loader as `meltano.yml` sets it up, in a process that stays; and what it has made."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import yaml
from psycopg import sql
from psycopg.types.json import set_json_loads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = Path(__file__).resolve().parents[2]
PROCESS = Path(__file__).with_name("loader_process.py")

Json = dict[str, Any]


class LoaderError(AssertionError):
    """The loader gave up: for a user, a pipeline that is blocked."""


@cache
def shipped() -> tuple[Json, dict[str, str]]:
    """Return the settings of target-postgres that meltano.yml ships, and its environment."""
    document = yaml.safe_load((PROJECT / "meltano.yml").read_text(encoding="utf-8"))
    (loader,) = (one for one in document["plugins"]["loaders"] if one["name"] == "target-postgres")
    settings = {one["name"]: one["value"] for one in loader["settings"] if "value" in one}
    settings |= loader.get("config", {})
    return settings, loader.get("env", {})


@dataclass(frozen=True)
class Table:
    """What one table holds; JSON numbers with their digits, times as text in UTC."""

    types: Mapping[str, str]
    rows: list[Json] = field(repr=False)

    def by(self, key: str) -> dict[Any, Json]:
        """Return the rows by one column, in which no value is there twice."""
        found = {row[key]: row for row in self.rows}
        assert len(found) == len(self.rows), f"doubled rows by {key}"
        return found


@dataclass(frozen=True)
class Loader:
    """Loads messages into schemas of one database."""

    process: subprocess.Popen[str]
    folder: Path
    url: str
    sqlalchemy_url: str

    def load(self, messages: str, schema: str, **settings: Any) -> Json:
        """Load what a tap wrote; return the last STATE that came out, which the next run gets.

        Raises:
            LoaderError: The loader gave up.
        """
        path = self.folder / "messages"
        path.write_text(messages, encoding="utf-8", newline="\n")
        order = {
            "input": str(path),
            "settings": {
                **shipped()[0],
                "sqlalchemy_url": self.sqlalchemy_url,
                "default_target_schema": schema,
                **settings,
            },
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the loader's process has ended: {self.folder}"
        answer = json.loads(line)
        if "error" in answer:
            raise LoaderError(answer["error"])
        states: list[Json] = answer["states"]
        return states[-1] if states else {}

    def tables(self, schema: str) -> dict[str, Table]:
        """Return all tables of a schema."""
        return read_tables(self.url, schema)

    def drop(self, schema: str) -> None:
        """Remove a schema with all that is in it."""
        with psycopg.connect(self.url) as connection:
            drop = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))
            connection.execute(drop)


@contextmanager
def kept_loader(
    python: Path, folder: Path, env: Mapping[str, str], *, url: str, sqlalchemy_url: str
) -> Iterator[Loader]:
    """Start the loader's process; `python` is that of the loader's environment."""
    with (
        (folder / "loader.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            [python, "-X", "utf8", PROCESS],
            cwd=folder,
            env={**env, **shipped()[1]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
        ) as process,
    ):
        yield Loader(process, folder, url, sqlalchemy_url)
        assert process.stdin is not None
        process.stdin.close()


def read_tables(url: str, schema: str) -> dict[str, Table]:
    """Return all tables of a schema of a database."""
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
    with psycopg.connect(url) as connection:
        set_json_loads(partial(json.loads, parse_float=Decimal), connection)
        names = [name for (name,) in connection.execute(query, [schema])]
        return {name: _table(connection, schema, name) for name in names}


def _table(connection: psycopg.Connection[Any], schema: str, name: str) -> Table:
    types = dict(
        connection.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " JOIN pg_class ON pg_class.oid = attrelid"
            " JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname = %s AND relname = %s AND attnum > 0 AND NOT attisdropped",
            [schema, name],
        ).fetchall()
    )
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, types)), sql.Identifier(schema, name)
    )
    rows = connection.execute(query).fetchall()
    return Table(types, [dict(zip(types, map(_plain, row), strict=True)) for row in rows])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=timezone.utc).isoformat(timespec="microseconds")
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
