"""Deletions of users and accounts: read whole now and then, under a version of its own."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.errors import ShortfallError, StoppedError
from tests.tap import harness
from tests.tap.harness import KEYS, Output, discover, entry_of, milliseconds, root
from tests.tap.worlds import DAY, NOW, SECOND, account, iso, today, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox import World
    from tests.tap.harness import Json

HOUR = 3_600 * SECOND
PATH = "/v1/users"


class Table:
    """What a loader makes of the messages about one stream: rows, of which some are marked."""

    def __init__(self, stream: str = "users") -> None:
        """Begin without a row; a name that a stream map has made is that of users."""
        self.stream = stream
        self.key = KEYS.get(stream, KEYS["users"])
        self.versions: dict[str, int | None] = {}
        self.marked: set[str] = set()

    def load(self, output: Output) -> Output:
        """Load what a run wrote, and return it."""
        for one in output.messages:
            if one.get("stream") != self.stream:
                continue
            if one["type"] == "RECORD":
                key = one["record"][self.key]
                self.versions[key] = one.get("version")
                self.marked.discard(key)
            elif one["type"] == "ACTIVATE_VERSION":
                new = one["version"]
                self.marked |= {
                    key for key, old in self.versions.items() if old is None or old < new
                }
        return output

    @property
    def there(self) -> set[str]:
        """Keys of the rows that are not marked."""
        return self.versions.keys() - self.marked


def people(count: int = 10) -> World:
    """Make a world of users who changed on different days."""
    return world_of(
        users=[user(f"u{n}", today() - n * DAY) for n in range(count)],
        accounts=[account(f"a{n}", today() - n * DAY) for n in range(4)],
    )


def keys_in(world: World, stream: str = "users") -> set[str]:
    """Return the keys of all that PX has."""
    return {one[KEYS[stream]] for one in world.records(stream)}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve ten users and four accounts."""
    with SandboxServer(people()) as server:
        yield server


@cache
def catalog_of(*streams: str) -> Json:
    """Return a catalog with these streams selected, the same for all of these worlds."""
    with SandboxServer(people()) as sandbox:
        return discover(sandbox, *streams)


def sync(sandbox: SandboxServer, *streams: str, **options: Any) -> Output:
    """Sync some streams without discovery, of which there would be one for each run."""
    return harness.sync(sandbox, **{"catalog": catalog_of(*streams), **options})


def first_then(sandbox: SandboxServer, table: Table, *, days: float = 7, **settings: Any) -> Json:
    """Run a first sync, let `days` pass and return its STATE."""
    state = table.load(sync(sandbox, table.stream, **settings)).state
    sandbox.world.clock.advance(days=days)
    return state


def lost(count: int) -> Json:
    """Let PX announce all and leave out some of a page, once."""
    return {"rules": [{"fault": "lost_records", "path": PATH, "count": count}]}


# When, and what it does


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


# Interrupted


def test_an_interruption_at_any_message_deletes_nobody_wrongly() -> None:
    """Whatever of a full reading has been loaded, the run after it brings table and PX together.

    Somebody is deleted before the interruption, and somebody between it and the next run, who may
    have been loaded under the version of the interrupted reading.
    """
    with SandboxServer(people(6)) as sandbox:
        first = sync(sandbox, "users")
        sandbox.world.delete("users", "u1")
        sandbox.world.clock.advance(days=8)
        whole = sync(sandbox, "users", state=first.state, page_size=2)
        sandbox.world.delete("users", "u4")
        for count in range(len(whole.messages) + 1):
            table = Table()
            table.load(first)
            cut = table.load(Output(whole.messages[:count]))
            assert table.marked <= {"u1"}
            # The clock stands still: the next run starts within the same second.
            state = cut.state or first.state
            table.load(last := sync(sandbox, "users", state=state))
            assert last.error is None
            if last.activated:
                assert table.marked == {"u1", "u4"}
            else:  # the first one had been activated, and that was in STATE
                assert count == len(whole.messages)


def test_a_reading_that_never_ends_well_does_not_keep_changes_back(
    sandbox: SandboxServer,
) -> None:
    """Five tries in a row; then the changes are read, and there is one more try each day."""
    state = first_then(sandbox, Table())
    due = []
    for hours in (1, 1, 1, 1, 1, 1, 1, 22, 1):
        sandbox.world.clock.advance(seconds=hours * 3_600)
        run = sync(sandbox, "users", state=state, page_size=1, max_requests=9)
        due.append(isinstance(run.error, StoppedError))
        state = run.state
    assert due == [True, True, True, True, True, False, False, True, False]
    assert milliseconds(run.bookmarks("users")[-1]) == sandbox.world.clock.now_ms()


# Not proved


