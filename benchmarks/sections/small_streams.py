"""A run over all streams that are selected by default, on a small world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.contenders import Job, tap_options
from benchmarks.measure import use
from benchmarks.place import program
from benchmarks.sandbox import sandbox
from benchmarks.tables import middle, seconds, table

if TYPE_CHECKING:
    from benchmarks.place import Place

TITLE = "Many small streams"

_EVENTS = 2_000
_DAYS = 90
_LATENCY_MS = 200
_WORKERS = (1, 8, 16)
_ROUNDS = 3


def measure(place: Place) -> dict[str, Any]:
    """Read everything that is selected by default."""
    runs: dict[str, list[dict[str, Any]]] = {}
    with sandbox(
        custom_events=_EVENTS // 4, days=_DAYS, events=_EVENTS, latency_ms=_LATENCY_MS
    ) as world:
        for number in range(place.rounds(_ROUNDS)):
            for workers in _WORKERS:
                if workers == 1 and number:
                    continue
                job = Job(place, world, world.start, world.end, {"max_workers": workers})
                command = [program("tap-gainsight-px"), *tap_options(job, only=None)]
                log = place.folder / "small.log"
                run = use([command], world, log=log, reads=True).to_json()
                runs.setdefault(str(workers), []).append(run)
    return {"runs": runs}


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    rows = []
    for workers, runs in figures["runs"].items():
        wall = middle([run["wall"] for run in runs])
        requests = middle([run["requests"] for run in runs])
        latency = requests * _LATENCY_MS / 1000
        rows.append(
            [
                workers,
                f"**{seconds(wall)}**",
                f"{requests:.0f}",
                seconds(latency),
                f"{100 * wall / latency:.0f} %",
                seconds(middle([run["first_record"] for run in runs])),
                str(max(run["busiest_second"] for run in runs)),
            ]
        )
    head = [
        "workers",
        "wall, s",
        "requests",
        "sum of latencies, s",
        "wall of that",
        "first record, s",
        "in the busiest second",
    ]
    return [
        f"A world of {_EVENTS:,} events, 200 users and 40 accounts over {_DAYS} days, all streams "
        f"that are selected by default, {_LATENCY_MS} ms for every answer. Medians.",
        "",
        *table(head, rows),
    ]
