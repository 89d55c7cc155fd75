"""What target-snowflake takes of records and of files, up to the upload."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import Job
from benchmarks.pipelines import GZIP, files, shipped, tap
from benchmarks.place import RUNNERS
from benchmarks.processes import Program, run_pipes
from benchmarks.sandbox import sandbox
from benchmarks.tables import middle, rate, seconds, table

if TYPE_CHECKING:
    from benchmarks.place import Place
    from benchmarks.sandbox import Sandbox

TITLE = "Into Snowflake, up to the upload"

_RECORDS = 50_000
_DAYS = 180
_ROUNDS = 3
_SMALL = 10
_WAYS = {
    "validated": "RECORDs, `validate_records: true`",
    "records": "**RECORDs, as shipped**",
    "files": "BATCH files (`jsonl`, gzip)",
}


def measure(place: Place) -> dict[str, Any]:
    """Let the loader do all that it does without Snowflake."""
    records = place.size(_RECORDS)
    runs: dict[str, list[dict[str, Any]]] = {}
    if not place.snowflake_python.exists():
        return {"records": records, "runs": {}, "small": {}}
    with sandbox(custom_events=records // _SMALL, days=_DAYS) as world:
        small = {way: _run(place, world, way) for way in _WAYS}
    with sandbox(custom_events=records, days=_DAYS) as world:
        for _ in range(place.rounds(_ROUNDS)):
            for way in _WAYS:
                runs.setdefault(way, []).append(_run(place, world, way))
    return {"records": records, "runs": runs, "small": small}


def _run(place: Place, world: Sandbox, way: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        job = Job(replace(place, folder=Path(folder)), world, world.start, world.end)
        config = shipped("target-snowflake") | {
            "account": "none",
            "user": "none",
            "password": "none",
            "database": "NONE",
        }
        if way == "validated":
            config["validate_records"] = True
        written = job.write("target.json", config)
        command = [place.snowflake_python, RUNNERS / "without_snowflake.py", written]
        settings = files(job, GZIP) if way == "files" else {}
        log = place.folder / "snowflake.log"
        used = run_pipes([(tap(job, settings), Program("loader", command))], log)
        told = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    return {"cpu": dict(used), **told}


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    rows = []
    for way, runs in figures["runs"].items():
        both = [sum(one["cpu"].values()) for one in runs]
        more = figures["records"] * (1 - 1 / _SMALL)
        slopes = [
            middle([one["cpu"][kind] for one in runs]) - figures["small"][way]["cpu"][kind]
            for kind in ("tap", "loader")
        ]
        rows.append(
            [
                _WAYS[way],
                f"**{rate(middle([figures['records'] / cpu for cpu in both]))}**",
                seconds(middle([one["cpu"]["tap"] for one in runs])),
                seconds(middle([one["cpu"]["loader"] for one in runs])),
                f"{middle([one['uploaded'] for one in runs]) / 2**20:.1f}",
                f"{1e6 * max(slopes) / more:.1f}",
            ]
        )
    head = [
        "way",
        "rows per CPU second",
        "tap, CPU s",
        "target-snowflake, CPU s",
        "MiB to upload",
        "µs a row",
    ]
    return [
        (
            f"{figures['records']:,} custom events by `tap | target-snowflake`, with everything "
            "that would speak to Snowflake left out: no statement, no upload. What Snowflake does "
            "is the same for each way. Medians. *Microseconds a row* are those of the slower of "
            "both programs, beyond start-up. What lands by records and by files is compared in "
            "`tests/snowflake`, against an imitation of Snowflake."
        ),
        "",
        *table(head, rows),
    ]
