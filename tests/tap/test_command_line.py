"""What the program says to people: one line that helps, never a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import Clock, SandboxServer, World
from tests.tap.harness import KEYS, config, discover, entry_of, sync
from tests.tap.worlds import DAY, event, iso, lively_world, present_day, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Output, Program


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve a world with one event and one user."""
    world = world_of(
        Clock(),
        custom_events=[event("e", present_day() - DAY)],
        users=[user("u", present_day() - 2 * DAY)],
    )
    with SandboxServer(world) as server:
        yield server


def errors(output: Output) -> list[str]:
    """Return the lines of the log that report an error."""
    return [line for line in output.log.splitlines() if "| ERROR" in line]


def assert_one_line(output: Output, *words: str, exit_code: int = 1) -> None:
    """Check that the run failed with one line, which has these words in it."""
    assert output.exit_code == exit_code
    assert "Traceback" not in output.log
    assert len(errors(output)) == 1, output.log
    for word in words:
        assert word in errors(output)[0]
    assert output.messages == []


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"window_days": 191}, "window_days must be at most 190, not 191"),
        ({"page_size": 0}, "page_size must be at least 1, not 0"),
        ({"region": "MARS"}, "region must be one of US, EU, US2, not 'MARS'"),
        ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, "must be before end_date"),
        ({"start_date": "yesterday"}, "start_date: 'yesterday' is not an ISO-8601 date"),
        ({"api_key": None}, "api_key is missing"),
        ({"api_url": "px.test"}, "api_url must be an address like https://"),
        ({"lookback_seconds": -1}, "lookback_seconds must be at least 0, not -1"),
        (
            {"batch_config": {"encoding": {"format": "jsonl"}}},
            "batch_config.storage.root is missing",
        ),
        ({"stream_maps": {"users": {"x": "bad ("}}}, "stream_maps cannot be used: Failed to parse"),
    ],
    ids=[
        "window",
        "page",
        "region",
        "order",
        "start",
        "no key",
        "address",
        "lookback",
        "batch",
        "expression",
    ],
)
def test_a_wrong_setting_is_one_line_and_no_request(
    sandbox: SandboxServer, tap: Program, setting: dict[str, Any], line: str
) -> None:
    """The line names the setting and its rule; nothing has been asked of the API."""
    catalog = discover(sandbox, "users")
    sandbox.requests.clear()
    given = {**config(sandbox), **setting}
    assert_one_line(tap.run(config=given, catalog=catalog), line)
    assert len(sandbox.requests) == 0


@pytest.mark.parametrize("option", ["--discover", "--test"])
def test_a_wrong_setting_is_one_line_for_every_command(
    sandbox: SandboxServer, tap: Program, option: str
) -> None:
    """Also where the SDK takes another way."""
    output = tap.run(option, config=config(sandbox, window_days=191))
    assert_one_line(output, "window_days must be at most 190")


@pytest.mark.parametrize("option", ["", "--discover", "--test"])
def test_a_wrong_key_is_one_line_with_advice(
    sandbox: SandboxServer, tap: Program, option: str
) -> None:
    """The most frequent mistake of all says where to look."""
    options = [option] if option else []
    output = tap.run(*options, config=config(sandbox) | {"api_key": "not-the-key"})
    assert_one_line(output, "HTTP 401", "Check api_key and region")
    assert "not-the-key" not in output.log


@pytest.mark.parametrize(
    "content",
    ["{nope", "", "[1]", "3", '"text"', "\x00", '{"bookmarks": 5}', '{"bookmarks": null}']
    + ['{"api_key": "sandbox-key", "start_date": "2026-01-01"}']
    + [f'{{"bookmarks": {{"custom_events": {value}}}}}' for value in ("null", "7", "[]")],
    ids=repr,
)
def test_a_state_that_makes_no_sense_is_one_line(
    sandbox: SandboxServer, tap: Program, content: str
) -> None:
    """It is refused rather than taken for a first sync, which would load years again."""
    catalog = discover(sandbox, "custom_events")
    output = tap.run(config=config(sandbox), catalog=catalog, state=content)
    assert_one_line(output, "STATE" if content.startswith("{") and ":" in content else "state")


