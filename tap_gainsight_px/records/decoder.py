"""The record path: the bytes of one answer → a page of records as they leave the tap.

Field names and values stay as the API gives them, except that times become RFC 3339 text in UTC
wherever the stream's schema says `format: date-time`. There 0 is null, for "not set", apart from
the replication key. Integers of any size and decimals keep their digits.

There are two ways, and both lead to the same messages:

    the fast one    bytes ─► typed records (`typed`) ─► times ─► RECORD messages as bytes
    the slow one    bytes ─► dicts ─► `coercion`, times too ─► dicts, for the SDK

The fast one takes a whole page. Where anything on it is unusual (a value of another type, a number
too large, bytes that are no UTF-8), each record is decoded for itself, and those that are odd go
the slow way. What was odd is learnt, so that the next page is fast again.

Every record has its key: a text key that PX leaves out, or that is empty, becomes a digest of the
record as it came, and a time that is one becomes 1970. No loader takes a record without.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.spec import ALL_FIELDS
from tap_gainsight_px.errors import TooLargeError
from tap_gainsight_px.records.coercion import Coercion
from tap_gainsight_px.records.conversion import whole_number
from tap_gainsight_px.records.json_text import parse_json
from tap_gainsight_px.records.oddities import Oddities, Oddity
from tap_gainsight_px.records.page import (
    LONGEST_KEY,
    OTHER_EVENT,
    Page,
    in_order,
    is_long_key,
    is_newest_first,
)
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.records.typed import TypedFormat
from tap_gainsight_px.records.typed_pages import TypedPages
from tap_gainsight_px.timestamps import parse_value, to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_gainsight_px.catalog.event_tables import EventColumns
    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.records.page import Row
    from tap_gainsight_px.records.selection import FieldPath
    from tap_gainsight_px.records.typed import MessageFormat


# Megabytes of `{},{},…` would take gigabytes as records. What the values of an answer take is
# estimated by the characters that come with them; a page of 1000 records with 300 fields each,
# ten of them objects, comes to 400,000.
MOST_WEIGHT = 4_000_000
_SMALL_BYTES = 1_000_000
_SAMPLE_BYTES = 1_024

# What the bodies of PX's errors are made of, in lower case.
_ERROR_FIELDS = frozenset({"externalapierror", "error", "errors", "errormessage", "message"})


class PageDecoder:
    """Turns the bytes of an answer into a `Page` of one stream."""

    def __init__(
        self,
        spec: StreamSpec,
        schema: Mapping[str, Any],
        *,
        drop_unknown: bool = False,
        message_format: MessageFormat | None = None,
        deselected: Deselected | None = None,
        flattened_levels: int = 0,
        columns: EventColumns | None = None,
    ) -> None:
        """Prepare for one stream.

        Args:
            spec: The stream.
            schema: Its JSON Schema, which names the fields that are times.
            drop_unknown: Whether fields that the schema does not know are left out.
            message_format: What a RECORD message looks like. None where the records must be
                dicts, because each is looked at once more before it leaves.
            deselected: What must not leave the tap.
            flattened_levels: How many levels of objects become columns later on.
            columns: Where attributes of events go; None where they stay in one field.
        """
        self._spec = spec
        self._columns = columns
        self._fields: Mapping[str, Any] = schema.get("properties", {})
        self.oddities = Oddities(spec.name)
        self._coercion = Coercion(
            schema,
            self.oddities,
            drop_unknown=drop_unknown,
            replication_key=spec.replication_key,
            deselected=deselected,
            flattened_levels=flattened_levels,
        )
        self._typed: TypedPages | None = None
        plain = not (spec.row_id_of or spec.parent or (columns is not None and columns.hides))
        if plain and spec.records_key and message_format is not None:
            typed_format = TypedFormat(
                schema,
                message_format,
                spec.records_key,
                self.oddities,
                self._coercion.fit_field,
                replication_key=spec.replication_key,
                drop_unknown=drop_unknown,
                deselected=deselected or Deselected(),
                columns=columns,
            )
            with suppress(ValueError):  # such a type cannot be made
                self._typed = TypedPages(spec, typed_format, lambda record: self._row(record, {}))

    def __call__(self, body: bytes, context_fields: Mapping[str, Any] | None = None) -> Page:
        """Decode one answer.

        Args:
            body: The bytes; none at all when the API says that there is nothing (HTTP 204).
            context_fields: Fields to put into each record that does not have them.

        Raises:
            ValueError: The bytes are not the JSON that this endpoint answers with.
            TooLargeError: They hold more values than a page can.
        """
        if not body:
            return Page([])
        _check_size(body)
        if self._typed is not None and not context_fields:
            with suppress(ValueError, RecursionError):  # the page is odd itself, or wrong
                return self._typed(body)
        return self._decode(body, context_fields or {})

    # The slow way

    def _decode(self, body: bytes, context_fields: Mapping[str, Any]) -> Page:
        records_key = self._spec.records_key
        answer = parse_json(body)
        if answer is None and self._spec.parent is not None:
            return Page([])  # nothing to tell about this parent, as with 204
        if not isinstance(answer, dict):
            answer = {} if records_key else {"": self._as_one(answer)}
        elif records_key is None:
            self._check_one(answer)
            answer = {"": [answer]}
        total_hits = answer.get("totalHits")
        total_hits = total_hits if type(total_hits) is int else None
        records = answer.get(records_key or "")
        if records is None and total_hits == 0:
            records = []
        if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            message = f"it holds no list of records under {records_key!r}"
            raise ValueError(message)
        rows = [self._row(record, context_fields) for record in records]
        newest_first = is_newest_first([row[0] for row in rows])
        scroll_id = answer.get("scrollId")
        is_last = answer.get("isLastPage")
        return Page(
            rows=in_order(rows),
            total_hits=total_hits,
            scroll_id=str(scroll_id) if scroll_id else None,
            is_last=is_last if isinstance(is_last, bool) else None,
            came_newest_first=newest_first,
        )

    def _check_one(self, answer: Mapping[str, Any]) -> None:
        """Refuse an object that is not the record asked for, such as an error under status 200.

        A record has its key. That of a child is put in by the tap, and its shape may be unknown:
        there it must not be an error.

        Raises:
            ValueError: It is something else.
        """
        if self._spec.parent is None:
            lacking = [key for key in self._spec.primary_keys if answer.get(key) is None]
            if lacking:
                message = f"it has no {lacking[0]}"
                raise ValueError(message)
        elif (
            _ERROR_FIELDS & {name.lower() for name in answer}
            and not self._fields.keys() & answer.keys()
        ):
            message = "it is an error and no record"
            raise ValueError(message)

    def _as_one(self, answer: Any) -> Any:
        """Return a bare list as the records it stands for.

        Where the parent alone is the key, there can be one record for it, and a loader would keep
        only the last of several rows. So they go into one record, under `body.items`.
        """
        parent = self._spec.parent
        if parent is None or self._spec.primary_keys != (parent.name,):
            return answer
        is_several = isinstance(answer, list) and len(answer) > 1
        return [{"body": {"items": answer}}] if is_several else answer

    def _row(self, record: dict[str, Any], context_fields: Mapping[str, Any]) -> Row:
        spec = self._spec
        has_key = all(record.get(name) or name in context_fields for name in spec.primary_keys)
        # Of all fields as they came, whatever is made of them here.
        digest = "" if has_key and spec.row_id_of != ALL_FIELDS else self._digest_of(record)
        date = None if spec.replication_key is None else _to_ms(record.get(spec.replication_key))
        if spec.event_name is not None and record.get("eventName") != spec.event_name:
            key = record.get(spec.primary_keys[0])
            return date, key if isinstance(key, str) and key else (None, digest), OTHER_EVENT
        if self._columns is not None:
            self._columns.lift(record)
        unexpected = self._coercion.fit(record)
        for name, value in context_fields.items():
            if record.get(name) is None:
                record[name] = value
        if spec.row_id_of == ALL_FIELDS:
            record["rowId"] = digest
        elif spec.row_id_of:
            record["rowId"] = _digest([record.get(name) for name in spec.row_id_of])
        keys: tuple[Any, ...] = tuple(record.get(name) or None for name in spec.primary_keys)
        if self._fields:
            self._mend_keys(record, digest, unexpected)
        self._coercion.finish(record, unexpected)
        if None in keys:
            # Without a key only the whole record tells it from another one.
            return date, (None, digest), record
        return date, keys[0] if len(keys) == 1 else keys, record

    def _digest_of(self, record: dict[str, Any]) -> str:
        """Return what stands for the key of a record that has none.

        The counts of a sum grow until its range is over, and it stays the same row: its texts
        alone, which say what it is the sum of, tell it from another one.
        """
        time_range = self._spec.time_range
        if time_range is None or time_range.granularity is None:
            return _digest(record)
        return _digest({name: one for name, one in record.items() if isinstance(one, str) and one})

    def _mend_keys(
        self, record: dict[str, Any], digest: str, unexpected: dict[FieldPath, Any]
    ) -> None:
        """Give a record each key that it lacks, and shorten one that no database could index."""
        for name in self._spec.primary_keys:
            value = record.get(name)
            if not value:
                is_time = self._fields.get(name, {}).get("format") == "date-time"
                record[name] = to_iso(0) if is_time else digest
                self.oddities.add(Oddity.NO_KEY, [name])
            elif isinstance(value, str) and is_long_key(value):
                unexpected[(name,)] = value
                record[name] = value[: LONGEST_KEY // 2] + _digest(value)
                self.oddities.add(Oddity.LONG_KEY, [name])


def _check_size(body: bytes) -> None:
    """Raise `TooLargeError` for bytes that would take far more memory as values."""
    if len(body) <= _SMALL_BYTES:
        return
    # Weighing all takes a fifth of the time of decoding, so a sixty-fourth has to do as a rule.
    sample = b"".join(
        body[at : at + _SAMPLE_BYTES] for at in range(0, len(body), 64 * _SAMPLE_BYTES)
    )
    is_dense = _weight(sample) * len(body) > MOST_WEIGHT // 2 * len(sample)
    if is_dense and _weight(body) > MOST_WEIGHT:
        message = "the answer holds many more values than a page can"
        raise TooLargeError(message)


def _weight(body: bytes) -> int:
    return body.count(b",") + 8 * body.count(b"{") + 2 * body.count(b"[")


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _to_ms(value: Any) -> int | None:
    """Read a replication value: epoch milliseconds, or the text of a date."""
    if not isinstance(value, str):
        return whole_number(value)
    try:
        return parse_value(value)
    except ValueError:
        return None
