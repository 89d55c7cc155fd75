"""What settings, catalogs and STATE of before make of full readings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tests.tap.full_readings.people import HOUR, Table, first_then, keys_in, sync
from tests.tap.harness import discover, entry_of, root
from tests.tap.worlds import DAY, iso, user

if TYPE_CHECKING:
    import pytest

    from px_sandbox import SandboxServer


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