@pytest.mark.parametrize("value", ["soon", True, [1], {"a": 1}, 10**18, ""], ids=repr)
def test_a_bookmark_that_is_no_time_is_one_line(
    sandbox: SandboxServer, tap: Program, value: object
) -> None:
    """It names the stream and the value."""
    state = {
        "bookmarks": {"custom_events": {"replication_key": "date", "replication_key_value": value}}
    }
    sandbox.requests.clear()
    output = tap.run(config=config(sandbox), state=state)
    assert_one_line(output, "the bookmark of custom_events is not a time")
    assert len(sandbox.requests) == 0


@pytest.mark.parametrize("content", [{"streams": 5}, {"streams": [{"schema": {}}]}, {}])
def test_a_catalog_of_another_shape_is_one_line(
    sandbox: SandboxServer, tap: Program, content: dict[str, Any]
) -> None:
    """A state file given as a catalog, and the like."""
    output = tap.run(config=config(sandbox), catalog=content)
    assert output.exit_code == 1
    assert "Traceback" not in output.log
    assert "is not a Singer catalog" in output.log


@pytest.mark.parametrize("content", ["{nope", "", "[1]", "3", "\x00"], ids=repr)
@pytest.mark.parametrize("option", ["config", "catalog"])
def test_a_file_that_is_no_json_object_is_one_line(
    sandbox: SandboxServer, tap: Program, option: str, content: str
) -> None:
    """A file that was cut off, or the wrong one, is told by the option that named it."""
    files: dict[str, Any] = {"config": config(sandbox), option: content}
    assert_one_line(tap.run(**files), option)


def test_an_expression_that_fails_is_one_line_by_stream(
    sandbox: SandboxServer, tap: Program
) -> None:
    """Only a record shows that `int` cannot be had of it."""
    given = config(sandbox, stream_maps={"users": {"number": "int(aptrinsicId)"}})
    output = tap.run(config=given, catalog=discover(sandbox, "users"))
    assert output.exit_code == 1
    assert "Traceback" not in output.log
    (line,) = errors(output)
    assert "stream_maps.users.number cannot be applied to a record: int(aptrinsicId) (Va" in line
    assert all(one < iso(present_day() - 2 * DAY) for one in output.bookmarks("users"))


def fail(*_: object, **__: object) -> None:
    """Fail as a bug does."""
    message = "a bug"
    raise KeyError(message)


