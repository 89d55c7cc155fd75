"""The records of one kind as JSON text: a timeline (ordered by an instant) or a listing.

A record is encoded once, served as bytes and decoded only where a query needs it, so that a
million events fit in memory and a page is one ``join``. A record that is not visible yet waits
in a heap until its instant has come; what is in the sorted arrays is always visible.
"""

from __future__ import annotations

import heapq
import json
from array import array
from bisect import bisect_left, bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NO_TIME = -(2**62)
"""Stands for a record without its time field: before every instant that a query can name."""

# From this many records on, sorting everything anew beats inserting one by one.
_BULK = 256

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(value: object) -> bytes:
    """Return compact JSON; integers of any size and ``Decimal`` keep all their digits."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can name
        return _escaped(value).encode()


def _escaped(value: object) -> str:
    if isinstance(value, dict):
        fields = (f"{json.dumps(key)}:{_escaped(inner)}" for key, inner in value.items())
        return f"{{{','.join(fields)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_escaped, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def decode(text: bytes) -> Any:
    """Return the value of JSON ``text``; integers of any size stay exact."""
    return json.loads(text)


def decode_exact(text: bytes) -> Any:
    """Return the value of JSON ``text``; decimals keep all their digits, too."""
    return json.loads(text, parse_float=Decimal)


def encode_record(record: Mapping[str, Any] | bytes) -> bytes:
    """Return the JSON of one record; bytes are taken to be JSON already, digit for digit."""
    if not isinstance(record, bytes):
        return encode(dict(record))
    if not isinstance(decode(record), dict):
        msg = "a record has to be a JSON object"
        raise TypeError(msg)
    return record


class Entry(NamedTuple):
    """One record on its way into a store."""

    time_ms: int
    key: str | None
    body: bytes


class WaitingRoom:
    """Records that are not visible yet, by the instant at which they become so."""

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[tuple[int, int, Entry]] = []
        self._arrivals = 0

    def add(self, entry: Entry, visible_from_ms: int) -> None:
        """Keep ``entry`` back until ``visible_from_ms``."""
        # The running number keeps the order of arrival among equals, and bytes uncompared.
        self._arrivals += 1
        heapq.heappush(self._heap, (visible_from_ms, self._arrivals, entry))

    def due(self, now_ms: int) -> list[Entry]:
        """Hand over what may be seen at ``now_ms``."""
        entries = []
        while self._heap and self._heap[0][0] <= now_ms:
            entries.append(heapq.heappop(self._heap)[2])
        return entries

    def remove(self, key: str) -> bool:
        """Drop the records with this key; False if there were none."""
        kept = [item for item in self._heap if item[2].key != key]
        found = len(kept) < len(self._heap)
        heapq.heapify(kept)
        self._heap = kept
        return found


class Timeline:
    """Records ordered by time; equal times keep the order in which they came."""

    def __init__(self, key_field: str | None, *, unique: bool) -> None:
        """Start empty; ``unique`` keeps only the newest record per ``key_field``."""
        self._key_field = key_field or ""
        self._times = array("q")
        self._bodies: list[bytes] = []
        self._by_key: dict[str, Entry] | None = {} if unique else None
        self.waiting = WaitingRoom()

    def __len__(self) -> int:
        """Return how many records are visible."""
        return len(self._bodies)

    def load(self, entries: Iterable[Entry]) -> None:
        """Add many visible records at once."""
        batch = list(entries)
        if self._by_key is not None:
            newest = {entry.key or "": entry for entry in batch}
            for entry in batch:
                self._forget(entry.key or "")
            self._by_key.update(newest)
            batch = list(newest.values())
        if len(batch) < _BULK and len(self._bodies) > len(batch):
            for entry in batch:
                self._insert(entry)
            return
        batch.sort(key=_time_of)
        if self._times and batch and batch[0].time_ms < self._times[-1]:
            merged = list(
                heapq.merge(
                    zip(self._times, self._bodies, strict=True),
                    ((entry.time_ms, entry.body) for entry in batch),
                    key=_first,
                )
            )
            self._times = array("q", (time_ms for time_ms, _ in merged))
            self._bodies = [body for _, body in merged]
        else:
            self._times.extend(entry.time_ms for entry in batch)
            self._bodies.extend(entry.body for entry in batch)

    def settle(self, now_ms: int) -> None:
        """Make visible what has been waiting for an instant up to ``now_ms``."""
        if due := self.waiting.due(now_ms):
            self.load(due)

    def between(self, start_ms: int, end_ms: int) -> Sequence[bytes]:
        """Return the records with ``start_ms <= time < end_ms``, oldest first."""
        return self._bodies[bisect_left(self._times, start_ms) : bisect_left(self._times, end_ms)]

    def all(self) -> Sequence[bytes]:
        """Return all visible records, those without a time first."""
        return self._bodies[:]

    def get(self, key: str) -> bytes | None:
        """Return the record with this key; only for unique keys."""
        entry = self._by_key.get(key) if self._by_key is not None else None
        return entry.body if entry else None

    def remove(self, key: str) -> bool:
        """Take away all records with this key, waiting ones too; False if there were none."""
        found = self.waiting.remove(key)
        if self._by_key is not None:
            return self._forget(key) or found
        # The search for the bare text spares decoding all the records that cannot match.
        text = key.encode()
        for index in range(len(self._bodies) - 1, -1, -1):
            body = self._bodies[index]
            if text in body and decode(body).get(self._key_field) == key:
                del self._bodies[index], self._times[index]
                found = True
        return found

    def _insert(self, entry: Entry) -> None:
        index = bisect_right(self._times, entry.time_ms)
        self._times.insert(index, entry.time_ms)
        self._bodies.insert(index, entry.body)

    def _forget(self, key: str) -> bool:
        if self._by_key is None or key not in self._by_key:
            return False
        old = self._by_key.pop(key)
        index = bisect_left(self._times, old.time_ms)
        while self._bodies[index] is not old.body:
            index += 1
        del self._bodies[index], self._times[index]
        return True


class Listing:
    """Records by key, in the order in which they came."""

    def __init__(self) -> None:
        """Start empty."""
        self._bodies: dict[str, bytes] = {}
        self.waiting = WaitingRoom()

    def __len__(self) -> int:
        """Return how many records are visible."""
        return len(self._bodies)

    def load(self, entries: Iterable[Entry]) -> None:
        """Add visible records; one with a known key takes the place of the old one."""
        for entry in entries:
            self._bodies[entry.key or ""] = entry.body

    def settle(self, now_ms: int) -> None:
        """Make visible what has been waiting for an instant up to ``now_ms``."""
        self.load(self.waiting.due(now_ms))

    def all(self) -> Sequence[bytes]:
        """Return all visible records."""
        return list(self._bodies.values())

    def get(self, key: str) -> bytes | None:
        """Return the record with this key."""
        return self._bodies.get(key)

    def remove(self, key: str) -> bool:
        """Take away the record with this key; False if there was none."""
        found = self.waiting.remove(key)
        return self._bodies.pop(key, None) is not None or found


def _time_of(entry: Entry) -> int:
    return entry.time_ms


def _first(pair: tuple[int, bytes]) -> int:
    return pair[0]
