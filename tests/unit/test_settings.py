"""What is wrong with a configuration is told before the first request, in one line a setting."""

from __future__ import annotations

from typing import Any

import pytest

from tap_gainsight_px.config_checks import find_errors
from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.given.values import understand
from tap_gainsight_px.settings import SETTINGS_SCHEMA, Settings
from tap_gainsight_px.timestamps import DAY, parse

NOW = parse("2026-03-01T12:00:00.500Z")


def read(**config: Any) -> Settings:
    """Read a configuration the way the tap does."""
    full = understand({"api_key": "secret-key", **config}, SETTINGS_SCHEMA)
    found = find_errors(full, SETTINGS_SCHEMA, key_required=True, now=NOW)
    if found:
        raise SettingsError(*found)
    return Settings.from_config(full, run_start=NOW)


def test_a_key_is_all_that_is_needed() -> None:
    """Every other setting has the default that the documentation promises."""
    settings = read()
    assert settings.api_url == "https://api.aptrinsic.com"
    assert settings.end == parse("2026-03-01T12:00:00Z")
    assert settings.start == settings.end - 1_096 * DAY
    assert settings.page_size == 1_000
    assert settings.window == 190 * DAY
    assert settings.window_max_records == 10_000
    assert settings.lookback == 3_600_000
    assert settings.full_read_days == 7
    assert settings.recheck == 30 * DAY
    assert settings.max_workers == 8
    assert settings.requests_per_second == 100
    assert settings.max_requests is None
    assert settings.max_run_seconds is None
    assert settings.report_path is None
    assert settings.progress == "auto"
    assert settings.request_timeout_seconds == 120
    assert settings.retry_timeout_seconds == 900
    assert settings.user_agent.startswith("tap-gainsight-px/")


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"window_days": 191}, "window_days must be at most 190, not 191"),
        ({"window_days": 0}, "window_days must be at least 1, not 0"),
        ({"page_size": 0}, "page_size must be at least 1, not 0"),
        ({"page_size": 1_001}, "page_size must be at most 1000, not 1001"),
        ({"region": "MARS"}, "region must be one of US, EU, US2"),
        ({"requests_per_second": 201}, "requests_per_second must be at most 200, not 201"),
        ({"lookback_seconds": -1}, "lookback_seconds must be at least 0, not -1"),
        ({"full_read_days": -1}, "full_read_days must be at least 0, not -1"),
        ({"full_read_days": 366}, "full_read_days must be at most 365, not 366"),
        ({"lookback_seconds": 10**12}, "lookback_seconds must be at most 31536000"),
        ({"recheck_days": -1}, "recheck_days must be at least 0, not -1"),
        ({"recheck_days": 1_097}, "recheck_days must be at most 1096, not 1097"),
        ({"retry_timeout_seconds": 86_401}, "retry_timeout_seconds must be at most 86400"),
        ({"request_timeout_seconds": 10**12}, "request_timeout_seconds must be at most 3600"),
        ({"max_workers": 0}, "max_workers must be at least 1, not 0"),
        ({"max_run_seconds": 0}, "max_run_seconds must be at least 1, not 0"),
        ({"start_date": "last week"}, "start_date: 'last week' is not an ISO-8601 date"),
        ({"start_date": "2026-02-01", "end_date": "2026-01-01"}, "must be before end_date"),
        ({"start_date": "2026-02-01", "end_date": "2026-02-01"}, "must be before end_date"),
        ({"start_date": "2026-03-02"}, "must be before now"),
        ({"api_url": "api.aptrinsic.com"}, "api_url must be an address like https://"),
        ({"api_url": "ftp://api.aptrinsic.com"}, "api_url must be an address like https://"),
        ({"api_url": "https://me:pw@api.aptrinsic.com"}, "neither a user name"),
        ({"api_url": "https://:pw@api.aptrinsic.com"}, "neither a user name"),
        ({"api_url": "  "}, "api_url must be an address like https://"),
        ({"api_url": "https://px.test:port"}, "api_url is no address: Port could not be cast"),
        ({"api_url": "https://[::1"}, "api_url is no address: Invalid IPv6 URL"),
        ({"start_date": "0001-01-01T00:00:00+01:00"}, "is not a time between the years 1 and"),
        ({"end_date": "9999-12-31T23:59:59-05:00"}, "is not a time between the years 1 and"),
        ({"api_key": "  "}, "api_key is empty"),
        ({"api_key": "clé"}, "api_key holds characters"),
        ({"user_agent": "a\nb"}, "user_agent holds characters that no HTTP header can carry"),
        ({"user_agent": "ü"}, "user_agent holds characters that no HTTP header can carry"),
        ({"max_workers": 1.5}, "max_workers must be a whole number, not 1.5"),
        ({"max_workers": "8k"}, "max_workers must be a whole number, not '8k'"),
        ({"skip_forbidden_streams": "maybe"}, "skip_forbidden_streams must be true or false"),
        ({"custom_event_streams": "[a"}, "custom_event_streams must be a list, not '[a'"),
        ({"custom_event_streams": [1]}, "custom_event_streams.0 must be text, not 1"),
        ({"custom_event_streams": [" "]}, "custom_event_streams holds an empty name"),
        ({"custom_event_streams": ["a;b"]}, "no filter of the API can hold the ; in 'a;b'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_rule(config: dict[str, Any], line: str) -> None:
    """The line says which setting, what it must be and what it is."""
    with pytest.raises(SettingsError) as caught:
        read(**config)
    assert line in str(caught.value)
    assert len(caught.value.lines) == 1


def test_settings_may_be_text_as_a_runner_stores_them() -> None:
    """Meltano keeps what `config set` is given as text, where it is told no kind."""
    settings = read(max_workers="4", skip_forbidden_streams="yes", start_date="", region="eu")
    assert settings.max_workers == 4
    assert settings.skip_forbidden_streams is True
    assert settings.given_start is None
    assert settings.api_url == "https://api-eu.aptrinsic.com"


def test_the_key_is_not_in_the_text_of_the_settings() -> None:
    """Whoever prints the settings must not print the key."""
    assert "secret-key" not in repr(read())


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("US", "https://api.aptrinsic.com"),
        ("EU", "https://api-eu.aptrinsic.com"),
        ("US2", "https://api-us2.aptrinsic.com"),
    ],
)
def test_each_region_has_its_host(region: str, url: str) -> None:
    """A key works in one data centre only."""
    assert read(region=region).api_url == url


