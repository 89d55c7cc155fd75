"""Tables in memory, filled from messages as a loader fills its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]


@dataclass
class Row:
    """One row: what the record said last, the version it came with, and the mark of a deletion."""

    record: Json
    version: int | None
    is_marked: bool = False


@dataclass
class Tables:
    """Rows by key, as target-postgres and target-snowflake keep them: upserts and soft deletes."""

    rows: dict[str, dict[Any, Row]] = field(default_factory=dict)
    state: Json | None = None
    """The last STATE that came, which is what the next run gets."""
    activated: dict[str, int] = field(default_factory=dict)
    """The versions that have been activated, by stream."""
    _keys: dict[str, list[str]] = field(default_factory=dict)

    def load(self, messages: Iterable[Json]) -> None:
        """Load messages in their order."""
        for message in messages:
            stream = message.get("stream", "")
            match message["type"]:
                case "SCHEMA":
                    self._keys[stream] = message["key_properties"]
                    self.rows.setdefault(stream, {})
                case "RECORD":
                    record = message["record"]
                    key = tuple(record[name] for name in self._keys[stream])
                    self.rows[stream][key] = Row(record, message.get("version"))
                case "ACTIVATE_VERSION":
                    self._activate(stream, message["version"])
                case "STATE":
                    self.state = message["value"]

    def _activate(self, stream: str, version: int) -> None:
        """Mark all rows with an older version, or with none."""
        self.activated[stream] = version
        for row in self.rows[stream].values():
            if row.version is None or row.version < version:
                row.is_marked = True

    def kept(self, stream: str) -> dict[Any, Json]:
        """Return the records that are not marked as deleted, by key."""
        rows = self.rows.get(stream, {})
        return {key: row.record for key, row in rows.items() if not row.is_marked}

    def marked(self, stream: str) -> set[Any]:
        """Return the keys of the rows that are marked as deleted."""
        return {key for key, row in self.rows.get(stream, {}).items() if row.is_marked}
