"""The tables of docs/choosing.md, calculated from what docs/performance.md says: `make docs`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from docs import tables

_PERFORMANCE = Path(__file__).with_name("performance.md")

# What PX allows an account, and the tap a page (docs/px.md).
_A_SECOND = 200
_A_DAY = 1_000_000
_A_PAGE = 1_000
# What is supposed: PX has not told how long an answer takes.
_LATENCY_SECONDS = 0.2

_SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
_SHIPPED = "**target-postgres as shipped**"
_BY_PSQL = "COPY by psql"  # the end of a title
_SNOWFLAKE = {
    "records": "**RECORDs, as shipped**",
    "files": "BATCH files (`jsonl`, gzip)",
}
_SHARDS = 4


@dataclass(frozen=True)
class Measured:
    """What the benchmarks say.

    Attributes:
        tap: Microseconds of CPU that the tap takes for one event.
        overhead: Requests sent for each that is needed.
        loading: Microseconds of loader and Postgres for one event, by way.
        mib: Size in Postgres of all events that were loaded, by way.
        snowflake: Microseconds for one event of tap or loader, whichever is slower, by way.
    """

    tap: float
    overhead: float
    loading: dict[str, float]
    mib: dict[str, float]
    snowflake: dict[str, float]


def measured() -> Measured:
    """Return what docs/performance.md says."""
    text = _PERFORMANCE.read_text(encoding="utf-8")
    cpu = _table(text, "CPU per record")["tap-gainsight-px"]
    waiting = _table(text, "Waiting")["tap-gainsight-px, 8 workers"]
    pipe = _table(text, "The whole pipe into Postgres")
    snowflake = _table(text, "Into Snowflake, up to the upload")
    return Measured(
        tap=1e6 / _number(cpu["records per CPU second"]),
        overhead=_number(waiting["of the fewest"]) / 100,
        loading={way: _number(row["µs a row"]) for way, row in pipe.items()},
        mib={way: _number(row["MiB"]) for way, row in pipe.items()},
        snowflake={way: _number(row["µs a row"]) for way, row in snowflake.items()},
    )


def _table(text: str, title: str) -> dict[str, dict[str, str]]:
    """Return the first table of a section: its rows by their first cell, each by column."""
    section = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\|(.*)\|$", section, re.MULTILINE)
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    head, _, *rows = cells
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows if len(row) == len(head)}


def _number(cell: str) -> float:
    (found,) = re.findall(r"[\d.,]+", cell)
    return float(found.replace(",", ""))


def requests(events: int, overhead: float) -> int:
    """Return how many requests a first sync of so many events sends."""
    return math.ceil(round(events / _A_PAGE * overhead, 3))


def reading_seconds(events: int, overhead: float, workers: int, a_second: int) -> float:
    """Return how long the tap has to wait for PX, the day's limit aside."""
    sent = requests(events, overhead)
    return sent / min(a_second, workers / _LATENCY_SECONDS)


def reading_table() -> str:
    """Return how many requests a first sync takes, and how long the tap waits for them."""
    found = measured()
    rows = []
    for events in _SIZES:
        sent = requests(events, found.overhead)
        rows.append(
            (
                f"{events:,}",
                f"{sent:,}",
                _share_of_a_day(sent),
                duration(reading_seconds(events, found.overhead, 8, 100)),
                duration(reading_seconds(events, found.overhead, 40, _A_SECOND)),
                duration(events * found.tap / 1e6),
            )
        )
    head = (
        "events",
        "requests",
        "of a day's limit",
        "as shipped (8 workers)",
        "`max_workers: 40`, `requests_per_second: 200`",
        "CPU of the tap",
    )
    return tables.table(head, rows)


def loading_table() -> str:
    """Return how long the whole takes, by the way into the table."""
    found = measured()
    rows = []
    for events in _SIZES:
        reading = reading_seconds(events, found.overhead, 40, _A_SECOND)
        shipped = events * found.loading[_SHIPPED] / 1e6
        by_psql = events * _by_psql(found.loading) / 1e6
        records, files = (
            events * found.snowflake[_SNOWFLAKE[way]] / 1e6 for way in ("records", "files")
        )
        days = _days(requests(events, found.overhead))
        rows.append(
            (
                f"{events:,}",
                _on_days(max(shipped, reading), days),
                _on_days(max(shipped / _SHARDS, reading), days),
                _on_days(by_psql + max(reading, events * found.tap / 1e6), days),
                _on_days(max(records, reading), days),
                _on_days(max(files, reading), days),
            )
        )
    head = (
        "events",
        "Postgres, as shipped",
        f"the same, {_SHARDS} side by side",
        "Postgres, by psql",
        "Snowflake, records",
        "Snowflake, files",
    )
    return tables.table(head, rows)


def size_text() -> str:
    """Return in a sentence what a table takes on disk."""
    found = measured()
    text = _PERFORMANCE.read_text(encoding="utf-8")
    section = text.partition("## The whole pipe into Postgres\n")[2]
    events = _number(section.lstrip().partition(" custom events")[0])
    shipped, by_psql = (mib * 2**20 / events for mib in (found.mib[_SHIPPED], _by_psql(found.mib)))
    return (
        f"An event took {shipped:,.0f} bytes on disk as shipped, and "
        f"{by_psql:,.0f} by psql: the loader writes each row twice, and what it leaves "
        "behind is used again by later rows only."
    )


def _by_psql(figures: dict[str, float]) -> float:
    (figure,) = (one for way, one in figures.items() if way.endswith(_BY_PSQL))
    return figure


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, seconds):.0f} s"


def _days(sent: int) -> int:
    """Return on how many days requests have to be sent."""
    return math.ceil(sent / _A_DAY)


def _on_days(seconds: float, days: int) -> str:
    """Return a time, and the days over which the limit of a day spreads it."""
    return duration(seconds) + (f", on {days} days" if days > 1 else "")


def _share_of_a_day(sent: int) -> str:
    share = 100 * sent / _A_DAY
    return f"{share:.0f} %" if share >= 1 else "< 1 %"
