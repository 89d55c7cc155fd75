"""The table of a report stays readable, whatever the streams are called and however much came."""

from __future__ import annotations

from typing import Any

import pytest

from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.errors import (
    ParentsError,
    RefusedError,
    ShortfallError,
    StoppedError,
    StreamsError,
)
from tap_gainsight_px.records.oddities import Oddities, Oddity
from tap_gainsight_px.report.facts import Circumstances, report_of
from tap_gainsight_px.report.table import as_table
from tap_gainsight_px.tally import Outcome, StreamTally, Wait

NOW = 1_781_072_000_000
REFUSED = RefusedError("", path="/v1/users", status=403)


def run(error: BaseException | None = None, **values: Any) -> Circumstances:
    """Return a run that has ended after a minute."""
    plain: dict[str, Any] = {
        "version": "1.2.3",
        "run_start": NOW,
        "seconds": 60.0,
        "requests": 1_234_567,
        "records": 1_234_567_890,
        "is_over": True,
    }
    return Circumstances(**{**plain, **values}, error=error)


def tally(name: str = "users", outcome: Outcome = Outcome.WHOLE) -> StreamTally:
    """Return what was counted of a stream in which much was unusual."""
    made = StreamTally(name)
    made.announced = made.arrived = made.written = 12_345_678
    made.requests, made.retries, made.missing, made.read_again = 123_456, 7, 8, 9
    made.reads(NOW - 1_000_000_000, NOW)
    made.note_wait(Wait.PX_429, 12.4)
    odd = Oddities(name)
    odd.add_slow({"a reason": 4})
    odd.add(Oddity.UNDECLARED, [f"field{number}" for number in range(9)])
    made.odd = odd
    made.end_as(outcome, "[red]a line[/red] that says why it is not whole")
    return made


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """With all streams, and millions of records in each."""
    text = as_table(report_of(run(), [tally(spec.name) for spec in STREAMS]), width=width)
    rows = text.splitlines()[: len(STREAMS) + 1]
    assert max(map(len, text.splitlines())) <= width
    assert [row.split()[0] for row in rows] == ["stream", *(spec.name for spec in STREAMS)]
    assert all("12,345,678" in row and row.endswith("whole") for row in rows[1:])
    assert ("2026-05-29 16:26" in text) == (width >= 116)


def test_what_was_unusual_stands_below_in_words() -> None:
    """As it came: a text of PX is no markup."""
    text = as_table(report_of(run(), [tally()]), width=120)
    for line in (
        "[red]a line[/red] that says why",
        "announced, and never arrived: 8",
        "windows or listings read again after a fault: 9",
        "retries: 7",
        "waited, all workers together: 12 s for PX's limit (429)",
        "records off the fast path: 4",
        "not in the schema: field0 1, field1 1, field2 1, field3 1, field4 1, and 4 more fields",
        "whole: 1,234,567,890 records, 1,234,567 requests, 60.0 s; streams: 1 whole",
    ):
        assert line in text
    assert "\x1b" not in text
    assert "\x1b[" in as_table(report_of(run(), [tally()]), width=120, is_terminal=True)


def test_what_the_last_lines_of_the_log_say_is_not_said_twice() -> None:
    """They follow the table; what they leave out stands in it."""
    lines = [f"users [{number}, {number + 1}): 1 announced record" for number in range(9)]
    short, failed = tally("users", Outcome.INCOMPLETE), tally("accounts", Outcome.FAILED)
    other = tally("segments", Outcome.FAILED)
    refused = RefusedError("not even for segments", path="/v1/accounts", status=403)
    refused.during("accounts")
    short.errors, failed.errors = lines, list(refused.lines)
    error = StreamsError([refused, ShortfallError(lines)])
    text = as_table(report_of(run(error), [short, failed, other]), width=120)
    assert "announced record" not in text
    assert "HTTP 403" not in text
    assert text.count("that says why it is not whole") == 1
    assert "segments:\n  [red]a line[/red] that says why" in text


@pytest.mark.parametrize(
    ("error", "streams", "outcome", "exit_code"),
    [
        (None, [Outcome.WHOLE, Outcome.SKIPPED], "whole", 0),
        (None, [Outcome.WHOLE, Outcome.INCOMPLETE], "incomplete", 0),
        (ShortfallError(["x"]), [Outcome.INCOMPLETE], "incomplete", 1),
        (ParentsError("x"), [Outcome.INCOMPLETE], "incomplete", 1),
        (REFUSED, [Outcome.FAILED, Outcome.WHOLE], "failed", 1),
        (StreamsError([REFUSED, ShortfallError(["x"])]), [Outcome.FAILED], "failed", 1),
        (StreamsError([REFUSED, StoppedError("x", 143)]), [Outcome.FAILED], "stopped", 143),
        (StoppedError("x", 130), [Outcome.RUNNING], "stopped", 130),
        (RuntimeError("x"), [Outcome.RUNNING], "failed", 1),
    ],
)
def test_the_run_is_as_bad_as_the_worst_of_it(
    error: BaseException | None, streams: list[Outcome], outcome: str, exit_code: int
) -> None:
    """What was still being read has been stopped; what was accepted as missing is not whole."""
    tallies = [StreamTally(str(number), outcome=one) for number, one in enumerate(streams)]
    report = report_of(run(error), tallies)
    assert (report["outcome"], report["exit_code"]) == (outcome, exit_code)
    assert Outcome.RUNNING.value not in {one["outcome"] for one in report["streams"]}


def test_a_run_that_goes_on_is_running() -> None:
    """Nothing is known yet of its end."""
    report = report_of(run(is_over=False), [StreamTally("users")])
    found = (report["outcome"], report["exit_code"], report["ended_at"])
    assert found == ("running", None, None)
    assert report["streams"][0]["outcome"] == "running"


def test_where_no_stream_was_begun_there_is_only_the_sum() -> None:
    """A key that PX does not know is told in one line; a head without rows would hide it."""
    text = as_table(report_of(run(REFUSED, records=0, requests=1), []), width=120)
    assert text == "failed: 0 records, 1 request, 60.0 s; streams: none"
