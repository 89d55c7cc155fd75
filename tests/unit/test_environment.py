"""Settings from the environment are understood, or refused by the name of their variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.given.environment import (
    by_variable,
    check_log_level,
    from_environment,
    unknown_variables,
)
from tap_gainsight_px.settings import SETTINGS_SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: dict[str, Any] = {
    "properties": {
        **SETTINGS_SCHEMA["properties"],
        "stream_maps": {"type": ["object", "null"]},
        "batch_config": {
            "type": ["object", "null"],
            "properties": {
                "encoding": {"type": "object", "properties": {"format": {"type": "string"}}},
                "storage": {"type": "object", "properties": {"root": {"type": "string"}}},
            },
        },
        "flattening_enabled": {"type": ["boolean", "null"]},
    }
}


@pytest.fixture(autouse=True)
def _no_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what lies in a file `.env` above this project out of the tests."""
    monkeypatch.setattr("singer_sdk.configuration._dict_config.find_dotenv", lambda: "")


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> dict[str, Any]:
    """Read an environment that holds these settings."""
    for name, value in values.items():
        monkeypatch.setenv(f"TAP_TEST_{name.upper()}", value)
    return from_environment(SCHEMA, "TAP_TEST_")


def test_variables_are_read_as_the_type_of_their_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is all that an environment can hold."""
    assert read(
        monkeypatch,
        region="EU",
        max_workers=" 8 ",
        page_size="1e3",
        skip_forbidden_streams="Yes",
        emit_activate_version_messages="OFF",
        flattening_enabled="1",
        custom_event_streams='["a, b", "c"]',
        stream_maps='{"users": null}',
    ) == {
        "region": "EU",
        "max_workers": 8,
        "page_size": 1_000,
        "skip_forbidden_streams": True,
        "emit_activate_version_messages": False,
        "flattening_enabled": True,
        "custom_event_streams": ["a, b", "c"],
        "stream_maps": {"users": None},
    }


def test_a_variable_counts_more_than_the_file_dotenv(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who sets one for a run means that run. An empty one is not set, whatever the file says."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("TAP_TEST_REGION=EU\nTAP_TEST_PAGE_SIZE=7\nTAP_TEST_END_DATE=2026-01-01\n")
    monkeypatch.setattr("singer_sdk.configuration._dict_config.find_dotenv", lambda: str(dotenv))
    monkeypatch.setenv("TAP_TEST_REGION", "")
    monkeypatch.delenv("TAP_TEST_REGION")  # so that it is gone again after this test
    found = read(monkeypatch, page_size="8", end_date="")
    assert found == {"region": "EU", "page_size": 8}


def test_variables_of_the_earlier_tap_are_taken_and_the_new_names_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that mean the same; ours count more, and a value is in no line."""
    monkeypatch.setenv("TAP_GAINSIGHTPX_API_KEY", "s3cr3t-k3y")
    monkeypatch.setenv("TAP_GAINSIGHTPX_PAGE_SIZE", "17")
    monkeypatch.setenv("TAP_GAINSIGHTPX_START_DATE", "2024-01-01")
    monkeypatch.setenv("TAP_GAINSIGHTPX_REGION", "EU")
    found = read(monkeypatch, start_date="2025-01-01")
    assert found == {"api_key": "s3cr3t-k3y", "page_size": 17, "start_date": "2025-01-01"}
    assert caplog.messages == [
        f"The variable TAP_GAINSIGHTPX_{name} is one of tap-gainsightpx: it is taken, but its name "
        f"is now TAP_TEST_{name}"
        for name in ("API_KEY", "PAGE_SIZE")
    ]


def test_a_wrong_value_of_the_earlier_tap_is_told_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is the one that has to be corrected."""
    monkeypatch.setenv("TAP_GAINSIGHTPX_PAGE_SIZE", "many")
    with pytest.raises(SettingsError, match=r"^TAP_GAINSIGHTPX_PAGE_SIZE must be"):
        read(monkeypatch)


def test_the_parts_of_an_object_may_have_variables_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Meltano has them. What the object itself says counts more."""
    root = {"batch_config_storage_root": "file:///px", "batch_config_batch_size": "1e3"}
    batch = {"storage": {"root": "file:///px"}, "batch_size": 1_000}
    assert read(monkeypatch, **root) == {"batch_config": batch}
    whole = {"batch_config": '{"batch_size": 5, "encoding": {"format": "jsonl"}}'}
    assert read(monkeypatch, **whole) == {
        "batch_config": {**batch, "batch_size": 5, "encoding": {"format": "jsonl"}}
    }
    assert list(unknown_variables(SCHEMA, "TAP_TEST_")) == []
    with pytest.raises(SettingsError, match="TAP_TEST_BATCH_CONFIG_BATCH_SIZE must be a whole"):
        read(monkeypatch, batch_config_batch_size="many")


