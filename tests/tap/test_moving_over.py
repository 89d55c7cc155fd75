"""Whoever comes from tap-gainsightpx 1.0.8 keeps configuration, catalog, variables and STATE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from px_sandbox import Clock, SandboxServer
from tap_gainsight_px.timestamps import to_iso
from tests.tap.harness import sync
from tests.tap.worlds import DAY, NOW, event, today, user, world_of

if TYPE_CHECKING:
    from tests.tap.harness import Program

STREAMS = (
    "accounts",
    "custom_events",
    "email_events",
    "engagement_view_events",
    "engagements",
    "feature_match_events",
    "features",
    "form_submit_events",
    "identify_events",
    "lead_events",
    "page_view_events",
    "segment_match_events",
    "segments",
    "session_events",
    "survey_responses",
    "users",
)
"""All that the earlier tap reads."""

DATES = {"accounts": "lastModifiedDate"} | {
    name: "date" for name in STREAMS if name.endswith("_events")
}


def state_of_old(bookmark: int) -> dict[str, Any]:
    """Return STATE as the earlier tap wrote it at the end of a run; users it reads whole."""
    return {
        "bookmarks": {
            name: {"replication_key": DATES[name], "replication_key_value": bookmark}
            if name in DATES
            else {}
            for name in STREAMS
        }
    }


def catalog_of_old() -> dict[str, Any]:
    """Return what its `--discover` prints, as far as it matters: integers for times."""
    times = {"type": ["integer", "null"]}
    text = {"type": ["string", "null"]}
    fields = {"eventId": text, "identifyId": text, "eventName": text, "date": times}
    entry: dict[str, Any] = {
        "tap_stream_id": "custom_events",
        "stream": "custom_events",
        "replication_method": "INCREMENTAL",
        "replication_key": "date",
        "key_properties": ["eventId"],
        "schema": {"type": "object", "properties": fields},
        "metadata": [
            {
                "breadcrumb": [],
                "metadata": {
                    "inclusion": "available",
                    "selected": True,
                    "table-key-properties": ["eventId"],
                    "forced-replication-method": "INCREMENTAL",
                    "valid-replication-keys": ["date"],
                },
            },
            *(
                {"breadcrumb": ["properties", name], "metadata": {"inclusion": "available"}}
                for name in fields
            ),
        ],
    }
    return {"streams": [entry]}


def test_every_stream_of_the_earlier_tap_is_there_under_its_name() -> None:
    """With its key, so that tables can be joined with those of old."""
    with SandboxServer(world_of()) as sandbox:
        output = sync(sandbox, *STREAMS, state=state_of_old(NOW - DAY))
    assert output.error is None
    keys = {one["stream"]: one["key_properties"] for one in output.of("SCHEMA")}
    assert keys == {
        name: ["eventId"]
        if name.endswith("_events") or name == "survey_responses"
        else ["aptrinsicId"]
        if name == "users"
        else ["id"]
        for name in STREAMS
    }


def test_events_go_on_where_the_earlier_tap_stopped() -> None:
    """Its bookmark is the newest record that it has written, in epoch milliseconds."""
    at = today() - 5 * DAY
    world = world_of(
        custom_events=[event("old", at - DAY), event("new", at + DAY)],
        users=[user("u", at - 100 * DAY)],
    )
    with SandboxServer(world) as sandbox:
        output = sync(sandbox, "custom_events", "users", state=state_of_old(at))
    assert output.error is None
    assert output.keys("custom_events") == ["new"]
    assert output.keys("users") == ["u"]
    assert output.bookmark("custom_events")["replication_key_value"] == to_iso(NOW)


def test_its_configuration_and_its_catalog_are_read_as_they_are(tap: Program) -> None:
    """All its settings have the same names here, and times in its catalog become date-times."""
    world = world_of(Clock(), custom_events=[event("e", 1_700_000_000_000)])
    with SandboxServer(world) as sandbox:
        given = {
            "api_url": f"{sandbox.url}/v1",
            "api_key": sandbox.api_key,
            "page_size": 500,
            "start_date": "2023-11-01T00:00:00Z",
            "end_date": "2023-12-01T00:00:00Z",
        }
        output = tap.run(config=given, catalog=catalog_of_old())
    assert output.exit_code == 0, output.log
    assert "Unknown setting" not in output.log
    (record,) = output.records("custom_events")
    assert record["date"] == "2023-11-14T22:13:20.000Z"
