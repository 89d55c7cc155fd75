"""The schemas inside a given catalog: readable all through, and otherwise as they were given.

What a type in them means is not decided here (`discovery`). JSON Schema allows `true` for a schema
that takes anything, and other programs write null for what they do not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_gainsight_px.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

_NUMBER = (int, float)
# What a keyword holds, where that is no schema.
_KINDS: dict[str, tuple[type, ...]] = {
    "contentEncoding": (str,),
    "contentMediaType": (str,),
    "description": (str,),
    "enum": (list,),
    "exclusiveMaximum": _NUMBER,
    "exclusiveMinimum": _NUMBER,
    "format": (str,),
    "maxLength": _NUMBER,
    "maximum": _NUMBER,
    "minLength": _NUMBER,
    "minimum": _NUMBER,
    "multipleOf": _NUMBER,
    "pattern": (str,),
    "required": (list,),
    "title": (str,),
    "type": (str, list),
}
_LISTS_OF_SCHEMAS = ("allOf", "anyOf", "oneOf")
_MAPS_OF_SCHEMAS = ("patternProperties", "properties")
_SCHEMAS = ("additionalProperties", "items")


def read_schema(given: Any, where: str) -> dict[str, Any]:
    """Return a schema in which every keyword holds what code and loaders look for.

    Args:
        given: Any JSON; what is null, or takes anything, is an empty schema.
        where: Where it stands, for the error.

    Raises:
        SettingsError: A keyword holds something that no schema can.
    """
    if given is None or isinstance(given, bool):
        return {}
    if not isinstance(given, dict):
        message = f"{where} must be an object"
        raise SettingsError(message)
    # In draft 4 of JSON Schema, `required: true` stood in a field.
    schema = {
        name: value
        for name, value in given.items()
        if value is not None and not (name == "required" and isinstance(value, bool))
    }
    for name, kinds in _KINDS.items():
        if name in schema and not isinstance(schema[name], kinds):
            message = f"{where}.{name} is not what JSON Schema knows"
            raise SettingsError(message)
    _check_names(schema, where)
    _drop_what_says_nothing(schema)
    return {**schema, **_inner(schema, where)}


def _check_names(schema: Mapping[str, Any], where: str) -> None:
    if not all(isinstance(one, str) for one in schema.get("required", [])):
        message = f"{where}.required must be a list of names"
        raise SettingsError(message)
    declared = schema.get("type", [])
    for one in [declared] if isinstance(declared, str) else declared:
        if one not in JSON_TYPES:
            message = f"{where}.type must be of {', '.join(JSON_TYPES)}"
            raise SettingsError(message)


def _drop_what_says_nothing(schema: dict[str, Any]) -> None:
    for name in (*_LISTS_OF_SCHEMAS, "type"):
        if schema.get(name) == []:
            del schema[name]
    # A list for `items` (one schema for each place) says too little for a column.
    if isinstance(schema.get("items"), (bool, list)):
        del schema["items"]


def _inner(schema: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the keywords that hold schemas, each of these read."""
    inner: dict[str, Any] = {}
    for name in _MAPS_OF_SCHEMAS:
        if name in schema:
            inner[name] = {
                key: read_schema(one, f"{where}.{name}.{key}")
                for key, one in _expect(dict, schema[name], f"{where}.{name}").items()
            }
    for name in _LISTS_OF_SCHEMAS:
        if name in schema:
            some = _expect(list, schema[name], f"{where}.{name}")
            inner[name] = [read_schema(one, f"{where}.{name}") for one in some]
    for name in _SCHEMAS:
        if name in schema and not isinstance(schema[name], bool):
            inner[name] = read_schema(schema[name], f"{where}.{name}")
    return inner


def _expect(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        message = f"{where} must be {'an object' if kind is dict else 'a list'}"
        raise SettingsError(message)
    return value
