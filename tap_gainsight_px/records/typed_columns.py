"""The attributes of events, decoded into columns of their own on the fast way.

The record keeps its `attributes` as the bytes that they were. They are decoded once more, into a
type of which each column is a field, and the values are copied into the record's columns.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from tap_gainsight_px.catalog.event_tables import ATTRIBUTES
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.records.typed_fields import NULL, RAW, declared_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_gainsight_px.catalog.event_tables import EventColumns
    from tap_gainsight_px.records.typed_fields import FieldTypes

# What the JSON of a value begins with, and its type.
_WORDS = {b'"': "string", b"{": "object", b"[": "array", b"t": "boolean", b"f": "boolean"}
_WORDS |= {digit.encode(): "number" for digit in "-0123456789"}


def add_columns(
    record: FieldTypes,
    fields: Mapping[str, Any],
    columns: EventColumns,
    learnt: Iterable[str],
) -> None:
    """Give the type of a record its columns, and what fills them.

    Args:
        record: The type, with all other fields; it is not made yet.
        fields: The properties of the stream's schema.
        columns: The column of each attribute.
        learnt: Names of attributes that have no column yet.

    Raises:
        ValueError: An attribute has a name that no generated type can have.
    """
    typed = declared_fields(
        {name: fields[column] for name, column in columns.by_attribute.items()},
        Deselected(),
        is_record=True,
    )
    without_column = {name: typed.add(name, RAW) for name in sorted(learnt)}
    typed.make()
    # Of no type at all: a record that has a field of such a name takes another path.
    places = [
        (attrgetter(typed.attributes[name]), record.add(column, UnsetType))
        for name, column in columns.by_attribute.items()
    ]
    source = attrgetter(record.attributes[ATTRIBUTES])
    decode = msgspec.json.Decoder(typed.struct).decode

    def fix(records: list[Any]) -> set[int]:
        unfit: set[int] = set()
        found, owners = [], []
        for place, attributes in enumerate(map(source, records)):
            if attributes is UNSET or bytes(attributes) == NULL:
                continue
            try:
                found.append(decode(attributes))
                owners.append(place)
            except (ValueError, RecursionError):
                unfit.add(place)
        unfit |= {owners[at] for one in typed.fixes for at in one(found)}
        for get, column in places:
            for owner, value in zip(owners, map(get, found), strict=True):
                if value is not UNSET:
                    setattr(records[owner], column, value)
        for name, attribute in without_column.items():
            values = (value for value in map(attrgetter(attribute), found) if value is not UNSET)
            for begin in {bytes(value)[:1] for value in values} & _WORDS.keys():
                columns.note(name, _WORDS[begin])
        return unfit

    # Before `attributes` themselves are left out, if they are deselected.
    record.fixes.insert(0, fix)
