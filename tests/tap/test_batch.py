"""BATCH: the files hold what RECORD lines would, and STATE never runs ahead of them."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from px_sandbox import SandboxServer
from tests.tap.harness import Json, Output, as_sent, discover, entry_of, root, sync
from tests.tap.worlds import DAY, event, events_at, iso, today, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def batches(folder: Path, size: int) -> Json:
    """Return the setting that asks for files of so many records."""
    return {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": folder.as_uri()},
        "batch_size": size,
    }


def in_file(url: str) -> Iterator[Json]:
    """Read the records of one file."""
    with gzip.open(urlsplit(url).path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line, parse_float=Decimal)


def rows_in_files(output: Output, stream: str) -> list[Json]:
    """Read all that is in the files of a stream."""
    urls = [url for message in output.of("BATCH", stream) for url in message["manifest"]]
    return [row for url in urls for row in in_file(url)]


def in_files(output: Output, stream: str) -> list[Json]:
    """Read the records of all files of a stream."""
    return [as_sent(row) for row in rows_in_files(output, stream)]


def rich_event(key: str, date: int) -> dict[str, Any]:
    """Make an event with something of everything."""
    return event(key, date) | {"attributes": {"a": 1.5, "b": None, "c": ["ü"]}, "url": f"/{key}"}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve some days of events."""
    start = today() - 20 * DAY
    dates = [start + number * 3_600_000 for number in range(100)]
    events = [rich_event(f"e{number}", date) for number, date in enumerate(dates)]
    with SandboxServer(world_of(custom_events=events)) as server:
        yield server


@pytest.mark.parametrize("settings", [{}, {"flattening_enabled": True, "flattening_max_depth": 2}])
def test_files_hold_exactly_what_record_lines_would(
    sandbox: SandboxServer, tmp_path: Path, settings: Json
) -> None:
    """Times rewritten, fields flattened, numbers with their digits."""
    lines = sync(sandbox, "custom_events", **settings)
    files = sync(sandbox, "custom_events", batch_config=batches(tmp_path, 30), **settings)
    assert not files.records("custom_events")
    assert in_files(files, "custom_events") == lines.records("custom_events")


def test_each_row_says_what_a_loader_would_have_put_beside_its_record(tmp_path: Path) -> None:
    """A loader that stages files as they are cannot tell deleted rows without the version."""
    world = world_of(custom_events=[rich_event("e", today() - DAY)])
    for number in range(3):
        world.put("segments", {"id": f"s{number}", "name": "S"})
    with SandboxServer(world) as sandbox:
        run = sync(sandbox, "segments", "custom_events", batch_config=batches(tmp_path, 2))
        now = sandbox.world.clock.now_ms()
    moment = iso(now).replace("Z", ".000Z")
    for stream, version in (("segments", run.activated["segments"]), ("custom_events", None)):
        rows = rows_in_files(run, stream)
        assert rows
        for row in rows:
            assert {name: row[name] for name in row if name.startswith("_sdc_")} == {
                "_sdc_extracted_at": moment,
                "_sdc_received_at": moment,
                "_sdc_batched_at": moment,
                "_sdc_deleted_at": None,
                "_sdc_sequence": now,
                "_sdc_table_version": version,
                "_sdc_sync_started_at": now // 1_000 * 1_000,
            }


def test_a_deselected_field_is_in_no_file(sandbox: SandboxServer, tmp_path: Path) -> None:
    """What the user does not want to load may be what nobody is allowed to see."""
    catalog = discover(sandbox, "custom_events")
    root(entry_of(catalog, "custom_events"), "properties", "url")["selected"] = False
    output = sync(sandbox, catalog=catalog, batch_config=batches(tmp_path, 1_000))
    records = in_files(output, "custom_events")
    assert len(records) == 100
    assert not any("url" in record for record in records)


def test_a_stream_map_names_and_shapes_what_is_in_the_files(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    """A renamed stream is renamed in its BATCH messages, and its records are the mapped ones."""
    maps = {"custom_events": {"__alias__": "things", "eventId": "eventId", "__else__": None}}
    output = sync(sandbox, "custom_events", stream_maps=maps, batch_config=batches(tmp_path, 1_000))
    assert in_files(output, "things") == [{"eventId": f"e{number}"} for number in range(100)]


def test_no_state_runs_ahead_of_the_files(tmp_path: Path) -> None:
    """A run killed between STATE and BATCH would lose what lies between."""
    start = today() - 20 * DAY
    dates = [start + number * 3_600_000 for number in range(200)]
    with SandboxServer(events_at(dates)) as sandbox:
        output = sync(
            sandbox,
            "custom_events",
            start_date=iso(start),
            window_max_records=10,
            batch_config=batches(tmp_path, 25),
        )
    seen: set[str] = set()
    for message in output.messages:
        if message["type"] == "BATCH":
            seen.update(record["eventId"] for url in message["manifest"] for record in in_file(url))
        if message["type"] == "STATE":
            value = message["value"]["bookmarks"].get("custom_events", {})
            bookmark = value.get("replication_key_value", "")
            due = {f"e{number}" for number, date in enumerate(dates) if iso(date) < bookmark}
            assert due <= seen
    assert len(seen) == 200
