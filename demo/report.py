"""What has been loaded: how many rows of each table, and how many of them the last run wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "gainsight_px"

# What the marts are made of.
STREAMS = (
    "accounts",
    "users",
    "engagements",
    "features",
    "custom_events",
    "email_events",
    "engagement_view_events",
    "feature_match_events",
    "form_submit_events",
    "page_view_events",
    "session_events",
    "survey_responses",
)


@dataclass(frozen=True)
class Table:
    """How many rows one table holds; `loaded` of them came with the last run."""

    rows: int = 0
    loaded: int = 0


def read_tables(url: str, run_start_ms: int) -> dict[str, Table]:
    """Count the rows of each table, and those that a run begun at `run_start_ms` wrote."""
    with psycopg.connect(url) as connection:
        return {name: _read_table(connection, name, run_start_ms) for name in STREAMS}


def _read_table(connection: psycopg.Connection, name: str, run_start_ms: int) -> Table:
    table = sql.Identifier(SCHEMA, name)
    found = connection.execute("SELECT to_regclass(%s)", [table.as_string(connection)]).fetchone()
    if found == (None,):
        return Table()
    # The loader stamps every row with the start of the run that wrote it last.
    query = sql.SQL(
        "SELECT count(*), count(*) FILTER (WHERE _sdc_sync_started_at >= {start}) FROM {table}"
    ).format(start=run_start_ms, table=table)
    row = connection.execute(query).fetchone()
    return Table(*row) if row else Table()


def loaded_lines(before: Mapping[str, Table], after: Mapping[str, Table]) -> list[str]:
    """Say how much this run had to load, and how much was there already."""
    loaded = sum(table.loaded for table in after.values())
    there = sum(table.rows for table in before.values())
    new = sum(table.rows for table in after.values()) - there
    if not there:
        return [f"{loaded:,} rows in {len(after)} tables of the schema {SCHEMA}"]
    return [
        f"{loaded:,} rows, {new:,} of them new; {there:,} were already there",
        "The rest has changed, or was read again in case of late arrivals.",
    ]
