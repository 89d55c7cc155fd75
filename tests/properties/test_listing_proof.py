"""A listing without a count: two equal readings in different pages prove what there is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.catalog.spec import Paging, StreamSpec
from tap_gainsight_px.reading.page_source import PageSource
from tap_gainsight_px.reading.window_reader import WindowReader
from tap_gainsight_px.records.decoder import PageDecoder
from tests.properties.scroll_api import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.records.page import Slice

Json = dict[str, Any]


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
