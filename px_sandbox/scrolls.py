"""Scrolls: a snapshot of the matches at the first request, and a cursor that moves through it.

They work like those of Elasticsearch: what changes in the world afterwards does not change the
pages, an unused scroll expires, and the id never becomes null.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from px_sandbox.errors import RefusedError, bad_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from px_sandbox.clock import Clock

SCROLL_GONE = "No search context found for this scrollId: it is unknown or has expired"
TOO_MANY_SCROLLS = (
    "Trying to create too many scroll contexts. Must be less than or equal to: [500]. "
    "This limit can be set by changing the [search.max_open_scroll_context] setting."
)

# Bytes whose base64 holds "+" and "/": a client that does not percent-encode ids is found out.
_MAGIC = b"\xfb\xef\xff"


@dataclass
class Scroll:
    """One scroll: a snapshot and how far it has been read.

    Attributes:
        number: Running number in this sandbox.
        request: Path and parameters of the first request; following ones have to be the same.
        rows: The snapshot; given up once the cursor has passed its end.
        total: How many rows the snapshot had.
        position: Cursor: index of the first row of the next page.
        page: How many pages have been answered.
        touched_ms: When the scroll was used last, epoch milliseconds.
        starts: Cursor of each page that has been answered.
    """

    number: int
    request: object
    rows: Sequence[bytes]
    total: int
    touched_ms: int
    position: int = 0
    page: int = 0
    starts: list[int] = field(default_factory=list)


class ScrollBook:
    """All open scrolls of a sandbox."""

    def __init__(self, clock: Clock, ttl_seconds: float) -> None:
        """Keep scrolls that are used at least every ``ttl_seconds``."""
        self._clock = clock
        self._scrolls: dict[int, Scroll] = {}
        self._numbers = 0
        self.ttl_seconds = ttl_seconds
        self.changing_ids = True
        self.stale_id = "next_page"
        self.most: int | None = None
        self.status_of_too_many = 429
        self.status_of_gone = 404

    def __len__(self) -> int:
        """Return how many scrolls have not expired."""
        self._expire()
        return len(self._scrolls)

    def begin(self, request: object, rows: Sequence[bytes]) -> Scroll:
        """Return a new scroll; it counts as open once its first page is turned.

        Raises:
            RefusedError: ``most`` scrolls are open. A client cannot close one: it has to wait.
        """
        if self.most is not None and len(self) >= self.most:
            text = TOO_MANY_SCROLLS.replace("500", str(self.most))
            raise RefusedError(self.status_of_too_many, text)
        self._numbers += 1
        return Scroll(self._numbers, request, rows, len(rows), self._clock.now_ms())

    def find(self, scroll_id: str, request: object) -> Scroll:
        """Return the open scroll with this id; refuse if there is none, or for other parameters."""
        scroll = self.peek(scroll_id)
        if scroll is None:
            raise self._gone()
        if scroll.request != request:
            msg = "The parameters differ from those of the first request of this scroll"
            raise bad_request(msg)
        page = _page_of(scroll_id)
        if self.changing_ids and page != scroll.page:
            if self.stale_id == "refused" or page > scroll.page:
                raise self._gone()
            if self.stale_id == "same_page":
                scroll.position, scroll.page = scroll.starts[page], page
                del scroll.starts[page:]
        return scroll

    def peek(self, scroll_id: str) -> Scroll | None:
        """Return the open scroll with this id, or None."""
        self._expire()
        number = _number_of(scroll_id)
        scroll = self._scrolls.get(number)
        if scroll is None:
            return None
        valid = self.scroll_id(scroll, _page_of(scroll_id)) == scroll_id
        return scroll if valid else None

    def scroll_id(self, scroll: Scroll, page: int) -> str:
        """Return the id of what follows after ``page`` pages."""
        shown = page if self.changing_ids else 0
        text = f"{scroll.number};{shown};"
        seal = hashlib.sha256(text.encode()).hexdigest()[:24]
        return base64.b64encode(_MAGIC + text.encode() + seal.encode()).decode()

    def turn(self, scroll: Scroll, position: int) -> None:
        """Note that a page was answered and the next one begins at ``position``."""
        self._expire()
        scroll.starts.append(scroll.position)
        scroll.position = position
        scroll.page += 1
        scroll.touched_ms = self._clock.now_ms()
        # Moving it to the end keeps the book in order of last use, which makes expiry cheap.
        self._scrolls.pop(scroll.number, None)
        self._scrolls[scroll.number] = scroll
        if position >= scroll.total and self.stale_id != "same_page":
            scroll.rows = ()

    def drop(self, scroll: Scroll) -> None:
        """Forget a scroll, as if its time had run out."""
        self._scrolls.pop(scroll.number, None)

    def clear(self) -> None:
        """Forget all scrolls."""
        self._scrolls.clear()

    def _gone(self) -> RefusedError:
        return RefusedError(self.status_of_gone, SCROLL_GONE)

    def _expire(self) -> None:
        oldest_ms = self._clock.now_ms() - self.ttl_seconds * 1000
        while self._scrolls:
            number, scroll = next(iter(self._scrolls.items()))
            if scroll.touched_ms >= oldest_ms:
                return
            del self._scrolls[number]


def _parts(scroll_id: str) -> list[str]:
    try:
        text = base64.b64decode(scroll_id, validate=True).removeprefix(_MAGIC).decode()
    except ValueError:
        return ["-1", "-1"]
    return text.split(";")


def _number_of(scroll_id: str) -> int:
    number = _parts(scroll_id)[0]
    return int(number) if number.isdecimal() else -1


def _page_of(scroll_id: str) -> int:
    parts = _parts(scroll_id)
    return int(parts[1]) if len(parts) > 1 and parts[1].isdecimal() else -1
