"""Where records depart from a schema is told by names of fields and JSON types alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.check.departures import Departures, json_type, shape_of

SCHEMA: dict[str, Any] = {
    "properties": {
        "id": {"type": "string"},
        "count": {"type": ["integer", "null"]},
        "score": {"type": ["number", "null"]},
        "date": {"type": ["string", "null"], "format": "date-time"},
        "any": {},
        "free": {"type": ["object", "null"], "additionalProperties": True},
        "place": {"type": "object", "properties": {"city": {"type": ["string", "null"]}}},
        "tags": {"type": ["array", "null"], "items": {"type": "string"}},
    }
}


def departures(*records: dict[str, Any]) -> dict[str, Any]:
    """Return how records depart from the schema above."""
    found = Departures()
    found.compare(records, SCHEMA)
    found.look_for(("id",), records)
    return found.as_details()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"count": 1, "score": 1},
        {"score": 1.5},
        {"date": 1_700_000_000_000},
        {"date": "2026-01-01T00:00:00Z"},
        {"count": None, "place": None},
        {"any": [1]},
        {"free": {"whatever": {"a customer": "calls it"}}},
        {"place": {"city": "Oslo"}, "tags": ["a"]},
    ],
)
def test_a_record_as_declared_does_not_depart(fields: dict[str, Any]) -> None:
    """Null is no other type, milliseconds are a date, and a whole number is a number."""
    assert departures({"id": "1", **fields}) == {}


@pytest.mark.parametrize(
    ("fields", "kind", "told"),
    [
        ({"new": 1}, "undeclared", {"new": ["integer"]}),
        ({"place": {"zip": "1"}}, "undeclared", {"place.zip": ["string"]}),
        ({"a name with blanks": 1}, "undeclared", {"(masked)": ["integer"]}),
        ({"ada@example.com": 1}, "undeclared", {"(masked)": ["integer"]}),
        ({"u4711000123": 1}, "undeclared", {"(masked)": ["integer"]}),
        ({"count": "1"}, "other_types", {"count": ["string"]}),
        ({"count": True}, "other_types", {"count": ["boolean"]}),
        ({"count": 1.0}, "other_types", {"count": ["number"]}),
        ({"date": True}, "other_types", {"date": ["boolean"]}),
        ({"place": {"city": 1}}, "other_types", {"place.city": ["integer"]}),
        ({"place": []}, "other_types", {"place": ["array"]}),
        ({"tags": ["a", 1]}, "other_types", {"tags[]": ["integer"]}),
    ],
)
def test_what_departs_is_named_with_its_type(
    fields: dict[str, Any], kind: str, told: dict[str, list[str]]
) -> None:
    """Also inside objects and lists; a name that may be somebody's data is masked."""
    assert departures({"id": "1", **fields}) == {kind: told}


def test_a_key_that_a_record_lacks_is_named() -> None:
    """Null is no key; how many records lack it is not told."""
    assert departures({"count": 1}, {"id": None}, {"id": "1"}) == {"lacking_key": ["id"]}


def test_types_of_several_records_come_together() -> None:
    """Each type once, in a fixed order."""
    found = departures({"id": "1", "new": "x"}, {"id": "2", "new": 1}, {"id": "3", "new": "y"})
    assert found == {"undeclared": {"new": ["integer", "string"]}}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_a_shape_holds_no_value(value: Any) -> None:
    """Whatever a server answers: with every text marked, no mark is in the shape."""
    marked = json.loads(json.dumps(value), object_hook=_marked)
    if isinstance(marked, str):
        marked = f"§{marked}"
    assert "§" not in shape_of(marked)


def _marked(content: dict[str, Any]) -> dict[str, Any]:
    return {f"§{name}": f"§{one}" if isinstance(one, str) else one for name, one in content.items()}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "integer"),
        (1.5, "number"),
        ("", "string"),
        ([], "array"),
        ({}, "object"),
    ],
)
def test_every_json_type_has_its_name(value: Any, name: str) -> None:
    """The names of JSON Schema; true is no integer."""
    assert json_type(value) == name
