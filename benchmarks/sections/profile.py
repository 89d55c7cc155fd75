"""Where the CPU time goes inside the tap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks import contenders
from benchmarks.contenders import Job, tap_options
from benchmarks.measure import use
from benchmarks.place import OWN_PYTHON, RUNNERS
from benchmarks.sandbox import sandbox
from benchmarks.tables import middle, rate, table

if TYPE_CHECKING:
    from benchmarks.place import Place

TITLE = "Where the tap's CPU goes"

_RECORDS = 250_000
_DAYS = 180
_ROUNDS = 5
_WORKERS = (1, 8, 16, 32)

# By judgement, not measured anew with each run.
_NEXT = """
What would be next: the head of an answer, which `http.client` parses like that of a mail, and fewer
threads where answers come fast, for they wait for one another, as the last table shows. Asking
urllib3's pool without the adapter of `requests` around it was tried and saved nothing any more. The
decoding, the times and what the system does for the sockets stay.
""".strip().splitlines()


def measure(place: Place) -> dict[str, Any]:
    """Run the tap with a clock around its parts, then without one and with other workers."""
    records = place.size(_RECORDS)
    profiles = []
    workers: dict[str, list[float]] = {}
    with sandbox(custom_events=records, days=_DAYS) as world:
        for _ in range(place.rounds(_ROUNDS)):
            job = Job(place, world, world.start, world.end)
            result = place.folder / "profile.json"
            command = [OWN_PYTHON, RUNNERS / "profiled_tap.py", result, *tap_options(job)]
            use([command], world, log=place.folder / "profile.log")
            profiles.append(json.loads(result.read_text(encoding="utf-8")))
            for number in _WORKERS:
                job = Job(place, world, world.start, world.end, {"max_workers": number})
                log = place.folder / "tap.log"
                used = use(contenders.THIS_TAP.commands(job), world, log=log)
                workers.setdefault(str(number), []).append(used.cpu)
    return {"records": records, "profiles": profiles, "workers": workers}


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    profiles = figures["profiles"]
    records = figures["records"]
    beyond = middle([one["total"] - one["start_up"] for one in profiles])
    parts = {
        name: middle([one["parts"][name] for one in profiles]) for name in profiles[0]["parts"]
    }
    parts["the rest"] = max(0.0, beyond - sum(parts.values()))
    rows = [
        [name, f"{took / records * 1e6:.2f}", f"{100 * took / beyond:.0f} %"]
        for name, took in parts.items()
    ]
    rows.append(["**together**", f"**{beyond / records * 1e6:.2f}**", "100 %"])
    workers = [
        [number, f"{middle(cpus):.2f}", rate(records / middle(cpus))]
        for number, cpus in figures["workers"].items()
    ]
    return [
        (
            f"{records:,} custom events, no latency, 8 workers; CPU time of each thread, start-up "
            f"not counted ({middle([one['start_up'] for one in profiles]):.2f} CPU s). Medians of "
            f"{len(profiles)} rounds."
        ),
        "",
        *table(["part", "µs per record", "share"], rows),
        *(
            ["", f"Not found, and so part of the rest: {', '.join(missing)}."]
            if (missing := profiles[0]["missing"])
            else []
        ),
        "",
        "What threads cost that wait for one another, start-up included:",
        "",
        *table(["workers", "CPU s", "records per CPU second"], workers),
        "",
        *_NEXT,
    ]
