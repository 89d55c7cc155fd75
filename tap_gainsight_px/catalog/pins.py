"""What a catalog says of types: nothing, as a rule, for a catalog says what is selected.

A catalog may be months old, and PX has gone on since. So types come from PX at each run, unless
the user has pinned one on purpose, by editing the property in the catalog (`schema` in Meltano):

- a property of the schema file is pinned where its type is not the file's;
- one that stands for an attribute is discovered with a mark that repeats its type. It is pinned
  where the two differ, or where the mark is gone. Meltano takes it away where it sets a schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.catalog import MetadataMapping

from tap_gainsight_px.catalog.types import type_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARK = "x-discovered-as"
"""Keyword of a property in the catalog; no SCHEMA message has it."""

_ATTRIBUTE = "attribute"
_SOME = ("anyOf", "oneOf", "allOf")
# Loaders make narrow columns by them (a smallint), or refuse records; values need not keep to them.
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_LENGTHS = frozenset({"minLength", "maxLength", "pattern", "enum", "const"})


def schemas_given(catalog: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the schemas of a catalog by stream, with the marks that the SDK's classes drop.

    Each type in them is said in the one way that loaders agree on (`_plain`).

    Args:
        catalog: As `given.catalog` leaves it.
    """
    return {entry["tap_stream_id"]: _plain(entry["schema"]) for entry in catalog["streams"]}


def _plain(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema whose types stand in `type`, not in `anyOf` and the like, with null.

    Of several schemas loaders make a column for one, and cannot fill it with the values of another.
    """
    gone = _BOUNDS | _LENGTHS | {*_SOME}
    made = {name: value for name, value in field.items() if name not in gone}
    some = [one for name in _SOME for one in field.get(name, ()) if isinstance(one, dict)]
    if some and "type" not in made:
        made |= _one_of([_plain(one) for one in some if _names(one) != ["null"]])
    types = [one for one in _names(made) if one != "null"]
    if "number" in types:
        types = [one for one in types if one != "integer"]
    if len(types) > 1 and not set(types) & {"array", "object", "string"}:
        types = ["string"]  # a number column would take true for 1
    made.pop("type", None)
    if types:
        made["type"] = [*types, "null"]
        if "string" not in types:
            made.pop("format", None)
    if "properties" in made:
        made["properties"] = {
            name: _plain(one) if isinstance(one, dict) else one
            for name, one in made["properties"].items()
        }
    if isinstance(made.get("items"), dict):
        made["items"] = _plain(made["items"])
    return made


def _names(field: Mapping[str, Any]) -> list[str]:
    """Return the types that stand in `type`."""
    declared = field.get("type", [])
    return [declared] if isinstance(declared, str) else list(declared)


def _one_of(some: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return one schema in place of several, as `_plain` leaves each; empty if one says nothing."""
    if not all("type" in one for one in some):
        return {}
    if len(some) == 1:
        return some[0]
    formats = {one.get("format") for one in some}
    kept = {"format": formats.pop()} if len(formats) == 1 and formats != {None} else {}
    return {"type": list(dict.fromkeys(name for one in some for name in _names(one))), **kept}


def marked(field: Mapping[str, Any], attribute: str | None = None) -> dict[str, Any]:
    """Return the schema of an attribute as the catalog has it.

    Args:
        field: Its JSON Schema.
        attribute: Its name, where the property has another one.
    """
    mark = {name: field[name] for name in ("type", "format") if name in field}
    return {**field, MARK: mark if attribute is None else {**mark, _ATTRIBUTE: attribute}}


def attribute_of(name: str, field: Mapping[str, Any]) -> str:
    """Return the attribute that a property of a catalog stands for."""
    mark = field.get(MARK)
    attribute = mark.get(_ATTRIBUTE) if isinstance(mark, dict) else None
    return attribute if isinstance(attribute, str) else name


def is_pinned(field: Mapping[str, Any]) -> bool:
    """Whether the user has chosen the type of an attribute."""
    chosen = type_of(field)
    mark = field.get(MARK)
    return bool(chosen) and (not isinstance(mark, dict) or type_of(mark) != chosen)


def without_mark(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a property as a SCHEMA message has it."""
    return {name: value for name, value in field.items() if name != MARK}


def moved(metadata: MetadataMapping, renamed: Mapping[str, str]) -> MetadataMapping:
    """Return the metadata of a catalog's entry where some columns have other names.

    A catalog is discovered without STATE, which alone knows what a column was first called. What
    is selected or not is meant for the attribute.

    Args:
        metadata: By breadcrumb.
        renamed: The names of columns, by those that the catalog has for them.
    """
    found = MetadataMapping()
    for breadcrumb, one in metadata.items():
        column = tuple(renamed.get(name, name) for name in breadcrumb[1:2])
        found[breadcrumb[:1] + column + breadcrumb[2:]] = one
    return found


def with_pins(schema: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with the types that the user has pinned in the catalog.

    Only types count: a catalog made by an older version may lack properties, or require others.

    Args:
        schema: That of a schema file.
        given: That of the catalog, without the properties that stand for attributes.
    """
    properties = dict(schema.get("properties", {}))
    for name, field in _fields(given).items():
        if name in properties:
            properties[name] = _with_pin(properties[name], field)
        elif type_of(field):
            properties[name] = without_mark(field)
    return {**schema, "properties": properties}


def _with_pin(field: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    chosen = type_of(given)
    if chosen and chosen != type_of(field):
        return without_mark(given)
    if "properties" in field:
        return with_pins(field, given)
    if isinstance(field.get("items"), dict) and isinstance(given.get("items"), dict):
        return {**field, "items": _with_pin(field["items"], given["items"])}
    return field


def _fields(given: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    properties = given.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: field for name, field in properties.items() if isinstance(field, dict)}
