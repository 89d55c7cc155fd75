"""Lines of progress come seldom, at each tenth, and say what a bar would show."""

from __future__ import annotations

import io
import logging
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.progress import display
from tap_gainsight_px.progress.bars import ProgressBars
from tap_gainsight_px.progress.display import ProgressDisplay, way_of
from tap_gainsight_px.progress.lines import ProgressLines
from tap_gainsight_px.progress.overview import Overview, duration, overview
from tap_gainsight_px.tally import Outcome, StreamTally, Unit, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_WAITS = dict.fromkeys(Wait, 0.0)


def view(elapsed: float, share: float | None, records: int = 0) -> Overview:
    """Return a run of three streams of which one is done."""
    return Overview(elapsed, share, 3, 1, (), records, NO_WAITS)


def tally(name: str, share: float | None, requests: int, records: int = 0) -> StreamTally:
    """Return a stream that is so far; with a share of 1 it is done."""
    made = StreamTally(name, requests=requests)
    if share is not None:
        made.plan(Unit.TIME, 1_000)
        made.advance(records, {Unit.TIME: 1_000 * share})
    if share == 1:
        made.end_as(Outcome.WHOLE)
    return made


@given(seconds=st.integers(1, 4_000))
def test_a_run_at_an_even_pace_tells_of_each_tenth_and_every_half_a_minute(seconds: int) -> None:
    """One of a few seconds tells nothing; none tells more often than every few seconds."""
    lines = ProgressLines()
    told = [at for at in range(1, seconds + 1) if lines.look(view(at, at / seconds))]
    gaps = [after - before for before, after in zip([0, *told], told, strict=False)]
    assert all(3 <= gap <= 30 for gap in gaps)
    assert (told == []) == (seconds < 10)
    if seconds >= 100:
        tenths = {10 * at // seconds for at in told}
        assert tenths >= set(range(1, 10))
    assert len(told) <= 10 + seconds / 30


@given(shares=st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=200))
def test_a_share_that_falls_makes_no_line_of_its_own(shares: list[float | None]) -> None:
    """When a long stream begins, what was a half is a tenth: that tenth was told before."""
    lines = ProgressLines()
    told = [at for at, share in enumerate(shares, 10) if lines.look(view(at, share))]
    assert len(told) <= 10 + len(shares) / 30 + 1


def test_a_tenth_is_told_once() -> None:
    """Also where the share has fallen in between, and every half a minute has told so."""
    lines = ProgressLines()
    told = [bool(lines.look(view(*one))) for one in ((12, 0.5), (42, 0.1), (50, 0.2), (55, 0.6))]
    assert told == [True, True, False, True]


def test_a_line_says_how_far_how_fast_how_long_and_what_it_waits_for() -> None:
    """The share of the run goes by the requests that it takes."""
    streams = [
        tally("users", 1, 20, 4_000),
        tally("custom_events", 0.25, 20, 11_000),
        tally("[red]odd", None, 1),
        tally("later", None, 0),
    ]
    streams[1].note_wait(Wait.PX_429, 12)
    line = ProgressLines().look(overview(streams, 30.0))
    # 20 and 80 are known, so the two others count 50 each.
    assert line == (
        "20 % after 30 s, about 2 min left: 15,000 records read (500/s), 1 of 4 streams done; "
        "now custom_events 25 %, [red]odd ?; workers waited 12 s for PX's limit (429)"
    )


@given(
    streams=st.lists(
        st.tuples(st.none() | st.floats(0, 1), st.integers(0, 1_000)), min_size=1, max_size=30
    )
)
def test_the_share_of_a_run_lies_between_nothing_and_all(
    streams: list[tuple[float | None, int]],
) -> None:
    """And it is all when every stream has ended, if anything was asked."""
    tallies = [tally(str(number), *one) for number, one in enumerate(streams)]
    found = overview(tallies, 10.0)
    assert found.share is None or 0 <= found.share <= 1
    for one in tallies:
        one.end_as(Outcome.WHOLE)
    assert overview(tallies, 10.0).share == (1.0 if any(one.requests for one in tallies) else None)


