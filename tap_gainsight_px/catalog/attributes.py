"""The fields that stand for custom attributes: from what is known of each to its schema."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tap_gainsight_px.catalog import pins
from tap_gainsight_px.catalog.types import field_of, type_of, word_of

CUSTOM_ATTRIBUTES = "customAttributes"
"""The field of users and accounts that holds their attributes."""


def typed_fields(
    announced: Mapping[str, str],
    said: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Return the field of each attribute.

    Args:
        announced: Types of earlier runs, as words.
        said: What PX says now.
        given: What the catalog says, with its marks.
    """
    typed: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys([*said, *announced, *given]):
        own = given.get(name, {})
        source = said.get(name, own)
        about = {"description": source["description"]} if "description" in source else {}
        if pins.is_pinned(own):
            typed[name] = {**about, **pins.without_mark(own)}
        elif name in announced:
            typed[name] = {**field_of(announced[name]), **about}
        elif type_of(source):
            typed[name] = pins.without_mark(source)
    return typed


def for_catalog(
    typed: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the fields as the catalog has them: with a mark, where the user has pinned nothing."""
    names = columns or {}
    return {
        name: dict(one)
        if pins.is_pinned(given.get(name, {}))
        else pins.marked(one, name if names.get(name, name) != name else None)
        for name, one in typed.items()
    }


def remembered(
    typed: Mapping[str, Mapping[str, Any]], announced: Mapping[str, str]
) -> dict[str, str]:
    """Return the types to remember: those of this run, and those announced before."""
    words = {name: word_of(one) for name, one in typed.items()}
    return {**announced, **{name: word for name, word in words.items() if word}}


def properties_of(schema: Any, names: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return those properties of a schema that are schemas themselves, or some of them."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return {
        name: one
        for name, one in (properties.items() if isinstance(properties, Mapping) else ())
        if isinstance(one, dict) and (names is None or name in names)
    }
