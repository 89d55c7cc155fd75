"""A run can be broken off at any STATE: its output and that of the next run are everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.tap.harness import KEYS, Json, Output, discover, doubled, sync
from tests.tap.worlds import (
    DAY,
    account,
    event,
    events_at,
    iso,
    today,
    user,
    world_of,
    years_of_dates,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

START = today() - 400 * DAY
# By a clock that stands still no scroll ever expires, and these runs open more than 500.
ROOM: Json = {"max_scrolls": None}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve events with bursts, and people of whom some have no date."""
    dates = years_of_dates(START, today(), seed=8, quiet=70, burst=45)
    world = world_of(
        custom_events=[event(f"e{number}", date) for number, date in enumerate(dates)],
        users=[user(f"u{n}", None if n % 40 == 0 else today() - n * DAY) for n in range(55)],
        accounts=[account(f"a{n}", today() - n * 9 * DAY) for n in range(25)],
    )
    with SandboxServer(world) as server:
        yield server


@pytest.mark.parametrize(
    ("last_modified_filter", "lookback"), [("honoured", 0), ("refused", 3_600)]
)
def test_a_resume_from_every_state_loses_nothing(
    sandbox: SandboxServer, last_modified_filter: str, lookback: int
) -> None:
    """For every STATE line: all before it, joined with a run from it, holds every record."""
    sandbox.misbehave({**ROOM, "last_modified_filter": last_modified_filter})
    settings: Json = {
        "start_date": iso(START),
        "window_max_records": 60,
        "page_size": 60,
        "lookback_seconds": lookback,
    }
    truth = {
        stream: {one[key] for one in sandbox.world.records(stream)} for stream, key in KEYS.items()
    }
    catalog = discover(sandbox, *KEYS)
    whole = sync(sandbox, catalog=catalog, **settings)
    assert len(whole.states) > 12
    for stream in KEYS:
        assert set(whole.keys(stream)) == truth[stream]
        assert doubled(whole.keys(stream)) == []
    for state, before in whole.up_to_each_state():
        resumed = sync(sandbox, catalog=catalog, state=state, **settings)
        for stream in KEYS:
            assert {*before.keys(stream), *resumed.keys(stream)} == truth[stream]
            assert doubled(resumed.keys(stream)) == []


def test_a_resumed_run_does_not_read_all_again(sandbox: SandboxServer) -> None:
    """The later the STATE, the less is left to be read."""
    sandbox.misbehave(ROOM)
    settings: Json = {"start_date": iso(START), "window_max_records": 60, "page_size": 60}
    whole = sync(sandbox, "custom_events", **settings)
    middle = whole.states[len(whole.states) // 2]
    resumed = sync(sandbox, "custom_events", state=middle, **settings)
    last = sync(sandbox, "custom_events", state=whole.states[-1], **settings)
    total = len(whole.keys("custom_events"))
    assert total * 0.2 < len(resumed.keys("custom_events")) < total * 0.8
    assert last.keys("custom_events") == []


def runs_until_whole(sandbox: SandboxServer, **settings: Any) -> Iterator[Output]:
    """Sync events, each time from the last STATE, until a run ends well."""
    catalog = discover(sandbox, "custom_events")
    settings = {"start_date": iso(START), "window_max_records": 30, **settings}
    state: Json | None = None
    for number in range(40):
        # The name tells the requests of this run from late ones of the run before.
        name = f"run {number}"
        output = sync(sandbox, catalog=catalog, state=state, user_agent=name, **settings)
        yield output
        if output.error is None:
            return
        state = output.states[-1] if output.states else state


def assert_whole(outputs: list[Output], *reasons: str) -> None:
    """Find all events in the outputs together, and the reasons in each error."""
    assert outputs[-1].error is None
    assert len({key for output in outputs for key in output.keys("custom_events")}) == 400
    assert len(outputs) >= 2
    for output in outputs[:-1]:
        assert all(reason in str(output.error) for reason in reasons)
        assert output.exit_code == 1


def test_max_requests_ends_in_good_order_and_later_runs_finish() -> None:
    """Few requests at a time lead to the whole as well, and every run says why it ended."""
    outputs: list[Output] = []
    with SandboxServer(events_at([START + n * DAY + 5 for n in range(400)])) as sandbox:
        for number, output in enumerate(runs_until_whole(sandbox, max_requests=10)):
            outputs.append(output)
            assert sum(one.user_agent == f"run {number}" for one in sandbox.requests) <= 10
    assert_whole(outputs, "max_requests (10)")


def test_max_run_seconds_ends_in_good_order_and_later_runs_finish() -> None:
    """Little time for each run leads to the whole as well, and every run says why it ended."""
    with SandboxServer(events_at([START + n * DAY + 5 for n in range(400)])) as sandbox:
        # A second goes by with each request.
        clock: Any = {"stopwatch": lambda: float(len(sandbox.requests))}
        outputs = list(runs_until_whole(sandbox, max_run_seconds=15, **clock))
    assert_whole(outputs, "max_run_seconds (15)", "run again to continue from there")


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "too_many_requests", "retry_after": 600},
        {"fault": "http_503", "retry_after": 3_600},
        {"fault": "hang"},
    ],
    ids=["429", "503", "hang"],
)
def test_no_wait_holds_up_the_end_that_max_run_seconds_wants(fault: Json) -> None:
    """Neither for the limit, nor between two tries, nor for an answer: STATE is written at once."""
    world = events_at([START + n * DAY + 5 for n in range(400)])
    rule = {"path": "/v1/events/*", "nth": 6, "times": None, **fault}
    with SandboxServer(world, {"rules": [rule]}) as sandbox:
        output = sync(
            sandbox,
            "custom_events",
            stopwatch=lambda: float(len(sandbox.requests)),
            start_date=iso(START),
            window_max_records=30,
            max_workers=1,
            max_run_seconds=6,
        )
    assert "max_run_seconds (6)" in str(output.error)
    assert 0 < len(output.keys("custom_events")) < 400
    assert output.bookmarks("custom_events")
