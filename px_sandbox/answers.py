"""The answer to a request that is allowed: its pages, counts and cursor."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from px_sandbox.misbehaviour import Dice, Misbehaviour, Rule
from px_sandbox.scrolls import Scroll, ScrollBook
from px_sandbox.selection import date_range, select
from px_sandbox.singles import single
from px_sandbox.stores import decode, encode
from px_sandbox.sums import engagement_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from px_sandbox.endpoints import Endpoint
    from px_sandbox.kinds import Record
    from px_sandbox.routing import Params
    from px_sandbox.world import World

Strikes = dict[str, Rule]

# What the faults of shape make of an answer that is one object; {} is the right answer.
_WRONG_SINGLES = {
    "list_instead_of_object": b"[{}]",
    "records_key_missing": b"[]",
    "records_not_a_list": b'"unexpected"',
    "records_null": b"null",
}


@dataclass(frozen=True)
class Answer:
    """What to send, and what happens to the scroll if it arrives.

    Attributes:
        status: HTTP status.
        body: JSON, or nothing.
        records: How many records it holds.
        commit: Moves the scroll on; to be called unless the answer is lost.
    """

    status: int
    body: bytes
    records: int = 1
    commit: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Answers:
    """Makes answers out of a world."""

    world: World
    scrolls: ScrollBook
    misbehaviour: Misbehaviour
    dice: Dice

    def answer(
        self, endpoint: Endpoint, path_params: dict[str, str], params: Params, strikes: Strikes
    ) -> Answer:
        """Return the answer to a well-formed request."""
        if endpoint.paging == "scroll":
            return self._scroll_page(endpoint, params, strikes)
        if endpoint.paging == "page_number":
            return self._numbered_page(endpoint, params, strikes)
        status, body = single(self.world, endpoint, path_params, params)
        for fault, wrong in _WRONG_SINGLES.items():
            if fault in strikes:
                body = wrong.replace(b"{}", body, 1)
        if "several_rows" in strikes:
            count = strikes["several_rows"].setting("count")
            rows = [encode({**decode(body), "row": number}) for number in range(count)]
            body = b"[" + b",".join(rows) + b"]"
        return Answer(status, body)

    def _scroll_page(self, endpoint: Endpoint, params: Params, strikes: Strikes) -> Answer:
        size = _page_size(endpoint, params)
        request = (endpoint.path, params.without("scrollId", "pageNumber"))
        scroll_id = params.get("scrollId")
        if scroll_id is not None:
            scroll = self.scrolls.find(scroll_id, request)
        else:
            scroll = self.scrolls.begin(request, self._snapshot(endpoint, params, strikes))
            scroll.position = size * (params.integer("pageNumber") or 0)
        rows, after = _page_rows(scroll, size, strikes)
        next_id: str | None = self.scrolls.scroll_id(scroll, scroll.page + 1)
        ends_with_null = (
            endpoint.path.startswith("/v1/admin/monitoring/")
            and self.misbehaviour.monitoring_scroll_end == "null"
        )
        if ends_with_null and after >= scroll.total:
            next_id = None
        facts: Record = {"totalHits": _total_hits(scroll, strikes), "scrollId": next_id}
        if "total_hits_missing" in strikes:
            del facts["totalHits"]
        body = _page_body(endpoint, rows, facts, strikes)
        return Answer(200, body, len(rows), lambda: self.scrolls.turn(scroll, after))

    def _snapshot(self, endpoint: Endpoint, params: Params, strikes: Strikes) -> Sequence[bytes]:
        rows = self._selected(endpoint, params)
        if "filter_ignored" in strikes and endpoint.filter_fields:
            rows = self.world.bodies(endpoint.kind)
        if "unsorted" in strikes:
            rows = list(rows)
            self.dice.random("unsorted").shuffle(rows)
        return rows

    def _selected(self, endpoint: Endpoint, params: Params) -> Sequence[bytes]:
        if endpoint.filter_fields:
            return select(self.world, endpoint, params, self.misbehaviour)
        start_ms, end_ms = date_range(
            params,
            self.world.clock.now_ms(),
            max_days=endpoint.max_days,
            default_days=endpoint.default_days,
        )
        property_key = params.get("propertyKey")
        if endpoint.kind == "engagement_errors":
            return engagement_errors(self.world, start_ms, end_ms, property_key)
        rows = self.world.between(endpoint.kind, start_ms, end_ms)
        return _with_value(rows, "propertyKey", property_key)

    def _numbered_page(self, endpoint: Endpoint, params: Params, strikes: Strikes) -> Answer:
        rows = self._numbered_rows(endpoint, params)
        if "unsorted" in strikes:
            rows = list(rows)
            self.dice.random("unsorted").shuffle(rows)
        size = _page_size(endpoint, params)
        number = params.integer("pageNumber") or 0
        # A page number is a scroll without memory: the same row faults apply to it.
        view = Scroll(0, None, rows, len(rows), 0, position=number * size, page=number)
        page, _ = _page_rows(view, size, strikes)
        facts: Record = {"pageNumber": number, "isLastPage": (number + 1) * size >= len(rows)}
        return Answer(200, _page_body(endpoint, page, facts, strikes), len(page))

    def _numbered_rows(self, endpoint: Endpoint, params: Params) -> Sequence[bytes]:
        if params.get("createdById") is not None:
            wanted = {
                row["id"]
                for row in self.world.stored("engagements")
                if row.get("createdById") == params.get("createdById")
            }
            rows = [
                body for body in self.world.bodies(endpoint.kind) if decode(body)["id"] in wanted
            ]
        else:
            rows = list(self.world.bodies(endpoint.kind))
        for name in ("propertyKey", "productId"):
            rows = _with_value(rows, name, params.get(name))
        # The contract declares contentTypes repeatable and shows it comma-separated: both work.
        types = set(chain.from_iterable(text.split(",") for text in params.all("contentTypes")))
        if types:
            rows = [body for body in rows if decode(body).get("type") in types]
        limit_ms = params.integer("notSeenAfterTimestamp")
        if limit_ms is not None:
            rows = [body for body in rows if _not_seen_after(decode(body), limit_ms)]
        return rows


def _page_size(endpoint: Endpoint, params: Params) -> int:
    default = endpoint.page_size.default if endpoint.page_size else 0
    return params.integer("pageSize") or default


def _page_rows(scroll: Scroll, size: int, strikes: Strikes) -> tuple[Sequence[bytes], int]:
    """Return the rows of the next page and the position after it."""
    start = scroll.position
    if "empty_page" in strikes:
        return [], start
    if "repeated_records" in strikes:
        start = max(0, start - strikes["repeated_records"].setting("count"))
    again = 0
    if "duplicate_records" in strikes:
        again = min(size // 2, strikes["duplicate_records"].setting("count"))
    rows = scroll.rows[start : start + size - again]
    after = start + len(rows)
    if again:
        rows = [*rows[:again], *rows]
    if "lost_records" in strikes:
        rows = rows[strikes["lost_records"].setting("count") :]
    return rows, max(after, scroll.position)


def _total_hits(scroll: Scroll, strikes: Strikes) -> int:
    total = scroll.total
    if "total_hits_too_high" in strikes:
        total += strikes["total_hits_too_high"].setting("by")
    if "total_hits_too_low" in strikes:
        total = max(0, total - strikes["total_hits_too_low"].setting("by"))
    if "total_hits_growing" in strikes:
        total += strikes["total_hits_growing"].setting("by") * scroll.page
    if "total_hits_capped" in strikes:
        total = min(total, strikes["total_hits_capped"].setting("cap"))
    return total


def _page_body(endpoint: Endpoint, rows: Sequence[bytes], facts: Record, strikes: Strikes) -> bytes:
    tail = encode(facts)[1:]
    records = b'"%s":[%s],' % ((endpoint.records_key or "").encode(), b",".join(rows))
    if "records_key_missing" in strikes:
        records = b""
    elif "records_not_a_list" in strikes:
        records = b'"%s":{"0":{}},' % (endpoint.records_key or "").encode()
    elif "records_null" in strikes:
        records = b'"%s":null,' % (endpoint.records_key or "").encode()
    if "list_instead_of_object" in strikes:
        return b"[{" + records + tail + b"]"
    return b"{" + records + tail


def _with_value(rows: Sequence[bytes], name: str, value: str | None) -> list[bytes]:
    if value is None:
        return list(rows)
    return [body for body in rows if decode(body).get(name) == value]


def _not_seen_after(user: Record, limit_ms: int) -> bool:
    seen_ms = user.get("lastSuccessfulLoginTimestamp")
    return not isinstance(seen_ms, int) or seen_ms <= limit_ms
