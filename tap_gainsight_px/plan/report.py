"""The plan as one table of text, or as JSON."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

REQUESTS_A_DAY = 1_000_000
"""What an account may send in a day. Source: the API's description."""

_WIDTH = 120
_NARROWEST = 80


@dataclass(frozen=True)
class Row:
    """What a sync would read of one stream.

    Attributes:
        stream: Its name.
        reads: What is read of it, and why, in plain words.
        start: Start of the range, RFC 3339 text in UTC; None for all that there is.
        end: End of the range, exclusive; None where the stream has no dates.
        records: How many records are expected; None where PX does not tell.
        requests: How many requests it takes; None where it cannot be read.
        note: What to know about it; empty as a rule.
        problem: Why it cannot be read; empty where it can.
    """

    stream: str
    reads: str
    start: str | None = None
    end: str | None = None
    records: int | None = None
    requests: int | None = None
    note: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Skipped:
    """A stream that a sync would not read, and why."""

    stream: str
    reason: str


@dataclass(frozen=True)
class PlanReport:
    """What a sync would read.

    Attributes:
        version: Version of the tap.
        region: The data centre, or `custom` where `api_url` is set.
        planned_at: When the plan was made, RFC 3339 text in UTC.
        requests: How many requests the plan has taken.
        for_types: How many of them a sync sends as well, for the types of fields.
        requests_per_second: The limit that the sync keeps.
        rows: One for each selected stream.
        skipped: The other streams.
        notes: What bounds the run, in plain words.
    """

    version: str
    region: str
    planned_at: str
    requests: int
    for_types: int
    requests_per_second: int
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps streams from being read."""
        return tuple(one.problem for one in self.rows if one.problem)

    @property
    def exit_code(self) -> int:
        """0 when all streams can be read, else 1."""
        return 1 if self.problems else 0

    @property
    def total_requests(self) -> int:
        """How many requests the sync takes."""
        return self.for_types + sum(one.requests or 0 for one in self.rows)

    @property
    def total_records(self) -> int:
        """How many records it reads, as far as PX tells."""
        return sum(one.records or 0 for one in self.rows)

    def minutes(self, requests: int) -> float:
        """Return how long so many requests take at the limit."""
        return requests / self.requests_per_second / 60

    def as_json(self) -> str:
        """Return the plan as a JSON object."""
        content = {
            "version": self.version,
            "region": self.region,
            "planned_at": self.planned_at,
            "requests": self.requests,
            "works": not self.problems,
            "requests_per_second": self.requests_per_second,
            "streams": [{**asdict(one), **self._costs(one.requests)} for one in self.rows],
            "skipped": [asdict(one) for one in self.skipped],
            "total": {
                "records": self.total_records,
                "requests": self.total_requests,
                "requests_for_types": self.for_types,
                **self._costs(self.total_requests),
            },
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=2, ensure_ascii=False)

    def _costs(self, requests: int | None) -> dict[str, Any]:
        if requests is None:
            return {"minutes": None, "percent_of_day": None}
        return {
            "minutes": round(self.minutes(requests), 2),
            "percent_of_day": round(100 * requests / REQUESTS_A_DAY, 2),
        }

    def as_text(self) -> str:
        """Return the plan as a table with some lines, without a line break at its end."""
        width = max(_NARROWEST, shutil.get_terminal_size((_WIDTH, 0)).columns)
        text = StringIO()
        console = Console(file=text, width=width, highlight=False, markup=False)
        console.print(
            f"tap-gainsight-px {self.version} --plan, region {self.region}, {self.planned_at}, "
            f"requests: {self.requests}"
        )
        console.print(self._table())
        for line in self._lines():
            console.print(line)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, show_footer=True)
        table.add_column("stream", "all", no_wrap=True)
        table.add_column("reads", ratio=1, overflow="fold")
        for name, total in (
            ("records", f"{self.total_records:,}"),
            ("requests", f"{self.total_requests:,}"),
            ("time", duration(self.minutes(self.total_requests))),
            ("of a day", percent(self.total_requests)),
        ):
            table.add_column(name, total, justify="right", no_wrap=True)
        if self.for_types:
            table.add_row("", "types of custom fields", "", *self._cells(self.for_types))
        for row in self.rows:
            records = "?" if row.records is None else f"{row.records:,}"
            reads = "cannot be read, see below" if row.problem else row.reads
            table.add_row(row.stream, reads, records, *self._cells(row.requests))
        return table

    def _cells(self, requests: int | None) -> tuple[str, str, str]:
        if not requests:
            return "?" if requests is None else "0", "", ""
        return f"{requests:,}", duration(self.minutes(requests)), percent(requests)

    def _lines(self) -> Iterable[str]:
        yield from (f"{one.stream}: {one.note}" for one in self.rows if one.note)
        if shared := [one.stream for one in self.rows if one.records and one.requests == 0]:
            yield f"{', '.join(shared)}: no request, for another stream asks for the same"
        yield from self.notes
        plain: dict[str, list[str]] = {}
        for one in self.skipped:
            plain.setdefault(one.reason, []).append(one.stream)
        yield from (f"Not read: {', '.join(names)}: {why}" for why, names in plain.items())
        if self.problems:
            yield ""
            yield f"Not all streams can be read. Problems: {len(self.problems)}"
            yield from (f"{number}. {one}" for number, one in enumerate(self.problems, 1))


def duration(minutes: float) -> str:
    """Return a time in plain words, as fine as it has to be."""
    seconds = round(minutes * 60)
    if seconds < 60:  # noqa: PLR2004 - of a minute
        return f"{max(1, seconds)} s"
    if minutes < 100:  # noqa: PLR2004
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"


def percent(requests: int) -> str:
    """Return the share of the requests of a day."""
    share = 100 * requests / REQUESTS_A_DAY
    return "< 0.1 %" if 0 < share < 0.1 else f"{share:.1f} %"  # noqa: PLR2004
