"""The schema of a stream: its file, and what only the account can tell.

Two things are not in the files. `customAttributes` of users and accounts are typed by what PX says
of the account's attributes (`/v1/admin/model/{user,account}/attributes`). A custom event that is
to be a stream of its own gets a column for each attribute, typed by a sample of real events.

Their types are those that the user has pinned in the catalog; else those that an earlier run has
announced, for a loader does not change a column; else those of PX or the sample; else those that
the catalog was discovered with, where PX cannot tell.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog import event_tables, pins
from tap_gainsight_px.catalog.attributes import (
    CUSTOM_ATTRIBUTES,
    for_catalog,
    properties_of,
    remembered,
    typed_fields,
)
from tap_gainsight_px.catalog.flattening import with_own_column
from tap_gainsight_px.catalog.names import MOST_COLUMNS
from tap_gainsight_px.catalog.schemas import declared_type, load_schema, with_unexpected
from tap_gainsight_px.errors import RefusedError
from tap_gainsight_px.output.announced import NO_ROOM, Announced
from tap_gainsight_px.reading.event_sample import sample_events
from tap_gainsight_px.records.attribute_list import attribute_fields, decode_attributes
from tap_gainsight_px.timestamps import to_iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from singer_sdk.helpers._flattening import FlatteningOptions

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.reading.run import Run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """What is known of one stream before PX is asked.

    Attributes:
        given: Its schema in the catalog; empty without one.
        announced: What earlier runs have announced.
        resumes_at: Where this run begins to read, epoch milliseconds, if there is a bookmark.
        flattening: How objects become columns; None where they stay objects.
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    announced: Announced = field(default_factory=Announced)
    resumes_at: int | None = None
    flattening: FlatteningOptions | None = None


@dataclass(frozen=True)
class Discovered:
    """The schema of one stream.

    Attributes:
        schema: As a SCHEMA message has it.
        catalog_schema: As the catalog has it: with marks where a type comes from PX.
        announced: What it says of attributes.
        columns: The column of each attribute, in a table of events.
        renamed: Columns that the catalog has under another name, by that name.
    """

    schema: dict[str, Any]
    catalog_schema: dict[str, Any]
    announced: Announced = field(default_factory=Announced)
    columns: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


def discover(spec: StreamSpec, run: Run | None, known: Known) -> Discovered:
    """Return the schema of a stream's records.

    What the API key may not read, or is missing, leaves attributes without a type, unless they are
    known already: they stay free-form, and a warning says so.

    Args:
        spec: The stream.
        run: What requests need; None where PX is not to be asked.
        known: What is known of the stream.

    Raises:
        TapError: The API could not be asked.
    """
    schema = with_unexpected(load_schema(spec.schema_name))
    # The tap goes by the keys itself, so their types are not for others to choose.
    known = replace(known, given=_without(known.given, *spec.primary_keys, spec.replication_key))
    if spec.attributes_path is not None:
        return _with_custom_attributes(spec, run, known, schema)
    if spec.event_name is not None:
        return _with_event_columns(spec, run, known, schema)
    schema = pins.with_pins(schema, known.given)
    return Discovered(schema, schema)


def _with_custom_attributes(
    spec: StreamSpec, run: Run | None, known: Known, schema: dict[str, Any]
) -> Discovered:
    """Return the schema of users or accounts, with a property for each custom attribute."""
    given = properties_of(properties_of(known.given).get(CUSTOM_ATTRIBUTES, {}))
    schema = pins.with_pins(schema, _without_properties_of(CUSTOM_ATTRIBUTES, known.given))
    if declared_type(schema["properties"][CUSTOM_ATTRIBUTES]) != "object":
        return Discovered(schema, schema)  # pinned as something else
    said = _said_by_px(spec, run, _attributes)
    typed = typed_fields(known.announced.types, said, given)
    if known.flattening is not None:
        order = sorted(typed, key=lambda name: (name not in known.announced.types, name))
        kept = with_own_column(schema, CUSTOM_ATTRIBUTES, order, known.flattening)
        if left := sorted(typed.keys() - set(kept)):
            logger.warning(
                "%s: flattening gives these attributes no column, because their names are too "
                "long, odd, or another one's but for case and the like, or they are too many. "
                "Their values are in _unexpected: %s",
                spec.name,
                ", ".join(map(repr, left)),
            )
        typed = {name: typed[name] for name in typed if name in kept}
    return Discovered(
        _put(schema, CUSTOM_ATTRIBUTES, typed),
        _put(schema, CUSTOM_ATTRIBUTES, for_catalog(typed, given)),
        Announced(remembered(typed, known.announced.types)),
    )


