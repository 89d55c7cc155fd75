"""What can be wrong with a configuration, and what in it has no effect."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tap_gainsight_px.config_checks import find_errors, find_warnings
from tap_gainsight_px.settings import SETTINGS_SCHEMA
from tap_gainsight_px.tap import TapGainsightPx
from tap_gainsight_px.timestamps import parse

STREAMS = {"users": True, "accounts": False, "custom_events": False}
BATCH = {"encoding": {"format": "jsonl"}, "storage": {"root": "file:///tmp"}}
NOW = parse("2026-03-01T12:00:00.500Z")


def errors_in(config: dict[str, Any], *, key_required: bool = True) -> list[str]:
    """Return the errors of a configuration."""
    return find_errors(config, SETTINGS_SCHEMA, key_required=key_required, now=NOW)


def test_every_wrong_setting_is_told_at_once() -> None:
    """Nobody wants to correct a configuration one run at a time."""
    wrong = {"api_key": "k", "page_size": 0, "region": "MARS", "window_days": 500}
    assert len(errors_in(wrong)) == 3


def test_settings_that_are_wrong_in_their_value_are_told_together_too() -> None:
    """The key, the address, the dates and the names of events do not wait for one another."""
    wrong: dict[str, Any] = {
        "api_key": " ",
        "api_url": "ftp://px.test",
        "user_agent": "ü",
        "start_date": "soon",
        "end_date": "later",
        "custom_event_streams": ["a;b"],
        "batch_config": {},
    }
    names = wrong.keys() - {"batch_config"}
    assert {line.split()[0].rstrip(":") for line in errors_in(wrong)} == {
        *names,
        "batch_config.encoding.format",
        "batch_config.storage.root",
    }


def test_a_setting_of_a_wrong_type_keeps_no_other_from_being_looked_at() -> None:
    """But what is told of two settings together needs both."""
    wrong: dict[str, Any] = {
        "api_key": "k",
        "page_size": "many",
        "start_date": "soon",
        "api_url": "ftp://px.test",
        "flattening_enabled": True,
        "flattening_max_depth": "deep",
    }
    schema = copy.deepcopy(SETTINGS_SCHEMA)
    TapGainsightPx.append_builtin_config(schema)
    lines = find_errors(wrong, schema, key_required=True, now=NOW)
    names = {"api_url", "flattening_max_depth", "page_size", "start_date"}
    assert {line.split()[0].rstrip(":") for line in lines} == names
    assert len(lines) == len(names)


def test_a_missing_key_is_an_error_only_where_it_is_needed() -> None:
    """Discovery can do without a key, a sync cannot."""
    (line,) = errors_in({})
    assert line.startswith("api_key is missing: give it")
    assert errors_in({}, key_required=False) == []


@pytest.mark.parametrize("wrong", [12345678, ["s3cr3t"], {"key": "s3cr3t"}])
def test_the_key_is_in_no_error_even_when_it_is_of_the_wrong_type(wrong: object) -> None:
    """Errors are logged, and logs are read by many."""
    (line,) = errors_in({"api_key": wrong})
    assert line == "api_key must be text"


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        ({"region": "s3cr3t-" * 6}, ["region must be one of US, EU, US2"]),
        ({"batch_config": ["s3cr3t"]}, ["batch_config must be an object"]),
        ({"max_workers": {"k": "s3cr3t"}}, ["max_workers must be a whole number"]),
        ({"faker_config": {"seed": ["s3cr3t"]}}, ["faker_config.seed is of a wrong kind"]),
        ({"stream_maps": "s3cr3t"}, ["stream_maps must be an object, not 's3cr3t'"]),
    ],
)
def test_no_line_holds_what_may_be_a_secret(config: dict[str, Any], lines: list[str]) -> None:
    """A key in the wrong place is as long as a key; objects hold passwords of storage."""
    one_of = {"oneOf": [{"type": "number"}, {"type": "null"}]}
    fields: dict[str, Any] = {
        **SETTINGS_SCHEMA["properties"],
        "batch_config": {"type": ["object", "null"]},
        "faker_config": {"type": ["object", "null"], "properties": {"seed": one_of}},
        "stream_maps": {"type": ["object", "null"]},
    }
    schema = {**SETTINGS_SCHEMA, "properties": fields}
    assert find_errors({"api_key": "k", **config}, schema, key_required=True, now=NOW) == lines


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        ({"flattening_enabled": True}, ["flattening_max_depth is missing: flattening_enabled"]),
        ({"flattening_max_depth": -1}, ["flattening_max_depth must be at least 0, not -1"]),
        ({"flattening_max_key_length": 0}, ["flattening_max_key_length must be at least 1, not"]),
        ({"flattening_enabled": True, "flattening_max_depth": 0}, []),
        ({"flattening_enabled": False}, []),
    ],
)
def test_flattening_that_cannot_work_is_told(config: dict[str, Any], lines: list[str]) -> None:
    """The SDK would tell it later, or do nothing without a word."""
    found = errors_in({"api_key": "k", **config})
    assert len(found) == len(lines)
    assert all(one.startswith(line) for one, line in zip(found, lines, strict=True))


@pytest.mark.parametrize("stream_maps", [{"__else__": 5}, {"users": {"__else__": 7}}, {"a": 1}])
def test_the_stream_maps_are_left_to_those_who_know_them(stream_maps: Any) -> None:
    """What the SDK has for their schema is none: to check by it raises an error of Python's."""
    broken = {"anyOf": [{"type": "null"}, "null"]}
    field = {"type": "object", "properties": {"__else__": broken}, "additionalProperties": broken}
    schema = {**SETTINGS_SCHEMA, "properties": {"stream_maps": field}}
    config = {"stream_maps": stream_maps}
    assert find_errors(config, schema, key_required=False, now=NOW) == []


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"pagesize": 5}, "Unknown setting pagesize; did you mean page_size?"),
        ({"colour": "red"}, "Unknown setting colour"),
        ({"stream_maps": {"usrs": None}}, "stream_maps: unknown stream usrs; did you mean users?"),
        ({"stream_maps": {"a": {"__source__": "b"}}}, "stream_maps: unknown stream b"),
    ],
)
def test_what_has_no_effect_is_named(config: dict[str, Any], line: str) -> None:
    """A misspelled name means that something else is read than was asked for."""
    schema = {"properties": {**SETTINGS_SCHEMA["properties"], "stream_maps": {}}}
    assert list(find_warnings(config, schema, STREAMS)) == [line]


