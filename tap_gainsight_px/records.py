"""The record path: the bytes of one answer → a page of records as they leave the tap.

Field names and values stay as the API gives them, except that epoch milliseconds become RFC 3339
text wherever the stream's schema says `format: date-time`. Integers of any size and decimals
keep their digits.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_gainsight_px.drift import Drift
from tap_gainsight_px.event_tables import lift_attributes
from tap_gainsight_px.timestamps import parse, to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_gainsight_px.stream_spec import StreamSpec


class Row(NamedTuple):
    """One record and what the reader needs to know of it."""

    date: int | None
    """Replication value in epoch milliseconds; None without one."""
    key: tuple[Any, ...]
    """What tells this record from another one: as a rule the values of its primary keys."""
    record: dict[str, Any]


@dataclass(frozen=True)
class Page:
    """One decoded answer."""

    rows: list[Row]
    total_hits: int | None = None
    """How many records the API says the whole walk has."""
    scroll_id: str | None = None
    is_last: bool | None = None


class PageDecoder:
    """Turns the bytes of an answer into a `Page` of one stream."""

    def __init__(
        self, spec: StreamSpec, schema: Mapping[str, Any], *, drop_unknown: bool = False
    ) -> None:
        """Prepare for one stream.

        Args:
            spec: The stream.
            schema: Its JSON Schema, which names the fields that are times.
            drop_unknown: Whether fields that the schema does not know are left out.
        """
        self._records_key = spec.records_key
        self._primary_keys = spec.primary_keys
        self._replication_key = spec.replication_key
        self._row_id_of = spec.row_id_of
        self._times = _time_fields(schema)
        self._drift = Drift(spec.name, schema, drop_unknown=drop_unknown)
        self._lifts_attributes = spec.event_name is not None

    def __call__(self, body: bytes, adds: Mapping[str, Any] | None = None) -> Page:
        """Decode one answer.

        Args:
            body: The bytes; none at all when the API says that there is nothing (HTTP 204).
            adds: Fields to put into each record that does not have them.

        Raises:
            ValueError: The bytes are not the JSON that this endpoint answers with.
        """
        if not body:
            return Page([])
        answer = _parse_json(body)
        if not isinstance(answer, dict):
            answer = {} if self._records_key else {"": answer}
        elif self._records_key is None:
            answer = {"": [answer]}
        total_hits = answer.get("totalHits")
        total_hits = total_hits if type(total_hits) is int else None
        records = answer.get(self._records_key or "")
        if records is None and total_hits == 0:
            records = []
        if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            message = f"it holds no list of records under {self._records_key!r}"
            raise ValueError(message)
        scroll_id = answer.get("scrollId")
        is_last = answer.get("isLastPage")
        return Page(
            rows=[self._row(record, adds or {}) for record in records],
            total_hits=total_hits,
            scroll_id=str(scroll_id) if scroll_id else None,
            is_last=is_last if isinstance(is_last, bool) else None,
        )

    def _row(self, record: dict[str, Any], adds: Mapping[str, Any]) -> Row:
        date = None if self._replication_key is None else _to_ms(record.get(self._replication_key))
        if self._lifts_attributes:
            lift_attributes(record)
        self._drift.mend(record)
        _rewrite_times(record, self._times)
        for name, value in adds.items():
            if record.get(name) is None:
                record[name] = value
        if self._row_id_of:
            record["rowId"] = _digest([record.get(name) for name in self._row_id_of])
        key = tuple(record.get(name) for name in self._primary_keys)
        if None in key:
            # Without a key only the whole record tells it from another one.
            key = (None, _digest(record))
        return Row(date, key, record)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _parse_json(body: bytes) -> Any:
    # One wrong byte in one text field must not keep a window from ever being read, so it becomes
    # U+FFFD. A torn answer is told by its JSON, which does not end.
    return json.loads(
        body.decode("utf-8", errors="replace"), parse_float=Decimal, parse_constant=str
    )


def _to_ms(value: Any) -> int | None:
    """Read a replication value: epoch milliseconds, or text in ISO-8601."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, str):
        try:
            return parse(value)
        except ValueError:
            return None
    return None


def _time_text(value: Any) -> Any:
    """Write epoch milliseconds as RFC 3339 text; leave what is text already."""
    return value if isinstance(value, str) else to_iso(int(value))


# Which fields of a record are times: None for one that is, else the fields inside it.
_Times = dict[str, "_Times | None"]


def _time_fields(schema: Mapping[str, Any]) -> _Times:
    fields: _Times = {}
    for name, field in schema.get("properties", {}).items():
        inner = field.get("items", field)
        if inner.get("format") == "date-time":
            fields[name] = None
        elif nested := _time_fields(inner):
            fields[name] = nested
    return fields


def _rewrite_times(record: dict[str, Any], times: _Times) -> None:
    for name, inner in times.items():
        value = record.get(name)
        if value is None:
            continue
        if isinstance(value, list):
            record[name] = [_rewritten(one, inner) for one in value]
        else:
            record[name] = _rewritten(value, inner)


def _rewritten(value: Any, inner: _Times | None) -> Any:
    if inner is None:
        return _time_text(value)
    if isinstance(value, dict):
        _rewrite_times(value, inner)
    return value
