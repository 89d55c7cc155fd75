"""What a stream map drops or replaces does not leave the tap in another place of the record.

A value that does not fit its field stands in `_unexpected`, and the columns of an event are copies
of its `attributes`. A user who drops or hashes a field means the value, not the place.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, TypeAlias

from singer_sdk.mapper import MAPPER_SOURCE_OPTION, NULL_STRING, CustomStreamMap

from tap_gainsight_px.catalog.event_tables import ATTRIBUTES
from tap_gainsight_px.catalog.schemas import UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from singer_sdk.mapper import PluginMapper

_Transform: TypeAlias = "Callable[[dict[str, Any]], dict[str, Any] | None]"


def hide_mapped_values(mapper: PluginMapper, stream: str, copies: Mapping[str, str]) -> None:
    """Let no value leave that a map drops or replaces, wherever else it stands in the record.

    Args:
        mapper: The maps; those of the stream are changed.
        stream: The stream.
        copies: The attributes of its events that have a column, with that column.
    """
    for one, names in zip(mapper.stream_maps[stream], _mapped(mapper, stream), strict=True):
        if isinstance(one, CustomStreamMap) and names:
            hidden = {name for name, column in copies.items() if column in names}
            one._transform_fn = _hiding(one._transform_fn, names, hidden)  # noqa: SLF001


def removed_alone(stream_maps: Mapping[str, Any], stream: str) -> frozenset[str]:
    """Return the fields that the map of a stream removes, or none if it does anything else.

    Args:
        stream_maps: The setting, which `stream_maps.check_maps` has looked at.
        stream: The stream.
    """
    own = [
        definition
        for key, definition in stream_maps.items()
        if isinstance(definition, dict)
        and fnmatch(stream, definition.get(MAPPER_SOURCE_OPTION, key))
    ]
    if len(own) != 1 or any(name.startswith("__") for name in own[0]):
        return frozenset()
    removes = all(value in {None, NULL_STRING} for value in own[0].values())
    return frozenset(own[0] if removes else ())


def _mapped(mapper: PluginMapper, stream: str) -> list[set[str]]:
    """Return for each map of a stream the fields that it drops or replaces."""
    found: list[set[str]] = [set()]
    for key, definition in mapper.stream_maps_dict.items():
        parts = definition if isinstance(definition, dict) else {}
        names = {name for name in parts if not name.startswith("__")}
        # The SDK has them in this order: the last one under the stream's own name, then the rest.
        if fnmatch(stream, parts.get(MAPPER_SOURCE_OPTION, key)):
            if MAPPER_SOURCE_OPTION in parts:
                found.append(names)
            else:
                found[0] = names
    return found


def _hiding(transform: _Transform, names: set[str], attributes: set[str]) -> _Transform:
    def hiding(record: dict[str, Any]) -> dict[str, Any] | None:
        result = transform(record)
        if not result:
            return result
        unexpected = result.get(UNEXPECTED)
        if isinstance(unexpected, dict) and UNEXPECTED not in names:
            left = {path: one for path, one in unexpected.items() if not _is_below(path, names)}
            del result[UNEXPECTED]
            result |= {UNEXPECTED: left} if left else {}
        found = result.get(ATTRIBUTES)
        if attributes and isinstance(found, dict) and ATTRIBUTES not in names:
            result[ATTRIBUTES] = {key: found[key] for key in found if key not in attributes}
        return result

    return hiding


def _is_below(path: str, names: set[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in names)