def test_names_with_commas_between_them_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what many would type."""
    names = read(monkeypatch, custom_event_streams="Report exported,Login")
    assert names == {"custom_event_streams": ["Report exported", "Login"]}


def test_an_empty_variable_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and runners pass one for each value that they do not have."""
    assert read(monkeypatch, **dict.fromkeys(SCHEMA["properties"], "")) == {}


def test_variables_that_cannot_be_read_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the variable, and without its value, which may be a secret."""
    with pytest.raises(SettingsError) as caught:
        read(
            monkeypatch,
            page_size="many",
            max_workers="8",
            skip_forbidden_streams="maybe",
            stream_maps="{nope",
            batch_config="[1]",
        )
    assert sorted(caught.value.lines) == [
        "TAP_TEST_BATCH_CONFIG must be an object, as in JSON",
        "TAP_TEST_PAGE_SIZE must be a whole number",
        "TAP_TEST_SKIP_FORBIDDEN_STREAMS must be true or false",
        "TAP_TEST_STREAM_MAPS must be an object, as in JSON",
    ]


def test_a_list_that_is_half_json_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut at its commas it would lead to names that nobody has."""
    line = "TAP_TEST_CUSTOM_EVENT_STREAMS must be a list, as in JSON, or names with commas"
    with pytest.raises(SettingsError, match=line):
        read(monkeypatch, custom_event_streams='["a","b"')


def test_what_is_wrong_with_a_value_names_its_variable() -> None:
    """That is where it has to be corrected; other settings keep their names."""
    lines = ["page_size must be at least 1", "page_size_x: no", "region must be one of US"]
    assert by_variable(lines, {"page_size"}, "TAP_TEST_") == [
        "TAP_TEST_PAGE_SIZE must be at least 1",
        *lines[1:],
    ]


def test_a_variable_that_is_no_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no effect. What Meltano and the SDK have for themselves is none of them."""
    for name in ("PAGESIZE", "_SELECT", "LOGLEVEL", "REGION"):
        monkeypatch.setenv(f"TAP_TEST_{name}", "x")
    assert list(unknown_variables(SCHEMA, "TAP_TEST_")) == [
        "The variable TAP_TEST_PAGESIZE is no setting of the tap; did you mean TAP_TEST_PAGE_SIZE?"
    ]


def test_a_variable_of_an_extractor_that_inherits_is_known_where_meltano_runs_the_tap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without Meltano nobody inherits: the same names are mistakes."""
    for name in ("EVENTS_PAGE_SIZE", "EVENTS_BATCH_CONFIG_STORAGE_ROOT", "EVENTS__SELECT"):
        monkeypatch.setenv(f"TAP_TEST_{name}", "x")
    assert len(list(unknown_variables(SCHEMA, "TAP_TEST_"))) == 3
    monkeypatch.setenv("TAP_TEST_PAGESIZE", "x")
    monkeypatch.setenv("MELTANO_EXTRACTOR_NAME", "tap-test-events")
    (line,) = unknown_variables(SCHEMA, "TAP_TEST_")
    assert "TAP_TEST_PAGESIZE" in line


@pytest.mark.parametrize("name", ["LOGLEVEL", "TAP_TEST_LOGLEVEL"])
def test_a_log_level_that_does_not_exist_is_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The log itself cannot tell it; an empty variable is none, and spaces do no harm."""
    for level in ("", " debug "):
        monkeypatch.setenv(name, level)
        check_log_level("TAP_TEST_")
    monkeypatch.setenv(name, "loud")
    with pytest.raises(SettingsError, match=f"{name} must be one of CRITICAL, ERROR"):
        check_log_level("TAP_TEST_")
