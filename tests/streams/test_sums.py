"""Sums over days and weeks: whole ranges, and those that were not over yet once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer, World
from tests.contract.facts import STREAM_FACTS
from tests.streams.rich import empty_world, now
from tests.streams.sums import MONDAY, SUMS, WEEK, days, week_of, weeks
from tests.streams.truth import DAY, SECOND, in_order, iso
from tests.tap.harness import sync

if TYPE_CHECKING:
    from tests.tap.harness import Output

HOUR = 3_600 * SECOND
STEPS = {"engagement_errors": DAY, "engagement_error_details": WEEK, "feature_adoption": WEEK}
RANGES = {"engagement_errors": days, "engagement_error_details": weeks, "feature_adoption": weeks}
KEYS = {
    "engagement_errors": ("engagementId", "dateRangeStart", "rowId"),
    "engagement_error_details": ("engagementId", "dateRangeStart", "rowId"),
    "feature_adoption": ("featureId", "propertyKey", "dateRangeStart"),
}

# A Wednesday, noon, some weeks ago: amid a day and amid a week.
NOON = week_of(now()) - 3 * WEEK + 2 * DAY + 12 * HOUR
START = NOON - 30 * DAY

every_sum = pytest.mark.parametrize("stream", SUMS)


def put(world: World, date: int, *, identity: str = "x", **fields: Any) -> None:
    """Let an error and a use of a feature happen."""
    error = {"engagementId": identity, "propertyKey": "AP", "views": 2, "date": date}
    details = {"stepName": None, "stepNumber": 2**60, "errorType": "Ä", "value": "東 😀"}
    world.put("engagement_error_occurrences", {**error, **details, **fields})
    use = {"eventId": f"{date}{identity}", "date": date, "featureId": identity}
    world.put("feature_match_events", {**use, "identifyId": f"u{date % 3}", "accountId": None})


def world_of_sums() -> World:
    """Make a world with something in every week, at its edges, and nothing in some days."""
    world = empty_world()
    for identity in ("x", "y"):
        world.put("engagements", {"id": identity, "name": "N", "type": "T"})
        world.put("features", {"id": identity, "name": "N", "propertyKey": "AP"})
    for monday in range(week_of(START), NOON, WEEK):
        for date in (monday - 1, monday, monday + 1, monday + DAY - 1, monday + DAY):
            if date < NOON:
                put(world, date)
        put(world, monday + 3 * HOUR, identity="y")
    return world


def read(sandbox: SandboxServer, stream: str, end: int, **settings: Any) -> Output:
    """Read sums up to a moment that stands for the present."""
    return sync(sandbox, stream, start_date=iso(START), end_date=iso(end), **settings)


def asked(sandbox: SandboxServer, stream: str) -> list[tuple[int, int]]:
    """Return the ranges that were asked for, in order, each once."""
    head = STREAM_FACTS[stream]["path"].split("{")[0]
    found = {
        (int(str(one.params["dateRangeStart"])), int(str(one.params["dateRangeEnd"])))
        for one in sandbox.requests
        if one.path.startswith(head)
    }
    return sorted(found)


def merged(stream: str, *runs: Output) -> list[dict[str, Any]]:
    """Return what a loader holds after these runs: the last record of each key."""
    rows = {
        tuple(record[name] for name in KEYS[stream]): record
        for run in runs
        for record in run.records(stream)
    }
    return [
        {name: value for name, value in record.items() if name != "rowId"}
        for record in rows.values()
    ]


@every_sum
def test_ranges_are_whole_days_or_weeks_without_a_gap(stream: str) -> None:
    """From before `start_date` to the end; no longer than the API allows, and only then cut."""
    with SandboxServer(world_of_sums()) as sandbox:
        read(sandbox, stream, NOON)
        ranges = asked(sandbox, stream)
    assert ranges == RANGES[stream](START, NOON)
    assert ranges[0][0] <= START
    assert ranges[-1][1] == NOON
    assert {(start - MONDAY) % STEPS[stream] for start, _ in ranges} == {0}
    assert [end for _, end in ranges[:-1]] == [start for start, _ in ranges[1:]]
    assert {end - start for start, end in ranges[:-1]} == {STEPS[stream]}


@every_sum
def test_the_sums_are_those_of_their_ranges(stream: str) -> None:
    """A moment on the edge of two ranges counts in the later one only."""
    world = world_of_sums()
    with SandboxServer(world) as sandbox:
        run = read(sandbox, stream, NOON)
    expected = SUMS[stream](world, START, NOON)
    assert in_order(merged(stream, run)) == in_order(expected)
    assert len(run.records(stream)) == len(expected)


@every_sum
def test_a_range_that_was_not_over_is_read_again(stream: str) -> None:
    """Its new sum takes the place of the old one, because its key begins it and not its end."""
    world = world_of_sums()
    with SandboxServer(world) as sandbox:
        first = read(sandbox, stream, NOON)
        put(world, NOON + HOUR)
        put(world, NOON + WEEK)
        second = read(sandbox, stream, NOON + 8 * DAY, state=first.state)
        ranges = asked(sandbox, stream)
    assert first.bookmark(stream)["replication_key_value"] == iso(NOON)
    begun = NOON - (NOON - MONDAY) % STEPS[stream]
    assert ranges == RANGES[stream](begun, NOON + 8 * DAY)
    expected = SUMS[stream](world, START, NOON + 8 * DAY)
    assert in_order(merged(stream, first, second)) == in_order(expected)


@pytest.mark.parametrize("key", [None, ""])
def test_a_sum_without_its_key_stays_one_row_while_it_grows(key: str | None) -> None:
    """A digest of the counts would be another key each time that the range is read."""
    world = world_of_sums()
    world.put("features", {"id": "x", "name": "N", "propertyKey": key})
    with SandboxServer(world) as sandbox:
        first = read(sandbox, "feature_adoption", NOON)
        put(world, NOON + HOUR)
        second = read(sandbox, "feature_adoption", NOON + DAY, state=first.state)
    rows = merged("feature_adoption", first, second)
    assert len({(one["featureId"], one["dateRangeStart"]) for one in rows}) == len(rows)
    assert all(one["propertyKey"] for one in rows)


@every_sum
def test_a_range_that_was_over_is_read_again_only_for_what_came_late(stream: str) -> None:
    """The lookback reaches into it for an hour, and no further."""
    world = world_of_sums()
    monday = week_of(NOON)
    with SandboxServer(world) as sandbox:
        first = read(sandbox, stream, monday)
        read(sandbox, stream, monday + DAY, state=first.state)
        with_lookback = asked(sandbox, stream)
        read(sandbox, stream, monday + DAY, state=first.state, lookback_seconds=0)
        without = asked(sandbox, stream)
    step = STEPS[stream]
    assert with_lookback == [(monday - step, monday), (monday, monday + DAY)]
    assert without == [(monday, monday + DAY)]


@every_sum
def test_sums_are_incremental_and_activate_no_version(stream: str) -> None:
    """The rows of earlier ranges are not in the run, and must not count as deleted."""
    with SandboxServer(world_of_sums()) as sandbox:
        run = read(sandbox, stream, NOON)
    assert run.activated == {}
    assert all("version" not in one for one in run.of("RECORD"))


@every_sum
def test_an_interrupted_run_goes_on_with_the_range_it_did_not_finish(stream: str) -> None:
    """The bookmark moves over a range when all parents have been asked about it."""
    world = world_of_sums()
    with SandboxServer(world) as sandbox:
        first = read(sandbox, stream, NOON, max_requests=6)
        reached = first.bookmark(stream)["replication_key_value"]
        second = read(sandbox, stream, NOON, state=first.state, lookback_seconds=0)
        ranges = asked(sandbox, stream)
    assert first.error is not None
    assert iso(ranges[0][0]) == reached
    assert iso(START) < reached < iso(NOON)
    expected = SUMS[stream](world, START, NOON)
    assert in_order(merged(stream, first, second)) == in_order(expected)