def test_a_run_that_only_waits_is_not_all_but_over() -> None:
    """Tries of what does not answer bring nobody further."""
    done = tally("features", 1, 2)
    stuck = [tally("session_events", 0.0, 27), tally("users", None, 3)]
    for _ in range(22):
        stuck[0].note_wait(Wait.PX_429, 1, is_retry=True)
    found = overview([done, *stuck], 10.0)
    assert found.share is not None
    assert found.share <= 0.6


def test_times_are_told_as_people_do() -> None:
    """Seconds, minutes, hours."""
    assert [duration(one) for one in (5.4, 59, 61, 3_599, 3_600, 9_000)] == [
        "5 s",
        "59 s",
        "1 min",
        "60 min",
        "1 h 0 min",
        "2 h 30 min",
    ]


class Terminal(io.StringIO):
    """A file that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    ("setting", "stderr", "stdout", "variable", "way"),
    [
        ("auto", Terminal, io.StringIO, None, "bar"),
        ("auto", Terminal, Terminal, None, "log"),
        ("auto", Terminal, io.StringIO, ("SINGER_SDK_LOG_CONFIG", "log.yml"), "log"),
        ("auto", Terminal, io.StringIO, ("TERM", "dumb"), "log"),
        ("auto", io.StringIO, io.StringIO, None, "log"),
        ("bar", Terminal, Terminal, None, "bar"),
        ("bar", io.StringIO, io.StringIO, None, "log"),
        ("log", Terminal, io.StringIO, None, "log"),
        ("none", Terminal, io.StringIO, None, "none"),
    ],
)
def test_bars_are_for_terminals_on_which_nothing_else_writes(  # noqa: PLR0917
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    stderr: type[io.StringIO],
    stdout: type[io.StringIO],
    variable: tuple[str, str] | None,
    way: str,
) -> None:
    """Messages on the same terminal would tear them; a log of another form is for machines."""
    monkeypatch.setattr(sys, "stderr", stderr())
    monkeypatch.setattr(sys, "stdout", stdout())
    monkeypatch.delenv("SINGER_SDK_LOG_CONFIG", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    if variable:
        monkeypatch.setenv(*variable)
    assert way_of(setting) == way


def test_lines_go_through_the_log_until_the_run_is_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By a clock of the test, on which half a minute passes at each look."""
    monkeypatch.setattr(display, "_LINES_EVERY_SECONDS", 0.001)
    moments: Iterator[int] = iter(range(30, 3_000_000, 30))
    shown = ProgressDisplay(
        "log",
        logging.getLogger("tap"),
        streams=lambda: [tally("users", 0.5, 10)],
        elapsed=lambda: next(moments),
    )
    with caplog.at_level(logging.INFO), shown.around_the_run():
        while len(caplog.messages) < 3:
            pass
    told = len(caplog.messages)
    assert caplog.messages[0].startswith("50 % after 30 s, about 30 s left: ")
    assert len(caplog.messages) == told
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_bars_show_the_run_and_the_streams_that_are_read() -> None:
    """One that has ended makes room for the next; the log goes back to where it went before."""
    file = Terminal()
    before, stdout = sys.stderr, sys.stdout
    bars = ProgressBars(file)
    with bars.shown():
        assert sys.stdout is stdout
        bars.show(overview([tally("users", 0.5, 10, 500), tally("[red]odd", None, 1)], 10.0))
        first, at = file.getvalue(), len(file.getvalue())
        bars.show(overview([tally("users", 1, 20, 1_000), tally("later", 0.2, 9)], 20.0))
        second = file.getvalue()[at:]
    for text in ("all streams", "users", "50 %", "500 records", "[red]odd", "0 of 2 streams done"):
        assert text in first
    assert "users" not in second
    assert "later" in second
    assert sys.stderr is before
    assert file.getvalue().count("\x1b[?25h") >= 1
