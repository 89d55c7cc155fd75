"""The real code of target-snowflake against fakesnow, an imitation of Snowflake upon DuckDB.

    python -m tests.snowflake.loader <config.json>

It does what `warehouse.py` says, upon tables in memory.

What is real: how the loader reads messages, makes and alters tables, chooses types and names, adds
its own columns, writes batches to files, casts what is in a file to the types of the columns, and
merges, marks and deletes rows. What it does with a file of a BATCH message is real, too, up to the
moment when the file is uploaded.

What is not: Snowflake. There are no stages, so the upload (PUT), its end (REMOVE) and file formats
are left out; a file becomes a table with one VARIANT for each line, and the loader's own MERGE text
is turned to that table. Which of two lines with the same key wins is said here (the later one), and
not by Snowflake's SEQ8(). Types, casts, names and limits are those of fakesnow where it differs: it
makes SQL NULL of a JSON null, and does not know how long a text or how large a number may be. One
stream is loaded at a time. Logging in, warehouses and privileges are not looked at. What passes
here may fail on Snowflake.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlparse

import sqlalchemy

# The function, before the module of that name takes its place.
from fakesnow import server
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.server import shared_fs
from target_snowflake.connector import SnowflakeConnector
from target_snowflake.sinks import SnowflakeSink
from target_snowflake.snowflake_types import VARIANT
from target_snowflake.target import TargetSnowflake

from tests.snowflake.warehouse import OWN, Warehouse, answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.snowflake.warehouse import Steps

_MERGE = re.compile(r"(merge into .* d using )\((select .*)\) s (on .*)", re.DOTALL)

variants_with_null: set[str] = set()
"""Fields that a file had a JSON null for, where the column is VARIANT. Snowflake keeps it, and
`IS NULL` does not find it."""

statements: list[str] = []
"""What the loader has sent to make tables, and how it would have merged what is staged."""


class StagelessConnector(SnowflakeConnector):
    """The loader's connector, with a table in place of a folder on a stage."""

    def get_sqlalchemy_url(self, config: Mapping[str, Any]) -> Any:
        """Return the loader's address with the schema in it, which fakesnow needs for a MERGE."""
        url = sqlalchemy.make_url(super().get_sqlalchemy_url(config))
        return url.set(database=f"{url.database}/{config['default_target_schema']}")

    def _run(self, statement: str) -> None:
        with self._connect() as connection, connection.begin():
            connection.execute(sqlalchemy.text(statement))

    def _own_table(self, name: str) -> str:
        return f"{self.config['database']}.{self.config['default_target_schema']}.{OWN}{name}"

    def put_batches_to_stage(self, sync_id: str, files: Sequence[str]) -> None:  # noqa: ARG002
        """Put the lines of all files into a table, in their order."""
        self._lines: list[str] = []
        for file in files:
            path = urlparse(file).path
            with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
                self._lines += lines
        stage = self._own_table("stage")
        self._run(f"create or replace table {stage} (number integer, line variant)")
        with self._connect() as connection:
            # Past fakesnow, which takes a hundredth of a second for each statement.
            duckdb = connection.connection.driver_connection._duck_conn  # noqa: SLF001
            insert = f"insert into {stage} values (?, ?)"  # noqa: S608 - our own name
            duckdb.executemany(insert, list(enumerate(self._lines)))

    def _get_merge_from_stage_statement(
        self,
        full_table_name: Any,
        schema: dict[str, Any],
        sync_id: str,
        file_format: str,
        key_properties: Any,
    ) -> Any:
        """Return the loader's MERGE, turned to a table that holds what its SELECT finds."""
        self._note_nulls(schema)
        statement, values = super()._get_merge_from_stage_statement(
            full_table_name, schema, sync_id, file_format, key_properties
        )
        statements.append(statement.text)
        ((merge, select, on),) = _MERGE.findall(statement.text)
        file = f"'@~/target-snowflake/{sync_id}'(file_format => {file_format})"
        select = select.replace(file, self._own_table("stage"))
        select = select.replace("$1:", "line:").replace("SEQ8()", "number")
        source = self._own_table("source")
        self._run(f"create or replace table {source} as {select}")
        return sqlalchemy.text(f"{merge}{source} s {on}"), values

    def _note_nulls(self, schema: dict[str, Any]) -> None:
        kinds = {name: self.to_sql_type(field) for name, field in schema["properties"].items()}
        variants = {name for name, kind in kinds.items() if isinstance(kind, VARIANT)}
        for line in self._lines:
            record = json.loads(line)
            variants_with_null.update(
                name for name in variants & set(record) if record[name] is None
            )

    def remove_staged_files(self, sync_id: str) -> None:
        """Do nothing: there is no stage."""

    def drop_file_format(self, file_format: str) -> None:
        """Do nothing: fakesnow does not know this statement."""


class StagelessSink(SnowflakeSink):
    """The loader's sink, with that connector."""

    connector_class = StagelessConnector


class Target(TargetSnowflake):
    """The loader, with that sink."""

    default_sink_class = StagelessSink
    # DuckDB serves one thread at a time.
    max_parallelism = 1


_TEMPORARY = re.compile(r"^(\s*create or replace) temporary table", re.IGNORECASE)
_execute = FakeSnowflakeCursor.execute


def execute(cursor: FakeSnowflakeCursor, statement: str, *values: Any, **options: Any) -> Any:
    """Run a statement; a temporary table is one that stays, because DuckDB has those elsewhere."""
    if statement.lstrip().startswith("CREATE TABLE"):
        statements.append(statement)
    return _execute(cursor, _TEMPORARY.sub(r"\1 table", statement), *values, **options)


class Imitation(Warehouse):
    """The imitation, with what can be asked of it alone.

    `{"nulls": null}` returns `variants_with_null`, `{"statements": null}` returns `statements`, and
    `{"serve": null}` the port of an HTTP server of this process, by which other programs reach the
    same tables.
    """

    def __init__(self, settings: Mapping[str, Any], open_until_the_end: ExitStack) -> None:
        """Make an empty database; what is opened later stays open until the end."""
        super().__init__(settings, Target)
        self._open = open_until_the_end

    @property
    def steps(self) -> Steps:
        """Return what can be asked for, by name."""
        return {
            **super().steps,
            "nulls": lambda _: sorted(variants_with_null),
            "serve": self._serve,
            "statements": lambda _: statements,
        }

    def _serve(self, _: None) -> int:
        port: int = self._open.enter_context(server())["port"]
        return port


def main(config: str) -> None:
    """Work with an imitation."""
    settings = json.loads(Path(config).read_text(encoding="utf-8"))
    with ExitStack() as stack:
        # The one that the server has, so that both ways lead to the same tables.
        stack.enter_context(mock.patch.object(FakeSnowflakeCursor, "execute", execute))
        stack.enter_context(mock.patch("snowflake.connector.connect", shared_fs.connect))
        answer(Imitation(settings, stack).steps)


if __name__ == "__main__":
    main(*sys.argv[1:])