@pytest.mark.parametrize(
    "misbehaviour",
    [
        {"faults": {"total_hits_too_high": {"rate": 1, "by": 2}}},
        {"rules": [{"fault": "scroll_expired", "path": PATH, "nth": 2, "times": None}]},
        {"rules": [{"fault": "no_content", "path": PATH, "times": None}]},
        {"rules": [{"fault": "records_null", "path": PATH, "times": None}]},
        {"rules": [{"fault": "key_revoked", "path": PATH, "nth": 2, "times": None}]},
    ],
    ids=["count too high", "scroll expires", "no content", "null", "revoked"],
)
def test_a_reading_that_is_not_whole_deletes_nobody_and_the_next_run_tries_again(
    sandbox: SandboxServer, misbehaviour: Json
) -> None:
    """Whatever is wrong: no row is marked, the bookmark stays, and a good run puts it right."""
    table = Table()
    state = first_then(sandbox, table)
    sandbox.world.delete("users", "u2")
    sandbox.misbehave(misbehaviour)
    bad = table.load(sync(sandbox, "users", state=state, page_size=3, retry_timeout_seconds=0))
    assert bad.activated == {}
    sandbox.misbehave({})
    table.load(sync(sandbox, "users", state=bad.state))
    assert table.marked == {"u2"}
    assert table.there == keys_in(sandbox.world)


