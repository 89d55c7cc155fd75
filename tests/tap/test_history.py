"""Which stretch of time each stream reads, and that the log says why."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from px_sandbox import SandboxServer
from tests.tap.harness import sync
from tests.tap.test_bookmarks import bookmark
from tests.tap.worlds import DAY, NOW, SECOND, event, iso, user, world_of

PATH = "/v1/events/custom"


def test_a_first_sync_without_a_start_reads_all_that_px_keeps() -> None:
    """36 months, and not the longest range of one call."""
    with SandboxServer(world_of(custom_events=[event("oldest", NOW - 1_095 * DAY)])) as sandbox:
        output = sync(sandbox, "custom_events")
    assert output.keys("custom_events") == ["oldest"]


def test_years_without_an_event_cost_a_request_for_each_window() -> None:
    """Nobody waits for an empty history, and no window of it is split."""
    with SandboxServer(world_of(custom_events=[event("new", NOW - DAY)])) as sandbox:
        sync(sandbox, "custom_events")
        requests = [one for one in sandbox.requests if one.path == PATH]
    # Six windows of at most 190 days after one of a day; the empty ones are asked for again.
    assert len(requests) <= 2 * 7


@pytest.mark.parametrize(
    ("stream", "state", "settings", "line"),
    [
        (
            "custom_events",
            None,
            {},
            (
                "from 2023-06-10T06:13:20Z (first sync: all that PX keeps, 36 months) "
                "to 2026-06-10T06:13:20Z (now), windows: 7"
            ),
        ),
        (
            "custom_events",
            None,
            {"start_date": "2026-06-01", "end_date": "2026-06-02"},
            "from 2026-06-01T00:00:00Z (start_date) to 2026-06-02T00:00:00Z (end_date), windows: 1",
        ),
        (
            "custom_events",
            NOW - DAY,
            {},
            (
                "from 2026-06-09T05:13:20Z (the bookmark 2026-06-09T06:13:20.000Z minus "
                "lookback_seconds) to 2026-06-10T06:13:20Z (now), windows: 1"
            ),
        ),
        (
            "custom_events",
            NOW - DAY,
            {"start_date": iso(NOW - DAY - SECOND)},
            "from 2026-06-09T06:13:19Z (start_date) to 2026-06-10T06:13:20Z (now), windows: 1",
        ),
        (
            "users",
            None,
            {"start_date": "2026-06-01"},
            "from the beginning (first sync: all there are) to 2026-06-10T06:13:20Z (now)",
        ),
    ],
    ids=["first sync", "two dates", "bookmark", "start_date after the lookback", "users"],
)
def test_the_log_says_once_what_a_stream_reads_and_why(
    stream: str,
    state: int | None,
    settings: dict[str, Any],
    line: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever misses a record sees whether it was asked for."""
    world = world_of(custom_events=[event("e", NOW - DAY)], users=[user("u", NOW - DAY)])
    with SandboxServer(world) as sandbox, caplog.at_level(logging.INFO):
        given = None if state is None else bookmark(stream, state)
        sync(sandbox, stream, state=given, **settings)
    lines = [one for one in caplog.messages if ": reading " in one]
    assert lines == [f"{stream}: reading {line}"]
