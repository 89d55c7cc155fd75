"""A split window: its parts together hold what the whole of it announced, or it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.scroll_api import ScrollApi, events, read

if TYPE_CHECKING:
    from tap_gainsight_px.api.transport import Params

Json = dict[str, Any]


EMPTY: dict[str, Any] = {
    "count 0": {"customEvents": [], "totalHits": 0, "scrollId": None},
    "no count": {"customEvents": [], "scrollId": None},
    "no body (204)": None,
}


class OnceEmpty(ScrollApi):
    """Answers one request, counted from 0, as if there were nothing."""

    def __init__(self, records: list[Json], at: int, how: str) -> None:
        """Hold the records."""
        super().__init__(records, iter(()))
        self._at = at
        self._how = how

    def answer(self, params: Params) -> Json | None:
        """Return the answer, or nothing in its place."""
        is_struck = len(self.requests) - 1 == self._at
        return EMPTY[self._how] if is_struck else super().answer(params)


@pytest.mark.parametrize("how", EMPTY)
@given(at=st.integers(1, 8))
def test_a_part_of_a_split_window_that_is_empty_once_loses_nothing(how: str, at: int) -> None:
    """The whole window has just announced that there are records."""
    api = OnceEmpty(events(100), at, how)
    slices = read(api, page_size=5, window_max_records=40)
    # In order too: the part was asked again before anything behind it was handed on.
    assert [int(str(row[1])) for one in slices for row in one.rows] == list(range(100))
    assert not any(one.missing for one in slices)


@pytest.mark.parametrize("how", [how for how in EMPTY if how != "count 0"])
def test_an_empty_answer_without_a_count_is_asked_for_once_more(how: str) -> None:
    """For a window that nothing else is known of."""
    slices = read(OnceEmpty(events(20), 0, how))
    assert sum(len(one.rows) for one in slices) == 20


def test_a_count_of_zero_is_believed() -> None:
    """A quiet window costs one request."""
    api = ScrollApi([], iter(()))
    assert read(api)[-1].rows == []
    assert len(api.requests) == 1


class Undercounted(ScrollApi):
    """Shows one request, counted from 0, only the first half of its records."""

    at = 2

    def _matching(self, params: Params) -> list[Json]:
        found = super()._matching(params)
        return found[: len(found) // 2] if len(self.requests) == self.at + 1 else found


@given(at=st.integers(1, 8))
def test_a_part_that_counts_less_than_it_holds_is_read_again(at: int) -> None:
    """The sum of the parts is held against what the whole window announced."""
    api = Undercounted(events(100), iter(()))
    api.at = at
    slices = read(api, page_size=50, window_max_records=40)
    assert {int(str(row[1])) for one in slices for row in one.rows} == set(range(100))
    assert not any(one.missing for one in slices)


class ShortOfParts(ScrollApi):
    """Loses a record from every window but the widest, without a word."""

    def _matching(self, params: Params) -> list[Json]:
        found = super()._matching(params)
        return found if len(found) == len(self.records) else [one for one in found if one["date"]]


def test_what_no_part_holds_is_told() -> None:
    """Its number is known from the window that was split."""
    slices = read(ShortOfParts(events(100), iter(())), page_size=50, window_max_records=40)
    assert sum(one.missing for one in slices) == 1


class Capped(ScrollApi):
    """Gives pages of at most 5 records, whatever is asked for."""

    def answer(self, params: Params) -> Json | None:
        """Return a page."""
        return super().answer({**params, "pageSize": min(5, int(params["pageSize"]))})


@pytest.mark.parametrize("counts", ["well", "no count"])
def test_a_window_is_split_although_pages_are_smaller_than_asked(counts: str) -> None:
    """A server that caps its pages at 5 of the 10 asked for still has its windows split."""
    api = Capped(events(400), iter([counts] * 10_000))
    slices = read(api, page_size=10, window_max_records=40)
    assert sum(len(one.rows) for one in slices) == 400
    assert max(len(one.rows) for one in slices) <= 60
    assert len(slices) >= 8


class Boasting(ScrollApi):
    """Announces a million records, whatever there is."""

    def answer(self, params: Params) -> Json | None:
        """Return a page."""
        return {**(super().answer(params) or {}), "totalHits": 1_000_000}


def test_a_short_page_that_is_all_is_not_split_whatever_is_announced() -> None:
    """A count that is always far too high must not lead down to single seconds."""
    api = Boasting(events(3), iter(()))
    slices = read(api, page_size=10, window_max_records=40)
    assert sum(len(one.rows) for one in slices) == 3
    assert sum(one.missing for one in slices) == 999_997
    assert len(api.requests) < 20
