"""The schema files say of every field what the API's description says of it, at every depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.facts import (
    DEFINITIONS,
    EVENT_STREAMS,
    SCHEMAS,
    STREAM_FACTS,
    fields_of,
    schema_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the tap puts into a record, because the answer does not say what was asked.
TEXT = {"type": "string"}
TIME = {"type": "integer", "epoch_ms": True}
PUT_IN: dict[str, dict[str, dict[str, Any]]] = {
    "engagement_collisions": {"rowId": TEXT},
    "engagement_errors": {"rowId": TEXT, "dateRangeStart": TIME, "dateRangeEnd": TIME},
    "engagement_error_details": {"rowId": TEXT, "dateRangeStart": TIME, "dateRangeEnd": TIME},
    "survey_metadata": {"engagementId": TEXT},
    "user_preferences": {"identifyId": TEXT},
}
# Keys cannot be null, all else can: a value the API does not have must not stop a load.
KEYS = {
    **{stream: {"eventId"} for stream in EVENT_STREAMS},
    "users": {"aptrinsicId"},
    "integrations": {"integrationSyncName"},
    "engagement_collisions": {"engagementId", "triggeredDate", "rowId"},
    "engagement_errors": {"engagementId", "dateRangeStart", "rowId"},
    "engagement_error_details": {"engagementId", "dateRangeStart", "rowId"},
    "feature_adoption": {"featureId", "propertyKey", "dateRangeStart"},
    "survey_metadata": {"engagementId"},
    "user_preferences": {"identifyId"},
    "user_denylist": {"identifyId"},
}

every_stream = pytest.mark.parametrize("stream", STREAM_FACTS)


def shape_of(fact: dict[str, Any], *, nullable: bool = True) -> dict[str, Any]:
    """Return the schema that one documented field has to have, without its words."""
    if fact.get("epoch_ms") or fact.get("format") == "date-time":
        shape: dict[str, Any] = {"type": "string", "format": "date-time"}
    elif "ref" in fact:
        shape = object_of(DEFINITIONS[fact["ref"]])
    elif fact["type"] == "array":
        shape = {"type": "array", "items": shape_of(fact["items"])}
    elif fact["type"] == "object":
        shape = {"type": "object", "additionalProperties": True}
    else:
        shape = {"type": fact["type"]}
    return {**shape, "type": [shape["type"], "null"]} if nullable else shape


def object_of(fields: dict[str, dict[str, Any]], keys: frozenset[str] = frozenset()) -> Any:
    """Return the schema of an object with these documented fields."""
    return {
        "type": "object",
        "additionalProperties": True,
        "properties": {
            name: shape_of(fact, nullable=name not in keys) for name, fact in fields.items()
        },
        **({"required": sorted(keys)} if keys else {}),
    }


def without_words(schema: Any) -> Any:
    """Return a schema without its descriptions, in which the order of `required` says nothing."""
    if not isinstance(schema, dict):
        return schema
    bare = {name: value for name, value in schema.items() if name != "description"}
    for name in {"items", "additionalProperties"} & bare.keys():
        bare[name] = without_words(bare[name])
    if "properties" in bare:
        bare["properties"] = {
            name: without_words(field) for name, field in bare["properties"].items()
        }
    if "required" in bare:
        bare["required"] = sorted(bare["required"])
    return bare


def fields_in(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every field of a schema with its path, at every depth."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}{name}", field
        yield from fields_in(field.get("items", field), f"{path}{name}.")


@every_stream
def test_a_schema_has_the_documented_fields_and_no_others(stream: str) -> None:
    """Every field at every depth, of the documented type, and none required but the keys.

    PX leaves out what its description calls required, and a loader that validates would stop there.
    What a free-form object holds is of any type, whatever the description says.

    Times are `date-time` exactly where the API gives epoch milliseconds (and in
    `articles.releaseDate`, which is text already). Values are never bound to a list.
    """
    keys = frozenset(KEYS.get(stream, {"id"}))
    documented = {**fields_of(stream), **PUT_IN.get(stream, {})}
    expected = without_words(object_of(documented, keys))
    assert without_words(schema_of(stream)) == expected


@every_stream
def test_every_field_says_what_it_is(stream: str) -> None:
    """A catalog is read by people: a few words each, and not the field's name once more."""
    schema = schema_of(stream)
    fields = {path: field.get("description", "") for path, field in fields_in(schema)}
    assert {path for path, text in fields.items() if len(text.split()) < 2} == set()
    assert {path for path, text in fields.items() if not text.endswith(".")} == set()
    assert schema["description"].endswith(f"from GET {STREAM_FACTS[stream]['path']}.")


def test_the_list_of_times_is_not_empty_by_accident() -> None:
    """The one time that the API gives as text is a time in the schema as well."""
    assert schema_of("articles")["properties"]["releaseDate"]["format"] == "date-time"
    assert "format" not in schema_of("articles")["properties"]["articleName"]


def test_fields_that_events_share_are_typed_and_described_alike() -> None:
    """Who unites event tables in a warehouse finds the same column everywhere."""
    seen: dict[str, dict[str, Any]] = {}
    for stream in EVENT_STREAMS:
        for name, field in schema_of(stream)["properties"].items():
            assert seen.setdefault(name, field) == field, f"{stream}.{name}"
    assert len(seen) > len(EVENT_STREAMS) > 1


def test_every_schema_file_has_a_stream_and_every_stream_a_file() -> None:
    """A file that nobody reads is a stream that nobody gets."""
    assert sorted(file.name for file in SCHEMAS.iterdir()) == sorted(
        f"{stream}.json" for stream in STREAM_FACTS
    )
