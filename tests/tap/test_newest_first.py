"""The latest days come first, of all streams, and the past is filled in behind them."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.errors import RefusedError, TapError
from tap_gainsight_px.tap import TapGainsightPx
from tests.tap.harness import Json, Output, config, discover, doubled, milliseconds, sync
from tests.tap.worlds import DAY, NOW, SECOND, event, events_at, iso, today, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

START = today() - 400 * DAY
HOUR = 3_600 * SECOND
WEEK_AGO = NOW // SECOND * SECOND - 7 * DAY
ALL = [START + day * DAY + 5 for day in range(400)]
# By a clock that stands still no scroll ever expires.
ROOM: Json = {"max_scrolls": None}
NEWEST: Json = {"first_sync": "newest_first", "start_date": iso(START), "window_max_records": 20}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve an event a day for 400 days, of two kinds, and somebody to whom they happened."""
    events = [event(f"e{day}", START + day * DAY + 5) for day in range(400)]
    world = world_of(
        custom_events=events,
        session_events=[{**one, "eventId": f"s{n}"} for n, one in enumerate(events)],
        users=[user("ada", today() - 30 * DAY)],
    )
    with SandboxServer(world) as server:
        yield server


@pytest.fixture(autouse=True)
def _behaves(sandbox: SandboxServer) -> None:
    sandbox.misbehave(ROOM)


def edges(state: Json, stream: str = "custom_events") -> tuple[int, int]:
    """Return from where to where STATE says that a stream has been read."""
    entry = state["bookmarks"][stream]
    return milliseconds(entry["read_from"]), milliseconds(entry["replication_key_value"])


def dates(output: Output, stream: str = "custom_events") -> list[int]:
    """Return the dates of the records of a run, in the order in which they were written."""
    return [milliseconds(one["date"]) for one in output.records(stream)]


def asked(sandbox: SandboxServer) -> tuple[int, int]:
    """Return the earliest and the latest time that a run has asked events of, not only counts."""
    ranges = [
        one.params
        for one in sandbox.requests
        if "dateRangeStart" in one.params and one.params["pageSize"] != "1"
    ]
    starts = [int(str(one["dateRangeStart"])) for one in ranges]
    return min(starts), max(int(str(one["dateRangeEnd"])) for one in ranges)


def state_of(start: int | None, end: int, **more: Any) -> Json:
    """Make a STATE of custom events that were read from `start` to `end`."""
    entry: Json = {"replication_key": "date", "replication_key_value": iso(end), **more}
    if start is not None:
        entry["read_from"] = iso(start)
    return {"bookmarks": {"custom_events": entry}}


# The order


def test_the_latest_days_of_all_streams_come_before_the_past_of_any(sandbox: SandboxServer) -> None:
    """A new customer has this week of everything before an event of last year."""
    output = sync(sandbox, "custom_events", "session_events", "users", **NEWEST)
    stretches = [
        (stream, milliseconds(one["record"].get("date", iso(NOW))) >= WEEK_AGO)
        for one in output.of("RECORD")
        for stream in [one["stream"]]
    ]
    assert [key for key, _ in groupby(stretches)] == [
        ("custom_events", True),
        ("session_events", True),
        ("users", True),
        ("custom_events", False),
        ("session_events", False),
    ]
    assert [one["stream"] for one in output.of("SCHEMA")] == [
        "custom_events",
        "session_events",
        "users",
    ]


@pytest.mark.parametrize("by_sdk", [False, True])
def test_the_past_is_read_backwards_slice_by_slice(sandbox: SandboxServer, *, by_sdk: bool) -> None:
    """Of a window that is split the latest part comes first; within a slice time goes on."""
    output = sync(sandbox, "custom_events", by_sdk=by_sdk, **NEWEST)
    found = dates(output)
    latest = sum(date >= WEEK_AGO for date in found)
    past = found[latest:]
    assert sorted(found) == ALL
    assert found[:latest] == ALL[-latest:]
    starts = [past[0], *(later for earlier, later in pairwise(past) if later < earlier)]
    assert len(starts) > 15
    assert starts == sorted(starts, reverse=True)


