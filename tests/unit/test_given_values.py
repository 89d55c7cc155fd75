"""A value of a setting is read as people write it, and left alone where it cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tap_gainsight_px.given.values import as_declared, is_truth, understand
from tap_gainsight_px.settings import SETTINGS_SCHEMA

WHOLE = {"type": ["integer", "null"]}
TRUTH = {"type": ["boolean", "null"]}
NAMES = {"type": ["array", "null"], "items": {"type": "string"}}
OBJECT = {"type": ["object", "null"]}


@pytest.mark.parametrize(
    "text", ["8", " 8 ", "+8", "8.0", "8.", "0.8e1", 8.0, Decimal("8.0"), 8], ids=repr
)
def test_a_whole_number_may_be_text(text: Any) -> None:
    """An environment has nothing else, and Meltano stores text where a setting has no kind."""
    read = as_declared(text, WHOLE)
    assert (read, type(read)) == (8, int)


def test_a_thousand_may_be_written_short() -> None:
    """As calculators write it."""
    assert as_declared("1e3", WHOLE) == 1_000
    assert as_declared("-1", WHOLE) == -1


@pytest.mark.parametrize("other", ["8.5", "1,000", "1_000", "8k", "0x8", "1e999999999", "many"])
def test_what_is_no_whole_number_stays_text(other: str) -> None:
    """It is refused later, by the name of its setting."""
    assert as_declared(other, WHOLE) == other


@pytest.mark.parametrize("other", [True, 8.5, None, [8], {}])
def test_what_is_no_number_at_all_stays_what_it_is(other: Any) -> None:
    """Python takes True for 1; people do not."""
    assert as_declared(other, WHOLE) is other


@pytest.mark.parametrize(
    ("value", "truth"),
    [(one, True) for one in ("true", "True", "TRUE", " yes", "y", "on", "On", "1", "t", 1, True)]
    + [(one, False) for one in ("false", "FALSE", "no", "n", "off", "0", "f", 0, False)],
    ids=repr,
)
def test_a_yes_or_no_may_be_spelled_in_any_usual_way(
    value: Any,
    truth: bool,  # noqa: FBT001
) -> None:
    """Shells, YAML and Python each have their own."""
    assert as_declared(value, TRUTH) is truth
    assert is_truth(value) is truth


@pytest.mark.parametrize("other", ["maybe", "ja", 2, -1, 0.5, [], {}, "truefalse"], ids=repr)
def test_what_is_neither_yes_nor_no_stays_what_it_is(other: Any) -> None:
    """The SDK would take every other word for a no."""
    assert as_declared(other, TRUTH) is other
    assert is_truth(other) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('["Report exported", "Login, twice"]', ["Report exported", "Login, twice"]),
        ("Report exported,Login", ["Report exported", "Login"]),
        (" Report exported , Login, ", ["Report exported", "Login"]),
        ("Login", ["Login"]),
        ("[]", []),
        (["Login"], ["Login"]),
    ],
    ids=repr,
)
def test_a_list_may_be_json_or_names_with_commas(text: Any, names: list[str]) -> None:
    """A name that has a comma in it needs JSON."""
    assert as_declared(text, NAMES) == names


@pytest.mark.parametrize("other", ['["a"', '"a","b"', '["a"] x', '{"a": 1}', 5, {"a": 1}])
def test_a_list_that_is_half_json_stays_what_it_is(other: Any) -> None:
    """Cut at its commas it would lead to names with quotes in them."""
    assert as_declared(other, NAMES) == other


def test_an_object_is_json() -> None:
    """Whatever else is text stays text."""
    assert as_declared('{"a": {"b": 1}}', OBJECT) == {"a": {"b": 1}}
    for other in ("{a", "[1]", "5", "a=1", "[" * 9_999):
        assert as_declared(other, OBJECT) == other


def test_a_choice_and_a_date_may_have_spaces_around_them() -> None:
    """And a choice another case."""
    fields = SETTINGS_SCHEMA["properties"]
    assert as_declared(" eu ", fields["region"]) == "EU"
    assert as_declared("mars", fields["region"]) == "mars"
    assert as_declared(" 2026-01-01\n", fields["start_date"]) == "2026-01-01"


def test_other_text_stays_as_it_is() -> None:
    """Nobody knows what a separator or a key may begin with."""
    fields = SETTINGS_SCHEMA["properties"]
    assert as_declared(" a ", fields["user_agent"]) == " a "
    assert as_declared("8", {}) == "8"


def test_what_is_empty_is_not_set() -> None:
    """A variable that nobody has filled means the default; only a key is missed."""
    fields = SETTINGS_SCHEMA["properties"]
    empty: dict[str, Any] = {**dict.fromkeys(fields, ""), "other": "", "max_requests": None}
    assert understand(empty, SETTINGS_SCHEMA) == {"api_key": "", "other": ""}
    assert understand({"max_workers": "  "}, SETTINGS_SCHEMA) == {}
