"""Streams that are asked for once for each record of another stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer, World
from tap_gainsight_px.errors import StoppedError
from tests.contract.facts import STREAM_FACTS
from tests.streams.rich import empty_world, now
from tests.streams.truth import DAY, iso
from tests.tap.harness import sync

if TYPE_CHECKING:
    from px_sandbox.request_log import LoggedRequest
    from tests.tap.harness import Output

# Child: the field of its records that names the parent, and the stream of the parents.
PARENTS = {
    "engagement_error_details": ("engagementId", "engagements"),
    "survey_metadata": ("engagementId", "engagements"),
    "feature_adoption": ("featureId", "features"),
    "user_preferences": ("identifyId", "users"),
    "user_denylist": ("identifyId", "users"),
}
FULL = ("survey_metadata", "user_preferences", "user_denylist")
ODD = "a/ü ?#%2F"
COUNT = 40

every_child = pytest.mark.parametrize("stream", PARENTS)
every_full_child = pytest.mark.parametrize("stream", FULL)


def ids(count: int) -> list[str]:
    """Return ids of parents, one of which has to be escaped in a path."""
    return sorted([ODD, *(f"p{number:02}" for number in range(count - 1))])


def family(count: int = COUNT) -> World:
    """Make a world with so many parents of every kind, each with a child in the last two days."""
    world = empty_world()
    # The order in which the API lists them is not the one of their ids.
    for number, identity in enumerate(reversed(ids(count))):
        world.put("engagements", {"id": identity, "name": "n", "type": "GUIDE"})
        world.put("survey_metadata", {"engagementId": identity})
        world.put("features", {"id": identity, "name": "n", "propertyKey": "AP"})
        user = {"aptrinsicId": f"apt{number}", "identifyId": identity}
        world.put("users", {**user, "lastModifiedDate": now() - number * DAY})
        world.put("user_preferences", {"identifyId": identity, "surveys": True})
        world.put("user_denylist", {"identifyId": identity, "denied": False})
        error: dict[str, Any] = {"engagementId": identity, "propertyKey": "AP", "errorType": "T"}
        world.put("engagement_error_occurrences", {**error, "views": 1, "date": now() - DAY})
    return world


def read(sandbox: SandboxServer, stream: str, **settings: Any) -> Output:
    """Read one stream over the last two days, which may lie in two weeks."""
    return sync(sandbox, stream, start_date=iso(now() - 2 * DAY), end_date=iso(now()), **settings)


def parent_requests(sandbox: SandboxServer, stream: str) -> list[LoggedRequest]:
    """Return the requests about single parents."""
    head = STREAM_FACTS[stream]["path"].split("{")[0]
    return [one for one in sandbox.requests if one.path.startswith(head)]


def parent_of(request: LoggedRequest, stream: str) -> str:
    """Return the parent that a request is about."""
    head, brace, _ = STREAM_FACTS[stream]["path"].partition("{")
    return request.path.removeprefix(head) if brace else str(request.params["engagementId"])


def in_range(request: LoggedRequest) -> str:
    """Return the start of the range that a request is about."""
    return str(request.params.get("dateRangeStart", ""))


@every_child
def test_each_parent_is_asked_about_once_for_each_range(stream: str) -> None:
    """No request is spent twice, and none is missing."""
    with SandboxServer(family()) as sandbox:
        run = read(sandbox, stream)
        asked = [
            (in_range(one), parent_of(one, stream)) for one in parent_requests(sandbox, stream)
        ]
    ranges = {start for start, _ in asked}
    assert sorted(asked) == sorted((start, identity) for start in ranges for identity in ids(COUNT))
    assert run.error is None


@every_child
def test_children_come_in_the_order_of_their_parents(stream: str) -> None:
    """Whatever answers first: only in a stable order can an interrupted run be resumed."""
    latency = {"rate": 1, "ms": 0, "jitter_ms": 20}
    with SandboxServer(family(), {"faults": {"latency": latency}}) as sandbox:
        run = read(sandbox, stream)
    field, _ = PARENTS[stream]
    pairs = [(one.get("dateRangeStart", ""), one[field]) for one in run.records(stream)]
    assert pairs == sorted(pairs)
    assert {identity for _, identity in pairs} == set(ids(COUNT))


@every_child
def test_a_parent_that_vanished_in_between_is_skipped_and_counted(
    stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Someone may delete it while the tap reads; the others are read all the same."""
    rule: dict[str, Any] = {"fault": "scroll_expired", "path": "*/p0[34]", "times": None}
    if stream == "survey_metadata":
        rule = {"fault": "scroll_expired", "path": "*/survey", "nth": 3, "times": 2}
    with SandboxServer(family(), {"rules": [rule]}) as sandbox:
        run = read(sandbox, stream)
        lost = sum(one.status == 404 for one in sandbox.requests)
    field, parents = PARENTS[stream]
    assert run.error is None
    assert len(set(run.values(stream, field))) == COUNT - 2
    (line,) = [one for one in caplog.messages if "no longer exist" in one]
    assert f"{lost} of " in line
    assert f" {parents} that" in line
    assert (stream in run.activated) == (stream in FULL)


