"""The schema files are found, complete and given out as copies."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from tap_gainsight_px.catalog.schemas import declared_type, load_schema
from tap_gainsight_px.catalog.streams import STREAMS


@pytest.mark.parametrize("name", [spec.name for spec in STREAMS])
def test_every_stream_has_a_schema_that_holds_its_keys(name: str) -> None:
    """It is valid JSON Schema, of an object, with each key declared."""
    spec = next(one for one in STREAMS if one.name == name)
    schema = load_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert set(spec.primary_keys) <= set(schema["properties"])


@pytest.mark.parametrize(
    ("name", "field"), [(s.name, s.replication_key) for s in STREAMS if s.replication_key]
)
def test_a_replication_key_is_a_date_time(name: str, field: str) -> None:
    """STATE is compared as text; only times of one form sort like what they stand for."""
    assert load_schema(name)["properties"][field]["format"] == "date-time"


def test_each_caller_gets_a_copy_of_its_own() -> None:
    """Who types the custom attributes must not change what others load."""
    load_schema("users")["properties"].clear()
    assert load_schema("users")["properties"]


@pytest.mark.parametrize("name", ["no_such_stream", "", "../pyproject"])
def test_an_unknown_name_is_no_file(name: str) -> None:
    """It is a mistake in the stream table."""
    with pytest.raises(FileNotFoundError):
        load_schema(name)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("string", "string"),
        (["null", "integer"], "integer"),
        (["object", "null"], "object"),
        (["string", "integer", "null"], ""),
        (["null"], ""),
        ([], ""),
    ],
)
def test_the_declared_type_is_the_one_besides_null(declared: object, expected: str) -> None:
    """A field of several types, or of none, has no type to hold a value against."""
    assert declared_type({"type": declared}) == expected
    assert declared_type({}) == ""
