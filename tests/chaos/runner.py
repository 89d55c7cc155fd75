"""Plays a schedule with the real program, and checks after each run what it promised."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from functools import cache
from pathlib import Path
from typing import IO

from px_sandbox import Clock, SandboxServer, World
from tests.chaos.judge import KEY, Ended, Judge, Report, Truth
from tests.chaos.past import Happening
from tests.chaos.schedule import DATES, KEYS, FaultyRun, Json, Schedule, schedule_of
from tests.tap.harness import PROJECT, Program, config, discover, environment, milliseconds
from tests.tap.worlds import DAY

# Windows of fifteen records open more scrolls in a minute than PX has room for.
ROOM = {"max_scrolls": None}
CLEAN_RUNS = 4
# What hangs hangs for ever, so there is ample time for machines that are busy.
LONGEST_RUN_SECONDS = 120.0
# Small, so that a target that reads slowly really holds the tap up.
PIPE_BYTES = 4_096


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
        self.judge = Judge(schedule)
        self.report = self.judge.report
        self.ahead_ms = 0
        self.catalog = json.loads(json.dumps(_catalog()))
        for entry in self.catalog["streams"]:
            entry["metadata"][0]["metadata"]["selected"] = entry["tap_stream_id"] in schedule.world

    def to_the_end(self) -> Report:
        """Run with faults, then without until a run ends well and all that came late is there."""
        world = World(Clock())
        for kind, records in self.schedule.world.items():
            world.put_many(kind, records)
        began = _now()
        for late in self.schedule.late:
            world.put(late.kind, late.record, began + late.after_ms)
        ttl = self.schedule.scroll_ttl_seconds
        with SandboxServer(world, api_key=KEY, scroll_ttl_seconds=ttl) as sandbox:
            for run in self.schedule.runs:
                sandbox.misbehave({**ROOM, **run.misbehaviour})
                self.run(sandbox, run)
        # Scrolls that are gone after half a second are a fault as well, on a busy machine.
        with SandboxServer(world, ROOM, api_key=KEY) as sandbox:
            all_visible = began + max((one.after_ms for one in self.schedule.late), default=0)
            time.sleep(max(0, all_visible + 1_100 - _now()) / 1_000)
            self.run_well(sandbox, 0)
            if full_read_days := self.schedule.settings.get("full_read_days"):
                self.run_well(sandbox, full_read_days + 0.01)
                self.judge.check_deleted(self.truth(sandbox.world))
        return self.report

    def run_well(self, sandbox: SandboxServer, days_before: float) -> None:
        """Run without faults until a run ends well."""
        for number in range(CLEAN_RUNS):
            clean = FaultyRun({}, days_before=0 if number else days_before)
            if self.run(sandbox, clean).exit_code == 0:
                return
        raise AssertionError(f"{CLEAN_RUNS} runs without a fault, and none ended well")

    def run(self, sandbox: SandboxServer, faulty: FaultyRun) -> Ended:
        """Run the tap once, take in what a target would have received, and check it."""
        sandbox.requests.clear()
        sandbox.world.clock.advance(days=faulty.days_before)
        self.ahead_ms += round(faulty.days_before * DAY)
        happening = Happening(sandbox.world, faulty.changes)
        before = self.truth(sandbox.world)
        with happening:
            ended = self.execute(sandbox, faulty)
        self.report.faults.update(name for one in sandbox.requests for name in one.faults)
        self.judge.add(faulty, ended, before, self.truth(sandbox.world))
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
        start_date = milliseconds(settings["start_date"])
        if how == "address":
            settings["api_url"] = "http://127.0.0.1:9"
        command = Program(self.folder).command(
            config=config(sandbox, **settings), state=self.judge.tables.state, catalog=self.catalog
        )
        command[command.index("tap_gainsight_px")] = "tests.chaos.quick_tap"
        started = sandbox.world.clock.now_ms()
        log = self.folder / "log"
        output = Path("/dev/full" if how == "disk" else os.devnull)
        with log.open("wb") as stderr, output.open("wb") as full:
            process = subprocess.Popen(  # noqa: S603 - our own program
                command,
                cwd=PROJECT,
                # Containers often set this. A write that a signal interrupts is then cut short.
                env=environment()
                | {"PYTHONUNBUFFERED": "1" if self.schedule.seed % 2 else ""}
                | {"CHAOS_AHEAD_MS": str(self.ahead_ms)},
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
            first_line_at=(reader.first_line_at or _now()) + self.ahead_ms,
            received_all=how not in {"pipe", "disk"},
            seconds_to_end=seconds,
            start_date=start_date,
            is_clean=not faulty.misbehaviour and faulty.ending is None,
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
