"""One page of one stream: what is asked for (`PageRequest`), and how it is had (`PageSource`)."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from tap_gainsight_px.catalog.spec import Paging, RangeParams, StreamSpec, TimeFormat, TimeRange
from tap_gainsight_px.errors import RefusedError, RetriableError, ScrollLostError
from tap_gainsight_px.timestamps import to_iso, to_iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tap_gainsight_px.api.transport import Get, Params
    from tap_gainsight_px.reading.windows import Window
    from tap_gainsight_px.records.decoder import PageDecoder
    from tap_gainsight_px.records.page import Page

# Answers to a `scrollId` that the API no longer knows; which one PX gives is not documented.
_SCROLL_GONE = frozenset({400, 404, 410})


@dataclass(frozen=True)
class PageRequest:
    """What is asked of an endpoint: a stretch of time, a parent, both or neither."""

    spec: StreamSpec
    window: Window | None = None
    time_format: TimeFormat | None = None
    """How times are written in a filter; None where the reader finds it out."""
    parent: str | None = None
    split_from: int | float = math.inf
    """How many records the window held that this one is a part of."""
    fills_back: bool = False
    """Whether the latest parts come first, so that what has been read grows backwards."""
    seconds_left: int = 0
    """How much time is left to read, that of the window included; 0 where that is not known."""

    @property
    def is_settled(self) -> bool:
        """Whether what is asked for stays the same from one reading to the next."""
        time_range = self.spec.time_range
        return time_range is None or not time_range.records_change

    @property
    def subject(self) -> str:
        """Name of what is asked for, for messages."""
        parts = (self.spec.name, self.parent, self.window)
        return " ".join(str(part) for part in parts if part is not None)

    @property
    def path(self) -> str:
        """Path of the call, with the parent in its place."""
        parent = self.spec.parent
        if parent is None or self.parent is None:
            return self.spec.path
        return self.spec.path.replace(f"{{{parent.name}}}", quote(self.parent, safe=""))

    @property
    def params(self) -> Params:
        """Parameters that ask for it, besides those of paging."""
        parent = self.spec.parent
        named = {} if parent is None or parent.in_path else {parent.name: self.parent or ""}
        params = range_params(self.spec.time_range, self.window, self.time_format)
        if self.spec.event_name is not None:
            params["filter"] = f"{params['filter']};eventName=={self.spec.event_name}"
        return {**named, **params}

    @property
    def checked_window(self) -> Window | None:
        """The window, where each record has a date that must lie in it."""
        summed = self.spec.time_range and self.spec.time_range.granularity
        return None if summed else self.window

    @property
    def context_fields(self) -> dict[str, str]:
        """Fields that tell what was asked, where the record itself does not."""
        context_fields = {}
        if self.spec.parent is not None and self.parent is not None:
            context_fields[self.spec.parent.name] = self.parent
        if self.window is not None and self.checked_window is None:
            context_fields["dateRangeStart"] = to_iso(self.window.start)
            context_fields["dateRangeEnd"] = to_iso(self.window.end)
        return context_fields


def range_params(
    time_range: TimeRange | None, window: Window | None, time_format: TimeFormat | None
) -> dict[str, str | int]:
    """Return the parameters that ask for one window."""
    if time_range is None or window is None:
        return {}
    params: dict[str, str | int] = {}
    if time_range.params is not RangeParams.RANGE:
        start, end = (_write_time(time, time_format) for time in (window.start, window.end))
        params["filter"] = f"{time_range.field}>={start};{time_range.field}<{end}"
    if time_range.params is not RangeParams.FILTER:
        params["dateRangeStart"] = window.start
        params["dateRangeEnd"] = window.end
    return params


def _write_time(milliseconds: int, time_format: TimeFormat | None) -> str:
    return str(milliseconds) if time_format is TimeFormat.EPOCH_MS else to_iso_seconds(milliseconds)


class PageSource:
    """Reads single pages of one stream. Holds no state, so threads may share it."""

    def __init__(
        self,
        spec: StreamSpec,
        get: Get,
        decode: PageDecoder,
        *,
        page_size: int,
        scroll: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """Prepare for one stream.

        Args:
            spec: The stream.
            get: Sends the requests.
            decode: Turns the bytes of an answer into a page of this stream.
            page_size: Records per page, within the endpoint's maximum.
            scroll: Entered for as long as a scroll is open.
        """
        self.spec = spec
        self.page_size = page_size
        self._get = get
        self._decode = decode
        self._scroll = scroll

    def scroll(self) -> AbstractContextManager[None]:
        """Wait until a scroll may be opened; it counts as open until the end of the block."""
        return self._scroll() if self.spec.paging is Paging.SCROLL else nullcontext()

    def page(
        self,
        params: Params,
        request: PageRequest | None = None,
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> Page:
        """Read one page.

        Args:
            params: Parameters of the request, besides those of the stream itself.
            request: What is asked for; None for the endpoint as a whole.
            on_lost: Called when a page of a scroll is asked for again because its answer was lost.

        Raises:
            ScrollLostError: The scroll is gone.
            RequestError: The page cannot be had.
        """
        request = request or PageRequest(self.spec)
        in_scroll = "scrollId" in params
        try:
            return self._get(
                request.path,
                {**self.spec.params, **params},
                partial(self._decode, context_fields=request.context_fields),
                on_lost=on_lost if in_scroll else None,
            )
        except (RetriableError, RefusedError) as error:
            gone = isinstance(error, RetriableError) or error.status in _SCROLL_GONE
            if not in_scroll or not gone:
                raise
            message = f"the scroll could not be continued: {error.message}"
            raise ScrollLostError(message) from error
