"""Which streams there are, and the schema of each: its file, and what only the account can tell.

Two things are not in the files. `customAttributes` of users and accounts are typed by what PX says
of the account's attributes (`/v1/admin/model/{user,account}/attributes`). A custom event that is
to be a stream of its own gets a column for each attribute, typed by a sample of real events.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.event_tables import event_table_schema, event_table_specs
from tap_gainsight_px.catalog.schemas import load_schema, with_unexpected
from tap_gainsight_px.catalog.spec import MAX_RANGE_DAYS
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.errors import RefusedError
from tap_gainsight_px.reading.planner import make_reader
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.timestamps import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.reading.planner import Run

logger = logging.getLogger(__name__)

_SAMPLE_DAYS = MAX_RANGE_DAYS

# The types of AttributeMetadata as the API documents them.
_ATTRIBUTE_TYPES: dict[str, dict[str, Any]] = {
    "STRING": {"type": ["string", "null"]},
    "NUMBER": {"type": ["number", "null"]},
    "BOOLEAN": {"type": ["boolean", "null"]},
    "DATE_TIME": {"type": ["string", "null"], "format": "date-time"},
}


def find_specs(event_names: Sequence[str]) -> dict[str, StreamSpec]:
    """Return all streams by name: the stream table, and one for each custom event named.

    Args:
        event_names: Names of custom events, already checked by `config_checks`.
    """
    specs = {spec.name: spec for spec in STREAMS}
    tables = event_table_specs(specs["custom_events"], event_names)
    return specs | {spec.name: spec for spec in tables}


def discover_schema(spec: StreamSpec, run: Callable[[], Run] | None) -> dict[str, Any]:
    """Return the JSON Schema of a stream's records.

    What the API key may not read, or is missing, leaves fields without a type: they stay
    free-form, and a warning says so.

    Args:
        spec: The stream.
        run: Gives what requests need; None without an API key.

    Raises:
        TapError: The API could not be asked.
    """
    schema = with_unexpected(load_schema(spec.schema_name))
    if spec.attributes_path is None and spec.event_name is None:
        return schema
    if run is None:
        logger.warning("Without api_key, %s has fields without a type", spec.name)
        return schema
    try:
        if spec.attributes_path is not None:
            attributes = run().get(spec.attributes_path, {}, decode_attributes)
            return with_attributes(schema, attributes)
        return event_table_schema(schema, _sample_events(spec, run()))
    except RefusedError as error:
        if error.status not in {403, 404}:
            raise
        logger.warning("%s has fields without a type: %s", spec.name, error)
        return schema


def decode_attributes(body: bytes) -> list[dict[str, Any]]:
    """Decode the answer of `/v1/admin/model/{type}/attributes`: a bare list.

    Raises:
        ValueError: It is something else.
    """
    try:
        answer = json.loads(body)
    except RecursionError as error:
        message = "it is nested too deeply"
        raise ValueError(message) from error
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        message = "it is no list of attributes"
        raise ValueError(message)
    return answer


def with_attributes(schema: dict[str, Any], attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema with one typed property for each custom attribute.

    Args:
        schema: Schema of users or accounts.
        attributes: What the API says of them. Those of the standard fields (origin DEFAULT), the
            deleted ones and those of an unknown type are left out; their values still pass.
    """
    properties = {
        attribute["apiName"]: {**_ATTRIBUTE_TYPES[attribute["type"]], **_description(attribute)}
        for attribute in attributes
        if attribute.get("origin", "CUSTOM") == "CUSTOM"
        and attribute.get("state") != "DELETED"
        and str(attribute.get("type")) in _ATTRIBUTE_TYPES
        and isinstance(attribute.get("apiName"), str)
    }
    if not properties:
        return schema
    custom = {**schema["properties"]["customAttributes"], "properties": properties}
    return {**schema, "properties": {**schema["properties"], "customAttributes": custom}}


def _description(attribute: dict[str, Any]) -> dict[str, str]:
    text = attribute.get("description") or attribute.get("name")
    return {"description": text} if isinstance(text, str) else {}


def _sample_events(spec: StreamSpec, run: Run) -> list[dict[str, Any]]:
    """Return some real events of one name: a page of those of the longest range."""
    assert spec.time_range is not None  # noqa: S101 - every event stream has one
    # As they are in PX, with their attributes in one field.
    reader = make_reader(spec, PageDecoder(replace(spec, event_name=None), {}), run)
    end = run.settings.run_start
    rows = reader.sample(Window(end - _SAMPLE_DAYS * DAY, end))
    records = [record for _, _, record in rows if isinstance(record, dict)]
    found = [record for record in records if record.get("eventName") == spec.event_name]
    if not found:
        logger.warning(
            "%s: PX has no custom event named %r in the last %d days, so its attributes have no "
            "columns. Upper and lower case count",
            spec.name,
            spec.event_name,
            _SAMPLE_DAYS,
        )
    return found
