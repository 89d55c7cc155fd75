"""The programs that are compared, and how each is told what to read."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.place import OWN_PYTHON, RUNNERS, Place, program
from benchmarks.sandbox import API_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.sandbox import Sandbox

STREAM = "custom_events"
WIDEST = timedelta(days=190)


@dataclass(frozen=True)
class Job:
    """What is to be read: the custom events of a stretch of time."""

    place: Place
    world: Sandbox
    start: datetime
    end: datetime
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the tap, beside where and from when."""

    def write(self, name: str, content: object) -> Path:
        """Write a file of JSON that a program is told of, and return it."""
        path = self.place.folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path


Commands: TypeAlias = "list[list[str | Path]]"


@dataclass(frozen=True)
class Contender:
    """One program that reads custom events."""

    key: str
    title: str
    commands: Callable[[Job], Commands]
    share: float = 1.0
    """Of the records that the fast ones read, so that slow ones end in time too."""


def this_tap(job: Job) -> Commands:
    """Return the tap as a user runs it, with one stream selected."""
    return [[program("tap-gainsight-px"), *tap_options(job)]]


def tap_options(
    job: Job, *, only: Sequence[str] | None = (STREAM,), without: Sequence[Sequence[str]] = ()
) -> list[str | Path]:
    """Return the command-line options of the tap.

    Args:
        job: What is to be read.
        only: Names of the streams to select; None for what is selected by default.
        without: The fields of them that are deselected, as breadcrumbs.
    """
    config = {
        "api_key": API_KEY,
        "api_url": job.world.url,
        "start_date": _text(job.start),
        "end_date": _text(job.end),
        "requests_per_second": 200,
        **job.settings,
    }
    options: list[str | Path] = ["--config", job.write("tap.json", config)]
    if only is not None:
        # Only PX knows the columns of a table of events.
        source = options if job.settings.get("custom_event_streams") else []
        catalog = json.loads(discovered(program("tap-gainsight-px"), *source))
        selected(catalog, only, without)
        options += ["--catalog", job.write("tap-catalog.json", catalog)]
    return options


def runner(name: str, *, bench: bool = False) -> Callable[[Job], Commands]:
    """Return what runs one of the scripts in `runners`."""

    def commands(job: Job) -> Commands:
        content = {
            "api_url": job.world.url,
            "api_key": API_KEY,
            "windows": [[_text(start), _text(end)] for start, end in windows(job)],
            "folder": str(job.place.folder),
        }
        python = job.place.bench_python if bench else OWN_PYTHON
        return [[python, RUNNERS / f"{name}.py", job.write(f"{name}.json", content)]]

    return commands


def sdk_path(job: Job) -> Commands:
    """Return the tap with the SDK's own writer, which takes every record through the SDK."""
    return [[OWN_PYTHON, RUNNERS / "sdk_path.py", *tap_options(job)]]


def peer(job: Job) -> Commands:
    """Return the earlier public tap: it cuts no windows, so one run for each."""
    commands: Commands = []
    for number, (start, end) in enumerate(windows(job)):
        config = {
            "api_key": API_KEY,
            "api_url": f"{job.world.url}/v1",
            "start_date": _text(start),
            "end_date": _text(end),
            **job.settings,
        }
        config_file = job.write(f"peer-{number}.json", config)
        found = discovered(job.place.peer, "--config", config_file)
        catalog = job.write("peer-catalog.json", selected(json.loads(found), [STREAM]))
        commands.append([job.place.peer, "--config", config_file, "--catalog", catalog])
    return commands


THIS_TAP = Contender("tap", "tap-gainsight-px", this_tap)
SDK_PATH = Contender("sdk_path", "tap-gainsight-px by the SDK's path", sdk_path, share=0.2)
BARE_LOOP = Contender("loop", "bare loop: requests + orjson", runner("bare_loop", bench=True))
DLT_ROWS = Contender(
    "dlt_rows", "dlt rest_api, rows only", runner("dlt_rows", bench=True), share=0.2
)
DLT_PIPELINE = Contender(
    "dlt_pipeline",
    "dlt rest_api, pipeline to JSONL",
    runner("dlt_pipeline", bench=True),
    share=0.2,
)
PLAIN_SDK = Contender("plain_sdk", "plain SDK RESTStream", runner("plain_sdk"), share=0.2)
PEER = Contender("peer", "tap-gainsightpx 1.0.8", peer, share=0.2)

ALL = (THIS_TAP, BARE_LOOP, SDK_PATH, DLT_ROWS, DLT_PIPELINE, PLAIN_SDK, PEER)


def present(place: Place, some: Sequence[Contender] = ALL) -> list[Contender]:
    """Return those whose environment is there: the peers do not install on every Python."""
    needs = {
        BARE_LOOP: place.bench_python,
        DLT_ROWS: place.bench_python,
        DLT_PIPELINE: place.bench_python,
        PEER: place.peer,
    }
    return [one for one in some if one not in needs or needs[one].exists()]


def windows(job: Job) -> list[tuple[datetime, datetime]]:
    """Cut the stretch of time into the widest windows that the API takes."""
    found = []
    start = job.start
    while start < job.end:
        end = min(start + WIDEST, job.end)
        found.append((start, end))
        start = end
    return found


def selected(
    catalog: dict[str, Any], only: Sequence[str], without: Sequence[Sequence[str]] = ()
) -> dict[str, Any]:
    """Return a catalog in which just these streams are selected, `without` some fields."""
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in only
            elif entry["breadcrumb"] in map(list, without):
                entry["metadata"]["selected"] = False
    return catalog


@cache
def discovered(tap: Path, *options: str | Path) -> str:
    """Return the catalog that a tap discovers, as JSON."""
    command = [str(part) for part in (tap, *options, "--discover")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
