"""What PX says of an account's attributes becomes a typed field for each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_gainsight_px.records.attribute_list import attribute_fields, decode_attributes


def attribute(api_name: Any, kind: Any, **more: Any) -> dict[str, Any]:
    """Make the description of an attribute as the API gives it."""
    return {"apiName": api_name, "type": kind, "origin": "CUSTOM", "state": "ENABLED", **more}


def typed(*attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that the schema gets from these attributes."""
    return attribute_fields(attributes)


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("STRING", {"type": ["string", "null"]}),
        ("NUMBER", {"type": ["number", "null"]}),
        ("BOOLEAN", {"type": ["boolean", "null"]}),
        ("DATE_TIME", {"type": ["string", "null"], "format": "date-time"}),
    ],
)
def test_every_documented_type_has_its_schema(kind: str, schema: dict[str, Any]) -> None:
    """Null is always allowed: not everybody has every attribute."""
    assert typed(attribute("x", kind)) == {"x": schema}


@pytest.mark.parametrize(
    "left_out",
    [
        attribute("x", "STRING", origin="DEFAULT"),
        attribute("x", "STRING", state="DELETED"),
        attribute("x", "OF_A_LATER_VERSION"),
        attribute("x", ["STRING"]),
        attribute(None, "STRING"),
        {"type": "STRING"},
        {},
    ],
    ids=[
        "standard field",
        "deleted",
        "unknown type",
        "odd type",
        "no name",
        "name missing",
        "empty",
    ],
)
def test_what_cannot_be_typed_is_left_free(left_out: dict[str, Any]) -> None:
    """Its values pass all the same, because customAttributes stays open."""
    assert typed(left_out) == {}
    assert list(typed(left_out, attribute("y", "NUMBER"))) == ["y"]


def test_a_disabled_attribute_still_has_values() -> None:
    """It is not shown in PX any more, but records carry it."""
    assert list(typed(attribute("x", "STRING", state="DISABLED"))) == ["x"]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"description": "What it is", "name": "X"}, "What it is"),
        ({"description": "", "name": "X"}, "X"),
        ({"description": None, "name": None}, None),
        ({"description": 5}, None),
    ],
)
def test_the_description_says_what_it_is(texts: dict[str, Any], expected: str | None) -> None:
    """Or at least its name, where the account has described nothing."""
    assert typed(attribute("x", "STRING", **texts))["x"].get("description") == expected


@pytest.mark.parametrize("body", [b'[{"apiName": "x"}]', b"[]"])
def test_the_answer_is_a_bare_list(body: bytes) -> None:
    """That is how the API gives it."""
    assert decode_attributes(body) == json.loads(body)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"a": []}', b"<html>", b"\xff", b"null"])
def test_anything_else_is_a_value_error(body: bytes) -> None:
    """So that the request is tried again."""
    with pytest.raises(ValueError, match=r"list of attributes|Expecting|decode"):
        decode_attributes(body)