@pytest.mark.parametrize(
    "given", ["https://px.test", "https://px.test/", "https://px.test/v1", "https://px.test/v1/"]
)
def test_a_trailing_version_of_the_address_is_cut_off(given: str) -> None:
    """People copy the base address from the documentation, where it ends in /v1."""
    assert read(api_url=given).api_url == "https://px.test"


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("http://px.example.com", True),
        ("https://px.example.com", False),
        ("http://127.0.0.1:8080", False),
        ("http://localhost:8080", False),
        ("http://[::1]:8080", False),
        ("http://127.evil.invalid", True),
        ("http://127.0.0.1.evil.invalid", True),
    ],
)
def test_a_key_in_the_clear_is_noticed(url: str, clear: bool) -> None:  # noqa: FBT001
    """Plain http is for this machine only; elsewhere it is worth a warning."""
    assert read(api_url=url).sends_key_in_the_clear is clear


def test_the_end_is_never_later_than_the_start_of_the_run() -> None:
    """Nothing can be read that has not happened yet."""
    assert read(end_date="2030-01-01").end == parse("2026-03-01T12:00:00Z")


def test_without_a_start_the_range_is_all_that_px_keeps() -> None:
    """36 months, whose days are never fewer than those; an end in the past is a range too."""
    settings = read(end_date="2021-01-01")
    assert settings.start == parse("2018-01-01")
    assert settings.given_start is None


def test_what_is_null_is_not_set() -> None:
    """Meltano passes objects with nulls for all that nobody has set."""
    unset = {"end_date": None, "batch_config": {"batch_size": None}, "faker_config": {}}
    assert understand({"api_key": "k", **unset}, SETTINGS_SCHEMA) == {"api_key": "k"}
    root = {"root": "file:///px", "prefix": None}
    given = {"batch_config": {"encoding": {"format": None}, "storage": root}}
    assert understand(given, SETTINGS_SCHEMA) == {
        "batch_config": {"storage": {"root": "file:///px"}}
    }


def test_a_null_in_a_stream_map_has_a_meaning() -> None:
    """It leaves a stream out."""
    stream_maps = {"stream_maps": {"users": None}, "stream_map_config": {"salt": None}}
    assert understand(stream_maps, SETTINGS_SCHEMA) == stream_maps