def test_an_id_that_no_path_can_hold_is_left_out_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As a path, `..` would ask another endpoint and its answer would be taken for this one."""
    world = family(3)
    for number, identity in enumerate(["", ".", ".."]):
        user = {"aptrinsicId": f"odd{number}", "identifyId": identity}
        world.put("users", {**user, "lastModifiedDate": now()})
    with SandboxServer(world) as sandbox:
        run = read(sandbox, "user_preferences")
        asked = [
            parent_of(one, "user_preferences")
            for one in parent_requests(sandbox, "user_preferences")
        ]
    assert run.error is None
    assert run.values("user_preferences", "identifyId") == ids(3)
    assert len(asked) == 3
    assert [line for line in caplog.messages if "users: 3 records have an id that" in line]


def test_a_user_of_whom_nothing_is_said_is_skipped() -> None:
    """An answer of 204 has no record in it, and is no error."""
    world = family()
    for identity in ids(COUNT)[:3]:
        world.delete("user_denylist", identity)
    with SandboxServer(world) as sandbox:
        run = read(sandbox, "user_denylist")
        assert [one.status for one in parent_requests(sandbox, "user_denylist")].count(204) == 3
    assert run.error is None
    assert run.values("user_denylist", "identifyId") == ids(COUNT)[3:]
    assert "user_denylist" in run.activated


@every_child
def test_the_log_says_before_the_start_how_many_requests_it_will_take(
    stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the daily million; and where there may be a request a user, as a warning."""
    caplog.set_level("INFO")
    rule = {"fault": "forbidden", "path": STREAM_FACTS[stream]["path"].split("{")[0] + "*"}
    with SandboxServer(family(), {"rules": [{**rule, "times": None}]}) as sandbox:
        run = read(sandbox, stream)
        sandbox.misbehave()
        read(sandbox, stream)
        count = len(parent_requests(sandbox, stream))
    assert run.error is not None
    lines = [one for one in caplog.records if "daily million" in one.getMessage()]
    assert f"{stream}: {count} requests" in lines[0].getMessage()
    assert f"{COUNT} {PARENTS[stream][1]}" in lines[0].getMessage()
    assert (lines[0].levelname == "WARNING") == (PARENTS[stream][1] == "users")


@every_full_child
def test_an_interrupted_run_is_resumed_where_it_ended(stream: str) -> None:
    """A million users take longer than a day: what was written once is not asked for again."""
    field, _ = PARENTS[stream]
    with SandboxServer(family()) as sandbox:
        first = read(sandbox, stream, max_requests=25)
        second = read(sandbox, stream, state=first.state)
        asked = sorted(parent_of(one, stream) for one in parent_requests(sandbox, stream))
    assert isinstance(first.error, StoppedError)
    assert second.error is None
    done, rest = first.values(stream, field), second.values(stream, field)
    assert 10 < len(done) < COUNT
    assert done + rest == ids(COUNT)
    assert asked == sorted(rest)


@every_full_child
def test_a_resumed_run_activates_the_version_of_the_first(stream: str) -> None:
    """Else what the first run wrote would count as deleted."""
    with SandboxServer(family()) as sandbox:
        first = read(sandbox, stream, max_requests=25)
        # As if it had been another day.
        state = first.state
        versions = {one["version"] for one in first.of("RECORD", stream)}
        state["bookmarks"][stream]["version"] -= 86_400
        second = read(sandbox, stream, state=state)
        third = read(sandbox, stream, state=second.state)
    (version,) = versions
    assert first.activated == {}
    assert second.activated == {stream: version - 86_400}
    assert {one["version"] for one in second.of("RECORD", stream)} == {version - 86_400}
    assert third.activated[stream] >= version
    assert len(third.records(stream)) == COUNT


@every_full_child
def test_a_run_that_was_not_interrupted_leaves_no_place_to_go_on_from(stream: str) -> None:
    """The next one begins with the first parent again."""
    with SandboxServer(family(5)) as sandbox:
        run = read(sandbox, stream)
    assert not {"read_up_to", "version"} & run.bookmark(stream).keys()
