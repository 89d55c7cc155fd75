"""Meltano, the tap or the loader is broken off, and the job run again: the tables equal PX."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from signal import SIGINT, SIGKILL, SIGTERM, Signals
from typing import TYPE_CHECKING

import pytest

from tests.meltano.conftest import EVENTS, SLOWLY, STREAMS, change, child
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.meltano.conftest import Pipeline

JOB = "gainsight-px-to-postgres"
STATE_ID = "prod:tap-gainsight-px-to-target-postgres"
# How long a scheduler waits before it kills what it has asked to end, and may never do so.
_SECONDS_TO_END = 20
ALL, NOTHING = set(STREAMS), set[str]()


@pytest.mark.parametrize(
    ("program", "sign", "exit_code", "kept"),
    [
        # Meltano does not wait for what the loader has to say.
        ("meltano", SIGINT, 1, NOTHING),
        ("meltano", SIGTERM, 143, NOTHING),
        ("meltano", SIGKILL, -SIGKILL, NOTHING),
        # The loader comes to its end.
        ("tap-gainsight-px", SIGINT, 1, ALL),
        ("tap-gainsight-px", SIGTERM, 1, ALL),
        ("tap-gainsight-px", SIGKILL, 1, ALL),
        # Hit while it writes, it ends with 0, which is a good end to Meltano, or waits for itself.
        ("target-postgres", SIGINT, None, None),
        ("target-postgres", SIGTERM, None, None),
        ("target-postgres", SIGKILL, 1, NOTHING),
    ],
)
def test_the_next_run_completes_the_tables(
    pipeline: Pipeline, program: str, sign: Signals, exit_code: int | None, kept: set[str] | None
) -> None:
    """Also with what has changed in the meantime. What has STATE then, docs/production.md says.

    After SIGKILL Meltano thinks for five minutes that the job still runs.
    """
    run = pipeline.start(JOB, **SLOWLY)
    pipeline.wait_for_events(run)
    os.kill(run.pid if program == "meltano" else child(run.pid, program), sign)
    with suppress(subprocess.TimeoutExpired):
        run.wait(_SECONDS_TO_END if exit_code is None else PATIENCE)
    pipeline.end()
    state = pipeline.project.kept_state(STATE_ID).get("singer_state", {"bookmarks": {}})
    assert run.returncode == exit_code or exit_code is None, pipeline.project.log[-4000:]
    assert set(state["bookmarks"]) in ([ALL, NOTHING] if kept is None else [kept])
    assert pipeline.rows("custom_events") < EVENTS
    change(pipeline)

    if run.returncode == -SIGKILL:  # also where a scheduler's patience has come to its end
        refused = pipeline.project.try_meltano("run", "--no-install", JOB, env=pipeline.env)
        assert refused.returncode == 1
        assert "is already running" in refused.stderr
        pipeline.run("--force", JOB)
    else:
        pipeline.run(JOB)

    assert not pipeline.differences()
