"""Discovery lists what there is; who chooses nothing gets what costs little."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.reading.side_by_side import side_by_side
from tests.contract.facts import PROJECT, STREAM_FACTS
from tests.patience import PATIENCE
from tests.streams.rich import named_world, now
from tests.streams.runs import names_of
from tests.streams.truth import DAY, iso
from tests.tap.harness import config, discovered, entry_of, messages_in, root, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PER_USER = {"user_preferences", "user_denylist"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve the hand-made world, in which every feature has a name."""
    with SandboxServer(named_world()) as server:
        yield server


def test_discovery_lists_the_readable_streams(sandbox: SandboxServer, tmp_path: Path) -> None:
    """As the program prints them, each with its keys and its schema."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(sandbox)), encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "tap_gainsight_px", "--discover", "--config", str(path)],
        capture_output=True,
        check=True,
        cwd=PROJECT,
        encoding="utf-8",
    )
    catalog = json.loads(done.stdout)
    assert sorted(names_of(catalog)) == sorted(STREAM_FACTS)
    for entry in catalog["streams"]:
        assert entry["key_properties"]
        assert set(entry["key_properties"]) <= entry["schema"]["properties"].keys()


def test_only_the_streams_of_one_request_a_user_are_off_by_default(
    sandbox: SandboxServer,
) -> None:
    """The catalog says so, in the word that runners know."""
    catalog = discovered(sandbox)
    off = {
        name
        for name in names_of(catalog)
        if not root(entry_of(catalog, name))["selected-by-default"]
    }
    assert off == PER_USER


def test_a_run_without_a_catalog_asks_about_no_single_user(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    """All other streams are read."""
    path = tmp_path / "config.json"
    settings = {"start_date": iso(now() - 9 * DAY), "end_date": iso(now())}
    path.write_text(json.dumps(config(sandbox, **settings)), encoding="utf-8")
    sandbox.requests.clear()
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tap_gainsight_px", "--config", str(path)],
        capture_output=True,
        check=True,
        cwd=PROJECT,
        encoding="utf-8",
    )
    schemas = {one["stream"] for one in messages_in(done.stdout) if one["type"] == "SCHEMA"}
    assert schemas == set(STREAM_FACTS) - PER_USER
    asked = {request.path for request in sandbox.requests}
    assert not [path for path in asked if "denylist" in path or "preferences" in path]


def test_what_is_off_by_default_can_be_selected(sandbox: SandboxServer) -> None:
    """Selection alone turns it on."""
    assert sync(sandbox, *PER_USER).streams == PER_USER


def test_the_schema_messages_are_those_of_the_catalog(sandbox: SandboxServer) -> None:
    """Keys and replication key reach the target, for it merges by them."""
    catalog = discovered(sandbox)
    run = sync(sandbox, start_date=iso(now() - 2 * DAY), end_date=iso(now()))
    assert len(run.of("SCHEMA")) == len(STREAM_FACTS)
    for message in run.of("SCHEMA"):
        entry = entry_of(catalog, message["stream"])
        replication_key = entry.get("replication_key")
        assert message["key_properties"] == entry["key_properties"]
        assert message.get("bookmark_properties", []) == [replication_key][: bool(replication_key)]
        assert message["schema"]["properties"].keys() == entry["schema"]["properties"].keys()


def test_what_px_is_asked_about_each_stream_is_asked_side_by_side() -> None:
    """With many tables of events, the first record would wait for one sample after another."""
    all_three = threading.Barrier(3, timeout=PATIENCE)

    def ask(name: str) -> str:
        all_three.wait()
        return name

    jobs = {name: partial(ask, name) for name in ("users", "accounts", "custom_event_login")}
    found = side_by_side(jobs, workers=3, check=lambda: None)
    assert list(found.items()) == [(name, name) for name in jobs]
