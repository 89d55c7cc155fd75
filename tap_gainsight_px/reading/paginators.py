"""From the last page to the parameters of the next request. Knows no HTTP and no retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import Paging

if TYPE_CHECKING:
    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.records.page import Page


def first_params(paging: Paging, page_size: int | None) -> Params:
    """Return the paging parameters of a walk's first request."""
    if paging is Paging.SINGLE or page_size is None:
        return {}
    if paging is Paging.PAGE_NUMBER:
        return {"pageSize": page_size, "pageNumber": 0}
    return {"pageSize": page_size}


def next_params(
    paging: Paging, params: Params, page: Page, *, records_missing: bool
) -> Params | None:
    """Return the parameters of the request after `page`, or None where the walk ends.

    Args:
        paging: How the endpoint leads on.
        params: Parameters that gave `page`.
        page: The page just read.
        records_missing: Whether it is not certain that all records have come. Then a short page
            does not end a scroll. Nor does a `scrollId` that is there keep it going: the API may
            send one on the last page as well.
    """
    if paging is Paging.SINGLE:
        return None
    short = len(page.rows) < int(params["pageSize"])
    if paging is Paging.PAGE_NUMBER:
        is_last = short if page.is_last is None else page.is_last
        return None if is_last else {**params, "pageNumber": int(params["pageNumber"]) + 1}
    if page.scroll_id is None or (short and not records_missing):
        return None
    return {**params, "scrollId": page.scroll_id}
