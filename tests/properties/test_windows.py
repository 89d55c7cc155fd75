"""Rules that every cut and every split of a stretch of time keeps."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.reading.windows import PartSizes, Window, cut, split
from tap_gainsight_px.timestamps import DAY, SECOND

seconds = st.integers(min_value=0, max_value=4_000_000_000)
widths = st.integers(min_value=1, max_value=190 * 86_400)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Draw a window of one second up to several years."""
    start = draw(seconds)
    length = draw(st.integers(min_value=1, max_value=100_000_000))
    return Window(start * SECOND, (start + length) * SECOND)


def assert_covers(parts: list[Window], start: int, end: int) -> None:
    """Hold the parts against the one rule: no gap, no overlap, nothing beyond."""
    assert parts[0].start == start
    assert parts[-1].end == end
    for before, after in itertools.pairwise(parts):
        assert before.end == after.start


@given(start=seconds, length=st.integers(min_value=1, max_value=200_000_000), width=widths)
def test_cut_windows_follow_each_other_without_gap_or_overlap(
    start: int, length: int, width: int
) -> None:
    """Every millisecond of the range lies in exactly one window, and no window is too wide."""
    # Few windows are as good as many, and a range of years in seconds would be very many.
    width = max(width, length // 500)
    parts = cut(start * SECOND, (start + length) * SECOND, width * SECOND)
    assert_covers(parts, start * SECOND, (start + length) * SECOND)
    assert all(part.end - part.start <= width * SECOND for part in parts)


@given(start=seconds, length=st.integers(min_value=0, max_value=1_000))
def test_an_empty_range_has_no_windows(start: int, length: int) -> None:
    """A range that ends where it starts, or before, has nothing to read."""
    assert cut(start * SECOND, (start - length) * SECOND, DAY) == []


@given(window=windows(), parts=st.integers(min_value=1, max_value=300))
def test_split_windows_cover_the_window_in_equal_parts(window: Window, parts: int) -> None:
    """A split loses nothing, doubles nothing, and its parts differ by a second at most."""
    found = split(window, parts)
    assert_covers(found, window.start, window.end)
    assert len(found) == min(parts, window.seconds)
    widths = {part.seconds for part in found}
    assert max(widths) - min(widths) <= 1


@given(
    most=st.integers(1, 100_000),
    at_once=st.integers(1, 64),
    beyond=st.integers(1, 5_000_000),
    left=st.integers(0, 10**9),
)
def test_parts_are_larger_where_much_is_left_to_read(
    most: int, at_once: int, beyond: int, left: int
) -> None:
    """They hold half of what they may, or three quarters while each reader has two more to come."""
    holds = most + beyond
    is_long = left > 2 * at_once * 0.75 * most
    share = 0.75 if is_long else 0.5
    parts = PartSizes(most, at_once).parts(holds, left)
    assert parts > 1
    assert holds / parts <= share * most < holds / (parts - 1) + 1e-6


def test_a_window_of_one_second_cannot_be_split() -> None:
    """The API filters by whole seconds, so one second is the least that can be asked for."""
    window = Window(5 * SECOND, 6 * SECOND)
    assert split(window, 10) == [window]


@pytest.mark.parametrize(
    ("start", "end"), [(SECOND, SECOND), (2 * SECOND, SECOND), (1, SECOND), (0, SECOND + 1)]
)
def test_a_window_needs_whole_seconds_in_order(start: int, end: int) -> None:
    """What is no window cannot be made one."""
    with pytest.raises(ValueError, match="not a window"):
        Window(start, end)
