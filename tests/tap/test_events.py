"""The events of a range come out whole: each once, whatever the sizes of pages and windows."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from px_sandbox import SandboxServer
from tests.tap.harness import by_key, doubled, milliseconds, plain, sync
from tests.tap.worlds import DAY, SECOND, event, events_at, iso, today, world_of, years_of_dates

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/v1/events/custom"
START = today() - 3 * 365 * DAY


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve three years of events with bursts, equal milliseconds and events on window edges."""
    dates = years_of_dates(START, today(), seed=3, quiet=700, burst=250)
    # By a clock that stands still no scroll ever expires, and these tests open more than 500.
    with SandboxServer(events_at(dates), {"max_scrolls": None}) as server:
        yield server


@pytest.mark.parametrize(
    ("page_size", "window_max_records"), [(1_000, 10_000), (1_000, 60), (7, 10_000), (50, 40)]
)
def test_three_years_come_out_whole_and_each_event_once(
    sandbox: SandboxServer, page_size: int, window_max_records: int
) -> None:
    """Every event of the range is written with all its fields, and none twice."""
    output = sync(
        sandbox,
        "custom_events",
        start_date=iso(START),
        page_size=page_size,
        window_max_records=window_max_records,
    )
    truth = by_key("custom_events", sandbox.world.records("custom_events"))
    assert doubled(output.keys("custom_events")) == []
    assert by_key("custom_events", output.records("custom_events")) == truth
    assert len(truth) > 1_500


def test_events_leave_in_order_of_their_date(sandbox: SandboxServer) -> None:
    """The order of time holds over all windows, so that a STATE in between means something."""
    output = sync(sandbox, "custom_events", start_date=iso(START), window_max_records=100)
    dates = [one["date"] for one in output.records("custom_events")]
    assert dates == sorted(dates)


def test_no_request_is_wider_than_the_api_allows(sandbox: SandboxServer) -> None:
    """The filter and the range parameters agree, and neither exceeds 190 days."""
    sync(sandbox, "custom_events", start_date=iso(START), page_size=1_000)
    widths = set()
    for request in sandbox.requests:
        filtered = re.fullmatch(r"date>=(\S+);date<(\S+)", str(request.params["filter"]))
        assert filtered
        start, end = (milliseconds(time) for time in filtered.groups())
        assert (start, end) == (
            int(str(request.params["dateRangeStart"])),
            int(str(request.params["dateRangeEnd"])),
        )
        widths.add(end - start)
    assert max(widths) == 190 * DAY
    assert {request.status for request in sandbox.requests} == {200}


def test_a_narrower_window_is_used(sandbox: SandboxServer) -> None:
    """`window_days` bounds every request."""
    sync(sandbox, "custom_events", start_date=iso(today() - 100 * DAY), window_days=30)
    widths = [
        int(str(one.params["dateRangeEnd"])) - int(str(one.params["dateRangeStart"]))
        for one in sandbox.requests
    ]
    assert max(widths) == 30 * DAY


def test_every_scroll_is_walked_to_its_end(sandbox: SandboxServer) -> None:
    """Each range that was not split gives all of its records; no walk stops early or runs on."""
    sync(sandbox, "custom_events", start_date=iso(START), page_size=50, window_max_records=300)
    pages: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in sandbox.requests:
        key = (str(one.params["dateRangeStart"]), str(one.params["dateRangeEnd"]))
        pages[key].append(one.records)
    walked = 0
    for (start, end), sizes in pages.items():
        held = len(sandbox.world.between("custom_events", int(start), int(end)))
        split = len(sizes) == 1 and held > 300
        if not held:
            # A part of a split window is asked once more before it counts as empty.
            assert sizes in ([0], [0, 0])
        elif not split:
            assert sum(sizes) == held
            assert sizes[:-1] == [50] * (len(sizes) - 1)
            walked += held
    assert walked == sandbox.world.count("custom_events")


def test_a_window_that_holds_too_much_is_split_and_not_scrolled(sandbox: SandboxServer) -> None:
    """Only a burst within one second may exceed `window_max_records`."""
    limit = 40
    sync(sandbox, "custom_events", start_date=iso(START), window_max_records=limit, page_size=20)
    for one in sandbox.requests:
        start, end = int(str(one.params["dateRangeStart"])), int(str(one.params["dateRangeEnd"]))
        if "scrollId" in one.params and end - start > SECOND:
            assert len(sandbox.world.between("custom_events", start, end)) <= limit


def test_a_window_is_split_into_parts_of_half_of_what_they_may_hold() -> None:
    """So that uneven parts are seldom split again, at the price of a request for each part."""
    start, minute = today() - 10 * DAY, 60_000
    with SandboxServer(events_at([start + n * minute for n in range(1_000)])) as sandbox:
        sync(
            sandbox,
            "custom_events",
            start_date=iso(start),
            end_date=iso(start + 1_000 * minute),
            window_max_records=100,
            page_size=50,
        )
        first_pages = [one for one in sandbox.requests if "scrollId" not in one.params]
    assert len(first_pages) == 1 + 20


def test_the_range_begins_at_start_date_and_ends_before_end_date() -> None:
    """`start_date` is inclusive and `end_date` exclusive, to the millisecond."""
    start, end = today() - 20 * DAY, today() - 10 * DAY
    dates = [start - 1, start, start + 1, end - 1, end, end + 1]
    with SandboxServer(events_at(dates)) as sandbox:
        output = sync(sandbox, "custom_events", start_date=iso(start), end_date=iso(end))
    assert output.keys("custom_events") == ["e1", "e2", "e3"]
    assert milliseconds(output.bookmarks("custom_events")[-1]) == end


def test_an_event_that_the_api_holds_twice_is_written_once() -> None:
    """The same eventId twice in one window is one record, and no shortfall."""
    at = today() - DAY
    world = world_of()
    world.put_many("custom_events", [event("a", at), event("a", at), event("b", at + 1)])
    with SandboxServer(world) as sandbox:
        output = sync(sandbox, "custom_events")
    assert output.keys("custom_events") == ["a", "b"]
    assert output.error is None


def test_one_odd_record_changes_nothing_for_those_around_it() -> None:
    """An unknown field or a value of another type may stand on any page among a thousand."""
    world = events_at([today() - DAY + number for number in range(300)])
    odd = event("odd", today() - DAY + 150) | {"fieldOfALaterVersion": [1, {"a": "b"}]}
    world.put("custom_events", odd)
    with SandboxServer(world) as sandbox:
        output = sync(sandbox, "custom_events", page_size=100)
        truth = by_key("custom_events", sandbox.world.records("custom_events"))
    written = by_key("custom_events", output.records("custom_events"))
    assert written["odd"].pop("_unexpected") == {"fieldOfALaterVersion": [1, {"a": "b"}]}
    assert written == truth
    assert doubled(output.keys("custom_events")) == []


def test_values_leave_as_they_came() -> None:
    """Unknown fields, big integers, decimals and any script pass through unchanged."""
    record = event("odd", today() - DAY) | {
        "attributes": {"big": 2**70, "ratio": 0.1, "nested": [{"x": None}], "text": "李 😀 \u2028"},
        "newField": {"from": "a later version"},
    }
    world = world_of()
    world.put("custom_events", record)
    with SandboxServer(world) as sandbox:
        (written,) = sync(sandbox, "custom_events").records("custom_events")
    expected = {**record, "attributes": {**record["attributes"], "ratio": Decimal("0.1")}}
    assert plain(written) == {**expected, "_unexpected": {"newField": record["newField"]}}
    assert written["date"] == iso(today() - DAY).replace("Z", ".000Z")