def test_every_state_tells_the_truth(sandbox: SandboxServer) -> None:
    """All between both edges was written before; what STATE does not speak of was not needed."""
    output = sync(sandbox, "custom_events", **NEWEST)
    written = 0
    for state, before in output.up_to_each_state():
        if "read_from" not in state["bookmarks"].get("custom_events", {}):
            assert not before.records("custom_events")
            continue
        start, end = edges(state)
        assert sorted(dates(before)) == [date for date in ALL if start <= date < end]
        written = len(before.records("custom_events"))
    assert written == 400
    assert edges(output.state) == (START, NOW // SECOND * SECOND)


def test_users_are_read_whole_as_ever(sandbox: SandboxServer) -> None:
    """For a user it is no question of time who is read first."""
    output = sync(sandbox, "users", **NEWEST)
    assert output.keys("users") == ["ada"]
    assert "read_from" not in output.bookmark("users")


def test_a_first_sync_reads_the_oldest_first_unless_told_otherwise(sandbox: SandboxServer) -> None:
    """Both edges are written down all the same."""
    output = sync(sandbox, "custom_events", **{**NEWEST, "first_sync": "oldest_first"})
    assert dates(output) == sorted(dates(output))
    assert {edges(state)[0] for state in output.states[1:]} == {START}


# Interruptions


def test_a_resume_from_every_state_loses_nothing_and_reads_little_again(
    sandbox: SandboxServer,
) -> None:
    """What lies before `read_from` is left, and what lies behind it was read."""
    settings = {**NEWEST, "window_max_records": 120}
    catalog = discover(sandbox, "custom_events")
    whole = sync(sandbox, catalog=catalog, **settings)
    assert len(whole.states) > 6
    for state, before in whole.up_to_each_state():
        resumed = sync(sandbox, catalog=catalog, state=state, **settings)
        assert sorted(dates(before) + dates(resumed)) == ALL


def test_the_latest_days_are_kept_up_to_date_before_the_past_goes_on() -> None:
    """Each run begins with what is new, however much of the past is still missing."""
    world = events_at(ALL)
    with SandboxServer(world) as sandbox:
        first = sync(sandbox, "custom_events", max_requests=6, **NEWEST)
        assert first.error is not None
        world.put("custom_events", event("new", NOW - 1_800 * SECOND))
        second = sync(sandbox, "custom_events", state=first.state, **NEWEST)
    assert second.keys("custom_events")[0] == "new"
    assert {*dates(first), *dates(second)} >= set(ALL)
    assert edges(second.state)[0] == START


def test_a_lookback_does_not_reach_into_what_is_filled_in(sandbox: SandboxServer) -> None:
    """Else a long one would read twice what lies behind `read_from`."""
    state = state_of(today() - 10 * DAY, today() - 3 * DAY)
    output = sync(sandbox, "custom_events", state=state, lookback_seconds=90 * 86_400, **NEWEST)
    assert dates(output)[0] == today() - 10 * DAY + 5
    assert sorted(dates(output)) == ALL


def test_a_stream_that_fails_is_not_asked_about_its_past(sandbox: SandboxServer) -> None:
    """One line says what is wrong with it, and the past of the others is filled in."""
    forbidden = {"fault": "forbidden", "path": "/v1/events/custom", "times": None}
    sandbox.misbehave({"rules": [forbidden], **ROOM})
    output = sync(sandbox, "custom_events", "session_events", **NEWEST)
    assert isinstance(output.error, RefusedError)
    assert sum(one.path == "/v1/events/custom" for one in sandbox.requests) <= 2
    assert len(dates(output, "session_events")) == 400


def test_files_of_batch_hold_the_past_as_well(sandbox: SandboxServer, tmp_path: Path) -> None:
    """No STATE runs ahead of them."""
    batch: Json = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": tmp_path.as_uri()},
        "batch_size": 100,
    }
    output = sync(sandbox, "custom_events", batch_config=batch, **NEWEST)
    assert edges(output.state) == (START, NOW // SECOND * SECOND)
    for state, before in output.up_to_each_state():
        urls = [url for one in before.of("BATCH") for url in one["manifest"]]
        files = [gzip.decompress(Path(urlsplit(url).path).read_bytes()) for url in urls]
        held = {
            milliseconds(json.loads(line)["date"]) for one in files for line in one.splitlines()
        }
        if "read_from" in state["bookmarks"].get("custom_events", {}):
            start, end = edges(state)
            assert held >= {date for date in ALL if start <= date < end}
    assert held == set(ALL)


# The start date, moved


def test_a_start_date_moved_back_fills_in_what_is_missing_and_nothing_else(
    sandbox: SandboxServer,
) -> None:
    """Without a full reload: neither is the rest read again, nor does the bookmark move back."""
    first = sync(sandbox, "custom_events", start_date=iso(today() - 100 * DAY))
    second = sync(sandbox, "custom_events", state=first.state, start_date=iso(START))
    assert dates(second) == ALL[110:300] + ALL[:110]
    assert edges(second.state) == (START, NOW // SECOND * SECOND)
    third = sync(sandbox, "custom_events", state=second.state, start_date=iso(START))
    assert dates(third) == []
    assert asked(sandbox)[0] == NOW // SECOND * SECOND - HOUR


def test_a_start_date_moved_forward_forgets_nothing(sandbox: SandboxServer) -> None:
    """What has been read stays read; moved back again, there is nothing to fill in."""
    state = state_of(START, today())
    later = sync(
        sandbox, "custom_events", state=state, start_date=iso(today() - 9 * DAY), recheck_days=0
    )
    assert edges(later.state)[0] == START
    again = sync(sandbox, "custom_events", state=later.state, start_date=iso(START), recheck_days=0)
    assert asked(sandbox)[0] == NOW // SECOND * SECOND - HOUR
    assert dates(again) == []


def test_the_default_start_moves_with_time_and_asks_for_nothing(sandbox: SandboxServer) -> None:
    """36 months before a later run begin later."""
    state = state_of(NOW // SECOND * SECOND - 1_096 * DAY, today())
    sync(sandbox, "custom_events", state=state)
    assert asked(sandbox)[0] == today() - HOUR


def test_without_a_start_date_any_more_all_that_px_keeps_is_filled_in(
    sandbox: SandboxServer,
) -> None:
    """The user wants more than before, as if the date had been moved back."""
    first = sync(sandbox, "custom_events", start_date=iso(today() - 100 * DAY))
    second = sync(sandbox, "custom_events", state=first.state)
    assert len({*dates(first), *dates(second)}) == 400
    assert edges(second.state)[0] == NOW // SECOND * SECOND - 1_096 * DAY


def test_a_run_that_ends_before_what_was_read_fills_in_nothing(sandbox: SandboxServer) -> None:
    """STATE speaks of one stretch, so what lies apart from it could not be written down."""
    state = state_of(today() - 100 * DAY, today())
    output = sync(
        sandbox,
        "custom_events",
        state=state,
        start_date=iso(START),
        end_date=iso(today() - 200 * DAY),
    )
    assert dates(output) == []
    assert edges(output.state) == (today() - 100 * DAY, today())


# STATE of other versions, damaged or changed by hand


def test_state_of_before_counts_as_read_from_the_start_date_on(sandbox: SandboxServer) -> None:
    """An earlier version has read from there, and did not write it down."""
    start = today() - 100 * DAY
    first = sync(sandbox, "custom_events", state=state_of(None, today()), start_date=iso(start))
    assert asked(sandbox)[0] == today() - HOUR
    assert edges(first.state)[0] == start
    second = sync(sandbox, "custom_events", state=first.state, start_date=iso(START))
    assert asked(sandbox)[0] == START
    assert len(dates(second)) == 300


def test_state_of_before_that_ends_before_the_start_date_is_gone_on_with(
    sandbox: SandboxServer,
) -> None:
    """As ever: nothing lies unread between the bookmark and the start date."""
    at = today() - 100 * DAY
    output = sync(sandbox, "custom_events", state=state_of(None, at), start_date=iso(today() - DAY))
    assert asked(sandbox)[0] == at - HOUR
    assert edges(output.state) == (at - HOUR, NOW // SECOND * SECOND)


@pytest.mark.parametrize("value", ["soon", [], {"a": 1}, True, float("inf"), -(10**30)])
def test_a_damaged_read_from_reads_the_past_again(
    sandbox: SandboxServer, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost; a warning says it."""
    state = state_of(None, today() - 50 * DAY, read_from=value)
    output = sync(sandbox, "custom_events", state=state, **NEWEST)
    assert len(set(dates(output))) == 400
    assert edges(output.state)[0] == START
    assert "read_from in STATE is not a time" in caplog.text


def test_a_bookmark_moved_back_by_hand_takes_read_from_along(sandbox: SandboxServer) -> None:
    """Somebody who wants events again that lie before `read_from` gets the rest too."""
    state = state_of(today() - 20 * DAY, today() - 50 * DAY)
    output = sync(sandbox, "custom_events", state=state, **NEWEST)
    assert len(set(dates(output))) == 400
    assert dates(output)[0] == START + 350 * DAY + 5
    assert doubled(output.keys("custom_events")) == []


def test_another_order_in_the_middle_of_a_first_sync_loses_nothing(sandbox: SandboxServer) -> None:
    """The setting is about where a first sync begins; STATE says what is left."""
    oldest = {**NEWEST, "first_sync": "oldest_first"}
    for first, second in ((NEWEST, oldest), (oldest, NEWEST)):
        begun = sync(sandbox, "custom_events", max_requests=8, **first)
        ended = sync(sandbox, "custom_events", state=begun.state, **second)
        assert 0 < len(dates(begun)) < 400
        assert len({*dates(begun), *dates(ended)}) == 400


def test_a_full_table_is_read_from_its_start(sandbox: SandboxServer) -> None:
    """Without a bookmark there is nothing to keep up to date."""
    catalog = discover(sandbox, "custom_events")
    for entry in catalog["streams"]:
        entry["replication_method"] = "FULL_TABLE"
    output = sync(sandbox, catalog=catalog, **NEWEST)
    assert dates(output) == sorted(dates(output))
    assert len(dates(output)) == 400
    assert output.bookmark("custom_events") == {}


def test_a_host_whose_clock_is_ahead_leaves_nothing_out(sandbox: SandboxServer) -> None:
    """Its latest days have not happened yet; everything up to PX's present is the past then."""
    first = sync(sandbox, "custom_events", clock=lambda: NOW + 40 * DAY, **NEWEST)
    assert len(set(dates(first))) == 400
    assert edges(first.state) == (START, NOW // SECOND * SECOND)


def test_the_test_of_the_connection_looks_further_than_the_latest_days(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--test` wants one record, and the latest days may have none."""
    with SandboxServer(events_at([today() - 100 * DAY])) as sandbox:
        tap = TapGainsightPx(
            clock=sandbox.world.clock.now_ms,
            config=config(sandbox, first_sync="newest_first"),
            parse_env_config=False,
        )
        # A world of one event has no subscription, which comes later.
        with suppress(TapError):
            tap.run_connection_test()
        tap.finish()
    assert '"eventId":"e0"' in capsys.readouterr().out
