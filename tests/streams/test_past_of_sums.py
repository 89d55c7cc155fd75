"""Sums and child streams fill in their past by whole days and weeks, latest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.errors import ParentsError, RefusedError
from tests.contract.facts import STREAM_FACTS
from tests.streams.sums import SUMS, week_of
from tests.streams.test_sums import (
    NOON,
    RANGES,
    START,
    STEPS,
    asked,
    every_sum,
    merged,
    world_of_sums,
)
from tests.streams.truth import DAY, in_order, iso
from tests.tap.harness import sync

if TYPE_CHECKING:
    from tests.tap.harness import Output


def read(sandbox: SandboxServer, stream: str, start: int, **settings: Any) -> Output:
    """Read sums from a moment on, up to one that stands for the present."""
    return sync(sandbox, stream, start_date=iso(start), end_date=iso(NOON), **settings)


def starts_of(run: Output, stream: str) -> list[str]:
    """Return the beginning of each range of a run's records, in their order, each once."""
    return list(dict.fromkeys(run.values(stream, "dateRangeStart")))


@every_sum
def test_the_latest_week_comes_first_and_the_past_backwards(stream: str) -> None:
    """Each range is read once, as in a first sync that begins with the oldest."""
    world = world_of_sums()
    with SandboxServer(world) as sandbox:
        run = read(sandbox, stream, START, first_sync="newest_first")
        ranges = asked(sandbox, stream)
    assert run.error is None
    assert ranges == RANGES[stream](START, NOON)
    expected = SUMS[stream](world, START, NOON)
    assert in_order(merged(stream, run)) == in_order(expected)
    assert len(run.records(stream)) == len(expected)
    first = NOON - 7 * DAY
    first -= (first - week_of(first)) % STEPS[stream]
    past = [one for one in starts_of(run, stream) if one < iso(first)]
    assert len(past) > 2
    assert past == sorted(past, reverse=True)
    assert starts_of(run, stream)[-len(past) :] == past
    assert run.bookmark(stream)["read_from"] == iso(ranges[0][0])


@every_sum
@pytest.mark.parametrize("has_read_from", [True, False])
def test_a_start_date_moved_back_reads_whole_ranges(stream: str, *, has_read_from: bool) -> None:
    """A week that the start date cuts was read whole: its sum must not be replaced by a part."""
    world = world_of_sums()
    middle = NOON - 10 * DAY
    with SandboxServer(world) as sandbox:
        first = read(sandbox, stream, middle)
        state = first.state
        if not has_read_from:
            del state["bookmarks"][stream]["read_from"]
            state = read(sandbox, stream, middle, state=state).state
        second = read(sandbox, stream, START, state=state)
        ranges = asked(sandbox, stream)
    edge = middle - (middle - week_of(middle)) % STEPS[stream]
    assert [one for one in ranges if one[0] < edge] == RANGES[stream](START, edge)
    assert {end - start for start, end in ranges if start < edge} == {STEPS[stream]}
    expected = SUMS[stream](world, START, NOON)
    assert in_order(merged(stream, first, second)) == in_order(expected)


@pytest.mark.parametrize("stream", ["engagement_error_details", "feature_adoption"])
def test_a_refused_parent_keeps_the_past_of_no_other_back(stream: str) -> None:
    """All others are read, latest week and past; one line names who could not be."""
    path = STREAM_FACTS[stream]["path"].split("{")[0] + "y"
    rule = {"fault": "bad_request", "path": path, "times": None}
    world = world_of_sums()
    with SandboxServer(world, {"rules": [rule]}) as sandbox:
        run = read(sandbox, stream, START, first_sync="newest_first")
        ranges = asked(sandbox, stream)
    assert isinstance(run.error, ParentsError)
    assert str(run.error).count("could not be read") == 1
    assert ranges == RANGES[stream](START, NOON)
    assert "read_from" not in run.bookmark(stream)
    expected = [one for one in SUMS[stream](world, START, NOON) if "y" not in one.values()]
    assert in_order(merged(stream, run)) == in_order(expected)


@pytest.mark.parametrize("stream", ["engagement_error_details", "feature_adoption"])
def test_an_endpoint_that_refuses_all_parents_is_not_asked_about_the_past(stream: str) -> None:
    """The latest week has shown it, and years of refusals would show nothing more."""
    path = STREAM_FACTS[stream]["path"].split("{")[0] + "*"
    rule = {"fault": "bad_request", "path": path, "times": None}
    with SandboxServer(world_of_sums(), {"rules": [rule]}) as sandbox:
        run = read(sandbox, stream, START, first_sync="newest_first")
        ranges = asked(sandbox, stream)
    assert isinstance(run.error, RefusedError)
    assert ranges == RANGES[stream](NOON - 7 * DAY, NOON)
