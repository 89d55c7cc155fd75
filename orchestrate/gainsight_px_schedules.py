"""A DAG for each schedule of meltano.yml: `meltano schedule run`, below the account's limit."""

from __future__ import annotations

import shlex
from datetime import datetime, timezone

from airflow.sdk import DAG, task

from gainsight_px_airflow import meltano


def _schedule_dag(name: str, interval: str) -> DAG:
    with DAG(
        f"meltano_{name}",
        schedule=interval,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        # What a run that was left out would have read, the next one reads.
        catchup=False,
        max_active_runs=1,
        default_args={"pool": meltano.POOL, "retries": 2, "retry_delay": meltano.RETRY_DELAY},
        tags=["gainsight-px", "meltano"],
    ) as made:

        @task.bash(
            task_id="run",
            append_env=True,
            cwd=str(meltano.PROJECT),
            env=meltano.variables("tap-gainsight-px", requests_per_second=str(meltano.share())),
        )
        def run() -> str:
            return shlex.join([meltano.EXECUTABLE, "schedule", "run", name])

        run()
    return made


for _name, _interval in meltano.schedules().items():
    globals()[f"meltano_{_name}"] = _schedule_dag(_name, _interval)
