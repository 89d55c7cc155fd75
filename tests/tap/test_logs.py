"""What a run logs can be read by machines, says what is true, and holds no secret."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.tap.harness import Program, config, discover
from tests.tap.worlds import DAY, events_at, iso, present_day

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = present_day() - 10 * DAY
EVENTS = 200
STRUCTURED = """\
version: 1
disable_existing_loggers: false
formatters:
  json: {(): singer_sdk.logging.StructuredFormatter}
handlers:
  stderr: {class: logging.StreamHandler, formatter: json, stream: ext://sys.stderr}
root: {level: LEVEL, handlers: [stderr]}
"""


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve some events."""
    with SandboxServer(events_at([START + n * DAY // 25 for n in range(EVENTS)])) as server:
        yield server


def logged(
    sandbox: SandboxServer, folder: Path, level: str = "INFO", **settings: Any
) -> list[dict[str, Any]]:
    """Sync with a structured log and return its lines, each of which must be JSON."""
    catalog = discover(sandbox, "custom_events", "users")
    sandbox.requests.clear()
    (folder / "logging.yml").write_text(STRUCTURED.replace("LEVEL", level), encoding="utf-8")
    output = Program(folder).run(
        config=config(sandbox, start_date=iso(START), page_size=20, **settings),
        catalog=catalog,
        env={"SINGER_SDK_LOG_CONFIG": str(folder / "logging.yml")},
    )
    assert output.exit_code == 0, output.log
    assert sandbox.api_key not in output.log
    return [json.loads(line) for line in output.log.splitlines()]


@pytest.mark.parametrize("way", ["records", "BATCH"])
def test_the_metrics_are_true_of_each_stream(
    sandbox: SandboxServer, tmp_path: Path, way: str
) -> None:
    """Records, requests, and times that are those of a stream that is read ahead of its writing."""
    batch: dict[str, Any] = {
        "encoding": {"format": "jsonl", "compression": "none"},
        "storage": {"root": tmp_path.as_uri()},
    }
    settings: dict[str, Any] = {"batch_config": batch} if way == "BATCH" else {}
    lines = logged(sandbox, tmp_path, **settings)
    told = {
        (one["stream_name"], one["metric_info"]["metric"]): one["metric_info"]["value"]
        for one in lines
        if one["message"] == "METRIC"
    }
    asked = Counter(one.path for one in sandbox.requests)
    assert told["custom_events", "record_count"] == EVENTS
    assert told["custom_events", "http_request_count"] == asked["/v1/events/custom"]
    types = asked["/v1/admin/model/user/attributes"]
    assert told["users", "http_request_count"] == asked["/v1/users"] + types
    mean = told["custom_events", "http_request_duration"]
    # Several at once, of which none can have taken longer than all together.
    assert 0 < mean <= told["custom_events", "sync_duration"]


def test_what_is_no_news_is_at_debug(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Thirty lines about streams that nobody has selected hide the three that count."""
    messages = {level: str(logged(sandbox, tmp_path, level)) for level in ("INFO", "DEBUG")}
    for words in ("Skipping deselected stream", "Skipping parse of env var"):
        assert words not in messages["INFO"]
    assert "Skipping deselected stream" in messages["DEBUG"]
    assert "custom_events: reading from" in messages["INFO"]