@pytest.mark.parametrize(
    "stream_maps",
    [
        None,
        {"users": {"email": None}, "__else__": None},
        {"*_events": None},
        {"people": {"__source__": "users"}},
        {"users": {"__alias__": "people"}},
    ],
)
def test_stream_maps_that_find_their_stream_are_no_mistake(stream_maps: Any) -> None:
    """By its name, by a pattern, or as the source of another."""
    schema: dict[str, Any] = {"properties": {"stream_maps": {}}}
    assert list(find_warnings({"stream_maps": stream_maps}, schema, STREAMS)) == []


def test_unknown_streams_and_an_empty_selection_are_named() -> None:
    """A catalog made for another tap reads nothing, and the run ends well."""
    nothing = dict.fromkeys(STREAMS, False)
    schema: dict[str, Any] = {"properties": {}}
    assert list(find_warnings({}, schema, nothing, ["users", "usrs"])) == [
        "The catalog names an unknown stream usrs; did you mean users?",
        "No stream is selected, so there is nothing to read",
    ]
    assert list(find_warnings({}, schema, STREAMS, ["users"])) == []


@pytest.mark.parametrize(
    ("setting", "lines"),
    [
        ({}, ["batch_config.encoding.format is missing", "batch_config.storage.root is missing"]),
        ({"encoding": {"format": "jsonl"}}, ["batch_config.storage.root is missing"]),
        *(
            ({**BATCH, "batch_size": size}, ["batch_config.batch_size must be a whole number"])
            for size in (0, -1, 1.5, "7", True)
        ),
        ({**BATCH, "batch_size": None}, []),
        ({**BATCH, "batch_size": 1}, []),
        ({**BATCH, "batchsize": 5}, ["batch_config: got an unexpected keyword argument"]),
        ({**BATCH, "storage": {"root": "px://a"}}, ["batch_config.storage.root cannot be used"]),
        ({**BATCH, "storage": {"root": "s3://a"}}, ["batch_config.storage.root cannot be used"]),
        (BATCH, []),
    ],
)
def test_a_batch_config_that_cannot_work_is_told_before_anything_is_read(
    setting: dict[str, Any], lines: list[str]
) -> None:
    """By the name of the part that is wrong. What S3 needs is not among what tests need."""
    found = errors_in({"api_key": "k", "batch_config": setting})
    assert len(found) == len(lines)
    assert all(one.startswith(line) for one, line in zip(found, lines, strict=True))
