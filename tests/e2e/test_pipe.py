"""`tap | target-postgres`, as a user types it: the built wheel, real HTTP, a real Postgres."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.e2e.equality import KEYS, differences

if TYPE_CHECKING:
    from tests.e2e.conftest import Pipeline, Sandbox


def true_keys(sandbox: Sandbox, stream: str) -> list[str]:
    """Return the keys that the sandbox itself knows, each once and in order."""
    return sorted({record[KEYS[stream]] for record in sandbox.truth(stream)})


def test_first_run_loads_exactly_what_the_api_holds(sandbox: Sandbox, pipeline: Pipeline) -> None:
    """Every record of every stream is in its table once, each value of it, and nothing else is."""
    pipeline.run()
    assert not list(differences(sandbox, pipeline.tables(), KEYS))


def test_second_run_loads_only_what_is_new(sandbox: Sandbox, pipeline: Pipeline) -> None:
    """From the last STATE on, new and changed records arrive, old ones are not sent again.

    What is gone from PX is marked in the database, and nothing else is.
    """
    state = pipeline.run()
    events = len(pipeline.keys("custom_events", "eventId"))
    event, user = sandbox.truth("custom_events")[-1], sandbox.truth("users")[0]
    now_ms = int(time.time()) * 1000 - 2000  # before the end of the next run, which is exclusive
    added = [event | {"eventId": f"added-{n}", "date": now_ms} for n in range(3)]
    sandbox.put("custom_events", *added)
    gone = sandbox.truth("features")[0]["id"]
    sandbox.delete("features", gone)
    sandbox.put("users", user | {"lastModifiedDate": now_ms, "firstName": "Changed"})

    second_start_ms = int(time.time() * 1000)
    pipeline.run("--state", state)

    assert len(pipeline.keys("custom_events", "eventId")) == events + len(added)
    for stream, key in KEYS.items():
        marked = [gone] if stream in {"features", "features_extended"} else []
        assert pipeline.keys(stream, key) == sorted(true_keys(sandbox, stream) + marked), stream
        assert pipeline.marked(stream, key) == marked, stream
    runs = pipeline.rows("SELECT _sdc_sync_started_at FROM custom_events")
    loaded = sum(run_start_ms >= second_start_ms for (run_start_ms,) in runs)
    assert loaded == len(added)
    names = pipeline.rows('SELECT "aptrinsicId" FROM users WHERE "firstName" = \'Changed\'')
    assert names == [(user["aptrinsicId"],)]
