"""STATE of any age and shape is understood, or refused in one line that says what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from tap_gainsight_px.errors import StateError
from tap_gainsight_px.given.state import checked_state
from tests.json_values import anything


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


def test_what_meltano_keeps_is_understood() -> None:
    """`meltano state get` prints it so."""
    state: dict[str, Any] = {"bookmarks": {"users": {}}}
    assert checked_state({"singer_state": state}) == state


def test_a_whole_state_message_is_understood() -> None:
    """Taps write messages; which part of one belongs into the file is easily mistaken."""
    state = {"bookmarks": {"users": {"replication_key_value": 1_709_208_000_000}}}
    assert checked_state({"type": "STATE", "value": state}) == state
    with pytest.raises(StateError, match="must be an object, not null"):
        checked_state({"type": "STATE"})


@given(anything)
def test_arbitrary_json_is_a_state_or_refused_in_one_line(value: object) -> None:
    """Whatever stands in the file: it is understood or refused, and never a traceback."""
    line = "understood"
    try:
        checked_state(value)
    except StateError as error:
        line = str(error)
    assert len(line.splitlines()) == 1