def _with_event_columns(
    spec: StreamSpec, run: Run | None, known: Known, schema: dict[str, Any]
) -> Discovered:
    """Return the schema of an event table, with a column for each attribute."""
    fields = schema["properties"].keys()
    given = {name: one for name, one in properties_of(known.given).items() if name not in fields}
    schema = pins.with_pins(schema, {"properties": properties_of(known.given, fields)})
    said = _said_by_px(spec, run, partial(_sampled, known=known))
    columns = _columns(spec, known, said, given, fields)
    in_catalog = {pins.attribute_of(name, one): name for name, one in given.items()}
    by_attribute = {name: given[column] for name, column in in_catalog.items()}
    # Where a pin has taken the mark away, only the name of the column tells the attribute.
    by_attribute |= {
        name: given[column]
        for name, column in columns.items()
        if column in given and pins.MARK not in given[column]
    }
    typed = {
        name: event_tables.described(name, one)
        for name, one in typed_fields(known.announced.types, said, by_attribute).items()
        if name in columns
    }
    words = remembered(typed, known.announced.types)

    def with_columns(found: Mapping[str, Any]) -> dict[str, Any]:
        by_column = {columns[name]: one for name, one in found.items()}
        return {**schema, "properties": {**schema["properties"], **by_column}}

    return Discovered(
        with_columns(typed),
        with_columns(for_catalog(typed, by_attribute, columns)),
        Announced(words, {name: columns[name] for name in words if name in columns}),
        columns,
        {
            column: columns[name]
            for name, column in in_catalog.items()
            if columns.get(name, column) != column
        },
    )


def _columns(
    spec: StreamSpec,
    known: Known,
    said: Mapping[str, Any],
    given: Mapping[str, Any],
    fields: Collection[str],
) -> dict[str, str]:
    """Return the column of each attribute of an event: that of an earlier run, if there was one."""
    announced = sorted(known.announced.all_columns.items())
    in_catalog = [(pins.attribute_of(name, one), name) for name, one in sorted(given.items())]
    is_marked = {name: pins.MARK in one for name, one in given.items()}
    kept = event_tables.kept_columns(
        [*announced, *(pair for pair in in_catalog if is_marked[pair[1]])], fields=fields
    )
    columns = event_tables.column_names({*said, *known.announced.types}, kept=kept, fields=fields)
    if beyond := len(said.keys() - columns.keys()):
        logger.warning(NO_ROOM, spec.name, beyond, event_tables.ATTRIBUTES, MOST_COLUMNS)
    other = {
        name: columns[name]
        for name in sorted(columns)
        if columns[name] != known.announced.all_columns.get(name, name)
    }
    if other:
        logger.warning(
            "%s: not every loader takes the names of these attributes, so their columns are %s",
            spec.name,
            ", ".join(f"{column!r} (for {name!r})" for name, column in other.items()),
        )
    # What the user has put into the catalog, for an attribute that was not seen yet.
    return event_tables.kept_columns([*columns.items(), *in_catalog], fields=fields)


def _said_by_px(
    spec: StreamSpec,
    run: Run | None,
    ask: Callable[[StreamSpec, Run], dict[str, dict[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """Return a field for each attribute that PX tells of; none where it refuses."""
    if run is None:
        return {}
    try:
        return ask(spec, run)
    except RefusedError as error:
        if error.status not in {403, 404}:
            raise
        logger.warning("%s has fields without a type: %s", spec.name, error)
        return {}


def _attributes(spec: StreamSpec, run: Run) -> dict[str, dict[str, Any]]:
    assert spec.attributes_path is not None  # noqa: S101 - only such a stream is asked about
    return attribute_fields(run.get(spec.attributes_path, {}, decode_attributes))


def _sampled(spec: StreamSpec, run: Run, *, known: Known) -> dict[str, dict[str, Any]]:
    start = run.settings.start
    if known.announced.types and known.resumes_at is not None:
        # What came earlier has been seen, and noted in STATE.
        start = max(start, known.resumes_at)
    found = sample_events(spec, run, start)
    if not found and not known.announced.types:
        logger.warning(
            "%s: PX has no custom event named %r since %s, so its attributes have no columns. "
            "Upper and lower case count",
            spec.name,
            spec.event_name,
            to_iso_seconds(start),
        )
    return event_tables.sampled_fields(found)


def _without(schema: Mapping[str, Any], *names: str | None) -> dict[str, Any]:
    """Return a schema without some of its properties."""
    properties = properties_of(schema)
    return {"properties": {name: one for name, one in properties.items() if name not in names}}


def _without_properties_of(field: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema in which one field has no properties."""
    properties = properties_of(schema)
    if field in properties:
        bare = {key: value for key, value in properties[field].items() if key != "properties"}
        properties[field] = bare
    return {"properties": properties}


def _put(schema: dict[str, Any], field: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return a schema in which one field has these properties, or none."""
    if not properties:
        return schema
    with_properties = {**schema["properties"][field], "properties": properties}
    return {**schema, "properties": {**schema["properties"], field: with_properties}}
