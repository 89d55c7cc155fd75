"""A filter of users and accounts that has worked is believed for a day, as long as it shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.output.state import StreamState
from tap_gainsight_px.reading.filter_proof import read_proof
from tap_gainsight_px.run_clock import RunClock
from tests.tap.harness import milliseconds, sync
from tests.tap.worlds import DAY, NOW, SECOND, iso, today, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Json, Output

HOUR = 3_600 * SECOND


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve some users who changed long ago."""
    world = world_of(users=[user(f"u{n}", today() - n * 7 * DAY) for n in range(1, 40)])
    with SandboxServer(world) as server:
        yield server


def next_hour(sandbox: SandboxServer, state: Json, *changed: str, **settings: Any) -> Output:
    """Let an hour pass in which some users change, and run again."""
    clock = sandbox.world.clock
    clock.advance(seconds=3_600)
    for key in changed:
        sandbox.world.put("users", user(key, clock.now_ms() - 60 * SECOND))
    return sync(sandbox, "users", state=state, **settings)


def asked(sandbox: SandboxServer) -> int:
    """Return how many requests for users the last run has sent."""
    return sum(one.path == "/v1/users" for one in sandbox.requests)


def test_an_hour_without_changes_costs_one_request(sandbox: SandboxServer) -> None:
    """And one with changes two, where proving the filter takes more."""
    first = sync(sandbox, "users")
    assert asked(sandbox) > 5
    quiet = next_hour(sandbox, first.state)
    assert (asked(sandbox), quiet.keys("users")) == (1, [])
    lively = next_hour(sandbox, quiet.state or first.state, "u3", "new")
    assert (asked(sandbox), sorted(lively.keys("users"))) == (2, ["new", "u3"])


def test_the_filter_is_proved_again_after_a_day(sandbox: SandboxServer) -> None:
    """Then it is looked whether there are records without a date, too."""
    state = sync(sandbox, "users").state
    sandbox.world.put("users", user("undated", None))
    for hour in range(1, 25):
        output = next_hour(sandbox, state, f"u{hour}")
        state = output.state
        assert ("undated" in output.keys("users")) == (hour == 24)


def test_a_filter_that_finds_nothing_any_more_loses_nothing(sandbox: SandboxServer) -> None:
    """No bookmark passes a stretch in which a believed filter has shown no record."""
    first = sync(sandbox, "users")
    read_to = milliseconds(first.bookmark("users")["replication_key_value"])
    # An answer that looks like a stretch without changes.
    empty = {"rules": [{"fault": "empty_page", "path": "/v1/users", "times": None}]}
    sandbox.misbehave({**empty, "faults": {"total_hits_capped": {"rate": 1, "cap": 0}}})
    state = first.state
    for hour in range(1, 4):
        output = next_hour(sandbox, state, f"u{hour}")
        assert output.keys("users") == []
        state = output.state or state
    assert milliseconds(state["bookmarks"]["users"]["replication_key_value"]) == read_to
    sandbox.misbehave()
    assert sorted(next_hour(sandbox, state).keys("users")) == ["u1", "u2", "u3"]


@pytest.mark.parametrize("last_modified_filter", ["refused", "ignored"])
def test_a_filter_that_ceases_to_work_is_noticed_at_once(
    sandbox: SandboxServer, last_modified_filter: str
) -> None:
    """Then the order of changes serves, and a later run proves anew."""
    first = sync(sandbox, "users")
    sandbox.misbehave({"last_modified_filter": last_modified_filter})
    output = next_hour(sandbox, first.state, "u7")
    assert output.error is None
    assert output.keys("users") == ["u7"]


def test_a_window_that_cannot_be_read_leaves_no_proof(sandbox: SandboxServer) -> None:
    """Whatever is wrong with it, the next run begins from scratch."""
    first = sync(sandbox, "users")
    assert "filter_proof" in first.bookmark("users")
    rule = {"fault": "total_hits_too_high", "path": "/v1/users", "by": 3, "times": None, "nth": 2}
    sandbox.misbehave({"rules": [rule]})
    output = next_hour(sandbox, first.state, "u7")
    assert output.error is not None
    assert (
        output.bookmark("users")["replication_key_value"]
        == (first.bookmark("users")["replication_key_value"])
    )


@pytest.mark.parametrize(
    "known",
    [
        None,
        "iso",
        [],
        {},
        {"format": "iso"},
        {"format": "roman", "at": iso(NOW)},
        {"format": "iso", "at": 7},
        {"format": "iso", "at": "yesterday"},
        {"format": "iso", "at": iso(NOW + HOUR)},
        {"format": "iso", "at": iso(NOW - DAY)},
    ],
    ids=str,
)
def test_what_is_damaged_or_old_proves_nothing(known: Any) -> None:
    """Nor what is from the future."""
    entry = {"filter_proof": known}
    clock = RunClock(lambda: NOW, NOW)
    state = StreamState("users", entry, replication_key="lastModifiedDate", clock=clock)
    assert read_proof(state, NOW) is None
    entry["filter_proof"] = {"format": "iso", "at": iso(NOW - DAY + HOUR)}
    assert read_proof(state, NOW) is not None
