"""A catalog given with `--catalog`, made by this tap or by anything else.

Runners and people send back what discovery printed; others write catalogs of their own, by what
they know of Singer. Either way each entry comes out whole, or the catalog is refused with a line
for each entry that cannot be understood. What an entry leaves out is put in, so that it is never
read as something that nobody meant: without a replication key, a full table would take the place of
an incremental stream; with one where there is none, deletions would be lost.
"""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.catalog import MetadataMapping

from tap_gainsight_px.catalog.schemas import load_schema
from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.given.catalog_keys import way_to_read, wrong_ways_to_read
from tap_gainsight_px.given.catalog_metadata import read_metadata, read_truth, selections_in_schema
from tap_gainsight_px.given.catalog_schemas import read_schema
from tap_gainsight_px.given.files import is_too_deep
from tap_gainsight_px.given.values import is_truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.given.catalog_metadata import Fields

_NAMED = 3
"""So many streams are named in a line."""


def read_catalog(content: Any, specs: Mapping[str, StreamSpec]) -> dict[str, Any]:
    """Return a catalog whose entries say all that the tap and the SDK look for.

    An entry is known by its `tap_stream_id` (by its `stream` where it has none); `stream` is the
    name that its messages carry. Entries of unknown streams keep only their name. Schemas are
    readable, and otherwise left as they are, but the fields of the key and of the replication key
    are in each that has fields.

    Args:
        content: What `--catalog` holds.
        specs: All streams by name.

    Raises:
        SettingsError: Entries cannot be understood; one line for each.
    """
    given = content.get("streams") if isinstance(content, dict) else None
    if not isinstance(given, (list, tuple)):
        message = 'the catalog is not a Singer catalog: it must hold {"streams": [a list]}'
        raise SettingsError(message)
    is_marked = any(isinstance(one, dict) and _is_marked(one) for one in given)
    entries: dict[str, dict[str, Any]] = {}
    lines: list[str] = []
    for number, one in enumerate(given):
        try:
            entry = _read_entry(one, number, specs, is_marked=is_marked)
        except SettingsError as error:
            lines += [f"the catalog is not a Singer catalog: {line}" for line in error.lines]
            continue
        name = entry["tap_stream_id"]
        if entries.setdefault(name, entry) != entry:
            lines.append(f"the catalog has two different entries for {name}; leave one")
    if lines:
        raise SettingsError(*lines)
    # What is not selected is not read, so that it cannot be wrong either.
    known = [one for name, one in entries.items() if name in specs]
    if entries and not known:
        raise SettingsError(_unknown(list(entries), specs))
    selected = [one for one in known if _is_selected(one)]
    for entry in selected:
        lines += wrong_ways_to_read(entry, specs[entry["tap_stream_id"]])
    lines += _clashes(selected)
    if lines:
        raise SettingsError(*(f"the catalog: {line}" for line in lines))
    for entry in known:
        entry.update(way_to_read(entry, specs[entry["tap_stream_id"]]))
    return {"streams": list(entries.values())}


def _unknown(names: Sequence[str], specs: Mapping[str, StreamSpec]) -> str:
    """Return the line for a catalog of which nothing could be read."""
    close = [found[0] for one in names if (found := get_close_matches(one, specs, n=1))]
    meant = f" (did you mean {', '.join(close[:_NAMED])}?)" if close else ""
    listed = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
    return (
        f"the catalog names none of the tap's streams, but {listed}{meant}. "
        "Make one by --discover (a table of a custom event needs custom_event_streams)"
    )


