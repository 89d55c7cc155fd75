"""What users and runners give the tap, from its files and variables to its messages."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import Clock, SandboxServer
from tests.tap.harness import config, discover, entry_of, environment, root, sync
from tests.tap.worlds import ATTRIBUTES, DAY, account, event, present_day, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tap.harness import Program


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve two users, an account and an event."""
    day = present_day()
    world = world_of(
        Clock(),
        accounts=[account("a", day - DAY)],
        custom_events=[event("e", day - DAY)],
        users=[user(key, day - 2 * DAY, email=f"{key}@px.test") for key in ("u1", "u2")],
        user_attributes=ATTRIBUTES,
    )
    with SandboxServer(world) as server:
        yield server


def minimal(*entries: dict[str, Any] | str) -> dict[str, Any]:
    """Return a catalog that somebody has written who knows only the names of the streams."""
    return {"streams": [{"tap_stream_id": one} if isinstance(one, str) else one for one in entries]}


# Files


def test_files_may_be_utf_16_as_powershell_writes_them(
    sandbox: SandboxServer, tap: Program
) -> None:
    """Configuration, catalog and STATE."""
    state: dict[str, Any] = {"bookmarks": {}}
    command = tap.command(config=config(sandbox), catalog=minimal("users"), state=state)
    for path in tap.folder.glob("*.json"):
        path.write_text(path.read_text(encoding="utf-8"), encoding="utf-16")
    done = run(command)
    assert done.returncode == 0, done.stderr
    assert records(done.stdout) == ["users", "users"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are not everywhere")
def test_files_may_be_pipes_that_can_be_read_once(sandbox: SandboxServer, tap: Program) -> None:
    """`--config <(…)` keeps a key off the disk."""
    contents = {
        "config": config(sandbox),
        "catalog": minimal("users"),
        "state": {"bookmarks": {}},
    }
    command = tap.command()
    for option, content in contents.items():
        path = tap.folder / option
        os.mkfifo(path)
        command += [f"--{option}", str(path)]
        threading.Thread(target=path.write_text, args=[json.dumps(content)], daemon=True).start()
    done = run(command)
    assert done.returncode == 0, done.stderr
    assert records(done.stdout) == ["users", "users"]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run the tap as it is started by others."""
    return subprocess.run(  # noqa: S603 - our own program
        command, capture_output=True, check=False, encoding="utf-8", env=environment()
    )


def records(text: str) -> list[str]:
    """Return the stream of each RECORD."""
    messages = map(json.loads, text.splitlines())
    return [one["stream"] for one in messages if one["type"] == "RECORD"]


def test_the_environment_is_understood_or_refused_by_the_name_of_the_variable(
    sandbox: SandboxServer, tap: Program
) -> None:
    """All at once, without a value; and what is understood counts."""
    own = {"API_KEY": sandbox.api_key, "API_URL": sandbox.url, "PAGE_SIZE": "0"}
    wrong = {"REGION": "mars", "FLATTENING_ENABLED": "yes", "PAGESIZE": "7", "MAX_WORKERS": " 2 "}
    env = {f"TAP_GAINSIGHT_PX_{name}": value for name, value in {**own, **wrong}.items()}
    output = tap.run("--config", "ENV", env=env)
    lines = [line.split("| ")[-1] for line in output.log.splitlines() if "| ERROR" in line]
    assert output.exit_code == 1
    assert lines == [
        "flattening_max_depth is missing: flattening_enabled needs it",
        "TAP_GAINSIGHT_PX_PAGE_SIZE must be at least 1, not 0",
        "TAP_GAINSIGHT_PX_REGION must be one of US, EU, US2, not 'mars'",
    ]
    assert "The variable TAP_GAINSIGHT_PX_PAGESIZE is no setting of the tap; did you" in output.log


def test_a_log_level_that_does_not_exist_is_one_line(tap: Program) -> None:
    """Before there is a log."""
    output = tap.run("--version", env={"TAP_GAINSIGHT_PX_LOGLEVEL": "loud"})
    assert output.exit_code == 1
    assert output.log.splitlines() == [
        "TAP_GAINSIGHT_PX_LOGLEVEL must be one of CRITICAL, ERROR, WARNING, INFO, DEBUG"
    ]


# Catalogs of others


def test_a_catalog_of_names_alone_reads_as_discovery_would(sandbox: SandboxServer) -> None:
    """Keys, replication key and schema are the tap's own."""
    plain = sync(sandbox, "users", "custom_events")
    output = sync(sandbox, catalog=minimal("users", "custom_events"))
    assert output.of("SCHEMA") == plain.of("SCHEMA")
    for stream in ("users", "custom_events"):
        assert output.records(stream) == plain.records(stream)
    assert output.state["bookmarks"].keys() == plain.state["bookmarks"].keys()


def test_fields_of_the_keys_that_a_schema_lacks_are_put_in(sandbox: SandboxServer) -> None:
    """Records could be neither merged nor resumed without them."""
    users = {"tap_stream_id": "users", "schema": {"properties": {"email": {"type": "string"}}}}
    output = sync(sandbox, catalog=minimal(users))
    (schema,) = output.of("SCHEMA", "users")
    assert schema["key_properties"] == ["aptrinsicId"]
    assert {"aptrinsicId", "lastModifiedDate", "email"} <= set(schema["schema"]["properties"])
    assert output.keys("users") == ["u1", "u2"]
    assert output.bookmarks("users")


@pytest.mark.parametrize("settings", [{}, {"flattening_enabled": True, "flattening_max_depth": 1}])
def test_a_renamed_stream_carries_its_name_in_each_message(
    sandbox: SandboxServer, settings: dict[str, Any]
) -> None:
    """STATE, which is the tap's own, goes by the id."""
    entries = [{"tap_stream_id": name, "stream": f"px_{name}"} for name in ("users", "accounts")]
    whole = {"replication_method": "FULL_TABLE"}
    output = sync(sandbox, catalog=minimal(entries[0], entries[1] | whole), **settings)
    named = [one["stream"] for one in output.messages if "stream" in one]
    assert set(named) == {"px_users", "px_accounts"}
    assert output.bookmarks("users")
    assert set(output.activated) == {"px_accounts"}


@pytest.mark.parametrize("name", ["x" * 64, "a\0b"])
def test_a_stream_gets_no_name_that_a_loader_refuses(sandbox: SandboxServer, name: str) -> None:
    """Neither from the catalog nor from a map: the loader would end at its SCHEMA message."""
    renamed = sync(sandbox, catalog=minimal({"tap_stream_id": "users", "stream": name}))
    maps = {"*": {"__alias__": "'x' * 60 + __stream_name__"}}
    mapped = sync(sandbox, catalog=minimal({"tap_stream_id": "users"}), stream_maps=maps)
    for output in (renamed, mapped):
        assert "the stream users is to be called" in str(output.error)
        assert output.messages == []


def test_a_renamed_stream_is_mapped_by_its_id(sandbox: SandboxServer) -> None:
    """And a name that a map gives counts more than that of the catalog."""
    catalog = minimal({"tap_stream_id": "users", "stream": "people"})
    for more, name in (({}, "people"), ({"__alias__": "persons"}, "persons")):
        maps = {"users": {"email": None, **more}, "copies": {"__source__": "users"}}
        output = sync(sandbox, catalog=catalog, stream_maps=maps)
        assert output.streams == {name, "copies"}
        assert output.values(name, "email") == [None, None]


def test_meltano_may_choose_a_full_table(sandbox: SandboxServer) -> None:
    """It writes metadata beside what discovery has written."""
    catalog = discover(sandbox, "users")
    root(entry_of(catalog, "users"))["replication-method"] = "FULL_TABLE"
    output = sync(sandbox, catalog=catalog)
    assert set(output.activated) == {"users"}
    assert output.bookmarks("users") == []


def test_a_full_table_is_never_taken_for_incremental(sandbox: SandboxServer) -> None:
    """Its deletions would be lost in silence."""
    catalog = discover(sandbox, "features")
    root(entry_of(catalog, "features"))["replication-key"] = "createdDate"
    output = sync(sandbox, catalog=catalog)
    assert output.exit_code == 1
    assert "the replication key of features does not exist" in str(output.error)
    assert len(sandbox.requests) == 0


# Stream maps


def test_a_map_with_a_pattern_passes_over_what_is_not_selected(sandbox: SandboxServer) -> None:
    """The SDK would look for the fields of streams that have none, because nobody selected them."""
    catalog = discover(sandbox, "users", "custom_events")
    output = sync(sandbox, catalog=catalog, stream_maps={"*": {"from": "__stream_name__"}})
    assert output.values("users", "from") == ["users", "users"]
    assert output.values("custom_events", "from") == ["custom_events"]
    output = sync(sandbox, catalog=catalog, stream_maps={"custom_*": {"__alias__": "events"}})
    assert output.streams == {"users", "events"}


def test_a_map_for_a_stream_that_is_not_selected_does_no_harm(sandbox: SandboxServer) -> None:
    """One set of maps serves many selections."""
    maps = {"accounts": {"id": "id", "name": None}, "segments": {"id": None}}
    output = sync(sandbox, catalog=discover(sandbox, "users"), stream_maps=maps)
    assert output.error is None
    assert output.keys("users") == ["u1", "u2"]


@pytest.mark.parametrize(
    "form", [{}, {"flattening_enabled": True, "flattening_max_depth": 1}, {"batch_config": {}}]
)
def test_an_expression_that_fails_names_the_record(
    sandbox: SandboxServer, tmp_path: Path, form: dict[str, Any]
) -> None:
    """By its stream and its key, whatever becomes of the records."""
    if "batch_config" in form:
        storage = {"root": f"file://{tmp_path}"}
        form = {"batch_config": {"encoding": {"format": "jsonl"}, "storage": storage}}
    maps = {"*": {"rest": "1 / int(aptrinsicId != 'u2')"}}
    output = sync(sandbox, "users", stream_maps=maps, **form)
    assert output.exit_code == 1
    assert "stream_maps.users.rest cannot be applied to a record" in str(output.error)
    assert "of users with aptrinsicId 'u2'" in str(output.error)


def test_without_a_key_a_schema_says_so(sandbox: SandboxServer) -> None:
    """Singer has an empty list for it, and loaders look for that."""
    output = sync(
        sandbox, "users", stream_maps={"users": {"aptrinsicId": None, "__key_properties__": None}}
    )
    assert output.of("SCHEMA", "users")[0]["key_properties"] == []
    assert len(output.records("users")) == 2
