"""From the last page to the next request, or to the end of the walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.catalog.spec import Paging
from tap_gainsight_px.reading.paginators import first_params, next_params
from tap_gainsight_px.records.page import Page

if TYPE_CHECKING:
    from tap_gainsight_px.api.transport import Params

SCROLLING: Params = {"filter": "date>=1", "pageSize": 3}
NUMBERED: Params = {"pageSize": 3, "pageNumber": 4}


def page(records: int, **facts: Any) -> Page:
    """Make a page with so many records."""
    return Page([(None, str(number), {}) for number in range(records)], **facts)


@pytest.mark.parametrize(
    ("paging", "page_size", "params"),
    [
        (Paging.SCROLL, 7, {"pageSize": 7}),
        (Paging.PAGE_NUMBER, 7, {"pageSize": 7, "pageNumber": 0}),
        (Paging.SINGLE, None, {}),
        (Paging.SINGLE, 7, {}),
    ],
)
def test_a_walk_begins_with_the_first_page(
    paging: Paging, page_size: int | None, params: dict[str, int]
) -> None:
    """Page numbers count from 0, and where there is one answer there is nothing to ask for."""
    assert first_params(paging, page_size) == params


def test_a_full_page_of_a_scroll_leads_on_with_the_newest_scroll_id() -> None:
    """The other parameters stay as they were: PX refuses a scroll whose filter has changed."""
    params = {**SCROLLING, "scrollId": "old"}
    following = next_params(Paging.SCROLL, params, page(3, scroll_id="new"), records_missing=False)
    assert following == {**SCROLLING, "scrollId": "new"}
    assert params["scrollId"] == "old"


@pytest.mark.parametrize("records", [0, 1, 2])
def test_a_short_page_ends_a_scroll_whatever_its_scroll_id(records: int) -> None:
    """PX sends a scrollId on the last page as well."""
    last = page(records, scroll_id="still there")
    assert next_params(Paging.SCROLL, SCROLLING, last, records_missing=False) is None


def test_a_short_page_does_not_end_a_scroll_with_records_missing() -> None:
    """A page may be short in the middle; the count says that there is more."""
    short = page(1, scroll_id="next")
    following = next_params(Paging.SCROLL, SCROLLING, short, records_missing=True)
    assert following == {**SCROLLING, "scrollId": "next"}


@pytest.mark.parametrize("missing", [True, False])
def test_without_a_scroll_id_there_is_nowhere_to_go(missing: bool) -> None:  # noqa: FBT001
    """Even with records missing: the window is read again instead."""
    assert next_params(Paging.SCROLL, SCROLLING, page(3), records_missing=missing) is None


@pytest.mark.parametrize(
    ("records", "is_last", "ends"),
    [(3, False, False), (3, True, True), (1, False, False), (3, None, False), (2, None, True)],
)
def test_page_numbers_go_on_until_the_api_says_it_was_the_last(
    records: int,
    is_last: bool | None,  # noqa: FBT001
    ends: bool,  # noqa: FBT001
) -> None:
    """Without a word from the API a short page is the last."""
    following = next_params(
        Paging.PAGE_NUMBER, NUMBERED, page(records, is_last=is_last), records_missing=False
    )
    assert following == (None if ends else {"pageSize": 3, "pageNumber": 5})


def test_a_single_answer_leads_nowhere() -> None:
    """However many records it holds."""
    assert next_params(Paging.SINGLE, {}, page(500), records_missing=True) is None
