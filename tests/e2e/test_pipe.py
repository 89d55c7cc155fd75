"""`tap | target-postgres`, as a user types it: the built wheel, real HTTP, a real Postgres."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Pipeline, Sandbox

KEYS = {
    "accounts": "id",
    "users": "aptrinsicId",
    "custom_events": "eventId",
    "email_events": "eventId",
    "engagement_view_events": "eventId",
    "feature_match_events": "eventId",
    "form_submit_events": "eventId",
    "identify_events": "eventId",
    "lead_events": "eventId",
    "page_view_events": "eventId",
    "segment_match_events": "eventId",
    "session_events": "eventId",
    "survey_responses": "eventId",
    "articles": "id",
    "engagements": "id",
    "engagements_extended": "id",
    "features": "id",
    "features_extended": "id",
    "kc_bots": "id",
    "segments": "id",
    "subscription_users": "id",
}
TIMES = {"accounts": "lastModifiedDate", "users": "lastModifiedDate", "custom_events": "date"}


def true_keys(sandbox: Sandbox, stream: str) -> list[str]:
    """Return the keys that the sandbox itself knows, each once and in order."""
    return sorted({record[KEYS[stream]] for record in sandbox.truth(stream)})


def test_first_run_loads_exactly_what_the_api_holds(sandbox: Sandbox, pipeline: Pipeline) -> None:
    """Every record of every stream is in its table once, and nothing else is."""
    pipeline.run()
    for stream, key in KEYS.items():
        assert pipeline.keys(stream, key) == true_keys(sandbox, stream), stream


def test_second_run_loads_only_what_is_new(sandbox: Sandbox, pipeline: Pipeline) -> None:
    """From the last STATE on, new and changed records arrive, old ones are not sent again."""
    state = pipeline.run()
    events = len(pipeline.keys("custom_events", "eventId"))
    event, user = sandbox.truth("custom_events")[-1], sandbox.truth("users")[0]
    now_ms = int(time.time()) * 1000 - 2000  # before the end of the next run, which is exclusive
    added = [event | {"eventId": f"added-{n}", "date": now_ms} for n in range(3)]
    sandbox.put("custom_events", *added)
    sandbox.put("users", user | {"lastModifiedDate": now_ms, "firstName": "Changed"})

    second_start_ms = int(time.time() * 1000)
    pipeline.run("--state", state)

    assert len(pipeline.keys("custom_events", "eventId")) == events + len(added)
    for stream, key in KEYS.items():
        assert pipeline.keys(stream, key) == true_keys(sandbox, stream), stream
    runs = pipeline.rows("SELECT _sdc_sync_started_at FROM custom_events")
    loaded = sum(run_start_ms >= second_start_ms for (run_start_ms,) in runs)
    assert loaded == len(added)
    names = pipeline.rows('SELECT "aptrinsicId" FROM users WHERE "firstName" = \'Changed\'')
    assert names == [(user["aptrinsicId"],)]


def test_what_is_deleted_in_px_is_marked_in_the_database(
    sandbox: Sandbox, pipeline: Pipeline
) -> None:
    """All streams load twice without a doubled row, and rows gone from PX are marked so."""
    catalog = json.loads(pipeline.tap.output("--discover"))
    for entry in catalog["streams"]:
        (root,) = [one["metadata"] for one in entry["metadata"] if not one["breadcrumb"]]
        root["selected"] = True
    everything = pipeline.tap.folder / "catalog.json"
    everything.write_text(json.dumps(catalog), encoding="utf-8")
    state = pipeline.run("--catalog", everything)
    counts = {table: pipeline.count(table) for table in pipeline.tables()}
    assert len(counts) == len(catalog["streams"])

    gone = sandbox.truth("features")[0]["id"]
    sandbox.delete("features", gone)
    pipeline.run("--catalog", everything, "--state", state)

    assert {table: pipeline.count(table) for table in counts} == counts
    marked = pipeline.rows("SELECT id FROM features WHERE _sdc_deleted_at IS NOT NULL")
    assert marked == [(gone,)]
    unmarked = pipeline.rows("SELECT count(*) FROM segments WHERE _sdc_deleted_at IS NULL")
    assert unmarked == [(counts["segments"],)]


def test_dates_are_the_same_instants_in_the_database(sandbox: Sandbox, pipeline: Pipeline) -> None:
    """Epoch milliseconds become timestamps in UTC, whatever the server's time zone."""
    pipeline.run()
    for stream, time_column in TIMES.items():
        names = {"key": KEYS[stream], "time": time_column, "t": stream}
        column_type = pipeline.rows("SELECT DISTINCT pg_typeof({time})::text FROM {t}", **names)
        assert column_type == [("timestamp without time zone",)]
        loaded = pipeline.rows(
            "SELECT {key}, (extract(epoch FROM {time}) * 1000)::bigint FROM {t}", **names
        )
        truth = {record[KEYS[stream]]: record.get(time_column) for record in sandbox.truth(stream)}
        assert dict(loaded) == truth, stream
