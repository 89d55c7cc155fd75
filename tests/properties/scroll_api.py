"""A scroll API in memory: what the reader meets, without the network in between."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from tap_gainsight_px.catalog.spec import Paging, StreamSpec, TimeFormat, TimeRange
from tap_gainsight_px.errors import RefusedError
from tap_gainsight_px.reading.ordered_pool import OrderedPool
from tap_gainsight_px.reading.page_source import PageSource
from tap_gainsight_px.reading.window_reader import WindowReader
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.timestamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.records.page import Slice

T = TypeVar("T")

EVENTS = StreamSpec(
    name="custom_events",
    path="/v1/events/custom",
    records_key="customEvents",
    paging=Paging.SCROLL,
    page_size_max=1_000,
    primary_keys=("eventId",),
    replication_key="date",
    time_range=TimeRange("date", time_formats=(TimeFormat.EPOCH_MS,)),
)
SCHEMA = {"properties": {"date": {"type": ["string", "null"], "format": "date-time"}}}

WINDOW = Window(0, 1_000 * SECOND)
"""Where `events` lie, and what `read` reads."""

# What may go wrong with one request, see `ScrollApi._fault`.
FAULTS = ("well", "expired", "moved on", "repeated", "empty", "too high", "too low", "no count")


def events(number: int) -> list[dict[str, Any]]:
    """Make so many events, spread over `WINDOW`."""
    step = WINDOW.end // max(number, 1)
    return [{"eventId": str(one), "date": one * step} for one in range(number)]


class ScrollApi:
    """Answers like PX: a snapshot at the first request, then page after page of it."""

    def __init__(self, records: list[dict[str, Any]], faults: Iterator[str]) -> None:
        """Hold the records, and what goes wrong request by request (then: nothing)."""
        self.records = records
        self.requests: list[Params] = []
        self.waits: list[float] = []
        self.gone_status = 404
        self._faults = faults
        self._scrolls: dict[str, tuple[list[dict[str, Any]], int]] = {}

    def get(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> T:
        """Answer one request."""
        assert path == EVENTS.path
        assert on_lost is None or callable(on_lost)
        self.requests.append(params)
        answer = self.answer(params)
        return decode(b"" if answer is None else json.dumps(answer).encode())

    def answer(self, params: Params) -> dict[str, Any] | None:
        """Return the answer to the request that has just come; None for one without a body."""
        fault = next(self._faults, "well")
        size = int(params["pageSize"])
        scroll_id = str(params.get("scrollId") or len(self._scrolls))
        matches, position = self._scrolls.get(scroll_id, (self._matching(params), 0))
        if fault == "expired" and "scrollId" in params:
            raise RefusedError("", path=EVENTS.path, status=self.gone_status, api_message="gone")
        if fault == "moved on":
            position += size
        if fault == "repeated":
            position = max(0, position - size)
        page = [] if fault == "empty" else matches[position : position + size]
        self._scrolls[scroll_id] = (matches, position + (0 if fault == "empty" else size))
        total = {"too high": len(matches) + 3, "too low": len(matches) // 2}.get(
            fault, len(matches)
        )
        answer: dict[str, Any] = {"customEvents": page, "scrollId": scroll_id}
        if fault != "no count":
            answer["totalHits"] = total
        return answer

    def _matching(self, params: Params) -> list[dict[str, Any]]:
        first, last = str(params["filter"]).split(";")
        start, end = int(first.removeprefix("date>=")), int(last.removeprefix("date<"))
        return [record for record in self.records if start <= record["date"] < end]


def make_reader(
    api: ScrollApi,
    *,
    page_size: int,
    window_max_records: int,
    scroll: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> WindowReader:
    """Set up a reader of the API that never really waits."""
    decode = PageDecoder(EVENTS, SCHEMA)
    source = PageSource(EVENTS, api.get, decode, page_size=page_size, scroll=scroll)
    return WindowReader(source, window_max_records=window_max_records, wait=api.waits.append)


def run(*jobs: Callable[[], Any]) -> list[Slice]:
    """Run jobs to their end, as the tap does."""
    pool: OrderedPool[Slice] = OrderedPool(
        2, capacity=1_000, weigh=lambda batch: len(batch.rows), check=lambda: None
    )
    try:
        return list(pool.queue(jobs))
    finally:
        pool.close()


def read(api: ScrollApi, *, page_size: int = 5, window_max_records: int = 1_000) -> list[Slice]:
    """Read `WINDOW` to its end."""
    reader = make_reader(api, page_size=page_size, window_max_records=window_max_records)
    return run(reader.job(WINDOW, TimeFormat.EPOCH_MS))
