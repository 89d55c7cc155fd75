"""STATE of any age is understood, or refused in one line that says what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.errors import StateError
from tap_gainsight_px.output.state import checked_state, read_bookmark

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = 1_709_208_000_000  # 2024-02-29T12:00:00Z

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


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
    ["", "soon", "12:00", True, [], {}, 10**30, "9" * 30, float("inf"), float("nan"), "²"],
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


@pytest.mark.parametrize(
    ("state", "wrong"),
    [
        ([], "STATE must be an object, not list"),
        (None, "STATE must be an object, not null"),
        ("{}", "STATE must be an object, not str"),
        ({"bookmarks": []}, "bookmarks must be an object, not list"),
        ({"bookmarks": None}, "bookmarks must be an object, not null"),
        ({"bookmarks": {"users": None}}, "the bookmark of users must be an object, not null"),
        ({"bookmarks": {"users": 17}}, "the bookmark of users must be an object, not int"),
    ],
)
def test_a_state_of_another_shape_is_refused_by_its_place(state: object, wrong: str) -> None:
    """One line says which part of it is wrong."""
    with pytest.raises(StateError, match=wrong):
        checked_state(state)


@pytest.mark.parametrize(
    "state", [{}, {"bookmarks": {}}, {"bookmarks": {"gone": {"a": 1}}, "other": 5}]
)
def test_what_the_tap_does_not_know_is_left_alone(state: dict[str, Any]) -> None:
    """Streams of another version and notes of a runner do no harm."""
    assert checked_state(state) is state


def test_a_whole_state_message_is_understood() -> None:
    """Taps write messages; which part of one belongs into the file is easily mistaken."""
    state = {"bookmarks": {"users": {"replication_key_value": NOON}}}
    assert checked_state({"type": "STATE", "value": state}) == state
    with pytest.raises(StateError, match="must be an object, not null"):
        checked_state({"type": "STATE"})


@given(anything)
def test_arbitrary_json_leads_to_a_time_or_to_a_state_error_of_one_line(value: object) -> None:
    """Whatever stands in the file: it is understood or refused, and never a traceback."""
    looks: tuple[Callable[[object], object], ...] = (checked_state, read)
    for look in looks:
        line = "understood"
        try:
            look(value)
        except StateError as error:
            line = str(error)
        assert len(line.splitlines()) == 1
