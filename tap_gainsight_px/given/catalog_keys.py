"""The keys and the replication of an entry of a given catalog.

Discovery writes them, runners and people change them: what is left out, or says what the tap says
itself, is the tap's own. A stream can be read as a full table in place of incrementally. Nothing
else can be chosen, so that all else is told.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_gainsight_px.catalog.spec import StreamSpec

_METHODS = (REPLICATION_FULL_TABLE, REPLICATION_INCREMENTAL)


def way_to_read(entry: Mapping[str, Any], spec: StreamSpec) -> dict[str, Any]:
    """Return keys and replication as the SDK looks for them in an entry.

    Args:
        entry: An entry as `given.catalog` reads it.
        spec: Its stream.
    """
    return {
        "key_properties": list(spec.primary_keys),
        "replication_key": spec.replication_key,
        "replication_method": REPLICATION_FULL_TABLE
        if _is_full(entry, spec)
        else _own_method(spec),
    }


def wrong_ways_to_read(entry: Mapping[str, Any], spec: StreamSpec) -> Iterator[str]:
    """Yield a line for each thing that an entry chooses and the tap does not have.

    Args:
        entry: An entry as `given.catalog` reads it.
        spec: Its stream.
    """
    yield from _wrong_keys(entry, spec)
    wrong_methods = [line for one in _methods(entry) if (line := _wrong_method(one, spec.name))]
    yield from wrong_methods
    if wrong_methods:
        return
    if _chosen_method(entry, spec) == REPLICATION_INCREMENTAL and not spec.replication_key:
        yield f"{spec.name} can only be read by {REPLICATION_FULL_TABLE}; leave the method out"
    yield from _wrong_replication_keys(entry, spec)


def _root(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of the stream itself."""
    found: Mapping[str, Any] = next(
        one["metadata"] for one in entry["metadata"] if not one["breadcrumb"]
    )
    return found


def _wrong_keys(entry: Mapping[str, Any], spec: StreamSpec) -> Iterator[str]:
    """Refuse other keys: records may lack them. A stream map can still choose them."""
    for given in (entry["key_properties"], _root(entry).get("table-key-properties")):
        keys = [given] if isinstance(given, str) and given else given or []
        if not isinstance(keys, (list, tuple)) or not all(isinstance(one, str) for one in keys):
            yield f"the key_properties of {spec.name} must be a list of names"
        elif keys and set(keys) != set(spec.primary_keys):
            yield (
                f"the key of {spec.name} is {', '.join(spec.primary_keys)}, not {', '.join(keys)}; "
                "leave key_properties out, or choose another key by __key_properties__ in "
                "stream_maps"
            )


def _methods(entry: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Return what is said of the method: what the user chooses, and what discovery fills too."""
    root = _root(entry)
    return (
        root.get("replication-method"),
        entry["replication_method"],
        root.get("forced-replication-method"),
    )


def _chosen_method(entry: Mapping[str, Any], spec: StreamSpec) -> str:
    """Return the method that somebody has chosen; empty where nobody has.

    In the metadata, `replication-method` is the user's own. In the other places the tap's own
    method may just be what discovery has written there.
    """
    chosen, *others = (_spelled(one) for one in _methods(entry))
    own = _own_method(spec)
    return chosen or next((one for one in others if one not in {"", own}), "")


def _is_full(entry: Mapping[str, Any], spec: StreamSpec) -> bool:
    return _chosen_method(entry, spec) == REPLICATION_FULL_TABLE


def _own_method(spec: StreamSpec) -> str:
    return REPLICATION_INCREMENTAL if spec.replication_key else REPLICATION_FULL_TABLE


def _spelled(method: Any) -> str:
    """Return a method in Singer's spelling."""
    return "" if method is None else str(method).strip().upper().replace("-", "_").replace(" ", "_")


def _wrong_method(given: Any, stream: str) -> str:
    method = _spelled(given)
    if method in {"", *_METHODS}:
        return ""
    close = get_close_matches(method, _METHODS, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{stream} cannot be read by {str(given)[:40]!r}, only by {' or '.join(_METHODS)}{meant}"


def _wrong_replication_keys(entry: Mapping[str, Any], spec: StreamSpec) -> Iterator[str]:
    if _is_full(entry, spec):
        return  # which goes by no key, whatever is left of one
    for key in (_root(entry).get("replication-key"), entry["replication_key"]):
        if key and key != spec.replication_key:
            own = f"is {spec.replication_key}" if spec.replication_key else "does not exist"
            yield (
                f"the replication key of {spec.name} {own}: leave the replication key "
                f"{str(key)[:40]!r} out"
            )