def _is_marked(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry is selected in the way of the first version of Singer."""
    schema = entry.get("schema")
    marks = [entry.get("selected"), schema.get("selected") if isinstance(schema, dict) else None]
    return any(is_truth(mark) for mark in marks)


def _read_entry(
    given: Any, number: int, specs: Mapping[str, StreamSpec], *, is_marked: bool
) -> dict[str, Any]:
    if not isinstance(given, dict):
        message = f"streams.{number} must be an object"
        raise SettingsError(message)
    entry = {str(name).replace("-", "_"): value for name, value in given.items()}
    stream = _text(entry, "stream", f"streams.{number}")
    name = _text(entry, "tap_stream_id", f"streams.{number}") or stream
    if not name:
        message = f"streams.{number} has neither tap_stream_id nor stream"
        raise SettingsError(message)
    spec = specs.get(name)
    if spec is None:
        return {"tap_stream_id": name, "schema": {}, "metadata": []}
    if is_too_deep(given):
        message = f"{name} is nested too deeply"
        raise SettingsError(message)
    schema = read_schema(entry.get("schema"), f"{name}.schema")
    metadata = _read_selection(entry, schema, spec, is_marked=is_marked)
    listed = [
        {"breadcrumb": list(breadcrumb), "metadata": values}
        for breadcrumb, values in metadata.items()
    ]
    return {
        "tap_stream_id": name,
        "stream": stream or name,
        "schema": _with_own_fields(schema, spec),
        "metadata": listed,
        "key_properties": entry.get("key_properties"),
        "replication_key": entry.get("replication_key"),
        "replication_method": entry.get("replication_method"),
    }


def _text(entry: Mapping[str, Any], name: str, where: str) -> str:
    """Return a text of an entry; empty where it is missing.

    Raises:
        SettingsError: It is something else than text.
    """
    value = entry.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    message = f"{where}.{name} must be text"
    raise SettingsError(message)


def _own_fields(spec: StreamSpec) -> list[str]:
    """Return the fields without which records can neither be merged nor resumed."""
    own = [*spec.primary_keys]
    if spec.replication_key and spec.replication_key not in own:
        own.append(spec.replication_key)
    return own


def _read_selection(
    entry: Mapping[str, Any], schema: Mapping[str, Any], spec: StreamSpec, *, is_marked: bool
) -> Fields:
    """Return an entry's metadata by breadcrumb, that of the stream itself always among it.

    Without any word about its selection a stream is selected, as in any tap on the SDK; but not
    where other entries are selected in the way of the first version of Singer.
    """
    metadata = read_metadata(entry.get("metadata"), f"{spec.name}.metadata")
    has_root = () in metadata
    marks = selections_in_schema(schema, f"{spec.name}.schema")
    if entry.get("selected") is not None:
        selected = read_truth(entry["selected"], f"{spec.name}.selected")
        marks[()] = {"selected": selected}
    if not has_root and () not in marks:
        marks[()] = {"selected": not is_marked}
    read = {
        breadcrumb: {**marks.get(breadcrumb, {}), **metadata.get(breadcrumb, {})}
        for breadcrumb in dict.fromkeys([(), *metadata, *marks])
    }
    for name in _own_fields(spec):
        step = ("properties", name)
        read[step] = {**read.get(step, {}), "inclusion": "automatic"}
    return read


def _with_own_fields(schema: dict[str, Any], spec: StreamSpec) -> dict[str, Any]:
    """Return a schema that has the fields of the keys, if it has any field."""
    fields = schema.get("properties")
    missing = [name for name in _own_fields(spec) if name not in (fields or {})]
    if not fields or not missing:
        return schema
    own = load_schema(spec.schema_name)["properties"]
    return {**schema, "properties": {**fields, **{name: own[name] for name in missing}}}


def _is_selected(entry: Mapping[str, Any]) -> bool:
    return MetadataMapping.from_iterable(entry["metadata"]).resolve_selection()[()]


def _clashes(selected: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each name that the messages of several streams would share."""
    for name, times in Counter(one["stream"] for one in selected).items():
        if times > 1:
            streams = [one["tap_stream_id"] for one in selected if one["stream"] == name]
            yield f"{' and '.join(streams)} are to be named {name}: each needs a name of its own"
