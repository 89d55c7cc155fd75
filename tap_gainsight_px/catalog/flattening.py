"""Which custom attributes the SDK's flattening can give a column of its own.

It joins the names on the way to a value. A name that comes out twice ends the run, and one that no
loader takes blocks it. So an attribute with such a name is not declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.helpers._flattening import FlatteningOptions, flatten_key, flatten_schema

from tap_gainsight_px.catalog.names import MOST_COLUMNS, folded, is_loadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def flattening_of(config: Mapping[str, Any]) -> FlatteningOptions | None:
    """Return how objects become columns; None where they stay objects.

    Args:
        config: The tap's configuration.
    """
    if not config.get("flattening_enabled") or not config.get("flattening_max_depth"):
        return None
    return FlatteningOptions.from_dict(config)  # type: ignore[arg-type]


def with_own_column(
    schema: dict[str, Any], field: str, attributes: Iterable[str], options: FlatteningOptions
) -> list[str]:
    """Return the attributes that flattening gives a column, which no other field has.

    Args:
        schema: JSON Schema of a record, without the attributes.
        field: The field that holds them.
        attributes: Their names; one that comes earlier takes a column before a later one.
        options: How names are joined.
    """
    separator, longest = options.separator, options.max_key_length
    others = flatten_schema(schema, options.max_level, separator, max_key_length=longest)
    used = {one for column in others["properties"] for one in folded(column)}
    kept: list[str] = []
    for attribute in attributes:
        column = flatten_key(attribute, [field], separator, max_key_length=longest)
        if len(kept) < MOST_COLUMNS and is_loadable(column) and not folded(column) & used:
            used |= folded(column)
            kept.append(attribute)
    return kept
