"""Decodes the records of one stream into a type made from its JSON Schema, and encodes them.

Decoding into a type proves, in C, that every field is declared and of the declared type. What does
not fit raises a `ValueError`, and the caller takes another path for that record.

What is odd can be learnt. Fields that nobody declared then go along as the bytes that they were,
and stand in `_unexpected` as well, like on the path of single records. So do fields for text whose
values are not all text: the few that are none are made fit one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tap_gainsight_px.catalog.names import LOADERS_OWN
from tap_gainsight_px.catalog.schemas import UNEXPECTED
from tap_gainsight_px.records.oddities import Oddity
from tap_gainsight_px.records.raw_values import NULL, RAW, Fix, check_raw
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.records.typed_columns import add_columns
from tap_gainsight_px.records.typed_fields import (
    FieldTypes,
    Learnt,
    declared_fields,
    is_text,
    leave_out,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_gainsight_px.catalog.event_tables import EventColumns
    from tap_gainsight_px.records.oddities import Oddities
    from tap_gainsight_px.records.typed_fields import FitField


@dataclass(frozen=True)
class MessageFormat:
    """What the RECORD messages of one stream look like."""

    stream: str
    version: int | None = None
    is_bare: bool = False
    """Whether there is no message around the record, as in the files of BATCH."""


@dataclass(frozen=True)
class TypedFormat:
    """What is to be known of a stream to decode its records into a type.

    Attributes:
        schema: JSON Schema of a record.
        message_format: What the messages look like.
        records_key: Field of the answer that holds the records.
        oddities: Counts the fields that nobody declared.
        replication_key: The one time of a record that is 1970 when it is 0.
        drop_unknown: Whether fields that nobody declared are left out.
        deselected: What must not leave the tap.
        columns: Where attributes of events go; None where they stay in one field.
        fit: Makes the value of one field fit the schema.
    """

    schema: Mapping[str, Any]
    message_format: MessageFormat
    records_key: str
    oddities: Oddities
    fit: FitField
    replication_key: str | None = None
    drop_unknown: bool = False
    deselected: Deselected = field(default_factory=Deselected)
    columns: EventColumns | None = None


class _Message(msgspec.Struct, gc=False):
    """A RECORD message, its fields in the order in which they are written."""

    type: str
    stream: str
    record: Any
    version: int | UnsetType
    time_extracted: str


class RecordType:
    """Decodes the records of one stream, and encodes them as RECORD messages."""

    def __init__(self, typed_format: TypedFormat, learnt: Learnt) -> None:
        """Make the type.

        Args:
            typed_format: What is to be known of the stream.
            learnt: What has been seen of its records.

        Raises:
            ValueError: Something deselected lies in an object that the type leaves as it is, or a
                field has a name that no generated type can have.
        """
        self._format = typed_format
        self.learnt = learnt
        fields = typed_format.schema.get("properties", {})
        columns = typed_format.columns
        others = {UNEXPECTED, *(columns.by_attribute.values() if columns else ())}
        record = declared_fields(
            {name: fields[name] for name in fields if name not in others},
            typed_format.deselected,
            is_record=True,
            replication_key=typed_format.replication_key,
            doubtful=learnt.texts,
            fit=typed_format.fit,
        )
        if columns is not None:
            add_columns(record, fields, columns, learnt, typed_format.fit)
        self._add_learnt(record)
        record.make()
        self._attributes = record.attributes
        self.names = frozenset(record.attributes)
        """All fields that a record may have."""
        self.texts = frozenset(name for name, field in fields.items() if is_text(field))
        """The fields that hold texts of any form."""
        self._fixes = record.fixes
        facts: list[tuple[str, Any, Any]] = [
            ("total_hits", int | UnsetType | None, UNSET),
            ("scroll_id", str | UnsetType | None, UNSET),
            ("is_last", bool | UnsetType | None, UNSET),
        ]
        names = {
            "rows": typed_format.records_key,
            "total_hits": "totalHits",
            "scroll_id": "scrollId",
            "is_last": "isLastPage",
        }
        whole, apart = (
            msgspec.defstruct("Answer", [("rows", list[row]), *facts], rename=names)  # type: ignore[valid-type]
            for row in (record.struct, Raw)
        )
        self._decode = msgspec.json.Decoder(whole).decode
        self._decode_apart = msgspec.json.Decoder(apart).decode
        self._decode_one = msgspec.json.Decoder(record.struct).decode
        # Records that did not fit hold decimals.
        self._encode_lines = msgspec.json.Encoder(decimal_format="number").encode_lines

    def _add_learnt(self, record: FieldTypes) -> None:
        attributes = {name: record.add(name, RAW) for name in sorted(self.learnt.fields)}
        # Of no type at all: a record that has a field of this name takes another path.
        record.apart = record.add(UNEXPECTED, UnsetType)
        record.fixes += [
            check_raw(attribute, kind="", leaves_out_null=False)
            for attribute in attributes.values()
        ]
        deselected = self._format.deselected
        wanted = {
            name: attribute
            for name, attribute in attributes.items()
            if not deselected.holds((name,))
        }
        if self._format.drop_unknown:
            record.fixes.append(_count_left_out(wanted, self._format.oddities))
        elif not deselected.holds((UNEXPECTED,)):
            record.fixes.append(_set_apart(record, wanted, self._format.oddities))
        record.fixes += [
            leave_out(attribute)
            for name, attribute in attributes.items()
            if self._format.drop_unknown or name not in wanted or name.startswith(LOADERS_OWN)
        ]

    def decode(self, body: bytes) -> Any:
        """Return the answer: `rows` (typed records), `total_hits`, `scroll_id`, `is_last`.

        Raises:
            ValueError: The answer does not fit, down to the last field of the last record.
        """
        return self._decode(body)

    def decode_apart(self, body: bytes) -> Any:
        """Return the answer as `decode` does, but with `rows` as the bytes of each record.

        Raises:
            ValueError: The answer is no such list of records.
        """
        return self._decode_apart(body)

    @property
    def decode_one(self) -> Callable[[Any], Any]:
        """What makes a typed record of the bytes of one; it raises a ValueError if that fails."""
        return self._decode_one

    def values(self, records: list[Any], name: str) -> list[Any]:
        """Return one field of many records; `UNSET` where it is missing."""
        return list(map(attrgetter(self._attributes[name]), records))

    def finish(self, records: list[Any]) -> set[int]:
        """Check what stayed bytes, rewrite times, drop what is deselected or an object of null.

        Returns:
            The places of records that do not fit after all, and may have been changed in part.
        """
        return {unfit for fix in self._fixes for unfit in fix(records)}

    def lines(self, records: list[Any]) -> bytes:
        """Return records, typed ones or dicts, as RECORD messages, or bare, a line each."""
        message_format = self._format.message_format
        if message_format.is_bare:
            return self._encode_lines(records)
        version = UNSET if message_format.version is None else message_format.version
        now = datetime.now(timezone.utc).isoformat()
        return self._encode_lines(
            [_Message("RECORD", message_format.stream, record, version, now) for record in records]
        )


def _count_left_out(attributes: Mapping[str, str], oddities: Oddities) -> Fix:
    getters = {name: attrgetter(attribute) for name, attribute in attributes.items()}

    def fix(records: list[Any]) -> set[int]:
        for name, get in getters.items():
            found = sum(value is not UNSET for value in map(get, records))
            oddities.add(Oddity.LEFT_OUT, [name], found)
        return set()

    return fix


def _set_apart(types: FieldTypes, attributes: Mapping[str, str], oddities: Oddities) -> Fix:
    """Put learnt fields into `_unexpected` as well.

    Args:
        types: The type of the records.
        attributes: Attribute of each learnt field that is wanted.
        oddities: Counts how many there were.
    """
    if not attributes:
        return lambda _: set()
    getters = {name: attrgetter(attribute) for name, attribute in attributes.items()}
    apart: Any = msgspec.defstruct(
        "Unexpected",
        [(attribute, RAW, UNSET) for attribute in attributes.values()],
        rename={attribute: name for name, attribute in attributes.items()},
        gc=False,
        eq=False,
    )

    nothing = (UNSET,) * len(getters)

    def fix(records: list[Any]) -> set[int]:
        columns = [_without_nulls(list(map(get, records))) for get in getters.values()]
        for name, column in zip(getters, columns, strict=True):
            oddities.add(Oddity.UNDECLARED, [name], len(column) - column.count(UNSET))
        before = map(attrgetter(types.apart), records)
        for record, mended, values in zip(records, before, zip(*columns, strict=True), strict=True):
            if values == nothing:
                continue
            if mended is UNSET:
                setattr(record, types.apart, apart(*values))
            else:
                found = zip(getters, values, strict=True)
                types.set_apart(record, {name: one for name, one in found if one is not UNSET})
        return set()

    return fix


def _without_nulls(values: list[Any]) -> list[Any]:
    """Return values with `UNSET` in place of null."""
    if b"\nnull" not in b"\n".join([b"", *[value for value in values if value is not UNSET]]):
        return values
    return [UNSET if value is UNSET or bytes(value) == NULL else value for value in values]
