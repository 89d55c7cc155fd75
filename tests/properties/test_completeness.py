"""The rule of completeness against servers that lie: what is lost is told, never passed over."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.catalog.spec import Paging, StreamSpec, TimeFormat
from tap_gainsight_px.errors import WindowError
from tap_gainsight_px.reading.completeness import READINGS, Doubt, Ledger
from tap_gainsight_px.reading.full_reader import FullReader
from tap_gainsight_px.reading.page_source import PageSource
from tap_gainsight_px.reading.window_reader import WindowReader
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.page import Page
from tap_gainsight_px.timestamps import SECOND
from tests.properties.scroll_api import ScrollApi, make_reader, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.records.page import Row, Slice

WINDOW = Window(0, 1_000 * SECOND)
Json = dict[str, Any]


def events(number: int) -> list[Json]:
    """Make so many events, spread over the window."""
    step = 1_000 * SECOND // max(number, 1)
    return [{"eventId": str(one), "date": one * step} for one in range(number)]


def read(api: ScrollApi, *, page_size: int = 5, window_max_records: int = 1_000) -> list[Slice]:
    """Read the window to its end."""
    reader = make_reader(api, page_size=page_size, window_max_records=window_max_records)
    return run(reader.job(WINDOW, TimeFormat.EPOCH_MS))


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

    def get(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], Any],
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> Any:
        """Answer one request."""
        del path, on_lost
        self.requests.append(params)
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
        answer = {"customEvents": rows, "totalHits": total, "scrollId": scroll_id}
        return decode(json.dumps(answer).encode())

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

    def get(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], Any],
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> Any:
        """Answer one request."""
        if len(self.requests) != self._at:
            return super().get(path, params, decode, on_lost=on_lost)
        self.requests.append(params)
        answer = EMPTY[self._how]
        return decode(b"" if answer is None else json.dumps(answer).encode())


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


@pytest.mark.parametrize("counts", ["well", "no count"])
def test_a_window_is_split_although_pages_are_smaller_than_asked(counts: str) -> None:
    """A server that caps its pages at 5 of the 10 asked for still has its windows split."""
    api = ScrollApi(events(400), iter([counts] * 10_000))
    original = api.get

    def capped(path: str, params: Params, *more: Any, **how: Any) -> Any:
        return original(path, {**params, "pageSize": min(5, int(params["pageSize"]))}, *more, **how)

    api.get = capped  # type: ignore[method-assign]
    slices = read(api, page_size=10, window_max_records=40)
    assert sum(len(one.rows) for one in slices) == 400
    assert max(len(one.rows) for one in slices) <= 60
    assert len(slices) >= 8


def test_a_short_page_that_is_all_is_not_split_whatever_is_announced() -> None:
    """A count that is always far too high must not lead down to single seconds."""
    api = ScrollApi(events(3), iter(()))
    original = api.get

    def boasting(path: str, params: Params, decode: Any, **how: Any) -> Any:
        def more(body: bytes) -> Any:
            return decode(json.dumps({**json.loads(body), "totalHits": 1_000_000}).encode())

        return original(path, params, more, **how)

    api.get = boasting  # type: ignore[method-assign]
    slices = read(api, page_size=10, window_max_records=40)
    assert sum(len(one.rows) for one in slices) == 3
    assert sum(one.missing for one in slices) == 999_997
    assert len(api.requests) < 20


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


LISTING = StreamSpec(
    name="features",
    path="/v1/feature",
    records_key="features",
    paging=Paging.PAGE_NUMBER,
    page_size_max=200,
    primary_keys=("id",),
)


class ListingApi:
    """Lists features by page number, and lets something happen before some requests."""

    def __init__(self, number: int, *, says_last: bool = True) -> None:
        """Hold so many features."""
        self.ids = [f"f{one:03}" for one in range(number)]
        self.requests: list[Params] = []
        self.before: dict[int, Callable[[], None]] = {}
        self.answers: dict[int, bytes] = {}
        self.most = 1_000
        self._says_last = says_last

    def get(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], Any],
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> Any:
        """Answer one request."""
        del path, on_lost
        self.requests.append(params)
        number = len(self.requests) - 1
        self.before.get(number, lambda: None)()
        if number in self.answers:
            return decode(self.answers[number])
        size = min(int(params["pageSize"]), self.most)
        start = int(params["pageNumber"]) * size
        answer: Json = {"features": [{"id": one} for one in self.ids[start : start + size]]}
        if self._says_last:
            answer["isLastPage"] = start + size >= len(self.ids)
        return decode(json.dumps(answer).encode())


def read_listing(api: ListingApi, *, page_size: int = 10) -> Slice:
    """Read a listing that the loader will delete from."""
    source = PageSource(LISTING, api.get, PageDecoder(LISTING, {}), page_size=page_size)
    reader = WindowReader(source, window_max_records=1_000, wait=lambda _: None)
    (only,) = run(reader.job(None, needs_proof=True))
    return only


def test_a_listing_is_confirmed_by_a_second_reading_in_other_pages() -> None:
    """And no request is sent twice, which PX would refuse as a duplicate."""
    api = ListingApi(25)
    found = read_listing(api)
    assert found.is_confirmed
    assert [row[1] for row in found.rows] == api.ids
    assert len({json.dumps(one) for one in api.requests}) == len(api.requests)


@pytest.mark.parametrize("at", [1, 2])
def test_a_record_deleted_between_two_pages_takes_no_other_along(at: int) -> None:
    """The page behind it moves up by one, and its first record is on neither."""
    api = ListingApi(25)
    everyone = set(api.ids)
    api.before[at] = lambda: api.ids.remove("f003")
    found = read_listing(api)
    assert {row[1] for row in found.rows} == everyone - {"f003"}
    assert found.is_confirmed


def test_a_listing_that_never_reads_the_same_twice_is_not_confirmed() -> None:
    """Then everything that came is handed on, and nothing may be deleted for it."""
    api = ListingApi(25)
    api.before = {at: (lambda at=at: api.ids.append(f"new {at}")) for at in range(200)}  # type: ignore[misc]
    found = read_listing(api)
    assert not found.is_confirmed
    assert {row[1] for row in found.rows} >= {f"f{one:03}" for one in range(25)}


@pytest.mark.parametrize(
    "body", [b'{"features": []}', b"", b'{"features": [], "isLastPage": true}']
)
def test_a_listing_that_is_empty_once_is_not_believed(body: bytes) -> None:
    """Nobody there is what a fault looks like too."""
    api = ListingApi(25)
    api.answers[0] = body
    found = read_listing(api)
    assert len(found.rows) == 25
    assert found.is_confirmed


def test_a_listing_in_smaller_pages_than_asked_is_read_to_its_end() -> None:
    """Without `isLastPage` a short page is no end: 100 a page came where 200 were asked for."""
    api = ListingApi(25, says_last=False)
    api.most = 4
    assert len(read_listing(api).rows) == 25


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
