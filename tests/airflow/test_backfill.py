"""Events in time shards, run by a scheduler: all is in the tables, and the job goes on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest

from gainsight_px_airflow.shards import cut, written
from tests.airflow.conftest import DAYS, ENTITIES_JOB, EVENTS_JOB, REQUESTS_PER_SECOND, SLOTS
from tests.contract.facts import EVENT_STREAMS

if TYPE_CHECKING:
    from tests.airflow.conftest import Engine, Task

WEEKS = 4
ENTITIES = ("users", "accounts")


@pytest.mark.timeout(1_800)
def test_shards_fill_the_tables_and_the_job_goes_on_from_there(
    engine: Engine,
) -> None:
    """One shard is killed and tried again; then the job runs; then a backfill goes further back.

    One test, because each part needs what the one before has left.
    """
    now = datetime.now(timezone.utc).replace(microsecond=0)
    start = now - timedelta(days=DAYS // 2)
    shards = cut(start, now, WEEKS)
    killed = 1
    engine.env["STRETCH"] = written(shards[killed].start)
    engine.env["TAP_GAINSIGHT_PX_START_DATE"] = written(start)  # else the job goes further back

    tasks = engine.backfill(weeks=WEEKS, start_date=written(start), jobs=["gainsight-px-entities"])

    assert {task.state for task in tasks.values()} == {"success"}
    tries = {index: task.tries for (name, index), task in tasks.items() if name == "shard"}
    assert len(shards) > SLOTS
    assert tries == {index: 1 + (index == killed) for index in range(len(shards))}
    _check_limits(engine, tasks)
    assert not engine.differences(*EVENT_STREAMS, since=start)
    assert not engine.differences(*ENTITIES)
    assert not list((engine.folder / ".meltano" / "shards").iterdir())
    states = engine.states()
    assert states.keys() == {EVENTS_JOB, ENTITIES_JOB}
    _check_edges(states[EVENTS_JOB], start, now)
    _check_counts(engine, states[EVENTS_JOB])

    _the_next_run_of_the_job_loads_what_is_new(engine)
    _another_backfill_goes_further_back(engine, start)


def _check_limits(engine: Engine, tasks: dict[tuple[str, int], Task]) -> None:
    """Tasks run side by side, but never more than the pool has slots; each sends its share."""
    edges = [
        (time, slots)
        for task in tasks.values()
        for start, end in task.times
        for time, slots in ((start, task.slots), (end, -task.slots))
    ]
    # Where one begins as another ends, that one has ended.
    taken = list(accumulate(slots for _, slots in sorted(edges)))
    assert max(taken) == SLOTS
    # Two that did not share would send twice as many; a moment more may fall into one second.
    assert engine.sandbox.busiest_second() < 1.5 * REQUESTS_PER_SECOND


def _the_next_run_of_the_job_loads_what_is_new(engine: Engine) -> None:
    """By the DAG of its schedule. The world has stood still for longer than a lookback."""
    before, loaded_at = engine.states()[EVENTS_JOB], engine.last_load()
    (old, *_) = engine.sandbox.truth("custom_events")
    date = int(datetime.now(timezone.utc).timestamp() * 1000) - 1000
    engine.sandbox.put("custom_events", old | {"eventId": "new", "date": date})

    engine.unpause("meltano_gainsight-px-events-hourly")

    assert engine.loaded_after(loaded_at) == {("custom_events", "new")}
    after = engine.states()[EVENTS_JOB]
    for stream, bookmark in before.items():
        assert after[stream]["read_from"] == bookmark["read_from"]
        assert after[stream]["replication_key_value"] > bookmark["replication_key_value"]


def _another_backfill_goes_further_back(engine: Engine, start: datetime) -> None:
    """It ends where the STATE of the job begins, and the job reads none of it again."""
    before = engine.states()[EVENTS_JOB]
    earlier = start - timedelta(days=DAYS)

    engine.backfill(weeks=2 * WEEKS, start_date=written(earlier), jobs=[])

    assert not engine.differences(*EVENT_STREAMS)
    after = engine.states()[EVENTS_JOB]
    for stream, bookmark in before.items():
        assert after[stream]["replication_key_value"] == bookmark["replication_key_value"]
        assert after[stream]["read_from"] == _iso(earlier)
    loaded_at = engine.last_load()
    engine.env["TAP_GAINSIGHT_PX_START_DATE"] = written(earlier)
    engine.meltano("run", "--no-install", "tap-gainsight-px-events", "target-postgres")
    assert engine.loaded_after(loaded_at) <= {("custom_events", "new")}


def _check_edges(bookmarks: dict[str, Any], start: datetime, now: datetime) -> None:
    assert bookmarks.keys() == set(EVENT_STREAMS)
    for entry in bookmarks.values():
        assert entry["read_from"] == _iso(start)
        assert entry["replication_key_value"] >= _iso(now)


def _check_counts(engine: Engine, bookmarks: dict[str, Any]) -> None:
    """What the job compares with PX is what PX has: it has nothing to read again."""
    for stream, entry in bookmarks.items():
        counts = entry["day_counts"]
        dates = [_iso_ms(one["date"]) for one in engine.sandbox.truth(stream)]
        assert sum(counts["days"]) == sum(counts["from"] <= one < counts["to"] for one in dates)


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.000Z"


def _iso_ms(milliseconds: int) -> str:
    time = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"
