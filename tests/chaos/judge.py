"""Holds what a target has received of one schedule against what the tap promises."""

from __future__ import annotations

import json
import signal
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.schedule import DATES, EVENTS, KEYS, PEOPLE, FaultyRun, Json, Schedule
from tests.history.tables import Tables
from tests.tap.harness import milliseconds

KEY = "chaos-key-5d1f0c"
# What the log says when a part of a window held more than PX had counted.
FOUND_LATER = "announced records are in none of its parts; looking for them"
SECONDS_TO_END = 30.0

Truth = dict[tuple[str, str], "int | None"]
"""The date of each record that PX shows at one moment, by its kind and key."""


@dataclass
class Report:
    """What the runs of one schedule came to."""

    runs: int = 0
    kills: int = 0
    records: int = 0
    duplicates: int = 0
    changes: int = 0
    activated: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    exits: Counter[int] = field(default_factory=Counter)

    def add(self, other: Report) -> None:
        """Add the figures of another schedule."""
        self.runs += other.runs
        self.kills += other.kills
        self.records += other.records
        self.duplicates += other.duplicates
        self.changes += other.changes
        self.activated += other.activated
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
    start_date: int
    is_clean: bool


class Judge:
    """Takes in the output of run after run; raises AssertionError when a promise is broken."""

    def __init__(self, schedule: Schedule) -> None:
        """Begin with nothing received."""
        self.report = Report()
        self.tables = Tables()
        self.received: dict[tuple[str, str], set[int | None]] = {}
        self.posted_late = {
            (change.kind, change.key)
            for run in schedule.runs
            for change in run.changes
            if change.kind in EVENTS
        }
        self.late = {(one.kind, one.record[KEYS[one.kind]]) for one in schedule.late}

    def add(self, faulty: FaultyRun, ended: Ended, before: Truth, after: Truth) -> None:
        """Check one run, before and after which PX showed these records."""
        self.report.runs += 1
        self.report.changes += len(faulty.changes)
        self.report.exits[ended.exit_code] += 1
        self.check_text(ended, faulty)
        second = ended.started // 1_000 * 1_000
        settled = {
            one: date
            for one, date in before.items()
            if after.get(one, -1) == date and (date is None or date < second)
        }
        marked = {kind: self.tables.marked(kind) for kind in PEOPLE}
        self.take_in(ended, settled)
        for kind in PEOPLE:
            wrongly = {(kind, *key) for key in self.tables.marked(kind) - marked[kind]}
            wrongly &= before.keys() & after.keys()
            assert not wrongly, f"marked as deleted, and still there: {sorted(wrongly)[:5]}"
        if ended.exit_code == 0 and ended.received_all:
            # What was posted late is found by counts, which faults may make useless.
            hidden = set() if ended.is_clean else self.posted_late
            self.check_whole(
                {
                    one: date
                    for one, date in settled.items()
                    if one not in hidden and _is_from(ended, one, date)
                }
            )

    def check_text(self, ended: Ended, faulty: FaultyRun) -> None:
        """Whole lines, no traceback, no key, an end soon after a signal and a known exit code."""
        assert "Traceback" not in ended.log, ended.log[-2_000:]
        assert KEY not in ended.log
        assert KEY.encode() not in b"".join(ended.lines) + ended.torn
        assert ended.seconds_to_end < SECONDS_TO_END, f"ended after {ended.seconds_to_end:.1f} s"
        known = {0, 1, 130, 143, -signal.SIGKILL}
        if faulty.ending is not None and faulty.ending.how == "SIGINT":
            # So late that Python itself was ending.
            known.add(-signal.SIGINT)
        assert ended.exit_code in known, f"exit code {ended.exit_code}: {ended.log[-500:]}"
        if faulty.ending is not None and faulty.ending.how in {"disk", "address"}:
            assert ended.exit_code == 1

    def take_in(self, ended: Ended, settled: Truth) -> None:
        """Load what a target has received whole, and keep the last STATE."""
        in_this_run: Counter[tuple[str, str]] = Counter()
        for line in ended.lines:
            message = _message(line)
            self.tables.load([message])
            self.report.activated += message["type"] == "ACTIVATE_VERSION"
            if message["type"] == "STATE":
                self.check_bookmarks(ended)
                self.check_stretches(ended, settled)
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
        for kind, bookmark in (self.tables.state or {}).get("bookmarks", {}).items():
            if text := bookmark.get("replication_key_value"):
                assert milliseconds(text) <= ended.first_line_at, f"{kind}: {text}"

    def check_stretches(self, ended: Ended, settled: Truth) -> None:
        """All events of the stretch that STATE calls read have been received before it."""
        if FOUND_LATER in ended.log:
            return
        for kind, entry in (self.tables.state or {}).get("bookmarks", {}).items():
            if kind in EVENTS and "read_from" in entry and "replication_key_value" in entry:
                start = milliseconds(entry["read_from"])
                end = milliseconds(entry["replication_key_value"])
                self.check_whole(
                    {
                        one: date
                        for one, date in settled.items()
                        if one[0] == kind
                        and one not in self.late | self.posted_late
                        and date is not None
                        and start <= date < end
                    }
                )

    def check_deleted(self, truth: Truth) -> None:
        """After a full reading, exactly those are not marked who are still there."""
        for kind in PEOPLE:
            there = {(key,) for of, key in truth if of == kind}
            kept = set(self.tables.kept(kind))
            assert kept == there, f"{kind}: not marked {kept - there}, wrongly {there - kept}"

    def check_whole(self, truth: Truth) -> None:
        """Everything has been received in all runs together, in its newest version."""
        lost = [
            one
            for one, date in truth.items()
            if (versions := self.received.get(one)) is None or date not in versions
        ]
        assert not lost, f"a run ended well, and {len(lost)} of {len(truth)} lost: {lost[:5]}"


def _is_from(ended: Ended, one: tuple[str, str], date: int | None) -> bool:
    """Say whether a record is one of those that a run has to read, by its start date."""
    return one[0] in PEOPLE or date is None or date >= ended.start_date


def _message(line: bytes) -> Json:
    try:
        message: Json = json.loads(line)
    except ValueError as error:
        raise AssertionError(f"a line that is not JSON: {line[:200]!r}") from error
    return message
