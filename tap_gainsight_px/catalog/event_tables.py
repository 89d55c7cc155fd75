"""Custom events as tables: a stream for each event name, its attributes as columns."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.schemas import UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_gainsight_px.catalog.spec import StreamSpec

# The other fields of CustomEvent. An attribute of the same name gets a column of another one.
EVENT_FIELDS = frozenset(
    {
        "accountId",
        "date",
        "eventId",
        "eventName",
        "eventType",
        "globalContext",
        "identifyId",
        "propertyKey",
        "referrer",
        "remoteHost",
        "sessionId",
        "url",
        "userType",
        UNEXPECTED,
    }
)
_ATTRIBUTES = "attributes"
_SUFFIX = "_attribute"

# The JSON type of a value, looked for in this order: for Python, true is a number too.
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "number": (float, Decimal),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def event_stream_name(event_name: str) -> str:
    """Return the name of the stream that holds the custom events of one name."""
    return "custom_event_" + re.sub(r"\W+", "_", event_name.strip().lower()).strip("_")


def event_table_specs(custom_events: StreamSpec, event_names: Iterable[str]) -> list[StreamSpec]:
    """Return one stream for each event name.

    Args:
        custom_events: The stream of all custom events.
        event_names: Names as PX has them, no two of which lead to the same stream name.
    """
    return [
        replace(
            custom_events,
            name=event_stream_name(event_name),
            schema_file=custom_events.name,
            event_name=event_name,
        )
        for event_name in event_names
    ]


def event_table_schema(schema: dict[str, Any], sample: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of custom events with one typed property for each attribute.

    Args:
        schema: Schema of `custom_events`.
        sample: Real events of one name.
    """
    fields = {name: field for name, field in schema["properties"].items() if name != _ATTRIBUTES}
    types: dict[str, set[str]] = {}
    for event in sample:
        for name, value in (event.get(_ATTRIBUTES) or {}).items():
            types.setdefault(name, set()).add(_json_type(value))
    for name, found in types.items():
        description = f"Attribute {name} of the event."
        fields[_column(name)] = {**_column_type(found), "description": description}
    return {**schema, "properties": fields}


def lift_attributes(record: dict[str, Any]) -> None:
    """Put the attributes of an event beside its other fields, in place."""
    attributes = record.get(_ATTRIBUTES)
    if isinstance(attributes, dict):
        del record[_ATTRIBUTES]
        record.update({_column(name): value for name, value in attributes.items()})


def _column(attribute: str) -> str:
    # Names that end like this are lengthened too, so that no two attributes share a column.
    is_taken = attribute in EVENT_FIELDS or attribute.endswith(_SUFFIX)
    return attribute + _SUFFIX if is_taken else attribute


def _json_type(value: Any) -> str:
    for json_type, python_types in _PYTHON_TYPES.items():
        if isinstance(value, python_types):
            return json_type
    return "null"


def _column_type(seen: set[str]) -> dict[str, Any]:
    found = seen - {"null"}
    if found == {"integer", "number"}:
        found = {"number"}
    # What is of several types, or never had a value, is kept as text: nothing is lost by that.
    (one,) = found if len(found) == 1 else ("string",)
    open_ended = {"additionalProperties": True} if one == "object" else {}
    return {"type": [one, "null"], **open_ended}
