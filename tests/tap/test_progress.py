"""A real run shows its progress on a real terminal, and in a log that is a pipe."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from px_sandbox import Clock, SandboxServer
from tests.patience import killed_if_it_hangs
from tests.tap.harness import PROJECT, config, discover, environment
from tests.tap.worlds import DAY, events_at, iso, present_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.tap.harness import Json, Program

START = present_day() - 30 * DAY
# Half of the events are read before the API falls silent.
HALF = {"rules": [{"fault": "hang", "path": "/v1/events/*", "nth": 9, "times": None}]}
# The program, looking more often and telling sooner than one would want.
EAGER = """
from tap_gainsight_px.progress import display, lines
lines._QUIET_SECONDS = lines._SHORTEST_SILENCE = 0.0
lines._LONGEST_SILENCE = display._LINES_EVERY_SECONDS = display._FIRST_LOOK_SECONDS = 0.05
from tap_gainsight_px.__main__ import main
main()
"""
A_LINE = (
    r"\| INFO .*\| \d+ % after \d+ s.*: \d+ records read \(\d+/s\), 0 of 1 streams done; "
    r"now custom_events \d+ %"
)
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve two events a day, but not to the end."""
    with SandboxServer(events_at([START + n * DAY // 2 for n in range(60)], Clock())) as server:
        yield server


def command(sandbox: SandboxServer, tap: Program, **settings: str) -> list[str]:
    """Return the command line of an eager run that reads a few events and then hangs."""
    catalog = discover(sandbox, "custom_events")
    sandbox.misbehave(HALF)
    given: Json = config(
        sandbox, start_date=iso(START), page_size=4, window_max_records=4, max_workers=1, **settings
    )
    _, _, _, *options = tap.command(config=given, catalog=catalog)
    return [sys.executable, "-c", EAGER, *options]


def read_until(read: Callable[[], bytes], wanted: str, process: subprocess.Popen[bytes]) -> str:
    """Read until what is wanted has come, stop the program in good order, and read the rest."""
    text, is_stopped = b"", False
    # Reading a terminal that has been closed is an error.
    with killed_if_it_hangs(process), suppress(OSError):
        while piece := read():
            text += piece
            if not is_stopped and re.search(wanted.encode(), text):
                is_stopped = True
                process.send_signal(signal.SIGTERM)
    return text.decode()


def test_bars_on_a_terminal(sandbox: SandboxServer, tap: Program) -> None:
    """Lines of the log stand whole above them, and standard output is Singer alone."""
    terminal, other_end = pty.openpty()
    out = tap.folder / "out"
    with (
        out.open("wb") as stdout,
        subprocess.Popen(  # noqa: S603 - our own program
            command(sandbox, tap),
            cwd=PROJECT,
            env={**environment(), "TERM": "xterm", "COLUMNS": "200"},
            stdout=stdout,
            stderr=other_end,
        ) as process,
    ):
        os.close(other_end)
        text = read_until(lambda: os.read(terminal, 65_536), "custom_events \x1b", process)
    os.close(terminal)
    assert process.returncode == 143
    assert "all streams" in text
    assert "0 of 1 streams done" in text
    lines = CONTROLS.sub("", text).replace("\r", "\n").splitlines()
    logged = [line for line in lines if " | " in line]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \| ", line) for line in logged)
    assert "stopped by SIGTERM" in logged[-1]
    assert any(line.startswith("stopped: ") for line in lines)
    assert {json.loads(line)["type"] for line in out.read_text("utf-8").splitlines()} == {
        "SCHEMA",
        "RECORD",
        "STATE",
    }


@pytest.mark.parametrize("progress", ["auto", "bar", "log"])
def test_lines_in_a_pipe(sandbox: SandboxServer, tap: Program, progress: str) -> None:
    """Whatever is wished: there is no terminal."""
    with subprocess.Popen(  # noqa: S603 - our own program
        command(sandbox, tap, progress=progress),
        cwd=PROJECT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        text = read_until(process.stderr.readline, A_LINE, process)
    assert process.returncode == 143
    assert "\x1b" not in text
    assert re.search(A_LINE, text)


def test_a_short_run_tells_nothing_of_its_progress(sandbox: SandboxServer, tap: Program) -> None:
    """Its end tells all."""
    output = tap.run(
        config=config(sandbox, start_date=iso(START)), catalog=discover(sandbox, "custom_events")
    )
    assert " after " not in output.log
    assert "whole: 60 records" in output.log
