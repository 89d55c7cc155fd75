"""How near a large sync comes to the account's limit of requests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from benchmarks import contenders
from benchmarks.contenders import Job
from benchmarks.measure import use
from benchmarks.sandbox import sandbox
from benchmarks.tables import middle, seconds, table

if TYPE_CHECKING:
    from benchmarks.place import Place

TITLE = "Saturation"

_RECORDS = 1_000_000
_PAGE = 1000
_DAYS = 1095
_LATENCY_MS = 100
_ROUNDS = 3
_WORKERS = 64
# The lower ones show what the tap does where the limit holds it up, and not the machine.
_LIMITS = (200, 100, 50)


def measure(place: Place) -> dict[str, Any]:
    """Read three years with more workers than the limit can use, under several limits."""
    records = place.size(_RECORDS)
    runs: dict[str, list[dict[str, Any]]] = {}
    with sandbox(custom_events=records, days=_DAYS, latency_ms=_LATENCY_MS) as world:
        for _ in range(place.rounds(_ROUNDS)):
            for limit in _LIMITS:
                settings = {"max_workers": _WORKERS, "requests_per_second": limit}
                job = Job(place, world, world.start, world.end, settings)
                log = place.folder / "tap.log"
                used = use(contenders.this_tap(job), world, log=log, reads=True)
                runs.setdefault(str(limit), []).append(used.to_json())
    return {"records": records, "runs": runs}


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    fewest = math.ceil(figures["records"] / _PAGE)
    rows = []
    for limit, runs in figures["runs"].items():
        wall = middle([run["wall"] for run in runs])
        requests = middle([run["requests"] for run in runs])
        least = fewest / int(limit)
        rows.append(
            [
                limit,
                f"**{seconds(wall)}**",
                seconds(least),
                f"{100 * least / wall:.0f} %",
                f"{requests:.0f}",
                f"{100 * requests / fewest:.0f} %",
                str(max(run["busiest_second"] for run in runs)),
                seconds(middle([run["cpu"] for run in runs])),
                f"{middle([run['rss_mib'] for run in runs]):.0f}",
                f"{100 * middle([run['sandbox_cpu'] / run['wall'] for run in runs]):.0f} %",
            ]
        )
    head = [
        "`requests_per_second`",
        "wall, s",
        "not less than, s",
        "of the limit",
        "requests",
        "of the fewest",
        "in the busiest second",
        "CPU s",
        "peak, MiB",
        "sandbox's CPU",
    ]
    return [
        (
            f"{figures['records']:,} custom events evenly over three years, {_LATENCY_MS} ms for "
            f"every answer, `max_workers: {_WORKERS}`, pages of {_PAGE:,}. Output goes into a pipe "
            "that is read at once. Medians; the busiest second is the most of all rounds."
        ),
        "",
        *table(head, rows),
        "",
        (
            f"*Not less than* is one request for {_PAGE:,} records at the limit, without the start "
            "of the program. Where the machine has other work, the CPU is what is waited for at "
            "200: the lower limits then show the tap, and the highest shows the machine."
        ),
    ]
