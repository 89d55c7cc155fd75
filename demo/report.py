"""What is in the database, and how to show it in 80 columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import plotext
import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

SCHEMA = "gainsight_px"

# The replication key of each table that the demo loads.
TIMES = {"accounts": "lastModifiedDate", "users": "lastModifiedDate", "custom_events": "date"}

_CHART_DAYS = 70
_CHART_HEIGHT = 11
_DAYS_BETWEEN_TICKS = 14


@dataclass(frozen=True)
class Table:
    """What one table holds; `loaded` rows of it came with the last run."""

    rows: int = 0
    loaded: int = 0
    first: datetime | None = None
    last: datetime | None = None


def read_tables(url: str, run_start_ms: int) -> dict[str, Table]:
    """Count the rows of each table, and those that a run begun at `run_start_ms` wrote."""
    with psycopg.connect(url) as connection:
        return {
            name: _read_table(connection, name, time, run_start_ms) for name, time in TIMES.items()
        }


def _read_table(connection: psycopg.Connection, name: str, time: str, run_start_ms: int) -> Table:
    table = sql.Identifier(SCHEMA, name)
    found = connection.execute("SELECT to_regclass(%s)", [table.as_string(connection)]).fetchone()
    if found == (None,):
        return Table()
    # The loader stamps every row with the start of the run that wrote it last.
    query = sql.SQL(
        "SELECT count(*), count(*) FILTER (WHERE _sdc_sync_started_at >= {start}),"
        " min({time}), max({time}) FROM {table}"
    ).format(start=run_start_ms, time=sql.Identifier(time), table=table)
    row = connection.execute(query).fetchone()
    return Table(*row) if row else Table()


def read_events_per_day(url: str) -> dict[date, int]:
    """Count the events of each day, days without any included."""
    query = sql.SQL(
        "SELECT day::date, count(date) FROM"
        " (SELECT generate_series(min(date)::date, max(date)::date, '1 day') AS day FROM {table})"
        " AS days LEFT JOIN {table} ON date::date = day GROUP BY day ORDER BY day"
    ).format(table=sql.Identifier(SCHEMA, "custom_events"))
    with psycopg.connect(url) as connection:
        return dict(connection.execute(query).fetchall())


def table_lines(before: Mapping[str, Table], after: Mapping[str, Table]) -> list[str]:
    """Return the rows per table: all of them, the new ones, and their time range."""
    lines = [f"{'table':<14}{'rows':>8}{'new':>8}   {'from':<18}to (UTC)"]
    for name, table in after.items():
        new = table.rows - before[name].rows
        lines.append(
            f"{name:<14}{table.rows:>8,}{new:>8,}   {_minute(table.first):<18}{_minute(table.last)}"
        )
    return lines


def _minute(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M}" if time else "-"


def summary_lines(before: Mapping[str, Table], after: Mapping[str, Table]) -> list[str]:
    """Say how much this run had to load, and how much was there already."""
    loaded = sum(table.loaded for table in after.values())
    there = sum(table.rows for table in before.values())
    new = sum(table.rows for table in after.values()) - there
    if not there:
        return [f"This run loaded {loaded:,} rows."]
    return [
        f"This run loaded {loaded:,} rows; {there:,} were already there.",
        f"New among them: {new:,}. The rest has changed, or was read again in case of late",
        "arrivals: a sync starts an hour before the end of the last one.",
    ]


def chart_lines(per_day: Mapping[date, int]) -> list[str]:
    """Draw one column a day, for as many days as the width has room for."""
    days = list(per_day)[-_CHART_DAYS:]
    counts = [per_day[day] for day in days]
    most = max(counts)
    # One column a day and the numbers on the left: so every bar is whole, none is doubled.
    width = len(days) + len(f"{most:,}") + 1
    chart = plotext.figure.clear()
    chart.theme("colorless")
    chart.plot_size(width, _CHART_HEIGHT)
    chart.draw(chart.bar(counts, width=1, lines=False))
    ticks = range(0, len(days), _DAYS_BETWEEN_TICKS)
    x, y = chart.ruler("x"), chart.ruler("y")
    x.lim(0.5, len(days) + 0.5)
    x.ticks([tick + 1 for tick in ticks], [f"{days[tick]:%d %b}" for tick in ticks])
    y.lim(0, most)
    heights = [0, most // 2, most]
    y.ticks(heights, [f"{height:,}" for height in heights])
    chart.axes(active=False, axis="x", side="upper")
    chart.axes(active=False, axis="y", side="right")
    text: str = plotext.uncolorize(str(chart.build()))
    return [line.rstrip() for line in text.splitlines() if line.strip()]
