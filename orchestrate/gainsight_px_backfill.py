"""A DAG that reads years of events in time shards, newest first, and hands over to the job.

    plan ─► tables ─► columns ─► shard, … ─► hand_over ─► forget
               └─► job, …      (users, accounts and listings: they have no time to be cut by)

docs/airflow.md says how to use it.
"""

from __future__ import annotations

import json
import shlex
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param, dag, task

from gainsight_px_airflow import handover, meltano
from gainsight_px_airflow.shards import HISTORY, Shard, cut, read_time, written

if TYPE_CHECKING:
    from airflow.sdk import DagRun, RuntimeTaskInstance

Json = dict[str, Any]

_TABLES = "backfill-tables"
_STRETCH = "task.op_kwargs['shard']"
_PARAMS = {
    "start_date": Param(
        None,
        type=["null", "string"],
        description="Where the backfill begins, UTC. None: with all that PX keeps, 36 months.",
    ),
    "end_date": Param(
        None,
        type=["null", "string"],
        description="Where it ends. None: where the job's STATE begins, or now if it has none.",
    ),
    "weeks": Param(13, type="integer", minimum=1, description="Width of a shard."),
    "extractor": Param(
        "tap-gainsight-px-events", type="string", description="The extractor of the job."
    ),
    "loader": Param("target-postgres", type="string", description="The loader of the job."),
    "jobs": Param(
        ["gainsight-px-entities", "gainsight-px-listings"],
        type="array",
        description="Jobs that run beside the shards: what has no time to be cut by.",
    ),
}


@task
def plan(params: Json, dag_run: DagRun) -> list[dict[str, str]]:
    """Cut the time into shards, and return for each the settings of its run."""
    job = meltano.bookmarks(_state_id(params))
    begun = handover.first_read(job)
    now = datetime.fromtimestamp(int(dag_run.run_after.timestamp()), timezone.utc)
    end = read_time(params["end_date"]) if params["end_date"] else begun or now
    begin = params["start_date"]
    start = read_time(begin) if begin else now - HISTORY
    if known := handover.announced(job):
        meltano.set_bookmarks(_state_id(params, _TABLES), known)
    return [
        _settings(shard, goes_on=shard.end < end or shard.end == begun)
        for shard in cut(start, end, params["weeks"])
    ]


@task.bash(append_env=True, cwd=str(meltano.PROJECT))
def tables(shards: list[dict[str, str]], params: Json, ti: RuntimeTaskInstance) -> str:
    """Read one second, so that schema and tables are made: several at once would collide."""
    end = shards[0]["end_date"]
    moment = {**shards[0], "start_date": written(read_time(end) - timedelta(seconds=1))}
    return _run(moment, _TABLES, params, ti)


@task
def columns(shards: list[dict[str, str]], params: Json) -> None:
    """Tell each shard that has not begun which columns the tables have got."""
    if not (known := handover.announced(meltano.bookmarks(_state_id(params, _TABLES)))):
        return
    for one in shards:
        name = _state_id(params, _suffix(one))
        if not meltano.bookmarks(name):
            meltano.set_bookmarks(name, known)


@task.bash(
    append_env=True,
    cwd=str(meltano.PROJECT),
    map_index_template=f"{{{{ {_STRETCH}.start_date }}}} to {{{{ {_STRETCH}.end_date }}}}",
)
def shard(shard: dict[str, str], params: Json, ti: RuntimeTaskInstance) -> str:
    """Read one stretch of time, with a STATE of its own."""
    return _run(shard, _suffix(shard), params, ti)


# It takes the whole pool: a job that ran meanwhile would write its STATE, as it was, over this one.
@task(pool_slots=meltano.SLOTS)
def hand_over(shards: list[dict[str, str]], params: Json) -> None:
    """Join the STATE of the shards with that of the job."""
    name = _state_id(params)
    read = {_suffix(one): meltano.bookmarks(_state_id(params, _suffix(one))) for one in shards}
    meltano.set_bookmarks(name, handover.join(meltano.bookmarks(name), read))


@task
def forget(shards: list[dict[str, str]], params: Json) -> None:
    """Clear the STATE of the shards, and what runs that were killed have left."""
    for suffix in (_TABLES, *map(_suffix, shards)):
        meltano.clear(_state_id(params, suffix))
        meltano.remove_folders(suffix)


@task
def jobs(params: Json) -> list[str]:
    """Return the jobs that run beside the shards."""
    return list(params["jobs"])


@task.bash(
    append_env=True,
    cwd=str(meltano.PROJECT),
    env=meltano.variables("tap-gainsight-px", requests_per_second=str(meltano.share())),
    map_index_template="{{ task.op_kwargs['name'] }}",
)
def job(name: str) -> str:
    """Run a job as it is, with its own STATE."""
    return shlex.join([meltano.EXECUTABLE, "run", "--no-install", name])


@dag(
    dag_id="gainsight_px_backfill",
    schedule=None,
    catchup=False,
    # It runs when somebody triggers it, and then it should.
    is_paused_upon_creation=False,
    max_active_runs=1,
    params=_PARAMS,
    default_args={"pool": meltano.POOL, "retries": 3, "retry_delay": meltano.RETRY_DELAY},
    tags=["gainsight-px", "meltano"],
    doc_md=__doc__,
)
def gainsight_px_backfill() -> None:
    """Put the tasks in order."""
    planned = plan()
    read = shard.expand(shard=planned)
    made = tables(planned)
    made >> columns(planned) >> read >> hand_over(planned) >> forget(planned)
    made >> job.expand(name=jobs())


def _settings(one: Shard, *, goes_on: bool) -> dict[str, str]:
    """Return what one run is to read, as settings of the extractor.

    Args:
        one: The stretch of time.
        goes_on: Whether another stretch follows. Then the counts of days have to reach up to it.
    """
    settings = {
        "start_date": written(one.start),
        "end_date": written(one.end),
        "requests_per_second": str(meltano.share()),
        "_select_filter": json.dumps(handover.EVENT_STREAMS),
    }
    return settings | ({"lookback_seconds": "0"} if goes_on else {})


def _suffix(settings: dict[str, str]) -> str:
    return Shard(read_time(settings["start_date"]), read_time(settings["end_date"])).suffix


def _state_id(params: Json, suffix: str | None = None) -> str:
    return meltano.state_id(params["extractor"], params["loader"], suffix)


def _run(settings: dict[str, str], suffix: str, params: Json, ti: RuntimeTaskInstance) -> str:
    """Return the command of a run with settings and STATE of its own, in a folder of its own."""
    folder = meltano.own_folder(suffix)
    variables = meltano.variables(params["extractor"], **settings)
    variables["MELTANO_SYS_DIR_ROOT"] = str(folder)
    command = [
        "env",
        *(f"{name}={value}" for name, value in variables.items()),
        *(meltano.EXECUTABLE, "run", "--no-install", f"--state-id-suffix={suffix}"),
        # Airflow has seen the try before end; Meltano believes for five minutes that a run that was
        # killed goes on.
        *(["--force"] if ti.try_number > 1 else []),
        *(params["extractor"], params["loader"]),
    ]
    return f"{shlex.join(command)} && {shlex.join(['rm', '-r', str(folder)])}"


gainsight_px_backfill()
