"""Plays a schedule with the real program, and checks after each run what it promised."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

from px_sandbox import SandboxServer, World
from tests.chaos.schedule import DATES, EVENTS, KEYS, FaultyRun, Json, Schedule, schedule_of
from tests.tap.harness import PROJECT, Program, config, discover, environment, milliseconds

KEY = "chaos-key-5d1f0c"
# What the log says when a part of a window held more than PX had counted.
FOUND_LATER = "announced records are in none of its parts; looking for them"
# Windows of fifteen records open more scrolls in a minute than PX has room for.
ROOM = {"max_scrolls": None}
CLEAN_RUNS = 4
# What hangs hangs for ever, so there is ample time for machines that are busy.
LONGEST_RUN_SECONDS = 120.0
SECONDS_TO_END = 30.0
# Small, so that a target that reads slowly really holds the tap up.
PIPE_BYTES = 4_096

Truth = dict[tuple[str, str], "int | None"]


@dataclass
class Report:
    """What the runs of one schedule came to."""

    runs: int = 0
    kills: int = 0
    records: int = 0
    duplicates: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)

    def add(self, other: Report) -> None:
        """Add the figures of another schedule."""
        self.runs += other.runs
        self.kills += other.kills
        self.records += other.records
        self.duplicates += other.duplicates
        self.faults += other.faults
        self.exits += other.exits


@dataclass
class Ended:
    """One run that is over."""

    lines: list[bytes]
    torn: bytes
    log: str
    exit_code: int
    started: int
    first_line_at: int
    received_all: bool
    seconds_to_end: float


@cache
def _catalog() -> Json:
    with SandboxServer(World(), api_key=KEY) as sandbox:
        return discover(sandbox, *KEYS)


def play(seed: int, folder: Path) -> Report:
    """Play the schedule of a seed; raise AssertionError when a promise is broken."""
    return _Play(schedule_of(seed, _now()), folder).to_the_end()


def _now() -> int:
    return time.time_ns() // 1_000_000


class _Play:
    def __init__(self, schedule: Schedule, folder: Path) -> None:
        self.schedule = schedule
        self.folder = folder
        self.report = Report()
        self.state: Json | None = None
        self.received: dict[tuple[str, str], set[int | None]] = {}
        self.catalog = json.loads(json.dumps(_catalog()))
        for entry in self.catalog["streams"]:
            entry["metadata"][0]["metadata"]["selected"] = entry["tap_stream_id"] in schedule.world

    def to_the_end(self) -> Report:
        """Run with faults, then without until a run ends well and all that came late is there."""
        world = World()
        for kind, records in self.schedule.world.items():
            world.put_many(kind, records)
        began = _now()
        for late in self.schedule.late:
            world.put(late.kind, late.record, began + late.after_ms)
        sandbox = SandboxServer(
            world, api_key=KEY, scroll_ttl_seconds=self.schedule.scroll_ttl_seconds
        )
        with sandbox:
            for run in self.schedule.runs:
                sandbox.misbehave({**ROOM, **run.misbehaviour})
                self.run(sandbox, run)
            sandbox.misbehave(ROOM)
            all_visible = began + max((one.after_ms for one in self.schedule.late), default=0)
            time.sleep(max(0, all_visible + 1_100 - _now()) / 1_000)
            for _ in range(CLEAN_RUNS):
                if self.run(sandbox, FaultyRun({})).exit_code == 0:
                    return self.report
        raise AssertionError(f"{CLEAN_RUNS} runs without a fault, and none ended well")

    def run(self, sandbox: SandboxServer, faulty: FaultyRun) -> Ended:
        """Run the tap once, take in what a target would have received, and check it."""
        sandbox.requests.clear()
        before = self.truth(sandbox.world)
        ended = self.execute(sandbox, faulty)
        after = self.truth(sandbox.world)
        self.report.runs += 1
        self.report.exits[ended.exit_code] += 1
        self.report.faults.update(name for one in sandbox.requests for name in one.faults)
        self.check_text(ended, faulty)
        self.take_in(ended)
        if ended.exit_code == 0 and ended.received_all:
            second = ended.started // 1_000 * 1_000
            settled = {one: date for one, date in before.items() if after.get(one, -1) == date}
            self.check_whole(
                {one: date for one, date in settled.items() if date is None or date < second}
            )
        return ended

    def truth(self, world: World) -> Truth:
        """Return the date of every record that is visible now."""
        return {
            (kind, record[KEYS[kind]]): record.get(DATES[kind])
            for kind in self.schedule.world
            for record in world.records(kind)
        }

    def execute(self, sandbox: SandboxServer, faulty: FaultyRun) -> Ended:
        """Start the program, read some lines, break it off and read what is left."""
        how = faulty.ending.how if faulty.ending else None
        # Its waits are cut to a fiftieth, so three seconds hold as many tries as minutes do.
        settings = {"retry_timeout_seconds": 3, **self.schedule.settings, **faulty.settings}
        if how == "address":
            settings["api_url"] = "http://127.0.0.1:9"
        command = Program(self.folder).command(
            config=config(sandbox, **settings), state=self.state, catalog=self.catalog
        )
        command[command.index("tap_gainsight_px")] = "tests.chaos.quick_tap"
        started = _now()
        log = self.folder / "log"
        output = Path("/dev/full" if how == "disk" else os.devnull)
        with log.open("wb") as stderr, output.open("wb") as full:
            process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                cwd=PROJECT,
                # Containers often set this. A write that a signal interrupts is then cut short.
                env=environment() | {"PYTHONUNBUFFERED": "1" if self.schedule.seed % 2 else ""},
                stdout=full if how == "disk" else subprocess.PIPE,
                stderr=stderr,
                pipesize=PIPE_BYTES,
            )
        watch = threading.Timer(LONGEST_RUN_SECONDS, process.kill)
        watch.start()
        reader = _Reader(process)
        with process:
            seconds = self.break_off(process, reader, faulty)
        hung = not watch.is_alive()
        watch.cancel()
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not hung, f"the run did not end: {text[-500:]}"
        return Ended(
            lines=reader.lines,
            torn=reader.torn,
            log=text,
            exit_code=process.returncode,
            started=started,
            first_line_at=reader.first_line_at or _now(),
            received_all=how not in {"pipe", "disk"},
            seconds_to_end=seconds,
        )

    def break_off(
        self, process: subprocess.Popen[bytes], reader: _Reader, faulty: FaultyRun
    ) -> float:
        """Let the run go on for a while and end it; return how long the end took."""
        ending = faulty.ending
        is_kill = ending is not None and ending.how not in {"disk", "address"}
        if ending is None or not is_kill:
            reader.read()
            process.wait()
            return 0
        reader.read(ending.after_lines)
        at = time.monotonic()
        if process.poll() is None:
            self.report.kills += 1
            if ending.how == "pipe":
                reader.close()
            else:
                process.send_signal(signal.Signals[ending.how])
        if ending.how != "pipe":
            reader.read()
        process.wait()
        return time.monotonic() - at if ending.how in {"SIGTERM", "SIGINT"} else 0

    def check_text(self, ended: Ended, faulty: FaultyRun) -> None:
        """Whole lines, no traceback, no key, an end soon after a signal and a known exit code."""
        assert "Traceback" not in ended.log, ended.log[-2_000:]
        assert KEY not in ended.log
        assert KEY.encode() not in b"".join(ended.lines) + ended.torn
        assert ended.seconds_to_end < SECONDS_TO_END, f"ended after {ended.seconds_to_end:.1f} s"
        known = {0, 1, 130, 143, -signal.SIGKILL}
        assert ended.exit_code in known, f"exit code {ended.exit_code}: {ended.log[-500:]}"
        if faulty.ending is not None and faulty.ending.how in {"disk", "address"}:
            assert ended.exit_code == 1

    def take_in(self, ended: Ended) -> None:
        """Load what a target has received whole, and keep the last STATE."""
        in_this_run: Counter[tuple[str, str]] = Counter()
        for line in ended.lines:
            message = _message(line)
            if message["type"] == "STATE":
                self.state = message["value"]
                self.check_bookmarks(ended)
            if message["type"] != "RECORD":
                continue
            kind, record = message["stream"], message["record"]
            one = kind, record[KEYS[kind]]
            date = record.get(DATES[kind])
            version = None if date is None else milliseconds(date)
            versions = self.received.setdefault(one, set())
            self.report.records += 1
            self.report.duplicates += version in versions
            versions.add(version)
            in_this_run[one] += 1
        doubled = [one for one, times in in_this_run.items() if times > 1 and one[0] in EVENTS]
        # A part of a window that PX had counted too low is read again, after it was handed on.
        doubled = [] if FOUND_LATER in ended.log else doubled
        assert not doubled, f"twice within one run: {doubled[:5]}"

    def check_bookmarks(self, ended: Ended) -> None:
        """No bookmark lies after the start of the run, whatever the records' dates."""
        for kind, bookmark in (self.state or {}).get("bookmarks", {}).items():
            if text := bookmark.get("replication_key_value"):
                assert milliseconds(text) <= ended.first_line_at, f"{kind}: {text}"

    def check_whole(self, truth: Truth) -> None:
        """Everything has been received in all runs together, in its newest version."""
        lost = [
            one
            for one, date in truth.items()
            if (versions := self.received.get(one)) is None or date not in versions
        ]
        assert not lost, f"a run ended well, and {len(lost)} of {len(truth)} lost: {lost[:5]}"


def _message(line: bytes) -> Json:
    try:
        message: Json = json.loads(line)
    except ValueError as error:
        raise AssertionError(f"a line that is not JSON: {line[:200]!r}") from error
    return message


class _Reader:
    """Reads the lines of a program the way a target does."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._stdout: IO[bytes] | None = process.stdout
        self.lines: list[bytes] = []
        self.torn = b""
        self.first_line_at: int | None = None

    def read(self, count: float = float("inf")) -> None:
        """Read so many lines, or all."""
        while self._stdout is not None and count > 0 and (line := self._stdout.readline()):
            if self.first_line_at is None:
                self.first_line_at = _now()
            if line.endswith(b"\n"):
                self.lines.append(line)
            else:
                self.torn = line
            count -= 1

    def close(self) -> None:
        """Read nothing more, as a target that has died."""
        if self._stdout is not None:
            self._stdout.close()
