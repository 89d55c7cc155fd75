"""A full reading that is interrupted, or not proved whole, deletes nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.errors import ShortfallError, StoppedError
from tests.tap.full_readings.people import PATH, Table, first_then, keys_in, people, sync
from tests.tap.harness import Output, milliseconds
from tests.tap.worlds import DAY, today, user

if TYPE_CHECKING:
    from tests.tap.harness import Json


def lost(count: int) -> Json:
    """Let PX announce all and leave out some of a page, once."""
    return {"rules": [{"fault": "lost_records", "path": PATH, "count": count}]}


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
