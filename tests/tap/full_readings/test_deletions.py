"""Deletions of users and accounts: read whole now and then, under a version of its own."""

from __future__ import annotations

import logging

import pytest

from px_sandbox import SandboxServer
from tests.tap.full_readings.people import HOUR, PATH, Table, first_then, keys_in, people, sync
from tests.tap.harness import milliseconds
from tests.tap.worlds import DAY, NOW, SECOND, account, today, user, world_of


@pytest.mark.parametrize("stream", ["users", "accounts"])
@pytest.mark.parametrize("by_sdk", [False, True], ids=["page by page", "record by record"])
def test_who_is_gone_from_px_is_marked_by_the_next_full_reading(
    sandbox: SandboxServer, stream: str, *, by_sdk: bool
) -> None:
    """Not before it is due; and all others carry its version then."""
    table = Table(stream)
    state = first_then(sandbox, table, days=3, by_sdk=by_sdk)
    gone = min(keys_in(sandbox.world, stream))
    sandbox.world.delete(stream, gone)
    early = table.load(sync(sandbox, stream, state=state, by_sdk=by_sdk))
    assert (early.records(stream), early.activated) == ([], {})
    sandbox.world.clock.advance(days=4)
    due = table.load(sync(sandbox, stream, state=early.state, by_sdk=by_sdk))
    assert table.marked == {gone}
    assert set(table.versions) == keys_in(sandbox.world, stream) | {gone}
    kinds = [one["type"] for one in due.messages if one.get("stream") == stream]
    assert kinds == ["SCHEMA", *["RECORD"] * (len(kinds) - 2), "ACTIVATE_VERSION"]


def test_the_version_stays_the_same_until_a_full_reading_is_whole(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A first sync activates nothing; what changes later carries the version of the others."""
    with caplog.at_level(logging.INFO):
        first = sync(sandbox, "users")
    assert "carry a version from now on" not in caplog.text
    sandbox.world.clock.advance(days=6)
    sandbox.world.put("users", user("new", sandbox.world.clock.now_ms() - HOUR))
    second = sync(sandbox, "users", state=first.state)
    assert second.keys("users") == ["new"]
    versions = {one["version"] for run in (first, second) for one in run.of("RECORD")}
    assert versions == {NOW // SECOND}
    assert (first.activated, second.activated) == ({}, {})
    sandbox.world.clock.advance(days=1)
    third = sync(sandbox, "users", state=second.state)
    assert third.activated["users"] == third.bookmark("users")["version"] > NOW // SECOND


def test_a_full_reading_takes_one_scroll_and_nothing_else(sandbox: SandboxServer) -> None:
    """Ten users in pages of four are three requests. No filter is tried, nothing asked twice."""
    state = first_then(sandbox, Table())
    sync(sandbox, "users", state=state, page_size=4)
    asked = [one for one in sandbox.requests if one.path == PATH]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("days_each", "readings"), [(1, 4), (6.99, 4), (2, 3)], ids=["daily", "jitter", "two days"]
)
def test_full_readings_come_as_often_as_the_setting_says(
    sandbox: SandboxServer, days_each: float, readings: int
) -> None:
    """A run that starts some minutes earlier than the one of a week ago counts as a week later."""
    state = sync(sandbox, "users").state
    activated: list[int] = []
    for _ in range(round(28 / days_each)):
        sandbox.world.clock.advance(days=days_each)
        run = sync(sandbox, "users", state=state)
        activated += run.activated.values()
        state = run.state
    assert len(activated) == readings
    assert activated == sorted(set(activated))


def test_the_bookmark_moves_with_a_full_reading(sandbox: SandboxServer) -> None:
    """Which brings what has changed as well, and leaves what changes meanwhile to the next run."""
    state = first_then(sandbox, Table())
    sandbox.world.put("users", user("changed", sandbox.world.clock.now_ms() - DAY))
    run = sync(sandbox, "users", state=state)
    assert milliseconds(run.bookmarks("users")[-1]) == sandbox.world.clock.now_ms()
    assert "changed" in run.keys("users")


@pytest.mark.parametrize("last_modified_filter", ["refused", "ignored"])
def test_it_is_the_same_where_the_filter_does_not_work(last_modified_filter: str) -> None:
    """Reading all for what has changed proves nothing about what is gone."""
    with SandboxServer(people(), {"last_modified_filter": last_modified_filter}) as sandbox:
        table = Table()
        state = first_then(sandbox, table, days=3)
        sandbox.world.delete("users", "u4")
        early = table.load(sync(sandbox, "users", state=state))
        assert early.activated == {}
        sandbox.world.clock.advance(days=4)
        table.load(sync(sandbox, "users", state=early.state))
    assert table.marked == {"u4"}


def test_a_deleted_account_takes_its_users_along() -> None:
    """PX deletes them with it; both tables show it after their full readings."""
    users = [user(f"u{n}", today() - n * DAY, accountId=f"a{n % 2}") for n in range(6)]
    firms = [account(f"a{n}", today() - DAY) for n in range(2)]
    tables = [Table("users"), Table("accounts")]
    with SandboxServer(world_of(users=users, accounts=firms)) as sandbox:
        first = sync(sandbox, "users", "accounts")
        sandbox.world.delete_account("a1")
        sandbox.world.clock.advance(days=7)
        second = sync(sandbox, "users", "accounts", state=first.state)
        for table in tables:
            table.load(first)
            table.load(second)
            assert table.there == keys_in(sandbox.world, table.stream)
    assert [len(table.marked) for table in tables] == [3, 1]


@pytest.mark.parametrize("key", ["u3", "another"], ids=["the same record", "a new record"])
def test_who_comes_back_is_there_again(sandbox: SandboxServer, key: str) -> None:
    """Within a week under the same `aptrinsicId`; later under another: two rows, one marked."""
    table = Table()
    state = first_then(sandbox, table)
    sandbox.world.delete("users", "u3")
    state = table.load(sync(sandbox, "users", state=state)).state
    assert table.marked == {"u3"}
    sandbox.world.clock.advance(days=1)
    seen = sandbox.world.clock.now_ms() - HOUR
    sandbox.world.put("users", {**user(key, seen), "identifyId": "id-u3"})
    state = table.load(sync(sandbox, "users", state=state)).state
    assert table.marked == {"u3"} - {key}
    sandbox.world.clock.advance(days=7)
    table.load(sync(sandbox, "users", state=state))
    assert table.there == keys_in(sandbox.world)
    assert table.marked == {"u3"} - {key}
