"""Whatever is given to the tap is understood, or refused by a SettingsError and nothing else.

The values come from anywhere in JSON, and with preference from what people and programs do write.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.mapper import PluginMapper
from singer_sdk.singerlib import Catalog

from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.config_checks import find_errors
from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.given.catalog import read_catalog
from tap_gainsight_px.given.environment import from_environment
from tap_gainsight_px.given.files import parse_json_object
from tap_gainsight_px.given.values import understand
from tap_gainsight_px.settings import Settings
from tap_gainsight_px.singer.stream_maps import definition_errors
from tap_gainsight_px.tap import TapGainsightPx
from tap_gainsight_px.timestamps import parse

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = parse("2026-03-01T12:00:00Z")
SPECS = {spec.name: spec for spec in STREAMS}
SCHEMA = TapGainsightPx.config_jsonschema
TapGainsightPx.append_builtin_config(SCHEMA)

WORDS = st.sampled_from(
    [
        *("", " ", "true", "no", "8", "1e3", "[]", "{}", "a,b", "2026-01-01"),
        *("users", "accounts", "email", "lastModifiedDate", "aptrinsicId"),
        *("properties", "items", "type", "anyOf", "required", "format", "string", "object", "null"),
        *("LOG_BASED", "incremental", "FULL_TABLE", "selected", "metadata", "breadcrumb"),
        *("inclusion", "__else__", "__alias__", "__source__", "__filter__", "__key_properties__"),
        *("__NULL__", "*", "md5(email)", "record", "1 +"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | WORDS
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)

ENTRY: dict[str, Any] = {
    "tap_stream_id": "users",
    "stream": "users",
    "selected": True,
    "key_properties": ["aptrinsicId"],
    "replication_key": "lastModifiedDate",
    "replication_method": "INCREMENTAL",
    "schema": {
        "type": "object",
        "required": ["aptrinsicId"],
        "additionalProperties": False,
        "properties": {
            "aptrinsicId": {"type": "string"},
            "email": {"anyOf": [{"type": "string"}, {"type": "null"}], "format": "email"},
            "tags": {"type": ["array", "null"], "items": {"type": "string"}},
            "location": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    },
    "metadata": [
        {
            "breadcrumb": [],
            "metadata": {
                "selected": True,
                "inclusion": "available",
                "replication-method": "INCREMENTAL",
                "replication-key": "lastModifiedDate",
                "forced-replication-method": "INCREMENTAL",
                "table-key-properties": ["aptrinsicId"],
            },
        },
        {"breadcrumb": ["properties", "email"], "metadata": {"selected": False}},
    ],
}


def refusal(call: Callable[[], Any]) -> tuple[str, ...]:
    """Return the lines with which a call is refused; none where it is not."""
    try:
        call()
    except SettingsError as error:
        return error.lines
    return ()


def places(value: Any, *path: Any) -> list[tuple[Any, ...]]:
    """Return the way to each value inside of a value."""
    steps: list[Any] = []
    if isinstance(value, dict):
        steps = list(value)
    if isinstance(value, list):
        steps = list(range(len(value)))
    inner = [way for step in steps for way in places(value[step], *path, step)]
    return [path, *inner]


def with_changes(value: Any, changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
    """Return a value with others put in at some places, as far as these are still there."""
    changed = {"": deepcopy(value)}
    for path, new in changes:
        inside: Any = changed
        *steps, last = ("", *path)
        try:
            for step in steps:
                inside = inside[step]
            _ = inside[last]
            inside[last] = new
        except (KeyError, IndexError, TypeError):
            continue
    return changed[""]


CHANGES = st.lists(st.tuples(st.sampled_from(places(ENTRY)), JSON), min_size=1, max_size=3)


@given(changes=CHANGES, other=JSON)
@example(changes=[(("schema",), {"properties": {"a": {"enum": [1]}}})], other={})
@settings(max_examples=300)
def test_any_value_at_any_place_of_a_catalog_is_understood_or_refused(
    changes: list[Any], other: Any
) -> None:
    """What is understood goes through all the code of the SDK that looks at a catalog."""
    content = {"streams": [with_changes(ENTRY, changes), other]}
    if refusal(lambda: read_catalog(content, SPECS)):
        return
    for entry in Catalog.from_dict(read_catalog(content, SPECS)).streams:
        mask = entry.metadata.resolve_selection()
        schema = get_selected_schema(entry.tap_stream_id, entry.schema.to_dict(), mask)
        spec = SPECS.get(entry.tap_stream_id)
        if spec is None:
            continue
        assert entry.key_properties == list(spec.primary_keys)
        assert entry.replication_key == spec.replication_key
        assert entry.replication_method in {"FULL_TABLE", "INCREMENTAL"}
        assert isinstance(mask[()], bool)
        # All ways lead from field to field: whoever looks at the second step finds its name.
        assert all(len(way) % 2 == 0 for way in mask)
        if mask[()] and schema.get("properties"):
            assert {*spec.primary_keys} <= set(schema["properties"])


@given(content=JSON)
def test_any_json_is_a_catalog_or_refused(content: Any) -> None:
    """Also where it has nothing to do with one."""
    assert refusal(lambda: read_catalog(content, SPECS)) or read_catalog(content, SPECS)


@given(body=st.binary(max_size=40) | JSON.map(lambda one: repr(one).encode("utf-16", "replace")))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    """Whatever somebody has named by mistake."""
    lines = refusal(lambda: parse_json_object(body, "the state"))
    assert len(lines) <= 1
    assert all(line.startswith("the state ") for line in lines)
    assert lines or isinstance(parse_json_object(body, "the state"), dict)


@given(values=st.dictionaries(st.sampled_from(sorted(SCHEMA["properties"])), JSON, max_size=4))
@settings(max_examples=300)
def test_any_value_of_any_setting_is_understood_or_refused(values: dict[str, Any]) -> None:
    """Each line names the setting that it is about, and what passes can be worked with."""
    config = understand({"api_key": "a-key", "region": "US", **values}, SCHEMA)
    lines = find_errors(config, SCHEMA, key_required=True, now=NOW)
    assert all(line.startswith((*SCHEMA["properties"],)) for line in lines)
    if not lines:
        Settings.from_config(config, run_start=NOW)


TEXTS = (st.text(max_size=12) | WORDS).filter(
    lambda text: "\0" not in text and text.isprintable() and not _has_half_characters(text)
)


def _has_half_characters(text: str) -> bool:
    return any("\ud800" <= one <= "\udfff" for one in text)


@given(values=st.dictionaries(st.sampled_from(sorted(SCHEMA["properties"])), TEXTS, max_size=4))
def test_any_text_in_any_variable_is_understood_or_refused(values: dict[str, str]) -> None:
    """Each line names the variable that it is about, and no line holds what is in it."""
    variables = {f"TAP_TEST_{name.upper()}": text for name, text in values.items()}
    find = patch("singer_sdk.configuration._dict_config.find_dotenv", lambda: "")
    with find, patch.dict(os.environ, variables):
        lines = refusal(lambda: from_environment(SCHEMA, "TAP_TEST_"))
        assert all(line.split()[0] in variables for line in lines)
        assert lines or set(from_environment(SCHEMA, "TAP_TEST_")) <= set(values)


@given(stream_maps=st.dictionaries(WORDS, JSON, max_size=3))
@settings(max_examples=300)
def test_any_stream_map_is_understood_or_refused(stream_maps: dict[str, Any]) -> None:
    """What passes our own look at it raises none of Python's errors in the SDK either."""
    if list(definition_errors(stream_maps)):
        return
    schema = ENTRY["schema"]
    with suppress(MappingError, NotImplementedError):
        mapper = PluginMapper({"stream_maps": {**stream_maps}}, logging.getLogger(__name__))
        mapper.register_raw_stream_schema("users", schema, ["aptrinsicId"])
