"""The real code of target-snowflake against fakesnow, an imitation of Snowflake upon DuckDB.

    python loader.py <config.json> <result.json> <messages> [<messages> …]

Each file of messages is one run of the loader. After each, what `tables` returns is added to the
list that is the result. This program runs in the environment of the loader, which needs another
Singer SDK than the tap.

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
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import fakesnow
import snowflake.connector
import sqlalchemy
from target_snowflake.connector import SnowflakeConnector
from target_snowflake.sinks import SnowflakeSink
from target_snowflake.snowflake_types import VARIANT
from target_snowflake.target import TargetSnowflake

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MERGE = re.compile(r"(merge into .* d using )\((select .*)\) s (on .*)", re.DOTALL)

variants_with_null: set[str] = set()
"""Fields that a file had a JSON null for, where the column is VARIANT. Snowflake keeps it, and
`IS NULL` does not find it."""


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
        return f"{self.config['database']}.{self.config['default_target_schema']}.harness_{name}"

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


def tables(cursor: Any, schema: str) -> dict[str, Any]:
    """Return the types of the columns and the rows of every table, except our own."""
    named = cursor.execute(
        "select table_name, column_name, data_type from information_schema.columns "  # noqa: S608
        f"where table_schema = '{schema}' order by ordinal_position"
    ).fetchall()
    found: dict[str, Any] = {}
    for table, column, kind in named:
        if not table.startswith("HARNESS_"):
            found.setdefault(table, {"types": {}})["types"][column] = kind
    for table, facts in found.items():
        columns = ", ".join(f'"{name}"' for name in facts["types"])
        rows = cursor.execute(f'select {columns} from {schema}."{table}"').fetchall()  # noqa: S608
        facts["rows"] = [dict(zip(facts["types"], row, strict=True)) for row in rows]
    return found


def main(config: str, result: str, *runs: str) -> None:
    """Load all files of messages, one after another, and write the result."""
    settings = json.loads(Path(config).read_text(encoding="utf-8"))
    after_each = []
    with fakesnow.patch():
        for run in runs:
            with Path(run).open(encoding="utf-8") as messages:
                Target(config=settings).listen(messages)
            connection = snowflake.connector.connect(database=settings["database"])
            found = tables(connection.cursor(), settings["default_target_schema"])
            nulls = sorted(variants_with_null)
            after_each.append({"tables": found, "variants_with_null": nulls})
    Path(result).write_text(json.dumps(after_each, default=str), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
