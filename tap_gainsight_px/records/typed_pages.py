"""The fast way of the record path: pages decoded into a type, in one piece or record by record.

A page of records as the schema says is decoded and written in one piece. Where anything on it is
odd, each record is decoded for itself, and those that are odd take the slow way alone. Fields that
nobody declared are learnt from them, so that the next page is decoded in one piece again.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from msgspec import UNSET

from tap_gainsight_px.catalog.event_tables import ATTRIBUTES
from tap_gainsight_px.catalog.schemas import UNEXPECTED
from tap_gainsight_px.records.json_text import NUL, clean, parse_json
from tap_gainsight_px.records.page import (
    SURELY_SHORT,
    Lines,
    Page,
    in_order,
    is_long_key,
    is_newest_first,
)
from tap_gainsight_px.records.typed import RecordType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        self._type = RecordType(typed_format)

    def __call__(self, body: bytes) -> Page:
        """Decode one answer.

        Raises:
            ValueError: It is odd as a whole, and only the slow way can tell whether it is wrong.
        """
        with suppress(ValueError, RecursionError):
            return self._in_one_piece(clean(body) if NUL in body else body, self._type)
        return self._apart(clean(body), self._type)

    def _in_one_piece(self, body: bytes, record_type: RecordType) -> Page:
        answer = record_type.decode(body)
        records = answer.rows
        dates, keys, unfit = self._dates_and_keys(records, record_type)
        known = [date for date in dates if date is not None]
        newest_first = is_newest_first(dates)
        if len(known) == len(records) and known != sorted(known):
            order = sorted(range(len(known)), key=known.__getitem__)
            dates, keys, records = ([some[at] for at in order] for some in (dates, keys, records))
        if unfit or record_type.finish(records):
            message = "a record that does not fit"
            raise ValueError(message)
        rows = Lines(dates, keys, [record_type.lines(records)])
        return _page(answer, rows, newest_first=newest_first)

    def _apart(self, body: bytes, record_type: RecordType) -> Page:
        answer = record_type.decode_apart(body)
        rows: list[Row | None] = [None] * len(answer.rows)
        records, places = [], []
        reasons: Counter[str] = Counter()
        for place, row in enumerate(answer.rows):
            try:
                records.append(record_type.decode_one(row))
                places.append(place)
            except (ValueError, RecursionError) as error:
                reasons[str(error)] += 1
        dates, keys, unfit = self._dates_and_keys(records, record_type)
        # What is in those is not to be noted: they may be events of another name.
        good = [at for at in range(len(records)) if at not in unfit]
        dates, keys, records = ([some[at] for at in good] for some in (dates, keys, records))
        places = [places[at] for at in good]
        reasons[_UNFIT] += len(unfit)
        unfit = record_type.finish(records)
        reasons[_UNFIT] += len(unfit)
        self._format.oddities.add_slow(reasons)
        fit = [at for at in range(len(records)) if at not in unfit]
        lines = record_type.lines([records[at] for at in fit]).splitlines(keepends=True)
        for at, line in zip(fit, lines, strict=True):
            rows[places[at]] = dates[at], keys[at], line
        names: set[str] = set()
        attributes: set[str] = set()
        for place in (place for place, row in enumerate(rows) if row is None):
            record = parse_json(bytes(answer.rows[place]))
            if not isinstance(record, dict):
                message = "it holds something that is no record"
                raise ValueError(message)  # noqa: TRY004 - as for all that is wrong with an answer
            names.update(record)
            if isinstance(record.get(ATTRIBUTES), dict):
                attributes.update(record[ATTRIBUTES])
            rows[place] = self._slow_row(record)
        self._learn(names, attributes, record_type)
        found = cast("list[Row]", rows)
        newest_first = is_newest_first([row[0] for row in found])
        return _page(answer, in_order(found), newest_first=newest_first)

    def _learn(self, names: set[str], attributes: set[str], record_type: RecordType) -> None:
        """Let pages to come be decoded with what nobody declared among these.

        Args:
            names: The fields of records that did not fit.
            attributes: The attributes of such events.
            record_type: The type that they did not fit.
        """
        learnt = record_type.learnt | _plain(names - record_type.names)
        of_events = record_type.learnt_attributes
        if self._format.columns is not None:
            with_column = self._format.columns.by_attribute.keys()
            of_events = of_events | _plain(attributes - with_column)
        is_new = learnt != record_type.learnt or of_events != record_type.learnt_attributes
        if is_new and len(learnt) <= _MOST_LEARNT and len(of_events) <= _MOST_LEARNT:
            # Another thread may do so at the same time: what is then lost is learnt once more.
            self._type = RecordType(self._format, learnt, of_events)

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
            unfit |= {place for place, name in enumerate(names) if name != self._event_name}
        if self._date is None:
            return [None] * len(records), keys, unfit
        dates = record_type.values(records, self._date)
        return [None if date is UNSET else date for date in dates], keys, unfit


def _plain(names: set[str]) -> set[str]:
    """Return the names that a generated type can have."""
    return {name for name in names if name != UNEXPECTED and not _ODD_NAME.search(name)}


def _page(answer: Any, rows: Sequence[Row], *, newest_first: bool) -> Page:
    return Page(
        rows=rows,
        total_hits=None if answer.total_hits is UNSET else answer.total_hits,
        scroll_id=answer.scroll_id or None,
        is_last=None if answer.is_last is UNSET else answer.is_last,
        came_newest_first=newest_first,
    )
