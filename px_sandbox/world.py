"""The data behind the API, as it is at this moment of the sandbox's clock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from px_sandbox.clock import Clock
from px_sandbox.generate import generate_history
from px_sandbox.growth import Growth
from px_sandbox.kinds import KINDS, Kind, Record, kind_named
from px_sandbox.stores import (
    NO_TIME,
    Entry,
    Listing,
    Timeline,
    decode,
    decode_exact,
    encode,
    encode_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from px_sandbox.plan import WorldPlan


class World:
    """Records by kind, visible or still to come.

    ``World()`` is empty; ``World.generated(plan)`` is a pure function of the plan and the clock.
    Safe to use from several threads: a test may shape it while a server reads it.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        """Make an empty world that lives by ``clock`` (default: the wall clock)."""
        self.clock = clock or Clock()
        self.plan: WorldPlan | None = None
        self._growth: Growth | None = None
        self._lock = threading.RLock()
        self._timelines = {
            kind.name: Timeline(kind.key, unique=kind.unique)
            for kind in KINDS.values()
            if kind.time
        }
        self._listings = {
            kind.name: Listing() for kind in KINDS.values() if not kind.time and not kind.base
        }
        # identifyId -> aptrinsicId, because the API reads a user by the former.
        self._users_by_identify_id: dict[str, str] = {}
        # Growth must not bring back what a test has deleted.
        self._deleted: set[tuple[str, str]] = set()

    @classmethod
    def generated(cls, plan: WorldPlan, clock: Clock | None = None) -> World:
        """Make the world that ``plan`` describes; the same plan makes the same world."""
        world = cls(clock)
        world.plan = plan
        history = generate_history(plan)
        now_ms = world.clock.now_ms()
        for name, records in history.records():
            world._load(kind_named(name), records, now_ms)
        if plan.live_per_minute > 0 or plan.past_changes_per_day > 0:
            world._growth = Growth(plan, history)
        return world

    def put(
        self,
        kind: str,
        record: Mapping[str, Any] | bytes,
        visible_from_ms: int | None = None,
        *,
        key: str | None = None,
    ) -> None:
        """Add one record, or replace the one with the same key.

        Args:
            kind: Name of a kind (see ``kinds.py``).
            record: A mapping, or the exact JSON text of an object as bytes.
            visible_from_ms: Epoch milliseconds at which the API begins to show it; now if None.
            key: Kept under this key instead of the record's own, which it may then lack.
        """
        definition = _stored(kind)
        entry = self._entry(definition, encode_record(record), key=key)
        with self._lock:
            store = self._store(definition)
            self._deleted.discard((kind, entry.key or ""))
            if visible_from_ms is None or visible_from_ms <= self.clock.now_ms():
                store.load([entry])
            else:
                store.waiting.add(entry, visible_from_ms)

    def put_many(self, kind: str, records: Iterable[Mapping[str, Any] | bytes]) -> None:
        """Add many records that are visible at once; faster than ``put`` one by one."""
        definition = _stored(kind)
        entries = [self._entry(definition, encode_record(record)) for record in records]
        with self._lock:
            self._store(definition).load(entries)

    def delete(self, kind: str, key: str) -> bool:
        """Remove the record(s) with this key, visible or not; False if there were none."""
        definition = _stored(kind)
        if definition.key is None:
            msg = f"records of kind {kind!r} have no key to delete them by"
            raise ValueError(msg)
        with self._lock:
            self._settle(definition)
            self._deleted.add((kind, key))
            return self._store(definition).remove(key)

    def delete_account(self, key: str) -> int:
        """Remove an account with all its users, as PX does; return how many records that were."""
        users = [
            user["aptrinsicId"] for user in self.records("users") if user.get("accountId") == key
        ]
        with self._lock:
            return self.delete("accounts", key) + sum(self.delete("users", one) for one in users)

    def records(self, kind: str) -> list[Record]:
        """Return what the API would show of ``kind`` now, as dicts: the truth to compare with."""
        return [decode(body) for body in self.bodies(kind)]

    def count(self, kind: str) -> int:
        """Return how many records of ``kind`` are visible now."""
        definition = _base(kind_named(kind))
        with self._lock:
            self._settle(definition)
            return len(self._store(definition))

    def bodies(self, kind: str) -> Sequence[bytes]:
        """Return the visible records of ``kind`` as JSON, without their hidden fields."""
        definition = kind_named(kind)
        with self._lock:
            self._settle(_base(definition))
            bodies = self._store(_base(definition)).all()
        return [_shown(definition, body) for body in bodies] if definition.hidden else bodies

    def stored(self, kind: str) -> list[Record]:
        """Return the visible records of ``kind`` with their hidden fields."""
        definition = _base(kind_named(kind))
        with self._lock:
            self._settle(definition)
            return [decode(body) for body in self._store(definition).all()]

    def between(self, kind: str, start_ms: int, end_ms: int) -> Sequence[bytes]:
        """Return the visible records of a timeline with ``start_ms <= time < end_ms``."""
        with self._lock:
            self._settle(kind_named(kind))
            return self._timelines[kind].between(max(start_ms, NO_TIME + 1), end_ms)

    def get(self, kind: str, key: str) -> bytes | None:
        """Return the visible record with this key as JSON, or None. Keys are case-sensitive."""
        definition = kind_named(kind)
        with self._lock:
            self._settle(_base(definition))
            body = self._store(_base(definition)).get(key)
        return None if body is None else _shown(definition, body)

    def user_by_identify_id(self, identify_id: str) -> bytes | None:
        """Return the user that the API knows by ``identify_id`` (case-sensitive), or None."""
        body = self.get("users", self._users_by_identify_id.get(identify_id, ""))
        # The user may have got another identifyId since.
        return body if body and decode(body).get("identifyId") == identify_id else None

    def _settle(self, kind: Kind) -> None:
        now_ms = self.clock.now_ms()
        if self._growth is not None:
            self._grow(self._growth, now_ms)
        self._store(kind).settle(now_ms)

    def _grow(self, growth: Growth, now_ms: int) -> None:
        for name, key, record, visible_from_ms in growth.until(now_ms):
            definition = kind_named(name)
            if record is None:
                self._store(definition).remove(key)
            elif (name, key) not in self._deleted:
                entry = self._entry(definition, encode(record), record)
                self._store(definition).waiting.add(entry, visible_from_ms)

    def _load(self, kind: Kind, records: Iterable[tuple[Record, int | None]], now_ms: int) -> None:
        visible = []
        store = self._store(kind)
        for record, visible_from_ms in records:
            entry = self._entry(kind, encode(record), record)
            # What lies in the future of the clock has not happened yet.
            from_ms = entry.time_ms if visible_from_ms is None else visible_from_ms
            if from_ms <= now_ms:
                visible.append(entry)
            else:
                store.waiting.add(entry, from_ms)
        store.load(visible)

    def _entry(
        self, kind: Kind, body: bytes, record: Record | None = None, key: str | None = None
    ) -> Entry:
        if record is None:
            record = decode(body)
        if key is None and kind.key is not None:
            key = record.get(kind.key)
            if not isinstance(key, str):
                msg = f"a record of kind {kind.name!r} needs its key {kind.key!r}, a string"
                raise ValueError(msg)
        if kind.name == "users" and isinstance(record.get("identifyId"), str):
            self._users_by_identify_id[record["identifyId"]] = key or ""
        time_ms = record.get(kind.time) if kind.time else None
        return Entry(
            time_ms if type(time_ms) is int else NO_TIME,
            key,
            body,
        )

    def _store(self, kind: Kind) -> Timeline | Listing:
        if kind.time:
            return self._timelines[kind.name]
        return self._listings[kind.name]


def _base(kind: Kind) -> Kind:
    return KINDS[kind.base] if kind.base else kind


def _stored(name: str) -> Kind:
    kind = kind_named(name)
    if kind.base:
        msg = f"{name!r} is a view of {kind.base!r}: change the records there"
        raise ValueError(msg)
    return kind


def _shown(kind: Kind, body: bytes) -> bytes:
    if not kind.hidden:
        return body
    record = decode_exact(body)
    return encode({name: value for name, value in record.items() if name not in kind.hidden})
