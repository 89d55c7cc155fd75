"""A server that departs from what is expected in one way: the report names it and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from px_sandbox import SandboxServer
from tests.check.checks import EVENTS, PEOPLE, Checked, check
from tests.tap.worlds import DAY, NOW, event, lively_world, today, user, world_of

HOUR = 3_600_000


def checked(misbehaviour: dict[str, Any], *streams: str, **settings: Any) -> Checked:
    """Check a lively world behind a server that misbehaves."""
    with SandboxServer(lively_world(), misbehaviour) as sandbox:
        return check(sandbox, *streams, **settings)


def test_all_is_well() -> None:
    """Where PX is as expected, every line says so, and the exit code is 0."""
    found = checked({}, *PEOPLE, *EVENTS)
    assert found.report.exit_code == 0
    assert found.json["works"] is True
    assert {one["level"] for one in found.json["findings"]} == {"ok"}
    assert found.text.endswith("A sync would work.")
    assert {one["topic"] for one in found.json["findings"]} == {
        "key",
        "region",
        "permission",
        "date_form",
        "last_modified_filter",
        "last_modified_sort",
        "scroll_id",
        "largest_page",
        "oldest_event",
        "error_shape",
        "order",
        "total_hits",
        "schema",
        "clock",
        "limits",
    }


@pytest.mark.parametrize("status", ["refused", "ignored"])
@pytest.mark.parametrize(
    ("taken", "first", "second"),
    [("epoch", "ISO text", "epoch milliseconds"), ("iso", "epoch milliseconds", "ISO text")],
)
def test_a_form_of_date_that_does_not_work(
    status: str, taken: str, first: str, second: str
) -> None:
    """The form that the tap would use is named, and the one that works."""
    manners = {"date_form": taken, "other_date_form": status}
    # Without a range PX gives the last day only, so an ignored form shows by an event from there.
    dates = [NOW - HOUR, NOW - 10 * DAY]
    stream = "custom_events" if taken == "epoch" else "survey_responses"
    world = world_of()
    world.put_many(stream, [{"eventId": str(date), "date": date} for date in dates])
    with SandboxServer(world, manners) as sandbox:
        found = check(sandbox, stream)
    [told] = found.findings("date_form")
    assert f"{first} {status}, {second} works" in told["text"]
    assert f"{first} {status}, {second} works" in found.text
    # The table names both forms, so a sync goes on with the other by itself.
    assert told["level"] == "note"
    assert told["advice"] == "The tap finds this out by itself"
    assert found.report.exit_code == 0


def test_events_whose_filter_does_nothing() -> None:
    """Records from outside the month asked for betray it; a sync cannot work without."""
    found = checked({"faults": {"filter_ignored": 1}}, "session_events")
    assert found.says("date_form", "problem", "session_events", "ISO text ignored")
    assert found.report.exit_code == 1
    assert "1. ISO text ignored, epoch milliseconds ignored: session_events" in found.text


def test_events_whose_every_filter_is_refused() -> None:
    """It is one problem, told once, with the dates."""
    refused = {"fault": "bad_request", "path": "/v1/events/session", "times": None}
    found = checked({"rules": [refused]}, "users", "session_events")
    assert found.says("date_form", "problem", "ISO text refused, epoch milliseconds refused")
    assert len(found.report.problems) == 1


@pytest.mark.parametrize("status", ["refused", "ignored"])
@pytest.mark.parametrize("sort", ["honoured", "refused", "ignored"])
def test_a_filter_on_last_modified_date_that_does_not_work(status: str, sort: str) -> None:
    """It costs time but no record; what the tap does instead depends on the sort."""
    found = checked({"last_modified_filter": status, "last_modified_sort": sort}, "users")
    assert found.says("last_modified_filter", "warning", "users", f"ISO text {status}")
    instead = "the newest first, by sort" if sort == "honoured" else "all of them"
    assert instead in found.findings("last_modified_filter")[0]["advice"]
    [sorted_by] = found.findings("last_modified_sort")
    assert sorted_by["details"]["result"] == ("works" if sort == "honoured" else sort)
    assert found.report.exit_code == 0


def test_people_without_a_date() -> None:
    """There is nothing to try the filter on, and the report says so."""
    with SandboxServer(world_of(users=[user("u", None)])) as sandbox:
        found = check(sandbox, "users")
    assert found.says("last_modified_filter", "unknown", "no record with a lastModifiedDate")
    assert found.report.exit_code == 0


def test_people_who_all_changed_in_one_second() -> None:
    """A filter that gives everybody may work or be ignored: that cannot be told."""
    with SandboxServer(world_of(users=[user(f"u{n}", today()) for n in range(5)])) as sandbox:
        found = check(sandbox, "users")
    assert found.says("last_modified_filter", "unknown", "no records to tell by")


def test_no_event_to_tell_by() -> None:
    """An accepted filter without a record in it is not called one that works."""
    with SandboxServer(world_of(custom_events=[])) as sandbox:
        found = check(sandbox, "custom_events")
    assert found.says("date_form", "unknown", "no event came to tell by")
    assert found.says("oldest_event", "unknown", "no event of the last 36 months")
    assert found.report.exit_code == 0


@pytest.mark.parametrize(("ids", "word"), [("changing", "changes"), ("fixed", "stays the same")])
def test_whether_a_scroll_id_stays(ids: str, word: str) -> None:
    """The tap takes either; the report says which it is."""
    found = checked({"scroll_ids": ids}, "users")
    assert found.says("scroll_id", "ok", f"the scrollId {word} from page 1 to page 2")


def test_a_scroll_that_repeats_its_first_page() -> None:
    """A sync would read the same page for ever."""
    misbehaviour = {
        "scroll_ids": "fixed",
        "rules": [{"fault": "repeated_records", "path": "/v1/users", "page": 2, "count": 100}],
    }
    found = checked(misbehaviour, "users", page_size=10)
    assert found.says("scroll_id", "problem", "the second page of a scroll holds")
    assert found.report.exit_code == 1


def test_a_scroll_that_is_gone_at_once() -> None:
    """No window larger than a page could be read."""
    found = checked({"rules": [{"fault": "scroll_expired", "page": 2}]}, "users")
    assert found.says("scroll_id", "problem", "could not be read", "HTTP 404")
    assert found.report.exit_code == 1


def test_a_largest_page_that_is_refused() -> None:
    """The line names a size that is accepted, and the setting."""
    refused = {"fault": "bad_request", "path": "/v1/users", "nth": 5, "times": 1}
    found = checked({"rules": [refused]}, "users")
    assert found.says("largest_page", "problem", "1000 is refused", "Set page_size to 500")
    assert found.report.exit_code == 1


def test_pages_of_events_are_tried_where_there_are_no_people() -> None:
    """Scroll and size of a page are found out with whatever is selected."""
    found = checked({"scroll_ids": "fixed"}, "page_view_events")
    assert found.says("scroll_id", "ok", "page_view_events: the scrollId stays the same")
    assert found.says("largest_page", "ok", "page_view_events: a page of 1000 is accepted")


@pytest.mark.parametrize("streams", [(), (*PEOPLE, *EVENTS)], ids=["default", "few"])
def test_only_documented_parameters_are_sent(streams: tuple[str, ...]) -> None:
    """A server that refuses what it does not know finds nothing to refuse."""
    manners = {"unknown_parameters": "refused"}
    found, strict = checked({}, *streams), checked(manners, *streams)
    assert strict.json == found.json


def test_a_page_that_is_shorter_than_asked_for() -> None:
    """PX may accept a size and give fewer: the tap reads on."""
    cut = {"fault": "lost_records", "path": "/v1/users", "nth": 5, "count": 50}
    found = checked({"rules": [cut]}, "users")
    assert found.says("largest_page", "note", "a shorter one comes")


def test_records_in_no_order() -> None:
    """The order without a sort is told, not assumed."""
    found = checked({"rules": [{"fault": "unsorted", "times": None}]}, "custom_events")
    assert found.says("order", "ok", "none in 1")


@pytest.mark.parametrize(("days", "months"), [(60, 2), (400, 13), (1_000, 33)])
def test_how_far_back_events_go(days: int, months: int) -> None:
    """Some requests find the age of the oldest, in months."""
    dates = [NOW - n * DAY for n in range(5, days + 1, 5)]
    world = world_of(custom_events=[event(f"e{n}", date) for n, date in enumerate(dates)])
    with SandboxServer(world) as sandbox:
        found = check(sandbox, "custom_events")
    assert found.says("oldest_event", "ok", f"{months} months old")


@pytest.mark.parametrize(("hours", "word"), [(3, "ahead of"), (-3, "behind")])
def test_a_clock_that_differs(hours: int, word: str) -> None:
    """By more than a minute is a warning that names how much."""
    with SandboxServer(lively_world()) as sandbox:
        now = sandbox.world.clock.now_ms
        found = check(sandbox, "custom_events", clock=lambda: now() + hours * HOUR)
    assert found.says("clock", "warning", f"this host is 3 h 0 min {word} PX", "NTP")


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ("envelope", "{externalapierror: {status: string, message: string"),
        ("sub_errors", "subErrors: [{message: string}]"),
        ("error_message", "{errorMessage: string}"),
        ("flat", "{status: integer, error: string, message: string, path: string}"),
    ],
)
@pytest.mark.parametrize("under_200", [False, True])
def test_the_shape_of_an_error(shape: str, told: str, *, under_200: bool) -> None:
    """Its fields and types are told, and whether it comes with the status of a success."""
    found = checked({"error_body": shape, "errors_under_200": under_200}, "users")
    level, status = ("note", "HTTP 200, though it is an error") if under_200 else ("ok", "HTTP 400")
    assert found.says("error_shape", level, status, told)


def test_a_stream_that_the_key_may_not_read() -> None:
    """The line names it and the permission; where such streams are skipped it is a warning."""
    forbidden = {"forbidden_paths": ["/v1/accounts"]}
    found = checked(forbidden, *PEOPLE)
    assert found.says("permission", "problem", "may not read accounts", "Read permission")
    assert found.report.exit_code == 1
    skipping = checked(forbidden, *PEOPLE, skip_forbidden_streams=True)
    assert skipping.says("permission", "warning", "may not read accounts")
    assert skipping.report.exit_code == 0


def test_an_edge_that_refuses_is_no_missing_permission() -> None:
    """403 with an HTML page is about this host, not about the key."""
    edge = {"rules": [{"fault": "edge_forbidden", "path": "/v1/accounts", "times": None}]}
    found = checked(edge, *PEOPLE)
    assert found.says("permission", "problem", "accounts", "firewall or edge")
    assert "Read permission" not in found.text
    assert found.report.exit_code == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("http_500", "HTTP 500"),
        ("html", "HTTP 200"),
        ("records_key_missing", "the answer holds no list of records"),
        ("truncated_json", "HTTP 200"),
        ("reset_before", "no answer from PX: connection"),
    ],
)
def test_an_endpoint_without_a_usable_answer(fault: str, told: str) -> None:
    """The line names the streams; one that cannot be read is a problem."""
    rule = {"fault": fault, "path": "/v1/segment", "times": None}
    found = checked({"rules": [rule]}, "users", "segments")
    assert found.says("permission", "problem", "segments", told)
    assert found.report.exit_code == 1


@pytest.mark.parametrize(
    ("rule", "level", "told"),
    [
        ({"fault": "total_hits_missing"}, "warning", "not announced: users"),
        ({"fault": "total_hits_capped", "cap": 10_000}, "note", "exactly 10,000"),
        ({"fault": "total_hits_too_high", "by": 1}, "ok", "more than 10,000 seen"),
        ({"fault": "latency", "ms": 0}, "ok", "none as large as 10,000 seen"),
    ],
)
def test_whether_counts_are_announced_and_cut(rule: dict[str, Any], level: str, told: str) -> None:
    """A count that a search engine would cut at 10,000 is told apart; the count itself is not."""
    more = {"fault": "total_hits_too_high", "by": 20_000}
    rules = [{**one, "path": "/v1/users", "times": None} for one in (rule, more)]
    found = checked({"rules": rules[: 1 if rule["fault"] == "latency" else 2]}, "users")
    assert found.says("total_hits", level, told)


def test_a_parent_that_px_does_not_know() -> None:
    """404 about one parent is no missing endpoint: a sync goes on with the others."""
    unknown = {"fault": "scroll_expired", "path": "/v2/user/preferences/*", "times": None}
    found = checked({"rules": [unknown]}, "user_preferences")
    assert found.says("permission", "unknown", "user_preferences: HTTP 404 for the one parent")
    assert found.report.exit_code == 0


def test_an_endpoint_that_is_not_there() -> None:
    """404 of one endpoint alone is about the stream and not about the address."""
    rule = {"fault": "scroll_expired", "path": "/v1/users", "times": None}
    found = checked({"rules": [rule]}, *PEOPLE)
    assert found.says("key", "ok", "PX knows the key")
    assert found.says("permission", "problem", "users: HTTP 404")
    assert found.report.exit_code == 1


def test_requests_that_are_too_many() -> None:
    """One 429 is waited out and named; it keeps no sync from working."""
    limited = {"rules": [{"fault": "too_many_requests_bare", "path": "/v1/accounts"}]}
    found = checked(limited, *PEOPLE)
    assert found.says("limits", "warning", "rate limited", "requests_per_second")
    assert found.says("limits", "warning", "HTTP 429: {externalapierror: {status: string")
    assert found.says("permission", "warning", "accounts: rate limited")
    assert found.report.exit_code == 0
    assert found.waits.count(10.0) == 1


def test_a_header_that_looks_like_a_limit_is_named() -> None:
    """Its name is told and its value is not."""
    limited = {"rules": [{"fault": "too_many_requests", "path": "/v1/accounts", "retry_after": 7}]}
    found = checked(limited, *PEOPLE)
    assert found.says("limits", "ok", "retry-after")
    assert found.findings("limits")[0]["details"] == {"headers": ["retry-after"]}


def test_nothing_but_429_is_a_problem() -> None:
    """After three in a row nothing more is asked."""
    found = checked({"faults": {"too_many_requests_bare": 1}})
    assert found.report.requests == 3
    assert found.waits == [10.0, 30.0]
    assert found.says("permission", "problem", "no endpoint could be read")
    assert found.report.exit_code == 1


def test_an_earlier_request_that_was_the_same() -> None:
    """A duplicate of what another program sent is named as such, and is no missing permission."""
    with SandboxServer(lively_world(), {"duplicate_window_ms": 60_000}) as sandbox:
        check(sandbox, "users", "subscription")
        found = check(sandbox, "users", "subscription")
    assert found.says("permission", "warning", "subscription", "refused as a duplicate")
    assert found.says("limits", "warning", "refused as a duplicate")


def test_records_that_depart_from_the_schema() -> None:
    """Fields and JSON types are named: undeclared ones, and those of another type."""
    odd = user("u1", today(), email={"was": "text"}, hologram=[1], score="high")
    world = world_of(users=[odd, user("u2", today() - DAY, hologram="blue")])
    with SandboxServer(world) as sandbox:
        found = check(sandbox, "users")
    [told] = found.findings("schema")
    assert told["details"]["undeclared"] == {"hologram": ["array", "string"]}
    assert told["details"]["other_types"] == {"email": ["object"], "score": ["string"]}
    assert found.says("schema", "note", "undeclared hologram (array/string)", "_unexpected")
    assert found.report.exit_code == 0
