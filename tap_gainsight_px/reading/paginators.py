"""Paginators: what to ask first, what next, and when to stop.

They see the last page and know no HTTP, no retry and no bookmark:

    ScrollPaginator        sends the newest `scrollId` with the parameters of the first request
    PageNumberPaginator    counts `pageNumber` from 0 until the API says `isLastPage`
    SinglePaginator        one answer holds everything

A page that is shorter than `pageSize` ends nothing by itself: `completeness` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tap_gainsight_px.catalog.spec import Paging

if TYPE_CHECKING:
    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.records.page import Page


class Paginator(Protocol):
    """Leads from page to page."""

    def first(self) -> Params:
        """Return the paging parameters of the first request."""

    def next(self, params: Params, page: Page, *, is_proved: bool, has_news: bool) -> Params | None:
        """Return the parameters of the request after `page`, or None to stop.

        Args:
            params: All parameters that gave `page`.
            page: The page just read.
            is_proved: Whether the count proves that all records have come.
            has_news: Whether the page held a record that had not come before.
        """


@dataclass(frozen=True)
class ScrollPaginator:
    """Sends the newest `scrollId`; the other parameters stay as they were."""

    page_size: int

    def first(self) -> Params:
        """Ask for the first page; its size holds for the whole scroll."""
        return {"pageSize": self.page_size}

    def next(self, params: Params, page: Page, *, is_proved: bool, has_news: bool) -> Params | None:
        """Go on while there is a `scrollId`, until a short page with all records proved.

        PX sends a `scrollId` with the last page too, so that alone does not keep it going.
        """
        del has_news
        if page.scroll_id is None or (is_proved and len(page.rows) < self.page_size):
            return None
        return {**params, "scrollId": page.scroll_id}


@dataclass(frozen=True)
class PageNumberPaginator:
    """Counts `pageNumber` from 0."""

    page_size: int

    def first(self) -> Params:
        """Ask for page 0."""
        return {"pageSize": self.page_size, "pageNumber": 0}

    def next(self, params: Params, page: Page, *, is_proved: bool, has_news: bool) -> Params | None:
        """Go on until `isLastPage`; where the API does not say it, until nothing new comes."""
        is_last = page.is_last
        if is_last is None:
            is_last = not has_news or is_proved
        return None if is_last else {**params, "pageNumber": int(params["pageNumber"]) + 1}


@dataclass(frozen=True)
class SinglePaginator:
    """One request, one answer."""

    def first(self) -> Params:
        """Ask without paging parameters."""
        return {}

    def next(self, params: Params, page: Page, *, is_proved: bool, has_news: bool) -> None:
        """Stop, however many records the answer holds."""
        del params, page, is_proved, has_news


def paginator_for(paging: Paging, page_size: int) -> Paginator:
    """Return the paginator of an endpoint.

    Args:
        paging: How the endpoint leads from one page to the next.
        page_size: Records per page, within the endpoint's maximum.
    """
    if paging is Paging.SCROLL:
        return ScrollPaginator(page_size)
    if paging is Paging.PAGE_NUMBER:
        return PageNumberPaginator(page_size)
    return SinglePaginator()
