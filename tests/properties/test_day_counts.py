"""Counts by day tell how many records each day has, however the time is cut and put together."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.output.day_counts import DayCounts, edges_of
from tap_gainsight_px.timestamps import DAY, SECOND
from tests.json_values import anything

NOON = 1_709_208_000_000  # 2024-02-29T12:00:00Z
MIDNIGHT = NOON // DAY * DAY

moments = st.integers(-4 * 86_400, 4 * 86_400).map(lambda second: NOON + second * SECOND)
edges = st.lists(moments | st.sampled_from([MIDNIGHT, NOON]), min_size=4, max_size=4).map(sorted)
dates = st.lists(st.integers(NOON - 5 * DAY, NOON + 5 * DAY), max_size=40).map(sorted)
days = st.lists(st.integers(0, 5), min_size=1, max_size=8).map(tuple)


@given(edges=edges, dates=dates)
def test_each_day_has_the_records_of_its_part_of_the_stretch(
    edges: list[int], dates: list[int]
) -> None:
    """Counted one by one it is the same; what lies outside does not count."""
    start, end = edges[0], edges[-1]
    counts = DayCounts.of(start, end, dates)
    expected = Counter(date // DAY for date in dates if start <= date < end)
    told = dict(zip((edge // DAY for edge in counts.edges), counts.days, strict=False))
    assert {day: count for day, count in told.items() if count} == dict(expected)
    assert counts.total == sum(expected.values())


@given(edges=edges, dates=dates)
def test_stretches_one_behind_the_other_are_one(edges: list[int], dates: list[int]) -> None:
    """Wherever they meet, at midnight or at any second of a day."""
    parts = [DayCounts.of(*pair, dates) for pair in pairwise(edges)]
    assert parts[0].then(parts[1]).then(parts[2]) == DayCounts.of(edges[0], edges[-1], dates)
    assert parts[0].then(parts[1].then(parts[2])) == DayCounts.of(edges[0], edges[-1], dates)


@given(edges=edges, dates=dates)
def test_what_is_left_of_a_stretch_still_has_the_counts_of_its_days(
    edges: list[int], dates: list[int]
) -> None:
    """Only whole days can be taken away from its beginning or its end."""
    start, since, before, end = edges
    counts = DayCounts.of(start, end, dates)
    later, earlier = counts.since(since), counts.before(before)
    assert later.start >= since or later.start == end
    assert earlier.end <= before or earlier.start == earlier.end == start
    for left in (later, earlier):
        assert left == DayCounts.of(left.start, left.end, dates)
    assert (later.end, earlier.start) == (end, start)


def test_time_between_two_stretches_is_no_stretch() -> None:
    """Of that time nobody knows how many records it has."""
    with pytest.raises(ValueError, match="without a count"):
        DayCounts.none(NOON).then(DayCounts.none(NOON + SECOND))


@given(days=days, total=st.integers(0, 60))
def test_a_total_is_made_up_for_by_the_last_days(days: tuple[int, ...], total: int) -> None:
    """Which day of them holds a record twice cannot be told, and the sum is what is compared."""
    counts = DayCounts(MIDNIGHT, MIDNIGHT + len(days) * DAY, days).with_total(total)
    assert counts.total == total
    assert total < sum(days) or counts.days[:-1] == days[:-1]


@given(days=days, by=days, shift=st.integers(-9, 9))
def test_a_change_of_days_that_are_not_here_changes_nothing(
    days: tuple[int, ...], by: tuple[int, ...], shift: int
) -> None:
    """They have grown too old since they were asked for."""
    counts = DayCounts(MIDNIGHT, MIDNIGHT + len(days) * DAY, days)
    changed = counts.changed(MIDNIGHT + shift * DAY + 5, by)
    expected = {
        place: by[place - shift] for place in range(len(days)) if 0 <= place - shift < len(by)
    }
    assert changed.days == tuple(one + expected.get(place, 0) for place, one in enumerate(days))


@given(edges=edges, dates=dates)
def test_state_gives_back_what_was_put_into_it(edges: list[int], dates: list[int]) -> None:
    """As JSON, with times that a person can read."""
    counts = DayCounts.of(edges[0], edges[-1], dates)
    assert DayCounts.from_json(json.loads(json.dumps(counts.as_json()))) == counts


def test_a_month_of_a_busy_stream_takes_less_than_a_kilobyte() -> None:
    """Also with millions of records a day."""
    busy = DayCounts(NOON, NOON + 30 * DAY, (9_999_999,) * 31)
    assert len(json.dumps({"day_counts": busy.as_json()})) < 1_000


@given(value=anything)
def test_whatever_stands_in_state_is_read_or_known_to_be_damaged(value: Any) -> None:
    """Somebody may have edited it, or another program may have written it."""
    assert DayCounts.from_json(value) is None


@given(
    damage=st.dictionaries(
        st.sampled_from(["from", "to", "days"]),
        anything | st.sampled_from(["2024-02-29", "2024-03-01T00:00:00Z", [1], [-1, 2], [True, 2]]),
        min_size=1,
    )
)
def test_damaged_counts_are_not_believed(damage: dict[str, Any]) -> None:
    """What can still be read agrees with itself: a count for each day."""
    counts = {"from": "2024-02-28T00:00:00Z", "to": "2024-03-01T00:00:00Z", "days": [3, 4]}
    read = DayCounts.from_json({**counts, **damage})
    assert read is None or len(read.days) == len(edges_of(read.start, read.end)) - 1
