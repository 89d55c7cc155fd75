"""The attributes of events, decoded into columns of their own on the fast way.

The record keeps its `attributes` as the bytes that they were. They are decoded once more, into a
type of which each column is a field, and the values are copied into the record's columns.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from tap_gainsight_px.catalog.event_tables import ATTRIBUTES
from tap_gainsight_px.records.raw_values import NULL, RAW
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.records.typed_fields import declared_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tap_gainsight_px.catalog.event_tables import EventColumns
    from tap_gainsight_px.records.typed_fields import FieldTypes, FitField, Learnt

# What the JSON of a value begins with, and its type.
_WORDS = {b'"': "string", b"{": "object", b"[": "array", b"t": "boolean", b"f": "boolean"}
_WORDS |= {digit.encode(): "number" for digit in "-0123456789"}


def add_columns(
    record: FieldTypes,
    fields: Mapping[str, Any],
    columns: EventColumns,
    learnt: Learnt,
    fit: FitField,
) -> None:
    """Give the type of a record its columns, and what fills them.

    Args:
        record: The type, with all other fields; it is not made yet.
        fields: The properties of the stream's schema.
        columns: The column of each attribute.
        learnt: What was seen of attributes.
        fit: Makes values fit that the type cannot hold.

    Raises:
        ValueError: An attribute has a name that no generated type can have.
    """
    typed = declared_fields(
        {name: fields[column] for name, column in columns.by_attribute.items()},
        Deselected(),
        is_record=True,
        doubtful=learnt.text_attributes,
        fit=fit,
        names=columns.by_attribute,
    )
    without_column = {name: typed.add(name, RAW) for name in sorted(learnt.attributes)}
    # No attribute is called like that.
    typed.apart = typed.add("_".join(["", *typed.attributes]), UnsetType)
    typed.make()
    # Of no type at all: a record that has a field of such a name takes another path.
    places = [
        (attrgetter(typed.attributes[name]), record.add(column, UnsetType))
        for name, column in columns.by_attribute.items()
    ]
    apart = attrgetter(typed.apart)
    decode = _decoder(typed.struct, attrgetter(record.attributes[ATTRIBUTES]))

    def fix(records: list[Any]) -> set[int]:
        found, owners, unfit = decode(records)
        unfit |= {owners[at] for one in typed.fixes for at in one(found)}
        with_attributes = [records[owner] for owner in owners]
        for get, column in places:
            # A loop of Python takes twice as long.
            deque(map(setattr, with_attributes, repeat(column), map(get, found)), maxlen=0)
        for event, values in zip(with_attributes, map(apart, found), strict=True):
            if values is not UNSET:
                record.set_apart(event, values)
        for name, attribute in without_column.items():
            _note(columns, name, map(attrgetter(attribute), found))
        return unfit

    # Before `attributes` themselves are left out, if they are deselected.
    record.fixes.insert(0, fix)


def _decoder(
    struct: Any, source: Callable[[Any], Any]
) -> Callable[[list[Any]], tuple[list[Any], list[int], set[int]]]:
    """Return what decodes the attributes of events.

    Its result: the attributes, the places of their events, and those of events that do not fit.

    Args:
        struct: The type of attributes.
        source: Gets the bytes of an event's attributes.
    """
    decode_all = msgspec.json.Decoder(list[struct]).decode
    decode_one = msgspec.json.Decoder(struct).decode

    def decode(records: list[Any]) -> tuple[list[Any], list[int], set[int]]:
        texts = [UNSET if raw is UNSET else bytes(raw) for raw in map(source, records)]
        owners = [at for at, text in enumerate(texts) if text is not UNSET and text != NULL]
        with suppress(ValueError, RecursionError):
            return decode_all(b"[%b]" % b",".join(texts[at] for at in owners)), owners, set()
        found, unfit = [], set()
        for at in owners:
            try:
                found.append(decode_one(texts[at]))
            except (ValueError, RecursionError):
                unfit.add(at)
        return found, [at for at in owners if at not in unfit], unfit

    return decode


def _note(columns: EventColumns, name: str, values: Iterable[Any]) -> None:
    """Note the types of values whose attribute has no column."""
    begins = {bytes(value)[:1] for value in values if value is not UNSET}
    for begin in begins & _WORDS.keys():
        columns.note(name, _WORDS[begin])
