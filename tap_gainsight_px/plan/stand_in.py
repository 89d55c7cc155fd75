"""What answers in the place of PX while a sync is rehearsed: one stand-in for each endpoint.

A stand-in knows how many records there are, and when; its records hold nothing but their keys and
dates. So the tap's own readers ask it for what they would ask of PX, window by window and page by
page, and only the number of requests comes of it.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tap_gainsight_px.timestamps import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.catalog.spec import StreamSpec

# Records lie at random moments of the stretch that they were counted in, the same ones each time.
_SEED = 1


class Cell(NamedTuple):
    """A stretch of time, epoch milliseconds, and how many records PX has in it."""

    start: int
    end: int
    records: int


class StandIn(Protocol):
    """Answers in the place of one endpoint."""

    def answer(self, params: Params) -> bytes:
        """Return the body of an answer."""


class Fixed:
    """Answers the same whatever it is asked: what PX has answered, or that there is nothing."""

    def __init__(self, body: bytes) -> None:
        """Keep the body of the answer."""
        self._body = body

    def answer(self, params: Params) -> bytes:
        """Return the body."""
        del params
        return self._body


def nothing(spec: StreamSpec) -> Fixed:
    """Return what says of each parent that there is nothing to tell."""
    return Fixed(b"null" if spec.records_key is None else _body(spec, []))


class Listing:
    """Answers page by page, as PX lists a few hundred records."""

    def __init__(self, spec: StreamSpec, keys: Iterable[str], count: int) -> None:
        """Take the number of records, and the fields that hold a key."""
        self._spec = spec
        self._keys = tuple(keys)
        self._count = count

    def answer(self, params: Params) -> bytes:
        """Return the page with the number that is asked for."""
        size, number = int(params["pageSize"]), int(params["pageNumber"])
        shown = range(size * number, min(size * (number + 1), self._count))
        records = [dict.fromkeys(self._keys, f"{one}") for one in shown]
        is_last = size * (number + 1) >= self._count
        return _body(self._spec, records, isLastPage=is_last)


class Moments:
    """Answers by scrolls through records that have a date, or none."""

    def __init__(
        self,
        spec: StreamSpec,
        keys: Iterable[str],
        cells: Sequence[Cell],
        *,
        undated: int = 0,
        filters: bool = True,
        sorts: bool = True,
    ) -> None:
        """Lay the records out in time.

        Args:
            spec: The stream.
            keys: Fields that hold a key.
            cells: How many records there are, and when; the earliest first.
            undated: How many records have no date, so that no filter finds them.
            filters: Whether filters work; else it answers with everything.
            sorts: Whether sorts work; else records come in no order.
        """
        self._spec = spec
        self._keys = tuple(keys)
        chance = random.Random(_SEED)  # noqa: S311 - to be repeated, not to be secret
        self._moments = [
            moment
            for cell in cells
            for moment in sorted(
                chance.randrange(cell.start, cell.end) for _ in range(cell.records)
            )
        ]
        self._undated = undated
        self._filters = filters
        self._sorts = sorts

    def answer(self, params: Params) -> bytes:
        """Return the page that is asked for; its `scrollId` says where the next one begins."""
        first, end = 0, len(self._moments) + self._undated
        asked = range_asked(params) if self._filters else None
        if asked is not None:
            first, end = (bisect_left(self._moments, moment) for moment in asked)
        at = int(params.get("scrollId", first))
        shown = range(at, min(at + int(params["pageSize"]), end))
        is_newest_first = self._sorts and str(params.get("sort", "")).startswith("-")
        records = [self._record(end - 1 - one if is_newest_first else one) for one in shown]
        return _body(self._spec, records, totalHits=end - first, scrollId=str(shown.stop))

    def _record(self, number: int) -> dict[str, Any]:
        record: dict[str, Any] = dict.fromkeys(self._keys, f"{number}")
        if self._spec.event_name is not None:
            record["eventName"] = self._spec.event_name
        if number < len(self._moments) and self._spec.time_range is not None:
            record[self._spec.time_range.field] = self._moments[number]
        return record


class Sums:
    """Answers with as many sums for each stretch of time."""

    def __init__(self, spec: StreamSpec, keys: Iterable[str], count: int) -> None:
        """Take the number of sums of one stretch."""
        self._spec = spec
        self._keys = tuple(keys)
        self._count = count

    def answer(self, params: Params) -> bytes:
        """Return the page that is asked for."""
        at = int(params.get("scrollId", 0))
        shown = range(at, min(at + int(params["pageSize"]), self._count))
        records = [dict.fromkeys(self._keys, f"{one}") for one in shown]
        return _body(self._spec, records, totalHits=self._count, scrollId=str(shown.stop))


class Recorder:
    """Has nothing, and notes for which stretches of time it is asked."""

    def __init__(self, spec: StreamSpec) -> None:
        """Start with none."""
        self._spec = spec
        self.asked: set[tuple[int, int]] = set()
        """Epoch milliseconds."""

    def answer(self, params: Params) -> bytes:
        """Return that there is nothing."""
        asked = range_asked(params)
        if asked is not None:
            self.asked.add(asked)
        return _body(self._spec, [], totalHits=0)


def range_asked(params: Params) -> tuple[int, int] | None:
    """Return the stretch of time that parameters ask for, epoch milliseconds; None for all."""
    if "filter" in params:
        start, end = str(params["filter"]).split(";")[:2]
        return _time(start.partition(">=")[2]), _time(end.partition("<")[2])
    if "dateRangeStart" in params:
        return int(params["dateRangeStart"]), int(params["dateRangeEnd"])
    return None


def _time(text: str) -> int:
    return int(text) if text.removeprefix("-").isdecimal() else parse(text)


def _body(spec: StreamSpec, records: list[dict[str, Any]], **facts: Any) -> bytes:
    return json.dumps({spec.records_key: records, **facts}).encode()
