"""STATE where a team keeps it, and what Meltano's own commands do with it: docs/production.md."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests
from psycopg import sql

from demo import services
from tests.e2e.conftest import built
from tests.meltano.conftest import EVENTS, SLOWLY, STUCK, change
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.meltano.conftest import Pipeline

JOB = "gainsight-px-to-postgres"
STATE_ID = "prod:tap-gainsight-px-to-target-postgres"
BUCKET = "px-state"


@pytest.fixture
def s3(clean_env: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Start a server that answers as S3 does, with an empty bucket."""
    program = built("meltano-backends/bin/moto_server")
    log = tmp_path / "moto.log"
    with services.process([program, "-p", "0"], log=log, env=clean_env) as server:
        while "Running on" not in log.read_text(encoding="utf-8"):
            with pytest.raises(subprocess.TimeoutExpired):
                server.wait(0.05)
        url = log.read_text(encoding="utf-8").partition("Running on ")[2].split()[0]
        requests.put(f"{url}/{BUCKET}", timeout=PATIENCE).raise_for_status()
        yield url


@pytest.fixture
def postgres_backend(postgres: services.Postgres) -> Iterator[dict[str, str]]:
    """Make a database for Meltano itself."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE meltano")
        address = postgres.sqlalchemy_url.replace("@/postgres?", "@/meltano?")
        yield {"MELTANO_DATABASE_URI": address}
        connection.execute("DROP DATABASE meltano WITH (FORCE)")


def state_of(pipeline: Pipeline, state_id: str = STATE_ID) -> dict[str, Any]:
    """Return what `meltano state get` prints."""
    read: dict[str, Any] = json.loads(
        pipeline.project.meltano("state", "get", state_id, env=pipeline.env)
    )
    return read


def moved(pipeline: Pipeline, folder: Path) -> Pipeline:
    """Return the pipeline as another machine has it: with the definition and nothing else."""
    return replace(pipeline, project=pipeline.project.moved_to(folder))


def goes_on_elsewhere(pipeline: Pipeline, folder: Path) -> None:
    """Hold that a job goes on where it was, on a machine that has nothing of its runs."""
    pipeline.run(JOB)
    before = state_of(pipeline)
    change(pipeline)
    elsewhere = moved(pipeline, folder)
    assert state_of(elsewhere) == before

    began = time.time()
    elsewhere.run(JOB)

    assert not elsewhere.differences()
    assert state_of(pipeline) == state_of(elsewhere) != before
    assert elsewhere.loaded_since(began, "custom_events") == 1


def test_a_job_goes_on_elsewhere_with_state_in_postgres(
    pipeline: Pipeline, postgres_backend: dict[str, str], tmp_path: Path
) -> None:
    """Meltano's own database in Postgres: containers keep nothing."""
    pipeline.env.update(postgres_backend)
    goes_on_elsewhere(pipeline, tmp_path / "elsewhere")


def test_a_job_goes_on_elsewhere_with_state_in_s3(
    pipeline: Pipeline, s3: str, tmp_path: Path
) -> None:
    """Where the list of runs may be lost, and STATE must not."""
    pipeline.env.update(
        {
            "MELTANO_STATE_BACKEND_URI": f"s3://{BUCKET}/px",
            "MELTANO_STATE_BACKEND_S3_ENDPOINT_URL": s3,
            "MELTANO_STATE_BACKEND_S3_AWS_ACCESS_KEY_ID": "nobody",
            "MELTANO_STATE_BACKEND_S3_AWS_SECRET_ACCESS_KEY": "checks-it",
        }
    )
    goes_on_elsewhere(pipeline, tmp_path / "elsewhere")
    listed = requests.get(f"{s3}/{BUCKET}", timeout=PATIENCE).text
    assert f"<Key>px/{STATE_ID}/state.json</Key>" in listed


def test_state_is_copied_cleared_and_set(pipeline: Pipeline) -> None:
    """Before something is tried out: keep a copy, and put it back."""
    pipeline.run(JOB)
    before = state_of(pipeline)
    kept = f"{STATE_ID}:kept"

    def state(*arguments: str) -> str:
        return pipeline.project.meltano("state", *arguments, env=pipeline.env)

    state("copy", "--force", STATE_ID, kept)
    state("clear", "--force", STATE_ID)
    assert state("list").split() == [kept]
    assert state_of(pipeline) == {}

    state("copy", "--force", kept, STATE_ID)
    assert state_of(pipeline) == before

    before["singer_state"]["bookmarks"]["custom_events"]["note"] = "by hand"
    state("set", "--force", STATE_ID, json.dumps(before))
    assert state_of(pipeline) == before
    change(pipeline)
    began = time.time()
    pipeline.run(JOB)
    assert not pipeline.differences()
    assert pipeline.loaded_since(began, "custom_events") == 1


def test_a_full_refresh_reads_everything_again(pipeline: Pipeline) -> None:
    """Rows that were lost are back; who is gone from PX is found by the next full reading."""
    pipeline.run(JOB)
    with psycopg.connect(pipeline.url) as connection:
        for table in ("custom_events", "users"):
            lost = sql.SQL("DELETE FROM {}").format(sql.Identifier(pipeline.schema, table))
            connection.execute(lost)

    began = time.time()
    pipeline.run("--full-refresh", JOB)

    assert not pipeline.differences()
    assert pipeline.loaded_since(began, "custom_events") == EVENTS
    change(pipeline)
    pipeline.run(JOB)
    assert not pipeline.differences()


def test_a_run_that_ends_itself_has_its_state_kept(pipeline: Pipeline) -> None:
    """By max_run_seconds, before a scheduler kills it: so a long first sync advances run by run."""
    pipeline.sandbox.misbehave(STUCK | {"nth": 6})
    done = pipeline.project.try_meltano(
        *("run", "--no-install", JOB),
        env=pipeline.env | SLOWLY | {"TAP_GAINSIGHT_PX_MAX_RUN_SECONDS": "20"},
    )
    pipeline.sandbox.misbehave()
    assert done.returncode == 1
    assert "stopped after max_run_seconds" in done.stderr
    assert "users" in state_of(pipeline)["singer_state"]["bookmarks"]
    assert pipeline.rows("custom_events") < EVENTS

    began = time.time()
    pipeline.run(JOB)

    assert not pipeline.differences()
    assert pipeline.loaded_since(began, "accounts") == 0
