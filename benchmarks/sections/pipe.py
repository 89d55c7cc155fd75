"""The whole pipe into Postgres: the CPU of everything that runs, and what lands."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import Job
from benchmarks.database import database
from benchmarks.pipelines import WAYS, Load, present
from benchmarks.processes import run_pipes
from benchmarks.sandbox import sandbox
from benchmarks.tables import middle, rate, seconds, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.database import Database
    from benchmarks.pipelines import Way
    from benchmarks.place import Place
    from benchmarks.sandbox import Sandbox

TITLE = "The whole pipe into Postgres"

_RECORDS = 50_000
_DAYS = 180
_ROUNDS = 3
_SMALL = 10
_MARK = "_sdc_table_version"


def measure(place: Place) -> dict[str, Any]:
    """Load the same events in each way, each time into an empty schema; once into it again."""
    records = place.size(_RECORDS)
    runs: dict[str, list[dict[str, Any]]] = {}
    ways = present(place)
    small = _small(place, ways, records)
    with ExitStack() as stack:
        server = stack.enter_context(database())
        worlds = {
            share: stack.enter_context(sandbox(custom_events=int(records * share), days=_DAYS))
            for share in sorted({way.share for way in ways})
        }
        for number in range(place.rounds(_ROUNDS)):
            for way in ways:
                runs.setdefault(way.key, []).append(
                    _measured(place, server, worlds[way.share], way, number)
                )
    return {"records": records, "runs": runs, "small": small}


def _small(place: Place, ways: Sequence[Way], records: int) -> dict[str, Any]:
    """Load a tenth of the events in each way, once: what is left of all is free of start-ups."""
    found = {}
    with database() as server, sandbox(custom_events=records // _SMALL, days=_DAYS) as world:
        for way in ways:
            found[way.key] = _run(place, server, world, way, way.key)
            server.drop(way.key)
    return found


def _measured(
    place: Place, server: Database, world: Sandbox, way: Way, number: int
) -> dict[str, Any]:
    schema = f"{way.key}_{number}"
    run = _run(place, server, world, way, schema)
    if number == 0:
        run["again"] = _run(place, server, world, way, schema)
    server.drop(schema)
    return run


def _run(place: Place, server: Database, world: Sandbox, way: Way, schema: str) -> dict[str, Any]:
    used: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        inside = replace(place, folder=Path(folder))
        load = Load(Job(inside, world, world.start, world.end), server, schema)
        stages = way.stages(load)
        # Catalogs are found before; only what a scheduled run would do counts.
        before, begin = server.cpu_seconds(), time.monotonic()
        for stage in stages:
            for kind, cpu in run_pipes(stage, place.folder / "pipe.log"):
                used[kind] = used.get(kind, 0) + cpu
    wall = time.monotonic() - begin
    server.settle(schema, way.table)
    return {
        "cpu": used,
        "postgres_cpu": server.cpu_seconds() - before,
        "wall": wall,
        **server.landed(schema, way.table),
    }


def _all_cpu(run: dict[str, Any]) -> float:
    return float(sum(run["cpu"].values()) + run["postgres_cpu"])


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    of_runs = figures["runs"]
    ways = [way for way in WAYS if way.key in of_runs]
    return [
        (
            f"{figures['records']:,} custom events from the sandbox into an empty table of a local "
            "Postgres with its own settings. The CPU is that of everything that runs but the "
            "sandbox, Postgres with a VACUUM and a CHECKPOINT at the end included. Medians of "
            f"{len(next(iter(of_runs.values())))} interleaved rounds. *Beyond start-up* is the "
            "slope from a tenth of the events to all of them; *microseconds a row* are those of "
            "loader and Postgres, by the same slope. *Again* is a second load of the same events "
            "into the same table, once."
        ),
        "",
        *table(
            [
                "way",
                "rows per CPU second",
                "beyond start-up",
                "tap, CPU s",
                "loader, CPU s",
                "Postgres, CPU s",
                "wall, s",
                "MiB",
                "again, CPU s",
                "µs a row",
            ],
            [
                _row(way, of_runs[way.key], figures["small"][way.key], figures["records"])
                for way in ways
            ],
        ),
        "",
        "What lands:",
        "",
        *table(
            ["way", "`date` is", "`attributes` is", "key column", "deletions", "a second load"],
            [_landed(way, of_runs[way.key]) for way in ways],
        ),
        "",
        (
            "dlt reads, normalises and loads in one program; objects stay objects "
            "(`max_table_nesting` 0), which is its fastest. *Deletions*: whether the table has the "
            "version by which rows that PX no longer has are told. COPY by psql is for first loads "
            "([loading](loading.md)); its loader's time is that of psql and of target-postgres, "
            f"which makes the table. {_parts(ways)} [Choosing](choosing.md) says what follows."
        ),
    ]


def _parts(ways: Sequence[Way]) -> str:
    parts = [f"{way.title}: {100 * way.share:.0f} %" for way in ways if way.share < 1]
    said = "Some ways load a part of the events, so their start-up weighs more"
    return f"{said} ({'; '.join(parts)})." if parts else ""


def _row(way: Way, runs: list[dict[str, Any]], small: dict[str, Any], records: int) -> list[str]:
    rows = int(records * way.share)
    more = rows - records // _SMALL
    both = [_all_cpu(run) for run in runs]
    loading = middle([_loading(run) for run in runs]) - _loading(small)
    by_kind = {
        kind: middle([run["cpu"].get(kind, 0) for run in runs])
        for kind in ("tap", "loader", "both")
    }
    return [
        way.title,
        f"**{rate(middle([rows / cpu for cpu in both]))}**",
        rate(more / (middle(both) - _all_cpu(small))),
        seconds(by_kind["tap"]) if by_kind["tap"] else "",
        # A program that does both counts as the loader.
        seconds(by_kind["loader"] or by_kind["both"]),
        seconds(middle([run["postgres_cpu"] for run in runs])),
        seconds(middle([run["wall"] for run in runs])),
        f"{middle([run['mib'] for run in runs]):.0f}",
        seconds(_all_cpu(runs[0]["again"])),
        f"{1e6 * loading / more:.0f}",
    ]


def _loading(run: dict[str, Any]) -> float:
    """Return the CPU seconds of all but the tap."""
    return _all_cpu(run) - float(run["cpu"].get("tap", 0))


def _landed(way: Way, runs: list[dict[str, Any]]) -> list[str]:
    first, again = runs[0], runs[0]["again"]
    types = first["types"]
    key = next((name for name in types if name.lower().replace("_", "") == "eventid"), "")
    return [
        way.title,
        types.get("date", ""),
        types.get("attributes", ""),
        f"`{key}`",
        "can be told" if _MARK in types else "cannot be told",
        "updates" if again["rows"] == first["rows"] else "doubles the rows",
    ]
