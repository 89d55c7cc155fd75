"""The records of a window leave it in order and each once, however the pages came."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.reading.window_rows import WindowRows
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.records.page import Lines, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_gainsight_px.records.page import Row

WINDOW = Window(0, 60_000)

# Some lie behind the window's end, as they do when a server takes it as inclusive.
dates = st.integers(0, 60_001) | st.sampled_from([0, 1, 59_999, 60_000])
anyhow = st.lists(st.tuples(dates | st.none(), st.integers(0, 99)), max_size=12)
# As a rule one page goes on where the other has ended, forward or backward.
runs = st.lists(st.integers(0, 59_999), min_size=1, max_size=12, unique=True).map(
    lambda some: [(date, number) for number, date in enumerate(sorted(some))]
)
mixed = runs.flatmap(st.permutations)
# As a rule all pages are in one piece, and one that is not changes everything.
ways = st.just([True] * 12) | st.lists(st.booleans(), min_size=12, max_size=12)


@st.composite
def scrolls(draw: st.DrawFn) -> list[list[Row]]:
    """Draw the pages of one scroll, the rows of each in the order in which a page has them."""
    rows: list[tuple[int | None, int]] = list(draw(anyhow | runs | mixed))
    if draw(st.booleans()):
        rows.reverse()
    size = draw(st.integers(2, 6))
    pages = [rows[at : at + size] for at in range(0, len(rows), size)]
    return [
        [(date, f"key {key}", f"{date} {key}\n".encode()) for date, key in in_a_page(page)]
        for page in pages
    ]


def in_a_page(rows: list[tuple[int | None, int]]) -> list[tuple[int | None, int]]:
    """Order rows as a page does: where all have dates."""
    if any(date is None for date, _ in rows):
        return rows
    return sorted(rows, key=lambda row: row[0] or 0)


def as_lines(rows: list[Row]) -> Lines:
    """Put rows into one piece."""
    text = b"".join(record for _, _, record in rows if isinstance(record, bytes))
    return Lines([row[0] for row in rows], [row[1] for row in rows], [text])


def has_doubled(pages: list[list[Row]]) -> bool:
    """Whether a key stands in the pages more than once."""
    keys = [row[1] for rows in pages for row in rows]
    return len(set(keys)) < len(keys)


def expected(rows: list[Row], window: Window | None) -> list[Row]:
    """Return the last row of each key, by date, those without one first."""
    last = {row[1]: row for row in rows}.values()
    wanted = [row for row in last if not window or row[0] is None or row[0] < window.end]
    return sorted(wanted, key=lambda row: -1 if row[0] is None else row[0])


@pytest.mark.parametrize("window", [None, WINDOW], ids=["all time", "a window"])
@given(pages=scrolls(), pieces=ways)
def test_a_window_gives_each_record_once_and_in_order(
    window: Window | None, pages: list[list[Row]], pieces: list[bool]
) -> None:
    """Whether the pages are in one piece or not, ascending, descending, mixed or doubled."""
    window_rows = WindowRows()
    for rows, in_one_piece in zip(pages, pieces, strict=False):
        window_rows.add(Page(as_lines(rows) if in_one_piece else rows))
    given_out: Sequence[Row] = window_rows.in_order(window, has_doubled=has_doubled(pages))
    reference = expected(list(chain.from_iterable(pages)), window)
    assert len(given_out) == len(reference)
    assert [row[0] for row in given_out] == [row[0] for row in reference]
    assert sorted(map(repr, given_out)) == sorted(map(repr, reference))


@pytest.mark.parametrize("backward", [False, True], ids=["oldest first", "newest first"])
def test_pages_that_follow_one_another_stay_in_one_piece(backward: bool) -> None:  # noqa: FBT001
    """The usual case: without this, the test above could pass with every page cut up."""
    pages = [[(date, f"key {date}", b"x\n") for date in (at, at + 1)] for at in (0, 1, 5)]
    pages[1] = [(1, "other", b"x\n"), (4, "key 4", b"x\n")]
    window_rows = WindowRows()
    for rows in reversed(pages) if backward else pages:
        window_rows.add(Page(as_lines([*rows])))
    found = window_rows.in_order(WINDOW, has_doubled=False)
    assert isinstance(found, Lines)
    assert found.dates == [0, 1, 1, 4, 5, 6]
    assert len(found.texts) == 3


def test_a_page_with_a_row_of_the_next_window_is_cut() -> None:
    """A server may take the end of a range as inclusive, and the next window has that row too."""
    rows: list[Row] = [(date, f"key {date}", b"%d\n" % date) for date in (1, 59_999, 60_000)]
    window_rows = WindowRows()
    window_rows.add(Page(as_lines(rows)))
    assert list(window_rows.in_order(WINDOW, has_doubled=False)) == rows[:2]
    assert list(window_rows.in_order(None, has_doubled=False)) == rows


@given(first=scrolls(), second=scrolls())
def test_a_second_reading_adds_to_the_first(
    first: list[list[Row]], second: list[list[Row]]
) -> None:
    """What one reading lacks another may bring; what both bring is taken from the later one."""
    window_rows = WindowRows()
    for rows in first:
        window_rows.add(Page(as_lines(rows)))
    window_rows.begin_again()
    for rows in second:
        window_rows.add(Page(as_lines(rows)))
    reference = expected([*chain.from_iterable(first), *chain.from_iterable(second)], None)
    assert sorted(map(repr, window_rows.in_order(None, has_doubled=has_doubled(second)))) == sorted(
        map(repr, reference)
    )
