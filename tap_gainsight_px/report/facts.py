"""The report of a run as JSON: what `report.schema.json` describes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.errors import (
    ParentsError,
    ShortfallError,
    StoppedError,
    StreamsError,
    TapError,
)
from tap_gainsight_px.redaction import clean
from tap_gainsight_px.tally import Outcome, StreamTally
from tap_gainsight_px.timestamps import to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = dict[str, Any]

VERSION = 1
"""Of the form of the report: another one where what was there means something else, or is gone."""

# More names in one list help nobody; `records.oddities` keeps about as many.
_MOST_NAMES = 50


@dataclass(frozen=True)
class Circumstances:
    """What the report says of the run as a whole. Times in epoch milliseconds."""

    version: str
    """Of the tap."""
    run_start: int
    seconds: float
    """Since then."""
    requests: int
    """All requests sent."""
    records: int
    """Records that have left the tap."""
    is_over: bool = False
    error: BaseException | None = None
    """What has ended the run, if anything has."""

    @property
    def errors(self) -> tuple[TapError | BaseException, ...]:
        """What has gone wrong, one by one."""
        if isinstance(self.error, StreamsError):
            return self.error.errors
        return () if self.error is None else (self.error,)


@cache
def schema() -> Json:
    """Return the JSON Schema of the report."""
    text = Path(__file__).with_name("report.schema.json").read_text(encoding="utf-8")
    read: Json = json.loads(text)
    return read


def report_of(run: Circumstances, streams: Sequence[StreamTally]) -> Json:
    """Return the report.

    Args:
        run: The run as a whole.
        streams: What was counted of each stream that was to be read, in their order.
    """
    told = [_stream(one, run) for one in streams]
    return {
        "report_version": VERSION,
        "tap": "tap-gainsight-px",
        "tap_version": run.version,
        "outcome": _outcome(run, told).value,
        "exit_code": _exit_code(run),
        "errors": [line for error in run.errors for line in _lines(error)],
        "started_at": to_iso(run.run_start),
        "ended_at": _moment(run, run.seconds) if run.is_over else None,
        "seconds": round(run.seconds, 3),
        "records": run.records,
        "requests": run.requests,
        "streams": told,
    }


def _outcome(run: Circumstances, streams: Sequence[Json]) -> Outcome:
    if not run.is_over:
        return Outcome.RUNNING
    if any(isinstance(error, StoppedError) for error in run.errors):
        return Outcome.STOPPED
    is_short = all(isinstance(one, (ShortfallError, ParentsError)) for one in run.errors)
    found = {one["outcome"] for one in streams}
    if Outcome.FAILED in found or not is_short:
        return Outcome.FAILED
    return Outcome.INCOMPLETE if run.errors or Outcome.INCOMPLETE in found else Outcome.WHOLE


def _exit_code(run: Circumstances) -> int | None:
    if not run.is_over:
        return None
    if isinstance(run.error, TapError):
        return run.error.exit_code
    return 0 if run.error is None else 1


def _lines(error: BaseException) -> tuple[str, ...]:
    return error.lines if isinstance(error, TapError) else (type(error).__name__,)


def _moment(run: Circumstances, seconds: float | None) -> str | None:
    return None if seconds is None else to_iso(run.run_start + round(seconds * 1_000))


def _stream(tally: StreamTally, run: Circumstances) -> Json:
    is_cut_off = run.is_over and tally.outcome is Outcome.RUNNING
    odd = {} if tally.odd is None else tally.odd.fields
    return {
        "stream": tally.name,
        "outcome": (Outcome.STOPPED if is_cut_off else tally.outcome).value,
        "replication_key": tally.replication_key,
        "errors": list(tally.errors),
        "range": {"start": _time(tally.start), "end": _time(tally.end)},
        "announced": tally.announced,
        "arrived": tally.arrived,
        "doubled": tally.doubled,
        "missing": tally.missing,
        "written": tally.written,
        "read_again": tally.read_again,
        "rechecked": _rechecked(tally),
        "requests": tally.requests,
        "retries": tally.retries,
        "request_seconds": round(tally.request_seconds, 3),
        "waited_seconds": {wait.value: round(one, 3) for wait, one in tally.waits.items()},
        "first_request_at": _moment(run, tally.first_request),
        "last_record_at": _moment(run, tally.last_record),
        "slow_records": 0 if tally.odd is None else tally.odd.slow,
        "unknown_fields": _counts(odd, "undeclared", "left_out"),
        "misfits": _counts(odd, "misfit"),
        "mended_keys": _counts(odd, "no_key", "long_key"),
    }


def _rechecked(tally: StreamTally) -> Json | None:
    found = tally.rechecked
    if found is None:
        return None
    return {
        "start": _time(found.start),
        "end": _time(found.end),
        "days_changed": found.days,
        "records_more": found.more,
        "records_fewer": found.fewer,
        "records_written": found.records,
    }


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else to_iso(milliseconds)


def _counts(odd: Mapping[str, Mapping[str, int]], *kinds: str) -> dict[str, int]:
    """Return how often each field was odd in these ways, most often first."""
    counts: dict[str, int] = {}
    for kind in kinds:
        for name, count in odd.get(kind, {}).items():
            counts[name] = counts.get(name, 0) + count
    names = sorted(counts, key=lambda name: -counts[name])[:_MOST_NAMES]
    return {clean(name): counts[name] for name in names}
