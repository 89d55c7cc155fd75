"""Where a stream stands: its bookmark, position and version, read from STATE and moved in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.errors import StateError
from tap_gainsight_px.output.state import StreamState, read_bookmark
from tap_gainsight_px.run_clock import RunClock
from tap_gainsight_px.timestamps import to_iso
from tests.json_values import anything

NOON = 1_709_208_000_000  # 2024-02-29T12:00:00Z

times = st.integers(NOON - 10**9, NOON + 10**9)


def incremental(entry: dict[str, Any], run_start: int = NOON) -> StreamState:
    """Make the state of a stream that goes by its date."""
    return StreamState(
        "events", entry, replication_key="date", clock=RunClock(lambda: NOON, run_start)
    )


def full_table(entry: dict[str, Any]) -> StreamState:
    """Make the state of a stream that is read whole."""
    return StreamState("prefs", entry, replication_key=None, clock=RunClock(lambda: NOON, NOON))


def read(value: Any, **more: Any) -> int | None:
    """Read the bookmark of the stream `events` with this value."""
    return read_bookmark("events", {"replication_key_value": value, **more}, "date")


@pytest.mark.parametrize(
    "value",
    [
        "2024-02-29T12:00:00.000Z",
        "2024-02-29T12:00:00Z",
        "2024-02-29 12:00:00",
        "2024-02-29T13:00:00+01:00",
        " 2024-02-29T12:00:00Z ",
        NOON,
        float(NOON),
        str(NOON),
        f" {NOON} ",
    ],
    ids=repr,
)
def test_a_time_in_any_usual_form_is_understood(value: object) -> None:
    """RFC 3339 as this tap writes it, and epoch milliseconds as the earlier public tap did."""
    assert read(value) == NOON


def test_a_date_counts_from_its_midnight_in_utc() -> None:
    """Somebody may write a STATE by hand."""
    assert read("2024-02-29") == NOON - 12 * 3_600_000


@pytest.mark.parametrize("value", ["-1", -1, 0, "0"], ids=repr)
def test_times_before_1970_are_times(value: object) -> None:
    """A bookmark that early means that everything is read."""
    assert read(value) == int(str(value))


@pytest.mark.parametrize(
    "state", [{}, {"replication_key": "date"}, {"replication_key_value": None}]
)
def test_no_bookmark_means_a_first_sync(state: dict[str, Any]) -> None:
    """Also one that is null."""
    assert read_bookmark("events", state, "date") is None


def test_the_bookmark_of_another_field_does_not_count() -> None:
    """What was read by another field says nothing about this one."""
    assert read(NOON, replication_key="lastModifiedDate") is None
    assert read(NOON, replication_key="date") == NOON


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "12:00",
        True,
        [],
        {},
        10**30,
        "9" * 30,
        float("inf"),
        float("nan"),
        "²",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-05:00",
    ],
    ids=repr,
)
def test_what_is_no_time_is_refused_by_name_and_value(value: object) -> None:
    """The line names the stream and what to do; it is never taken for a first sync."""
    with pytest.raises(StateError) as caught:
        read(value)
    line = str(caught.value)
    assert "the bookmark of events is not a time" in line
    assert "run without --state to start over, or correct it" in line
    assert len(line) < 200


@given(anything)
def test_an_arbitrary_value_is_a_time_or_refused_in_one_line(value: object) -> None:
    """Whatever stands for a bookmark: it is understood or refused, and never a traceback."""
    line = "understood"
    try:
        read(value)
    except StateError as error:
        line = str(error)
    assert len(line.splitlines()) == 1


@given(steps=st.lists(times, min_size=1), start=st.none() | times)
def test_a_bookmark_goes_neither_back_nor_past_the_start_of_the_run(
    steps: list[int], start: int | None
) -> None:
    """Whatever is read in whatever order: what STATE says is the latest time, if not too late."""
    entry: dict[str, Any] = {} if start is None else {"replication_key_value": start}
    state = incremental(entry)
    found = [] if state.bookmark is None else [state.bookmark]
    for step in steps:
        state.move_bookmark(step)
        assert state.bookmark is not None
        assert entry == {"replication_key": "date", "replication_key_value": to_iso(state.bookmark)}
        found.append(state.bookmark)
    assert found == sorted(found)
    earlier = [] if start is None else [start]
    assert found[-1] == min(max(steps + earlier), NOON)


def test_a_bookmark_that_has_not_moved_stays_as_it_is_written() -> None:
    """A run that reads nothing rewrites nothing, not even into another form of the same time."""
    entry = {"replication_key": "date", "replication_key_value": NOON - 5}
    state = incremental(entry)
    assert state.bookmark == NOON - 5
    assert not state.is_changed
    assert entry == {"replication_key": "date", "replication_key_value": NOON - 5}


def test_a_bookmark_in_the_future_becomes_the_start_of_the_run_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is written at once: the run may be broken off before anything is read."""
    entry = {"replication_key": "date", "replication_key_value": NOON + 1}
    state = incremental(entry)
    assert state.bookmark == NOON
    assert entry["replication_key_value"] == to_iso(NOON)
    assert state.is_due
    assert "events: the bookmark 2024-02-29T12:00:00.001Z lies in the future" in caplog.text


