"""Jobs side by side, runs of one job over one another, and the week's full reading."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from tests.contract.facts import EVENT_STREAMS
from tests.e2e.equality import KEYS, differences
from tests.e2e.loader import read_tables
from tests.meltano.conftest import SLOWLY, STUCK, change

if TYPE_CHECKING:
    from tests.meltano.conftest import Pipeline

JOB = "gainsight-px-to-postgres"
JOBS = ("gainsight-px-entities", "gainsight-px-events", "gainsight-px-listings")
ENTITIES = "prod:tap-gainsight-px-entities-to-target-postgres"


def test_all_jobs_at_once_load_what_px_has(pipeline: Pipeline) -> None:
    """Twice: into an empty database, where each makes the schema, and into that."""
    start = (datetime.now(timezone.utc) - timedelta(days=30)).isoformat(timespec="seconds")
    for _ in range(2):
        runs = [pipeline.start(job, TAP_GAINSIGHT_PX_START_DATE=start) for job in JOBS]
        assert [run.wait() for run in runs] == [0, 0, 0], pipeline.project.log[-8000:]
        tables = read_tables(pipeline.url, pipeline.schema)
        assert not list(differences(pipeline.sandbox, tables, KEYS))
        change(pipeline)


def test_a_run_that_meets_another_of_its_job_is_refused_and_nothing_is_lost(
    pipeline: Pipeline,
) -> None:
    """As where a schedule's interval is shorter than a run takes."""
    first = pipeline.start(JOB, **SLOWLY)
    pipeline.wait_for_events(first)
    pipeline.sandbox.misbehave(STUCK)  # until the second has come
    change(pipeline)

    second = pipeline.project.try_meltano("run", "--no-install", JOB, env=pipeline.env)

    assert second.returncode == 1
    assert "is already running" in second.stderr
    pipeline.sandbox.misbehave()
    assert first.wait() == 0
    pipeline.run(JOB)
    assert not pipeline.differences()


def test_a_run_that_is_forced_beside_another_loses_nothing(pipeline: Pipeline) -> None:
    """The STATE that is kept is that of the run that ends last, whichever began first."""
    first = pipeline.start(JOB, **SLOWLY)
    pipeline.wait_for_events(first)
    change(pipeline)

    pipeline.run("--force", JOB)

    assert first.wait() == 0
    assert not pipeline.differences()
    change(pipeline, event="later")
    pipeline.run(JOB)
    assert not pipeline.differences()


def test_two_runs_that_start_at_once_lose_nothing(pipeline: Pipeline) -> None:
    """Both past the check of Meltano. They share a catalog: either may fail, with code 1."""
    runs = [pipeline.start("--force", JOBS[1], **SLOWLY) for _ in range(2)]
    assert {run.wait() for run in runs} <= {0, 1}
    change(pipeline)

    pipeline.run(JOBS[1], TAP_GAINSIGHT_PX_START_DATE=SLOWLY["TAP_GAINSIGHT_PX_START_DATE"])

    tables = read_tables(pipeline.url, pipeline.schema)
    assert not list(differences(pipeline.sandbox, tables, EVENT_STREAMS))


def test_the_weekly_schedule_finds_who_is_gone(pipeline: Pipeline) -> None:
    """It shares the hourly job's STATE, which is a day or more away from a reading of its own."""
    pipeline.run(JOBS[0])
    state = json.loads(pipeline.project.meltano("state", "get", ENTITIES, env=pipeline.env))
    a_week_ago = (datetime.now(timezone.utc) - timedelta(days=7)).isoformat(timespec="seconds")
    for stream in ("users", "accounts"):
        assert "full_read" in state["singer_state"]["bookmarks"][stream]
        state["singer_state"]["bookmarks"][stream]["full_read"] = a_week_ago
    pipeline.project.meltano(
        "state", "set", "--force", ENTITIES, json.dumps(state), env=pipeline.env
    )
    gone = pipeline.sandbox.truth("users")[0]["aptrinsicId"]
    pipeline.sandbox.delete("users", gone)

    def marked_after(schedule: str) -> list[str]:
        pipeline.project.meltano("schedule", "run", schedule, env=pipeline.env)
        rows = read_tables(pipeline.url, pipeline.schema)["users"].rows
        return [one["aptrinsicId"] for one in rows if one["_sdc_deleted_at"] is not None]

    assert marked_after("gainsight-px-entities-hourly") == []
    assert marked_after("gainsight-px-full-readings-weekly") == [gone]
