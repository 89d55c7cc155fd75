"""A run over all streams that are selected by default, on a small world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import Job, discovered, tap_options
from benchmarks.measure import use
from benchmarks.place import program
from benchmarks.sandbox import sandbox
from benchmarks.tables import middle, seconds, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.place import Place

TITLE = "Many small streams"

_EVENTS = 2_000
_DAYS = 90
_LATENCY_MS = 200
_WORKERS = (8, 16)
_ROUNDS = 2
# One request for each engagement or feature and each week: most of the requests of such a world.
_WEEKLY = ("engagement_error_details", "feature_adoption")


def measure(place: Place) -> dict[str, Any]:
    """Read everything that is selected by default, and the same without the weekly sums."""
    default = _default_streams()
    groups = {"all": default, "not weekly": [name for name in default if name not in _WEEKLY]}
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in groups}
    with sandbox(
        custom_events=_EVENTS // 4, days=_DAYS, events=_EVENTS, latency_ms=_LATENCY_MS
    ) as world:
        for _ in range(place.rounds(_ROUNDS)):
            for group, names in groups.items():
                if place.quick and group == "all":
                    continue
                for workers in _WORKERS:
                    job = Job(place, world, world.start, world.end, {"max_workers": workers})
                    command = [program("tap-gainsight-px"), *tap_options(job, only=names)]
                    log = place.folder / "small.log"
                    run = use([command], world, log=log, reads=True).to_json()
                    runs[group].setdefault(str(workers), []).append(run)
    return {"streams": {name: len(names) for name, names in groups.items()}, "runs": runs}


def _default_streams() -> Sequence[str]:
    """Return the streams that discovery selects."""
    names = []
    for stream in json.loads(discovered(program("tap-gainsight-px")))["streams"]:
        of_stream = next(one for one in stream["metadata"] if not one["breadcrumb"])
        if of_stream["metadata"].get("selected-by-default"):
            names.append(stream["tap_stream_id"])
    return names


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    rows = []
    for group, by_workers in figures["runs"].items():
        for workers, runs in by_workers.items():
            wall = middle([run["wall"] for run in runs])
            requests = middle([run["requests"] for run in runs])
            latency = requests * _LATENCY_MS / 1000
            title = "all" if group == "all" else "all but the two with weekly sums"
            rows.append(
                [
                    f"{title} ({figures['streams'][group]})",
                    workers,
                    f"**{seconds(wall)}**",
                    f"{requests:.0f}",
                    seconds(latency),
                    f"{100 * wall / latency:.0f} %",
                    seconds(latency / int(workers)),
                    seconds(middle([run["first_record"] for run in runs])),
                ]
            )
    head = [
        "streams selected by default",
        "workers",
        "wall, s",
        "requests",
        "sum of latencies, s",
        "wall of that",
        "sum over workers, s",
        "first record, s",
    ]
    return [
        (
            f"A world of {_EVENTS:,} events, 200 users and 40 accounts over {_DAYS} days, "
            f"{_LATENCY_MS} ms for every answer. Medians of two rounds."
        ),
        "",
        *table(head, rows),
        "",
        (
            "*Sum over workers* is what no schedule could beat, the start-up of the process not "
            "counted. The two streams with weekly sums take one request for each engagement or "
            "feature and each week."
        ),
    ]