def test_each_move_of_a_bookmark_is_due_and_nothing_after_it_was_saved() -> None:
    """A window that was written out is followed by its STATE, once."""
    state = incremental({})
    due = [state.is_due]
    state.move_bookmark(NOON)
    due.append(state.is_due)
    state.saved()
    due.append(state.is_due)
    assert due == [False, True, False]


def test_a_full_table_leaves_the_bookmark_alone() -> None:
    """Who wants everything once can go back to what is new."""
    entry = {"replication_key": "date", "replication_key_value": "not even a time"}
    state = full_table(entry)
    state.move_bookmark(NOON)
    assert state.bookmark is None
    assert not state.is_changed
    assert entry == {"replication_key": "date", "replication_key_value": "not even a time"}


def test_a_new_full_table_has_the_version_of_its_run() -> None:
    """In seconds, as loaders expect it."""
    assert full_table({}).version == NOON // 1_000


def test_an_interrupted_full_table_keeps_its_version() -> None:
    """Else what the first run wrote would count as deleted."""
    entry: dict[str, Any] = {}
    full_table(entry).move_position("p7", 17, is_whole=True)
    state = full_table(entry)
    assert (state.position, state.version, state.was_incomplete) == ("p7", 17, False)


def test_a_version_without_a_position_does_not_count() -> None:
    """It says nothing about what has been read."""
    assert full_table({"version": 17}).version == NOON // 1_000


def test_once_incomplete_a_full_table_stays_so_until_it_is_forgotten() -> None:
    """A parent that was left out is in no later part of the table either."""
    entry: dict[str, Any] = {}
    state = full_table(entry)
    state.move_position("p1", 17, is_whole=False)
    state.move_position("p2", 17, is_whole=True)
    assert full_table(entry).was_incomplete
    state.forget_position()
    assert entry == {}
    assert not full_table(entry).was_incomplete


def test_a_position_is_saved_after_every_five_hundred_parents() -> None:
    """A STATE for each of a million would be a million lines."""
    state = full_table({})
    due = []
    for number in range(1_001):
        state.move_position(f"p{number:04}", 17, is_whole=True)
        due.append(state.is_due)
        if state.is_due:
            state.saved()
    assert [number for number, is_due in enumerate(due) if is_due] == [499, 999]
    assert state.is_changed


def test_forgetting_what_is_not_there_changes_nothing() -> None:
    """A table read in one go writes no STATE for it."""
    state = full_table({"other": 1})
    state.forget_position()
    assert not state.is_changed