@pytest.mark.parametrize(
    "place",
    [
        "singer_sdk.streams.core.conform_record_data_types",
        "tap_gainsight_px.singer.stream_maps.get_selected_schema",
    ],
)
def test_stream_maps_are_not_blamed_for_a_bug_elsewhere(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Neither where the maps are made nor where they are applied."""
    catalog = discover(sandbox, "users")
    monkeypatch.setattr(place, fail)
    with pytest.raises(KeyError, match="a bug"):
        sync(sandbox, catalog=catalog, stream_maps={"users": {"email": "md5(email)"}})


def test_a_configuration_that_is_not_there_is_one_line(tap: Program) -> None:
    """By its path."""
    output = tap.run("--config", "nowhere.json")
    assert_one_line(output, "the configuration nowhere.json cannot be read: No such file")


def test_a_variable_of_the_wrong_type_is_one_line(tap: Program) -> None:
    """By the name of the variable."""
    output = tap.run("--config", "ENV", env={"TAP_GAINSIGHT_PX_PAGE_SIZE": "many"})
    assert_one_line(output, "TAP_GAINSIGHT_PX_PAGE_SIZE must be a whole number")


def test_unknown_names_are_warned_of(sandbox: SandboxServer, tap: Program) -> None:
    """What has no effect is no reason to fail, but nobody means it."""
    catalog = discover(sandbox)
    entry_of(catalog, "users")["tap_stream_id"] = "usrs"
    output = tap.run(config=config(sandbox, pagesize=5), catalog=catalog)
    assert output.exit_code == 0, output.log
    for line in (
        "Unknown setting pagesize; did you mean page_size?",
        "The catalog names an unknown stream usrs",
        "No stream is selected",
    ):
        assert line in output.log


def test_the_last_line_says_what_the_run_came_to(sandbox: SandboxServer, tap: Program) -> None:
    """Records, requests and seconds."""
    catalog = discover(sandbox, "custom_events")
    sandbox.requests.clear()
    output = tap.run(config=config(sandbox), catalog=catalog)
    last = output.log.rstrip().splitlines()[-1]
    assert last.startswith(f"whole: 1 record, {len(sandbox.requests)} requests, ")
    assert last.endswith(" s; streams: 1 whole")


def test_a_bookmark_of_long_ago_is_no_reason_to_fail(sandbox: SandboxServer, tap: Program) -> None:
    """The very first day that can be written is a time as well."""
    state = {
        "bookmarks": {
            "users": {
                "replication_key": "lastModifiedDate",
                "replication_key_value": "0001-01-01T00:00:00.000Z",
            }
        }
    }
    catalog = discover(sandbox, "users")
    output = tap.run(config=config(sandbox), state=state, catalog=catalog)
    assert output.exit_code == 0, output.log
    assert output.keys("users") == ["u"]


def test_settings_come_from_the_environment_too(sandbox: SandboxServer, tap: Program) -> None:
    """`--config ENV` is how containers are configured."""
    env = {
        "TAP_GAINSIGHT_PX_API_KEY": sandbox.api_key,
        "TAP_GAINSIGHT_PX_API_URL": sandbox.url,
        "TAP_GAINSIGHT_PX_PAGE_SIZE": "7",
    }
    output = tap.run("--config", "ENV", catalog=discover(sandbox, "custom_events"), env=env)
    assert output.exit_code == 0, output.log
    assert output.keys("custom_events") == ["e"]
    assert "7" in {one.params.get("pageSize") for one in sandbox.requests}


def test_the_test_command_reads_one_record_of_each_stream(tap: Program) -> None:
    """`--test` proves key and permissions, and reads no more of a big account."""
    with SandboxServer(lively_world(Clock(), events=3_000)) as sandbox:
        output = tap.run("--test", config=config(sandbox, page_size=50, window_max_records=100))
    assert output.exit_code == 0, output.log
    assert len({one["stream"] for one in output.of("SCHEMA")}) >= len(KEYS)
    for stream in KEYS:
        assert len(output.keys(stream)) == 1
    assert "(first sync: all that PX keeps, 36 months)" not in output.log


def test_about_prints_every_setting(tap: Program) -> None:
    """The table that the README and the Hub are made from."""
    output = tap.run("--about", "--format=markdown")
    assert output.exit_code == 0
    assert "# `tap-gainsight-px`" in output.text
    for name in ("api_key", "region", "window_days", "lookback_seconds", "requests_per_second"):
        assert f"| {name} |" in output.text


def test_about_knows_no_key(tap: Program) -> None:
    """`--about` tells of the tap, not of its configuration."""
    env = {"TAP_GAINSIGHT_PX_API_KEY": "s3cr3t-of-the-environment"}
    output = tap.run("--about", "--format=json", env=env)
    assert json.loads(output.text)["name"] == "tap-gainsight-px"
    assert "s3cr3t" not in output.text + output.log


def test_a_stream_without_permission_is_one_line_that_names_it(tap: Program) -> None:
    """Which permission is missing, for which stream, and what to do about it."""
    world = World()
    with SandboxServer(world, {"forbidden_paths": ["/v1/events/*"]}) as sandbox:
        catalog = discover(sandbox, "custom_events")
        assert entry_of(catalog, "custom_events")
        output = tap.run(config=config(sandbox), catalog=catalog)
    assert output.exit_code == 1
    assert "Traceback" not in output.log
    (line,) = errors(output)
    assert "custom_events" in line
    assert "HTTP 403" in line
    assert "deselect the stream" in line
