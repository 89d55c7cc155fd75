"""One process against two shards side by side, loader included: `python -m tests.airflow.measure`.

The runs are those of the backfill DAG, started by threads instead of Airflow, whose own work (some
seconds for each task) is left out. Both ways alternate, so that what else the machine does meets
both alike; the ratio of the medians counts. Needs what `make airflow` has made.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from statistics import median
from typing import TYPE_CHECKING

import psycopg

from gainsight_px_airflow import meltano
from gainsight_px_airflow.shards import Shard, cut, written
from tests.airflow.conftest import SCHEMA, open_engine

if TYPE_CHECKING:
    from tests.airflow.conftest import Engine

_DAYS = 364
_SIDE_BY_SIDE = 2


def main() -> None:
    """Measure and print each time, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=600_000, help="custom events in a year")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weeks", type=int, default=8)
    given = parser.parse_args()
    world = {"--days": str(_DAYS), "--custom-events": str(given.events), "--events": "0"}
    with open_engine(world) as engine:
        end = datetime.now(timezone.utc).replace(microsecond=0)
        start = end - timedelta(days=_DAYS + 1)
        shards = cut(start, end, given.weeks)
        times: dict[int, list[float]] = {1: [], len(shards): []}
        for number in range(given.rounds):
            for stretches in ([Shard(start, end)], shards):
                took = _load(engine, stretches, number, given.events)
                times[len(stretches)].append(took)
                sys.stdout.write(f"{len(stretches)} run(s): {took:.1f} s\n")
    one, many = (median(found) for found in times.values())
    sys.stdout.write(
        f"{given.events} events: one process {one:.1f} s, {len(shards)} shards {many:.1f} s, "
        f"{one / many:.2f} times as fast\n"
    )


def _load(engine: Engine, stretches: list[Shard], number: int, events: int) -> float:
    """Load all stretches into empty tables; return how long that took, in seconds."""
    with psycopg.connect(engine.database.url) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    newest = stretches[0]
    moment = Shard(newest.end - timedelta(seconds=1), newest.end)
    _run(engine, moment, f"tables-{len(stretches)}-{number}")
    begun = time.monotonic()
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        runs = [
            pool.submit(_run, engine, one, f"measured-{len(stretches)}-{number}-{place}")
            for place, one in enumerate(stretches)
        ]
        for run in runs:
            run.result()
    took = time.monotonic() - begun
    loaded = len(engine.tables()["custom_events"].rows)
    if loaded != events:
        message = f"{loaded} rows of {events} events"
        raise AssertionError(message)
    return took


def _run(engine: Engine, stretch: Shard, suffix: str) -> None:
    settings = {
        "start_date": written(stretch.start),
        "end_date": written(stretch.end),
        "requests_per_second": "100",
        "_select": '["custom_events.*"]',
    }
    folder = meltano.own_folder(suffix, engine.folder)
    extractor = "tap-gainsight-px-events"
    engine.meltano(
        *("run", "--no-install", f"--state-id-suffix={suffix}", extractor, "target-postgres"),
        log=suffix,
        env=meltano.variables(extractor, **settings) | {"MELTANO_SYS_DIR_ROOT": str(folder)},
    )


if __name__ == "__main__":
    main()
