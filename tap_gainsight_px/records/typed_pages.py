"""The fast way of the record path: pages decoded into a type, in one piece or record by record.

A page of records as the schema says is decoded and written in one piece. Where anything on it is
odd, each record is decoded for itself, and those that are odd take the slow way alone; their
messages stand among those of the others. What is odd about them is learnt (fields that nobody
declared, fields for text that hold something else), so that the next page is decoded in one piece.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, DecodeError, ValidationError

from tap_gainsight_px.catalog.event_tables import ATTRIBUTES
from tap_gainsight_px.catalog.schemas import UNEXPECTED
from tap_gainsight_px.records.json_text import NUL, clean, parse_json
from tap_gainsight_px.records.page import (
    OTHER_EVENT,
    SURELY_SHORT,
    Lines,
    Page,
    is_long_key,
    is_newest_first,
)
from tap_gainsight_px.records.typed import RecordType
from tap_gainsight_px.records.typed_fields import Learnt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.records.page import Row
    from tap_gainsight_px.records.typed import TypedFormat

# More would be names made of data, which no type could keep up with.
_MOST_LEARNT = 50
_UNFIT = "a key, a time, or what a field holds"
# No generated type can have a field of such a name.
_ODD_NAME = re.compile(r'["\\\x00-\x1f]')


class TypedPages:
    """Turns the bytes of answers into pages of RECORD messages. Several threads may use one."""

    def __init__(
        self,
        spec: StreamSpec,
        typed_format: TypedFormat,
        slow_row: Callable[[dict[str, Any]], Row],
    ) -> None:
        """Make the type.

        Args:
            spec: The stream; it has one primary key.
            typed_format: What is to be known of it.
            slow_row: Makes a row of a record that does not fit the type.

        Raises:
            ValueError: No such type can be made.
        """
        (self._key,) = spec.primary_keys
        self._date = spec.replication_key
        self._event_name = spec.event_name
        self._format = typed_format
        self._slow_row = slow_row
        self._type = RecordType(typed_format, Learnt())

    def __call__(self, body: bytes) -> Page:
        """Decode one answer.

        Raises:
            ValueError: It is odd as a whole, and only the slow way can tell whether it is wrong.
        """
        # One character is found fifty times as fast as six, and many pages do not even have that.
        body = clean(body) if b"\\" in body and NUL in body else body
        try:
            return self._in_one_piece(body, self._type)
        except ValidationError:  # well-formed, but not as declared
            pass
        except (DecodeError, UnicodeDecodeError):
            body = clean(body)
        except (ValueError, RecursionError):
            pass
        return self._apart(body, self._type)

    def _in_one_piece(self, body: bytes, record_type: RecordType) -> Page:
        answer = record_type.decode(body)
        records = answer.rows
        dates, keys, unfit = self._dates_and_keys(records, record_type)
        newest_first = is_newest_first(dates)
        if order := _order(dates):
            dates, keys, records = ([some[at] for at in order] for some in (dates, keys, records))
        if unfit or record_type.finish(records):
            message = "a record that does not fit"
            raise ValueError(message)
        rows = Lines(dates, keys, [record_type.lines(records)])
        return _page(answer, rows, newest_first=newest_first)

    def _apart(self, body: bytes, record_type: RecordType) -> Page:
        answer = record_type.decode_apart(body)
        records, odd, reasons = _decoded(answer.rows, record_type.decode_one)
        dates, keys, unfit = self._dates_and_keys(records, record_type)
        if unfit:
            # What is in those is not to be noted: they may be events of another name.
            odd = _together(odd, unfit, len(answer.rows))
            dates, keys, records = _without(unfit, dates, keys, records)
        reasons[_UNFIT] += len(unfit)
        unfit = record_type.finish(records)
        if unfit:
            odd = _together(odd, unfit, len(answer.rows))
            dates, keys, records = _without(unfit, dates, keys, records)
        reasons[_UNFIT] += len(unfit)
        self._format.oddities.add_slow(reasons)
        odd_rows = self._odd([answer.rows[place] for place in odd], record_type)
        for place, (date, key, record) in zip(odd, odd_rows, strict=True):
            dates.insert(place, date)
            keys.insert(place, key)
            records.insert(place, record)
        newest_first = is_newest_first(dates)
        if order := _order(dates):
            dates, keys, records = ([some[at] for at in order] for some in (dates, keys, records))
        rows: Sequence[Row] = Lines(dates, keys, [record_type.lines(records)])
        if any(row[2] is OTHER_EVENT for row in odd_rows):
            lines = zip(records, rows, strict=True)
            rows = [(*row[:2], OTHER_EVENT if one is OTHER_EVENT else row[2]) for one, row in lines]
        return _page(answer, rows, newest_first=newest_first)

    def _odd(self, rows: list[Any], record_type: RecordType) -> list[Row]:
        """Return the rows of records that do not fit, and learn from them."""
        seen: list[dict[str, Any]] = []
        found = []
        for row in rows:
            record = parse_json(bytes(row))
            if not isinstance(record, dict):
                message = "it holds something that is no record"
                raise ValueError(message)  # noqa: TRY004 - as for all that is wrong with an answer
            seen.append({**record})
            found.append(self._slow_row(record))
        self._learn(seen, record_type)
        return found

    def _learn(self, records: list[dict[str, Any]], record_type: RecordType) -> None:
        """Let pages to come be decoded with what is odd about these.

        Args:
            records: Records that did not fit, as they came.
            record_type: The type that they did not fit.
        """
        known = record_type.learnt
        names, not_texts = _names(records)
        own = {self._key, "eventName"}
        learnt = replace(
            known,
            fields=known.fields | _plain(names - record_type.names),
            texts=known.texts | (not_texts & record_type.texts - own),
        )
        columns = self._format.columns
        if columns is not None:
            of_events = [record.get(ATTRIBUTES) for record in records]
            names, not_texts = _names(one for one in of_events if isinstance(one, dict))
            with_column = columns.by_attribute
            texts = {name for name in not_texts if with_column.get(name) in record_type.texts}
            learnt = replace(
                learnt,
                attributes=known.attributes | _plain(names - with_column.keys()),
                text_attributes=known.text_attributes | texts,
            )
        if learnt != known and max(len(learnt.fields), len(learnt.attributes)) <= _MOST_LEARNT:
            # Another thread may do so at the same time: what is then lost is learnt once more.
            self._type = RecordType(self._format, learnt)

    def _dates_and_keys(
        self, records: list[Any], record_type: RecordType
    ) -> tuple[list[int | None], list[Any], set[int]]:
        """Return the dates and keys of records, and the places of those without a good key.

        Nor is an event of another name than the stream's a good one: it is looked at once more.
        """
        keys = record_type.values(records, self._key)
        is_good = set(map(type, keys)) <= {str} and all(keys)
        unfit: set[int] = set()
        if not is_good or max(map(len, keys), default=0) > SURELY_SHORT:
            unfit = {
                place
                for place, key in enumerate(keys)
                if not (isinstance(key, str) and key) or is_long_key(key)
            }
        if self._event_name is not None:
            names = record_type.values(records, "eventName")
            if names.count(self._event_name) < len(names):
                unfit |= {place for place, name in enumerate(names) if name != self._event_name}
        if self._date is None:
            return [None] * len(records), keys, unfit
        dates = record_type.values(records, self._date)
        return [None if date is UNSET else date for date in dates], keys, unfit


def _plain(names: set[str]) -> set[str]:
    """Return the names that a generated type can have."""
    return {name for name in names if name != UNEXPECTED and not _ODD_NAME.search(name)}


def _decoded(
    rows: Sequence[Any], decode: Callable[[Any], Any]
) -> tuple[list[Any], list[int], Counter[str]]:
    """Return the records that can be decoded, the places of the others, and why these cannot."""
    records: list[Any] = []
    odd: list[int] = []
    reasons: Counter[str] = Counter()
    left = iter(rows)
    while len(records) + len(odd) < len(rows):
        try:
            # What is decoded before an error is kept.
            records.extend(map(decode, left))
        except (ValueError, RecursionError) as error:
            odd.append(len(records) + len(odd))
            reasons[str(error)] += 1
    return records, odd, reasons


def _together(odd: list[int], unfit: set[int], rows: int) -> list[int]:
    """Return the places of all odd records; `unfit` counts among those that are not in `odd`."""
    others = set(range(rows)).difference(odd)
    return sorted([*odd, *(place for at, place in enumerate(sorted(others)) if at in unfit)])


def _order(dates: Sequence[int | None]) -> list[int]:
    """Return the places in the order of dates, or none where they are in it, or one is missing."""
    known = [date for date in dates if date is not None]
    if len(known) < len(dates) or known == sorted(known):
        return []
    return sorted(range(len(known)), key=known.__getitem__)


def _without(unfit: set[int], *lists: list[Any]) -> list[list[Any]]:
    """Return lists without what stands at some places."""
    fit = [at for at in range(len(lists[0])) if at not in unfit]
    return [[some[at] for at in fit] for some in lists]


def _names(objects: Iterable[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Return the names of some objects, and those under which one has something but text."""
    names: set[str] = set()
    not_texts: set[str] = set()
    for one in objects:
        names.update(one)
        not_texts.update(name for name, value in one.items() if type(value) is not str)
    return names, not_texts


def _page(answer: Any, rows: Sequence[Row], *, newest_first: bool) -> Page:
    return Page(
        rows=rows,
        total_hits=None if answer.total_hits is UNSET else answer.total_hits,
        scroll_id=answer.scroll_id or None,
        is_last=None if answer.is_last is UNSET else answer.is_last,
        came_newest_first=newest_first,
    )
