"""From the last page to the next request, or to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.catalog.spec import Paging
from tap_gainsight_px.reading.paginators import (
    PageNumberPaginator,
    ScrollPaginator,
    SinglePaginator,
    paginator_for,
)
from tap_gainsight_px.records.page import Page

if TYPE_CHECKING:
    from tap_gainsight_px.api.transport import Params

SCROLLING: Params = {"filter": "date>=1", "pageSize": 3}
NUMBERED: Params = {"pageSize": 3, "pageNumber": 4}


def page(records: int, **facts: Any) -> Page:
    """Make a page with so many records."""
    return Page([(None, str(number), {}) for number in range(records)], **facts)


@pytest.mark.parametrize(
    ("paging", "params"),
    [
        (Paging.SCROLL, {"pageSize": 7}),
        (Paging.PAGE_NUMBER, {"pageSize": 7, "pageNumber": 0}),
        (Paging.SINGLE, {}),
    ],
)
def test_a_paginator_begins_with_the_first_page(paging: Paging, params: dict[str, int]) -> None:
    """Page numbers count from 0, and where there is one answer there is nothing to page."""
    assert paginator_for(paging, 7).first() == params


def test_a_full_page_of_a_scroll_leads_on_with_the_newest_scroll_id() -> None:
    """The other parameters stay as they were: PX refuses a scroll whose filter has changed."""
    params = {**SCROLLING, "scrollId": "old"}
    full = page(3, scroll_id="new")
    following = ScrollPaginator(3).next(params, full, is_proved=True, has_news=True)
    assert following == {**SCROLLING, "scrollId": "new"}
    assert params["scrollId"] == "old"


@pytest.mark.parametrize("records", [0, 1, 2])
def test_a_short_page_ends_a_scroll_when_the_count_proves_it(records: int) -> None:
    """PX sends a scrollId with the last page as well."""
    last = page(records, scroll_id="still there")
    assert ScrollPaginator(3).next(SCROLLING, last, is_proved=True, has_news=True) is None


@pytest.mark.parametrize("records", [0, 1, 2])
def test_a_short_page_alone_does_not_end_a_scroll(records: int) -> None:
    """A page may be short in the middle, and only the count can tell that all has come."""
    short = page(records, scroll_id="next")
    following = ScrollPaginator(3).next(SCROLLING, short, is_proved=False, has_news=True)
    assert following == {**SCROLLING, "scrollId": "next"}


@pytest.mark.parametrize("is_proved", [True, False])
def test_without_a_scroll_id_there_is_nowhere_to_go(is_proved: bool) -> None:  # noqa: FBT001
    """Even with records missing: the window is read again instead."""
    following = ScrollPaginator(3).next(SCROLLING, page(3), is_proved=is_proved, has_news=True)
    assert following is None


@pytest.mark.parametrize(
    ("is_last", "has_news", "is_proved", "ends"),
    [
        (False, True, False, False),
        (False, False, False, False),
        (True, True, False, True),
        (None, True, False, False),
        (None, False, False, True),
        (None, True, True, True),
    ],
)
@pytest.mark.parametrize("records", [0, 2, 3])
def test_page_numbers_go_on_until_the_api_says_it_was_the_last(
    records: int,
    is_last: bool | None,  # noqa: FBT001
    has_news: bool,  # noqa: FBT001
    is_proved: bool,  # noqa: FBT001
    ends: bool,  # noqa: FBT001
) -> None:
    """Without a word from the API, nothing new ends it; the length of a page never does."""
    following = PageNumberPaginator(3).next(
        NUMBERED, page(records, is_last=is_last), is_proved=is_proved, has_news=has_news
    )
    assert following == (None if ends else {"pageSize": 3, "pageNumber": 5})


def test_a_single_answer_leads_nowhere() -> None:
    """However many records it holds."""
    paginator: Any = SinglePaginator()
    assert paginator.next({}, page(500), is_proved=False, has_news=True) is None