def test_announced_records_that_never_come_end_the_run_with_an_error(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The bookmark stays in front of them, and one line says that nobody counts as deleted."""
    state = first_then(sandbox, Table())
    sandbox.misbehave({"faults": {"total_hits_too_high": {"rate": 1, "by": 2}}})
    run = sync(sandbox, "users", state=state)
    assert isinstance(run.error, ShortfallError)
    assert run.bookmarks("users")[-1] == state["bookmarks"]["users"]["replication_key_value"]
    (line,) = [one for one in caplog.messages if "nothing counts as deleted" in one]
    assert line.startswith("users: the full reading is not proved to have shown all")


@pytest.mark.parametrize(
    "misbehaviour",
    [
        lost(2),
        {"faults": {"total_hits_missing": 1}},
        {**lost(2), "faults": {"total_hits_missing": 1}},
        {"faults": {"repeated_records": {"rate": 1, "count": 2}}},
        {"rules": [{"fault": "scroll_expired", "path": PATH, "nth": 2}]},
        {"scroll_moves_on": True, "rules": [{"fault": "html", "path": PATH, "nth": 2}]},
    ],
    ids=[
        "left out once",
        "no count",
        "left out once, no count",
        "repeated",
        "expired once",
        "moved on",
    ],
)
def test_a_fault_that_passes_is_read_over(sandbox: SandboxServer, misbehaviour: Json) -> None:
    """Without a count, two equal readings prove what there is."""
    table = Table()
    state = first_then(sandbox, table)
    sandbox.world.delete("users", "u2")
    sandbox.misbehave(misbehaviour)
    run = table.load(sync(sandbox, "users", state=state, page_size=4))
    assert run.error is None
    assert table.marked == {"u2"}


def test_more_than_half_at_once_is_not_believed(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told with both numbers and what to do; if they come back, nothing has happened."""
    table = Table()
    state = first_then(sandbox, table)
    away = [f"u{n}" for n in range(6)]
    for key in away:
        sandbox.world.delete("users", key)
    run = table.load(sync(sandbox, "users", state=state))
    assert (run.error, run.activated) == (None, {})
    (line,) = [one for one in caplog.messages if "nothing counts as deleted" in one]
    assert "the full reading has 4 rows where the last one had 10" in line
    assert "remove `rows_at_full_read`" in line
    for number, key in enumerate(away[:5]):
        sandbox.world.put("users", user(key, today() - number * DAY))
    table.load(sync(sandbox, "users", state=run.state))
    assert table.marked == {"u5"}


@pytest.mark.parametrize("left", [None, 0])
def test_more_than_half_is_believed_when_the_user_says_so(
    sandbox: SandboxServer, left: int | None
) -> None:
    """By taking the number out of STATE, or by a merge that sets it to 0."""
    table = Table()
    state = first_then(sandbox, table)
    for number in range(6):
        sandbox.world.delete("users", f"u{number}")
    state = table.load(sync(sandbox, "users", state=state)).state
    state["bookmarks"]["users"]["rows_at_full_read"] = left
    run = table.load(sync(sandbox, "users", state=state))
    assert table.there == keys_in(sandbox.world)
    assert run.bookmark("users")["rows_at_full_read"] == 4


def test_exactly_half_may_go(sandbox: SandboxServer) -> None:
    """Only more than half is a reason to doubt."""
    table = Table()
    state = first_then(sandbox, table)
    for number in range(5):
        sandbox.world.delete("users", f"u{number}")
    table.load(sync(sandbox, "users", state=state))
    assert table.there == keys_in(sandbox.world)


def test_records_accepted_as_missing_prove_nothing(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The bookmark passes them, nobody is marked, and the next reading waits its days."""
    table = Table()
    settings: Any = {"accept_missing_records": True, "page_size": 4}
    state = first_then(sandbox, table)
    sandbox.world.delete("users", "u2")
    sandbox.misbehave({"faults": {"total_hits_too_high": {"rate": 1, "by": 2}}})
    run = table.load(sync(sandbox, "users", state=state, **settings))
    assert (run.error, table.marked) == (None, set())
    assert "accept_missing_records is set), so nothing counts as deleted" in caplog.text
    assert milliseconds(run.bookmarks("users")[-1]) == sandbox.world.clock.now_ms()
    sandbox.misbehave({})
    sandbox.world.clock.advance(days=1)
    run = table.load(sync(sandbox, "users", state=run.state, **settings))
    assert run.keys("users") == []
    sandbox.world.clock.advance(days=6)
    table.load(sync(sandbox, "users", state=run.state, **settings))
    assert table.marked == {"u2"}


# Settings


def test_the_setting_may_change_at_any_time(sandbox: SandboxServer) -> None:
    """Without full readings the version stays, so that the next one misses nobody."""
    table = Table()
    state = first_then(sandbox, table, days=30, full_read_days=7)
    sandbox.world.put("users", user("short", sandbox.world.clock.now_ms() - HOUR))
    off = table.load(sync(sandbox, "users", state=state, full_read_days=0))
    assert (off.activated, off.keys("users")) == ({}, ["short"])
    sandbox.world.delete("users", "short")
    sandbox.world.delete("users", "u1")
    on = table.load(sync(sandbox, "users", state=off.state, full_read_days=7))
    assert list(on.activated) == ["users"]
    assert table.marked == {"short", "u1"}
    sandbox.world.clock.advance(days=1)
    assert sync(sandbox, "users", state=on.state, full_read_days=1).activated
    assert not sync(sandbox, "users", state=on.state, full_read_days=365).activated


def test_without_activate_version_nothing_carries_a_version(sandbox: SandboxServer) -> None:
    """For loaders that do not know them: no version, no full reading, nothing of it in STATE."""
    settings: Any = {"emit_activate_version_messages": False}
    state = first_then(sandbox, Table(), days=30, **settings)
    run = sync(sandbox, "users", state=state, **settings)
    assert run.keys("users") == []
    known = {"replication_key", "replication_key_value", "filter_proof"}
    assert set(run.bookmark("users")) <= known


def test_a_state_of_before_gets_a_version_and_its_first_reading_later(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once when that will be. Rows that have no version yet are marked, too."""
    table = Table()
    old = first_then(sandbox, table, days=1, emit_activate_version_messages=False)
    assert set(table.versions.values()) == {None}
    sandbox.world.delete("users", "u7")
    with caplog.at_level(logging.INFO):
        run = table.load(sync(sandbox, "users", state=old))
        state = table.load(sync(sandbox, "users", state=run.state)).state
    (line,) = [one for one in caplog.messages if "carry a version from now on" in one]
    assert f"is due on {iso(sandbox.world.clock.now_ms() + 7 * DAY)}" in line
    assert run.activated == {}
    assert run.bookmark("users")["rows_at_full_read"] == 9
    sandbox.world.clock.advance(days=7)
    table.load(sync(sandbox, "users", state=state))
    assert table.marked == {"u7"}


def test_up_to_an_end_date_nothing_is_read_whole(sandbox: SandboxServer) -> None:
    """Who changed later is no part of such a run."""
    state = first_then(sandbox, Table())
    end = iso(sandbox.world.clock.now_ms() - DAY)
    run = sync(sandbox, "users", state=state, end_date=end)
    assert (run.activated, run.keys("users")) == ({}, [])
    assert sync(sandbox, "users", state=run.state).activated


def test_a_full_table_between_incremental_runs_does_no_harm(sandbox: SandboxServer) -> None:
    """Its version is newer than what STATE knew; rows read later get one that is newer still."""
    table = Table()
    state = first_then(sandbox, table, days=1)
    catalog = discover(sandbox, "users")
    entry = entry_of(catalog, "users")
    root(entry)["replication-method"] = entry["replication_method"] = "FULL_TABLE"
    sandbox.world.delete("users", "u1")
    full = table.load(sync(sandbox, "users", catalog=catalog, state=state))
    assert table.marked == {"u1"}
    for _ in range(8):
        sandbox.world.clock.advance(days=1)
        full = table.load(sync(sandbox, "users", state=full.state))
    assert table.marked == {"u1"}
    assert table.there == keys_in(sandbox.world)


def test_a_stream_map_is_activated_under_its_own_names(sandbox: SandboxServer) -> None:
    """One stream that becomes two tables; who is filtered out of one is not in it."""
    maps = {
        "users": {"__alias__": "people", "title": "'t'"},
        "early": {"__source__": "users", "__filter__": "aptrinsicId in ['u1', 'u2']"},
    }
    tables = [Table("people"), Table("early")]
    first = sync(sandbox, "users", stream_maps=maps)
    sandbox.world.delete("users", "u2")
    sandbox.world.clock.advance(days=7)
    second = sync(sandbox, "users", state=first.state, stream_maps=maps)
    for table in tables:
        table.load(first)
        table.load(second)
        assert table.marked == {"u2"}
    assert tables[1].there == {"u1"}
