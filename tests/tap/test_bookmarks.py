"""The bookmark follows what was read: window by window, never backwards, never into the future."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from px_sandbox import SandboxServer
from tests.tap.harness import BOOKMARKS, Output, discover, milliseconds, sync
from tests.tap.worlds import DAY, NOW, SECOND, event, events_at, iso, today, user, world_of

HOUR = 3_600 * SECOND


def bookmark(stream: str, at: int) -> dict[str, Any]:
    """Make the STATE that this tap writes for a time."""
    value = iso(at).replace("Z", ".000Z")
    key = BOOKMARKS[stream]
    return {"bookmarks": {stream: {"replication_key": key, "replication_key_value": value}}}


def times(output: Output, stream: str = "custom_events") -> list[int]:
    """Return the bookmarks of a run in epoch milliseconds."""
    return [milliseconds(one) for one in output.bookmarks(stream)]


def test_each_window_is_followed_by_its_state() -> None:
    """What a STATE says was read has been written before it, and what follows has not."""
    start = today() - 570 * DAY
    dates = [start + day * DAY + 5 for day in range(570)]
    with SandboxServer(events_at(dates)) as sandbox:
        output = sync(sandbox, "custom_events", start_date=iso(start), window_max_records=50)
    assert len(output.states) > 10
    for state, before in output.up_to_each_state():
        read_to = milliseconds(state["bookmarks"]["custom_events"]["replication_key_value"])
        written = [milliseconds(one["date"]) for one in before.records("custom_events")]
        assert written == [date for date in dates if date < read_to]


def test_empty_windows_move_the_bookmark() -> None:
    """Years without an event are not read again and again."""
    start = today() - 800 * DAY
    began = NOW // SECOND * SECOND
    with SandboxServer(events_at([today() - DAY])) as sandbox:
        output = sync(sandbox, "custom_events", start_date=iso(start))
    found = times(output)
    steps = [later - earlier for earlier, later in pairwise([start, *found])]
    assert all(0 < step <= 190 * DAY for step in steps)
    assert found[-1] == began


def test_without_any_event_the_bookmark_is_the_start_of_the_run() -> None:
    """Nothing to read is read to the end as well."""
    began = NOW // SECOND * SECOND
    with SandboxServer(world_of()) as sandbox:
        output = sync(sandbox, "custom_events", "users", "accounts")
    for stream in BOOKMARKS:
        assert times(output, stream)[-1] == began


@pytest.mark.parametrize("stream", ["custom_events", "users"])
def test_a_record_from_the_future_does_not_take_the_bookmark_along(stream: str) -> None:
    """A wrong clock somewhere must not make the next run skip what happens until then."""
    world = world_of(
        custom_events=[event("past", today() - DAY), event("future", NOW + 3 * DAY)],
        users=[user("past", today() - DAY), user("future", NOW + 3 * DAY)],
    )
    with SandboxServer(world) as sandbox:
        output = sync(sandbox, stream)
    assert max(times(output, stream)) <= NOW


def test_bookmarks_only_go_forward() -> None:
    """Also in the lookback, which begins before the bookmark, and with a narrow window."""
    with SandboxServer(events_at([NOW - HOUR * number for number in range(1, 200)])) as sandbox:
        state = bookmark("custom_events", today() - 2 * DAY)
        output = sync(
            sandbox,
            "custom_events",
            state=state,
            lookback_seconds=5 * 86_400,
            window_max_records=5,
            page_size=5,
        )
    found = times(output)
    assert found == sorted(found)
    assert found[0] >= today() - 2 * DAY


def test_an_end_before_the_bookmark_does_not_move_it_back() -> None:
    """Reading a stretch of the past once more leaves the bookmark where it is."""
    with SandboxServer(events_at([today() - 30 * DAY])) as sandbox:
        output = sync(
            sandbox,
            "custom_events",
            state=bookmark("custom_events", today() - DAY),
            end_date=iso(today() - 10 * DAY),
        )
    assert set(times(output)) == {today() - DAY}


def test_the_next_run_starts_a_lookback_before_the_bookmark() -> None:
    """An event that becomes visible late, up to the lookback, is found by the next run."""
    at = today() - DAY
    seen, late, later = at - 1 * HOUR, at - 2 * HOUR + 1, at - 3 * HOUR
    with SandboxServer(events_at([seen, late, later, at + 1])) as sandbox:
        output = sync(
            sandbox,
            "custom_events",
            state=bookmark("custom_events", at),
            lookback_seconds=2 * 3_600,
        )
    assert output.keys("custom_events") == ["e1", "e0", "e3"]


def test_a_late_event_is_read_by_the_second_run_and_the_second_only() -> None:
    """Two real runs in a row: what came in between with an older date is not lost."""
    world = events_at([today() - DAY * number for number in range(1, 9)])
    with SandboxServer(world) as sandbox:
        first = sync(sandbox, "custom_events")
        world.put("custom_events", event("late", NOW - 1_800 * SECOND))
        second = sync(sandbox, "custom_events", state=first.states[-1])
        third = sync(sandbox, "custom_events", state=second.states[-1], lookback_seconds=0)
    assert "late" not in first.keys("custom_events")
    assert "late" in second.keys("custom_events")
    assert third.keys("custom_events") == []


def test_a_run_without_lookback_goes_on_at_the_bookmark() -> None:
    """Half-open windows fit together: the event on the very bookmark comes once."""
    at = today() - DAY
    with SandboxServer(events_at([at - 1, at, at + 1])) as sandbox:
        first = sync(sandbox, "custom_events", end_date=iso(at))
        second = sync(sandbox, "custom_events", state=first.states[-1], lookback_seconds=0)
    assert (first.keys("custom_events"), second.keys("custom_events")) == (["e0"], ["e1", "e2"])


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T03:04:05+00:00",
        1_767_323_045_678,
        "1767323045678",
        1_767_323_045_678.0,
    ],
    ids=["ours", "offset", "number", "number as text", "float"],
)
def test_bookmarks_of_other_taps_and_versions_are_understood(value: object) -> None:
    """RFC 3339 of any form, and epoch milliseconds as the earlier public tap writes them."""
    state = {
        "bookmarks": {
            "custom_events": {"replication_key": "date", "replication_key_value": value},
            "a_stream_of_old": {"replication_key_value": "whatever"},
        }
    }
    with SandboxServer(world_of()) as sandbox:
        output = sync(sandbox, "custom_events", state=state)
        starts = {int(str(one.params["dateRangeStart"])) for one in sandbox.requests}
    assert output.error is None
    assert min(starts) == 1_767_323_045_000 - HOUR


def test_a_bookmark_of_another_replication_key_means_a_first_sync() -> None:
    """What was read by another field says nothing about this one."""
    state = {
        "bookmarks": {
            "custom_events": {"replication_key": "other", "replication_key_value": iso(today())}
        }
    }
    start = today() - 50 * DAY
    with SandboxServer(world_of()) as sandbox:
        sync(sandbox, "custom_events", state=state, start_date=iso(start))
        starts = {int(str(one.params["dateRangeStart"])) for one in sandbox.requests}
    assert min(starts) == start


@pytest.mark.parametrize("lookback", [0, 3_600])
@pytest.mark.parametrize("end", [None, "2026-01-01T00:00:00Z"])
def test_a_bookmark_in_the_future_is_taken_back_to_the_start_of_the_run(
    lookback: int, end: str | None
) -> None:
    """Otherwise everything until then would be skipped by all runs to come."""
    settings: dict[str, Any] = {"end_date": end} if end else {}
    with SandboxServer(world_of()) as sandbox:
        output = sync(
            sandbox,
            "custom_events",
            state=bookmark("custom_events", NOW + 400 * DAY),
            lookback_seconds=lookback,
            **settings,
        )
    assert times(output)[-1] <= NOW


def test_full_table_in_the_catalog_reads_all_and_leaves_the_bookmark_alone() -> None:
    """Who wants everything gets everything, and can go back to incremental later."""
    dates = [today() - DAY * number for number in range(1, 9)]
    with SandboxServer(events_at(dates)) as sandbox:
        catalog = discover(sandbox, "custom_events")
        for entry in catalog["streams"]:
            entry["replication_method"] = "FULL_TABLE"
        state = bookmark("custom_events", today() - 2 * DAY)
        output = sync(sandbox, "custom_events", catalog=catalog, state=state)
    assert len(output.keys("custom_events")) == 8
    assert set(times(output)) == {today() - 2 * DAY}
