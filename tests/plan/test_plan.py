"""What `--plan` says, what it costs, and that it does nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.errors import RefusedError
from tap_gainsight_px.timestamps import DAY, to_iso
from tests.plan.plans import NOW, plan, world
from tests.tap.harness import Program, config, discover

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = to_iso(NOW - 20 * DAY)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve a small world."""
    with SandboxServer(world(days=60, events=400, users=30)) as server:
        yield server


def forbidden(*paths: str) -> dict[str, Any]:
    """Return what makes PX refuse some endpoints."""
    return {"forbidden_paths": list(paths)}


def test_it_takes_a_few_requests_a_stream(sandbox: SandboxServer) -> None:
    """However many the sync would take: 1,096 days of engagement_errors, 158 weeks of adoption."""
    planned = plan(sandbox)
    assert planned.requests == planned.report.requests
    assert planned.requests < 5 * len(planned.report.rows)
    assert planned.report.total_requests > 10_000


def test_it_says_what_is_read_and_why(sandbox: SandboxServer) -> None:
    """From when to when, in RFC 3339 text for machines."""
    planned = plan(sandbox, "page_view_events", "users", "segments", start_date=START)
    assert planned.row("page_view_events")["reads"] == f"{START[:19]}Z to now (first sync)"
    assert planned.row("page_view_events")["start"] == f"{START[:19]}Z"
    assert planned.row("users")["reads"] == "all (first sync)"
    assert planned.row("segments")["reads"] == "all (full table)"


def test_what_one_record_costs_one_request_each_is_told_in_plain_words(
    sandbox: SandboxServer,
) -> None:
    """Of what is selected, and of what could be."""
    planned = plan(sandbox, "users", "user_preferences", "feature_adoption", start_date=START)
    assert "one request for each of 30 users" in planned.row("user_preferences")["note"]
    note = planned.row("feature_adoption")["note"]
    assert note.startswith("one request for each of 54 features and each of 4 weeks")
    assert planned.row("feature_adoption")["records"] is None
    assert "user_denylist: not selected. It takes one request for each of the users: 30" in (
        planned.text
    )


def test_the_cost_is_worked_out_at_the_configured_rate(sandbox: SandboxServer) -> None:
    """In minutes, and as a share of what an account has a day."""
    planned = plan(sandbox, "engagement_errors", requests_per_second=2)
    total = planned.json["total"]
    assert total["requests"] == planned.row("engagement_errors")["requests"] == 1_097
    assert total["minutes"] == pytest.approx(1_097 / 2 / 60, abs=0.01)
    assert total["percent_of_day"] == 0.11
    assert "9 min" in planned.text


def test_what_another_stream_asks_for_too_is_told(sandbox: SandboxServer) -> None:
    """Else a listing without a request would look like a mistake."""
    planned = plan(sandbox, "features", "feature_adoption", start_date=START)
    assert planned.row("features")["requests"] == 0
    assert "features: no request, for another stream asks for the same" in planned.text


def test_limits_of_the_run_are_told(sandbox: SandboxServer) -> None:
    """It will end before all is read."""
    planned = plan(sandbox, "segments", max_requests=1_000, max_run_seconds=600)
    assert "max_requests ends each run after 1,000 requests" in planned.text
    assert "max_run_seconds ends each run after 600 s" in planned.text


def test_a_stream_that_may_not_be_read_is_a_problem_unless_it_is_to_be_left_out(
    sandbox: SandboxServer,
) -> None:
    """The others are planned all the same; a parent that is refused keeps its children back."""
    sandbox.misbehave(forbidden("/v1/segment", "/v1/feature"))
    streams = ("segments", "articles", "feature_adoption")
    planned = plan(sandbox, *streams)
    assert planned.report.exit_code == 1
    assert len(planned.report.problems) == 2
    assert "segments: GET /v1/segment: HTTP 403" in planned.text
    assert planned.row("articles")["requests"] == 2
    sandbox.misbehave(forbidden("/v1/segment", "/v1/feature"))
    lenient = plan(sandbox, *streams, skip_forbidden_streams=True)
    assert lenient.report.exit_code == 0
    assert "left out" in lenient.row("segments")["reads"]


def test_a_key_that_is_refused_ends_it(sandbox: SandboxServer) -> None:
    """With the line that a sync would end with."""
    with pytest.raises(RefusedError, match="Check api_key and region"):
        plan(sandbox, "segments", api_key="wrong")


def test_counts_that_px_does_not_tell_are_said_to_be_missing(sandbox: SandboxServer) -> None:
    """Then the requests are the least that it takes."""
    sandbox.misbehave({"faults": {"total_hits_missing": 1}})
    row = plan(sandbox, "page_view_events").row("page_view_events")
    assert row["records"] is None
    assert "PX does not tell how many records" in row["note"]


def test_a_filter_that_does_not_work_means_that_all_is_read(sandbox: SandboxServer) -> None:
    """Users and accounts then count as read whole."""
    sandbox.misbehave({"faults": {"filter_ignored": 1}})
    row = plan(sandbox, "users", page_size=10).row("users")
    assert "PX does not filter by lastModifiedDate" in row["note"]
    assert row["records"] == 30
    assert row["requests"] >= 4


def test_a_range_behind_the_bookmark_is_nothing_to_read(sandbox: SandboxServer) -> None:
    """And costs nothing."""
    bookmark = {"replication_key": "date", "replication_key_value": to_iso(NOW)}
    planned = plan(
        sandbox,
        "page_view_events",
        state={"bookmarks": {"page_view_events": bookmark}},
        start_date=START,
        end_date=to_iso(NOW - 5 * DAY),
    )
    row = planned.row("page_view_events")
    assert (row["requests"], row["records"]) == (0, 0)
    assert row["reads"].startswith("nothing")


def test_what_is_asked_for_the_types_of_fields_counts_once(sandbox: SandboxServer) -> None:
    """A sync asks for it before any stream, and the stream of attributes gets the same answer."""
    planned = plan(sandbox, "users", "user_attributes")
    assert planned.json["total"]["requests_for_types"] == 1
    assert planned.row("user_attributes")["requests"] == 0
    assert planned.row("user_attributes")["records"] == 8


def test_state_is_left_as_it_was(sandbox: SandboxServer) -> None:
    """A plan is no sync: whoever plans twice plans the same."""
    plans = [plan(sandbox, "users", "page_view_events").json["streams"] for _ in range(2)]
    assert plans[0] == plans[1]


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_command_line_writes_it_to_standard_output(
    sandbox: SandboxServer, tmp_path: Path, style: str
) -> None:
    """As a table, or as JSON; no Singer message, and no line of the rehearsal in the log."""
    catalog = discover(sandbox, "users", "page_view_events")
    options = ("--format", "json") if style == "json" else ()
    output = Program(tmp_path).run("--plan", *options, config=config(sandbox), catalog=catalog)
    assert output.exit_code == 0, output.log
    assert output.messages == []
    assert "reading from" not in output.log
    assert sandbox.api_key not in output.text + output.log
    if style == "json":
        content = json.loads(output.text)
        assert [one["stream"] for one in content["streams"]] == ["page_view_events", "users"]
    else:
        assert "page_view_events" in output.text
        assert "Not read: " in output.text
