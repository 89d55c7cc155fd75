"""The report as a table: one line a stream, and what was unusual about it below."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tap_gainsight_px.tally import Outcome, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

Json = dict[str, Any]

_LEAST_WIDTH_WITH_RANGE = 116
_MOST_NAMES = 5
_STYLES = {
    Outcome.WHOLE.value: "green",
    Outcome.FAILED.value: "bold red",
    Outcome.INCOMPLETE.value: "bold yellow",
    Outcome.STOPPED.value: "yellow",
    Outcome.SKIPPED.value: "dim",
}
_COUNTS = {
    "missing": "announced, and never arrived",
    "doubled": "held twice by PX, and read once",
    "read_again": "windows or listings read again after a fault",
    "retries": "retries",
    "slow_records": "records off the fast path",
}
_FIELDS = {
    "unknown_fields": "not in the schema",
    "misfits": "not of the declared type",
    "mended_keys": "keys missing or too long",
}


def as_table(report: Json, *, width: int, is_terminal: bool = False) -> str:
    """Return a report as text, without a line break at its end.

    Args:
        report: What `facts.report_of` returns.
        width: Columns that there are.
        is_terminal: Whether it may have colours.
    """
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=is_terminal, highlight=False, emoji=False
    )
    has_range = width >= _LEAST_WIDTH_WITH_RANGE
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("stream", overflow="fold")
    for name in ("from", "to (UTC)") if has_range else ():
        table.add_column(name, no_wrap=True)
    for name in ("announced", "arrived", "requests", "waited"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for stream in report["streams"]:
        table.add_row(*_cells(stream, has_range=has_range))
    # There is none where discovery has failed.
    told = (table, Text(""), *_notes(report)) if report["streams"] else ()
    for one in (*told, _verdict(report)):
        console.print(one, soft_wrap=False)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _cells(stream: Json, *, has_range: bool) -> Iterator[Text]:
    yield Text(stream["stream"])
    if has_range:
        start, end = stream["range"]["start"], stream["range"]["end"]
        yield Text("all" if start is None else _minute(start))
        yield Text("" if end is None else _minute(end))
    announced = stream["announced"]
    yield Text("?" if announced is None else f"{announced:,}")
    for name in ("arrived", "requests"):
        yield Text(f"{stream[name]:,}")
    yield Text(_seconds(sum(stream["waited_seconds"].values())))
    yield Text(stream["outcome"], style=_STYLES.get(stream["outcome"], ""))


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s"


def _notes(report: Json) -> Iterator[RenderableType]:
    """Yield what was unusual, stream by stream.

    The lines with which the run ends follow the table, so what they say is not said here as well.
    """
    has_any = False
    for stream in report["streams"]:
        lines = [*_errors(stream, report["errors"]), *_unusual(stream)]
        if not lines:
            continue
        has_any = True
        yield Text(f"{stream['stream']}:")
        for line in lines:
            yield Padding(Text(line), (0, 0, 0, 2))
    if has_any:
        yield Text("")


def _errors(stream: Json, last_lines: Sequence[str]) -> Sequence[str]:
    """Return the errors of a stream, unless the last lines of the run tell of them."""
    is_told = any(error in line for error in stream["errors"] for line in last_lines)
    return [] if is_told else stream["errors"]


def _unusual(stream: Json) -> Iterator[str]:
    if stream["outcome"] == Outcome.SKIPPED.value:
        yield "the key may not read it, and skip_forbidden_streams is set"
    if stream["written"] != stream["arrived"]:
        yield f"handed to the target: {stream['written']:,}"
    for name, words in _COUNTS.items():
        if stream[name]:
            yield f"{words}: {stream[name]:,}"
    found = stream["rechecked"]
    if found and (found["days_changed"] or found["records_written"]):
        yield (
            f"rechecked: days that have changed {found['days_changed']:,}, records more "
            f"{found['records_more']:,}, fewer {found['records_fewer']:,}, written again "
            f"{found['records_written']:,}"
        )
    waits = {name: one for name, one in stream["waited_seconds"].items() if one >= 1}
    if waits:
        told = [f"{_seconds(one)} for {Wait(name).words}" for name, one in waits.items()]
        yield f"waited, all workers together: {', '.join(told)}"
    for name, words in _FIELDS.items():
        if stream[name]:
            yield f"{words}: {_names(stream[name])}"


def _names(counts: Mapping[str, int]) -> str:
    told = [f"{name} {count:,}" for name, count in list(counts.items())[:_MOST_NAMES]]
    more = len(counts) - len(told)
    return ", ".join([*told, f"and {more:,} more fields"] if more else told)


def _verdict(report: Json) -> Text:
    outcomes = [one["outcome"] for one in report["streams"]]
    counts = [
        f"{outcomes.count(one.value)} {one.value}" for one in Outcome if one.value in outcomes
    ]
    return Text(
        f"{report['outcome']}: {_many(report['records'], 'record')}, "
        f"{_many(report['requests'], 'request')}, {report['seconds']:,.1f} s; "
        f"streams: {', '.join(counts) or 'none'}"
    )


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
