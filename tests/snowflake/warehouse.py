"""The loader and its database, in a process that does what it is told, line by line.

    python -m tests.snowflake.warehouse <config.json>

Each line of standard input is one JSON object with one step; the answer is one line of JSON on
standard output:

    {"execute": "<statement>"}   the rows that it returns
    {"load": "<file>"}           null, when the loader has taken in a file of messages
    {"tables": "<schema>"}       the types of the columns and the rows of each table

This runs in the environment of the loader, which needs another Singer SDK than the tap. Here it
speaks to a real account, with the loader as it is; `loader.py` puts an imitation in its place.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target_snowflake.target import TargetSnowflake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Steps = Mapping[str, Callable[[Any], Any]]

OWN = "HARNESS_"
"""What the names of tables begin with that are not the loader's."""


class Warehouse:
    """A database as the loader logs in to it, and the loader."""

    def __init__(self, settings: Mapping[str, Any], loader: type[TargetSnowflake]) -> None:
        """Log in with the settings of the loader."""
        self._settings, self._loader = settings, loader
        connector = loader.default_sink_class.connector_class(config=dict(settings))
        # Kept: the pool would take the cursor's connection back.
        self._connection = connector._engine.raw_connection()  # noqa: SLF001
        self._cursor = self._connection.cursor()

    @property
    def steps(self) -> Steps:
        """Return what can be asked for, by name."""
        return {"execute": self.execute, "load": self.load, "tables": self.tables}

    def execute(self, statement: str) -> list[Any]:
        """Run one statement and return its rows."""
        rows: list[Any] = self._cursor.execute(statement).fetchall()
        return rows

    def load(self, file: str) -> None:
        """Let the loader take in a file of messages."""
        with Path(file).open(encoding="utf-8") as messages:
            self._loader(config=dict(self._settings)).listen(messages)

    def tables(self, schema: str) -> dict[str, Any]:
        """Return the types of the columns and the rows of every table."""
        named = self.execute(
            "select table_name, column_name, data_type from information_schema.columns "  # noqa: S608
            f"where table_schema = '{schema}' order by ordinal_position"
        )
        found: dict[str, Any] = {}
        for table, column, kind in named:
            if not table.startswith(OWN):
                found.setdefault(table, {"types": {}})["types"][column] = kind
        for table, facts in found.items():
            columns = ", ".join(f'"{name}"' for name in facts["types"])
            rows = self.execute(f'select {columns} from {schema}."{table}"')  # noqa: S608
            facts["rows"] = [dict(zip(facts["types"], row, strict=True)) for row in rows]
        return found


def answer(steps: Steps) -> None:
    """Do what standard input says, until it ends. What is printed meanwhile goes to the log."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        ((step, argument),) = json.loads(line).items()
        print(json.dumps(steps[step](argument), default=str), file=answers, flush=True)


def main(config: str) -> None:
    """Work with the account of a configuration."""
    settings = json.loads(Path(config).read_text(encoding="utf-8"))
    answer(Warehouse(settings, TargetSnowflake).steps)


if __name__ == "__main__":
    main(*sys.argv[1:])
