"""Wall time when every answer takes 200 ms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from benchmarks import contenders
from benchmarks.contenders import Contender, Job
from benchmarks.measure import use
from benchmarks.sandbox import sandbox
from benchmarks.tables import middle, seconds, table

if TYPE_CHECKING:
    from benchmarks.place import Place

TITLE = "Waiting"

_RECORDS = 300_000
_PAGE = 1000
_DAYS = 1095
_LATENCY_MS = 200
_ROUNDS = 3
_WORKERS = (1, 4, 8, 16, 32)
_PEERS = (
    contenders.BARE_LOOP,
    contenders.DLT_ROWS,
    contenders.DLT_PIPELINE,
    contenders.PLAIN_SDK,
    contenders.PEER,
)


def measure(place: Place) -> dict[str, Any]:
    """Read three years with the tap and some workers, then with the peers at their defaults."""
    records = place.size(_RECORDS)
    tap: dict[str, list[dict[str, Any]]] = {}
    peers: dict[str, dict[str, Any]] = {}
    with sandbox(custom_events=records, days=_DAYS, latency_ms=_LATENCY_MS) as world:

        def read(contender: Contender, settings: dict[str, Any]) -> dict[str, Any]:
            job = Job(place, world, world.start, world.end, settings)
            # The pipeline writes files; all others are read as a target would.
            reads = contender is not contenders.DLT_PIPELINE
            log = place.folder / f"{contender.key}.log"
            return use(contender.commands(job), world, log=log, reads=reads).to_json()

        for number in range(place.rounds(_ROUNDS)):
            for workers in _WORKERS:
                if workers == 1 and number:
                    continue  # a minute of nothing but latency
                run = read(contenders.THIS_TAP, {"max_workers": workers})
                tap.setdefault(str(workers), []).append(run)
        for one in contenders.present(place, _PEERS):
            peers[one.key] = read(one, {})
    return {"records": records, "tap": tap, "peers": peers}


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    fewest = math.ceil(figures["records"] / _PAGE)
    rows = []
    for workers, runs in figures["tap"].items():
        walls = [run["wall"] for run in runs]
        rows.append(
            [
                f"tap-gainsight-px, {workers} worker{'s' if workers != '1' else ''}",
                f"**{seconds(middle(walls))}**",
                f"{seconds(min(walls))} to {seconds(max(walls))}",
                *_common(runs, fewest),
            ]
        )
    titles = {one.key: one.title for one in contenders.ALL}
    rows += [
        [titles[key], seconds(run["wall"]), "", *_common([run], fewest)]
        for key, run in figures["peers"].items()
    ]
    head = [
        "program",
        "wall, s",
        "least to most",
        "first record, s",
        "requests",
        "of the fewest",
        "in the busiest second",
        "CPU s",
        "sandbox's CPU",
    ]
    return [
        (
            f"{figures['records']:,} custom events evenly over three years, {_LATENCY_MS} ms for "
            f"every answer, `requests_per_second: 200`. One scroll at a time takes {fewest} "
            f"requests, or {fewest * _LATENCY_MS / 1000:.0f} s of latency alone. Output goes into "
            "a pipe that is read at once. Medians of the tap's rounds; the peers, and one worker, "
            "once."
        ),
        "",
        *table(head, rows),
        "",
        (
            f"*Fewest* is one request for {_PAGE:,} records. What the tap sends beyond is the "
            "first page of windows that turn out to be too large and are split. The peers read "
            "one window of 190 days after another; tap-gainsightpx cannot, and is run once for "
            "each, with its own page size of 500. dlt's pipeline has one parallel resource a "
            "window."
        ),
    ]


def _common(runs: list[dict[str, Any]], fewest: int) -> list[str]:
    first = [run["first_record"] for run in runs if run["first_record"] is not None]
    requests = middle([run["requests"] for run in runs])
    return [
        seconds(middle(first)) if first else "",
        f"{requests:.0f}",
        f"{100 * requests / fewest:.0f} %",
        str(max(run["busiest_second"] for run in runs)),
        seconds(middle([run["cpu"] for run in runs])),
        f"{100 * middle([run['sandbox_cpu'] / run['wall'] for run in runs]):.0f} %",
    ]
