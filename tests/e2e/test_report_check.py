"""The check that docs/report.md shows holds the tables of a real Postgres against a report."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from px_sandbox import Clock, SandboxServer
from tests.e2e.by_psql import PSQL
from tests.e2e.conftest import PROJECT
from tests.tap.harness import Program, config
from tests.tap.worlds import DAY, iso, lively_world, present_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.loader import Json, Loader


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve a generated world."""
    with SandboxServer(lively_world(Clock())) as server:
        yield server


@pytest.fixture
def schema(loader: Loader) -> Iterator[str]:
    """Return the name of an empty schema."""
    name = "report_check"
    yield name
    loader.drop(name)


def check(loader: Loader, schema: str, report: Path) -> list[list[str]]:
    """Run the check as the page shows it; return its rows."""
    text = (PROJECT / "docs" / "report.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    options = ("--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--csv", "--tuples-only")
    done = subprocess.run(
        [PSQL, *options, loader.url],
        input=query.replace("gainsight_px", schema).replace("/data/px/report.json", str(report)),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return [line.split(",") for line in done.stdout.splitlines()]


def test_the_check_finds_what_a_table_lacks_and_nothing_else(
    loader: Loader, sandbox: SandboxServer, schema: str, tmp_path: Path
) -> None:
    """After a first sync of all streams, after a later one, and after rows are lost."""
    tap, report = Program(tmp_path), tmp_path / "report.json"
    start = iso(present_day() - 60 * DAY)
    settings: Json = config(sandbox, report_path=str(report), start_date=start)
    first = tap.run(config=settings)
    of_all = report.read_text(encoding="utf-8")
    state = loader.load(first.text, schema)
    assert check(loader, schema, report) == []
    second = tap.run(config=settings, state=state)
    loader.load(second.text, schema)
    assert check(loader, schema, report) == []
    told = {one["stream"]: one for one in json.loads(report.read_text("utf-8"))["streams"]}
    assert told["custom_events"]["range"]["start"] is not None

    report.write_text(of_all, encoding="utf-8")
    with psycopg.connect(loader.url) as connection:
        query = (
            "DELETE FROM report_check.{} WHERE ctid IN (SELECT ctid FROM report_check.{} LIMIT {})"
        )
        for table, rows in (("custom_events", 3), ("segments", 1), ("users", 2)):
            connection.execute(query.format(table, table, rows).encode())
    found = check(loader, schema, report)
    assert [(name, lacking) for name, *_, lacking in found] == [
        ("custom_events", "3"),
        ("users", "2"),
        ("segments", "1"),
    ]
