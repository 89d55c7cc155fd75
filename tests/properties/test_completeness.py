"""The rule of completeness against servers that lie: what is lost is told, never passed over."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.errors import WindowError
from tap_gainsight_px.reading.completeness import READINGS, Doubt, Ledger
from tap_gainsight_px.reading.full_reader import FullReader
from tap_gainsight_px.records.page import Page
from tests.properties.scroll_api import ScrollApi, events, make_reader, read, run

if TYPE_CHECKING:
    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.records.page import Row

Json = dict[str, Any]


keys = st.lists(st.integers(0, 12).map(str), max_size=6)


@given(pages=st.lists(keys, max_size=6), announced=st.integers(0, 20) | st.none())
def test_a_reading_without_doubt_has_all_that_was_announced(
    pages: list[list[str]], announced: int | None
) -> None:
    """Whatever came in whatever order: different records are what counts."""
    ledger = Ledger()
    for page in pages:
        ledger.add(Page([(None, key, {}) for key in page], total_hits=announced))
    different = {key for page in pages for key in page}
    expected = announced if pages else None
    assert ledger.missing == max(0, (expected or 0) - len(different))
    assert ledger.is_proved == (expected == len(different) and expected is not None)
    if ledger.doubt() is None:
        assert len(different) >= (expected or 0)
        assert different or expected == 0


@given(st.data())
def test_readings_end(data: st.DataObject) -> None:
    """However much is in doubt: after news another reading is worth it, else a few times."""
    ledger = Ledger()
    found: set[str] = set()
    fruitless = 0
    for reading in count():
        some = data.draw(keys)
        ledger.add(Page([(None, key, {}) for key in some], total_hits=99))
        fruitless = 0 if set(some) - found or not reading else fruitless + 1
        found |= set(some)
        again = ledger.begin_again(Doubt("some are missing"))
        assert again == (fruitless < READINGS - 1)
        if not again:
            break


def test_more_rows_than_announced_do_not_stand_for_a_missing_record() -> None:
    """Only exactly as many rows as announced can be records that PX holds twice."""
    ledger = Ledger()
    rows: list[Row] = [(None, key, {}) for key in ("a", "a", "a", "b")]
    for _ in range(2):
        ledger.add(Page(rows, total_hits=3))
        doubt = ledger.doubt()
        assert doubt
        assert ledger.missing == 1
        ledger.begin_again(doubt)


def missing_or_error(api: ScrollApi, **how: int) -> int:
    """Return how many records are told to be missing; an error tells it too."""
    try:
        return sum(one.missing for one in read(api, **how))
    except WindowError:
        return 1


class LyingApi(ScrollApi):
    """Counts one record that it never renders, and repeats others in its place."""

    def __init__(self, records: list[Json], how: str, most: int) -> None:
        """Repeat `how`, on pages of at most `most` records whatever is asked for."""
        super().__init__(records, iter(()))
        self._how = how
        self._most = most
        self._open: dict[str, list[list[Json]]] = {}

    def answer(self, params: Params) -> Json:
        """Return the next page of the scroll."""
        if "scrollId" not in params:
            size = min(int(params["pageSize"]), self._most)
            pages = self._pages(self._matching(params)[:-1], size)
            self._open[str(len(self.requests))] = pages
            scroll_id = str(len(self.requests))
        else:
            scroll_id = str(params["scrollId"])
        pages = self._open[scroll_id]
        rows = pages.pop(0) if pages else []
        total = len(self._matching(params))
        return {"customEvents": rows, "totalHits": total, "scrollId": scroll_id}

    def _pages(self, rows: list[Json], size: int) -> list[list[Json]]:
        pages = [rows[at : at + size] for at in range(0, len(rows), size)]
        if self._how == "repeats the last row of the page before":
            pairs = zip([[], *pages[:-1]], pages, strict=True)
            return [[*before[-1:], *page] for before, page in pairs]
        if self._how == "serves the last page again":
            return [*pages, *pages[-1:]]
        step = max(1, size - 1)
        return [rows[at : at + size] for at in range(0, len(rows), step)]


HOW = ("repeats the last row of the page before", "serves the last page again", "overlaps by one")


@given(
    number=st.integers(2, 60),
    how=st.sampled_from(HOW),
    page_size=st.integers(6, 30),
)
def test_rows_that_repeat_never_stand_for_one_that_is_not_rendered(
    number: int, how: str, page_size: int
) -> None:
    """As many rows as announced prove nothing when some of them came twice."""
    api = LyingApi(events(number), how, most=1_000)
    assert missing_or_error(api, page_size=page_size) > 0


@given(records=st.integers(1, 40), doubles=st.sets(st.integers(0, 39), max_size=5))
def test_records_that_px_holds_twice_are_read_once_and_believed(
    records: int, doubles: set[int]
) -> None:
    """Two readings bring the same records twice, and as many rows as announced."""
    some = events(records)
    held = [one for number, event in enumerate(some) for one in [event] * (1 + (number in doubles))]
    slices = read(ScrollApi(held, iter(())), page_size=7)
    assert sum(one.missing for one in slices) == 0
    assert [row[1] for one in slices for row in one.rows] == [one["eventId"] for one in some]


def test_different_records_with_one_key_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """The later one is kept, and never without a word."""
    held = [{"eventId": "1", "date": 0, "url": "a"}, {"eventId": "1", "date": 0, "url": "b"}]
    (only,) = read(ScrollApi(held, iter(())))
    assert len(only.rows) == 1
    (line,) = [one.getMessage() for one in caplog.records if "differ" in one.getMessage()]
    assert "1 keys stand for records that differ (such as 1)" in line


def test_a_window_is_read_again_only_after_a_wait() -> None:
    """PX may need a moment to be whole again, and longer each time."""
    api = ScrollApi(events(5), iter(["too high"] * 100))
    read(api)
    assert len(api.waits) == READINGS - 1
    assert api.waits == sorted(api.waits)
    assert api.waits[0] > 0


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_scroll_that_is_gone_is_begun_again(status: int) -> None:
    """Which status PX gives for an expired scroll is not documented."""
    api = ScrollApi(events(20), iter(["well", "expired"]))
    api.gone_status = status
    assert sum(len(one.rows) for one in read(api)) == 20


def test_a_full_reading_that_runs_in_circles_is_given_up() -> None:
    """A server that repeats its first page for good must not keep the tap for good."""
    api = ScrollApi(events(20), iter(["repeated"] * 10_000))
    api._matching = lambda params: api.records  # type: ignore[method-assign] # noqa: ARG005, SLF001
    reader = make_reader(api, page_size=5, window_max_records=100)
    with pytest.raises(WindowError, match="over and over"):
        run(FullReader(reader, lambda _: True, None).next_page)
    assert len(api.requests) < 100
    assert api.waits
