"""What can be wrong with a configuration, and what in it has no effect."""

from __future__ import annotations

from typing import Any

import pytest

from tap_gainsight_px.config_checks import find_errors, find_warnings, from_environment
from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.settings import SETTINGS_SCHEMA

STREAMS = ["users", "accounts", "custom_events"]


def test_every_wrong_setting_is_told_at_once() -> None:
    """Nobody wants to correct a configuration one run at a time."""
    wrong = {"api_key": "k", "page_size": 0, "region": "MARS", "window_days": 500}
    assert len(find_errors(wrong, SETTINGS_SCHEMA, key_required=True)) == 3


def test_a_missing_key_is_an_error_only_where_it_is_needed() -> None:
    """Discovery can do without a key, a sync cannot."""
    (line,) = find_errors({}, SETTINGS_SCHEMA, key_required=True)
    assert line.startswith("api_key is missing: give it")
    assert find_errors({}, SETTINGS_SCHEMA, key_required=False) == []


@pytest.mark.parametrize("wrong", [12345678, ["s3cr3t"], {"key": "s3cr3t"}])
def test_the_key_is_in_no_error_even_when_it_is_of_the_wrong_type(wrong: object) -> None:
    """Errors are logged, and logs are read by many."""
    (line,) = find_errors({"api_key": wrong}, SETTINGS_SCHEMA, key_required=True)
    assert line == "api_key must be text"


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"pagesize": 5}, "There is no setting pagesize; is it page_size?"),
        ({"colour": "red"}, "There is no setting colour"),
        ({"stream_maps": {"usrs": None}}, "stream_maps: there is no stream usrs; is it users?"),
        ({"stream_maps": {"a": {"__source__": "b"}}}, "stream_maps: there is no stream b"),
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
def test_stream_maps_that_find_their_stream_are_no_oddity(stream_maps: Any) -> None:
    """By its name, by a pattern, or as the source of another."""
    schema: dict[str, Any] = {"properties": {"stream_maps": {}}}
    assert list(find_warnings({"stream_maps": stream_maps}, schema, STREAMS)) == []


def test_variables_that_cannot_be_read_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the variable, and without its value, which may be a secret."""
    values = {"PAGE_SIZE": "many", "MAX_WORKERS": "8", "STREAM_MAPS": "{nope"}
    for name, value in values.items():
        monkeypatch.setenv(f"TAP_TEST_{name}", value)
    schema = {"properties": {**SETTINGS_SCHEMA["properties"], "stream_maps": {"type": "object"}}}
    with pytest.raises(SettingsError) as caught:
        from_environment(schema, "TAP_TEST_")
    assert caught.value.lines == (
        "TAP_TEST_PAGE_SIZE must be a whole number, as in JSON",
        "TAP_TEST_STREAM_MAPS must be an object, as in JSON",
    )


def test_variables_are_read_as_the_type_of_their_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is all that an environment can hold."""
    values = {
        "REGION": "EU",
        "MAX_WORKERS": "8",
        "SKIP_FORBIDDEN_STREAMS": "true",
        "CUSTOM_EVENT_STREAMS": '["a, b", "c"]',
    }
    for name, value in values.items():
        monkeypatch.setenv(f"TAP_TEST_{name}", value)
    assert from_environment(SETTINGS_SCHEMA, "TAP_TEST_") == {
        "region": "EU",
        "max_workers": 8,
        "skip_forbidden_streams": True,
        "custom_event_streams": ["a, b", "c"],
    }
