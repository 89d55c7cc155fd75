"""The type that a stream's records are decoded into, made from its JSON Schema.

Decoding into a type proves, in C, that every field is declared and of the declared type. What the
type does not hold (free-form objects, decimals) stays the bytes that it was. Whatever does not
fit raises a `ValueError`, and the caller takes the slow path for that page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from tap_gainsight_px.catalog.schemas import UNEXPECTED, declared_type
from tap_gainsight_px.records.coercion import (
    GREATEST_INTEGER,
    LEAST_INTEGER,
    is_left_out_if_null,
)
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.timestamps import to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Where the schema says object or number, the beginning of a value that is neither that nor null,
# or a number so long that it may be too large.
_OTHER_KINDS = {
    "object": re.compile(rb"\n[^{n]"),
    "number": re.compile(rb"\n[^-0-9n]|[eE]|[^\n]{250}"),
}

# Numbers are not among them: a float would cost them digits.
_PYTHON_TYPES: dict[str, Any] = {
    "string": str,
    "integer": Annotated[int, Meta(ge=LEAST_INTEGER, le=GREATEST_INTEGER)],
    "boolean": bool,
}

Fix: TypeAlias = "Callable[[list[Any]], None]"
"""What is done with one field of many records after they have been decoded."""


@dataclass(frozen=True)
class MessageFormat:
    """What the RECORD messages of one stream look like."""

    stream: str
    version: int | None = None


class _Message(msgspec.Struct, gc=False):
    """A RECORD message, its fields in the order in which they are written."""

    type: str
    stream: str
    record: Any
    version: int | UnsetType
    time_extracted: str


class RecordType:
    """Decodes the records of one stream, and encodes them as RECORD messages."""

    def __init__(
        self,
        schema: Mapping[str, Any],
        message_format: MessageFormat,
        *,
        records_key: str | None,
        replication_key: str | None = None,
        deselected: Deselected | None = None,
    ) -> None:
        """Make the type.

        Args:
            schema: JSON Schema of a record.
            message_format: What the messages look like.
            records_key: Field of the answer that holds the records.
            replication_key: The one time of a record that is 1970 when it is 0.
            deselected: What must not leave the tap.

        Raises:
            ValueError: Something deselected lies in an object that the type leaves as it is.
        """
        fields = schema.get("properties", {})
        record = _make_struct(
            {name: fields[name] for name in fields if name != UNEXPECTED},
            deselected or Deselected(),
            is_record=True,
            replication_key=replication_key,
        )
        answer = msgspec.defstruct(
            "Answer",
            [
                ("rows", list[record.struct]),  # type: ignore[name-defined]
                ("total_hits", int | UnsetType | None, UNSET),
                ("scroll_id", str | UnsetType | None, UNSET),
                ("is_last", bool | UnsetType | None, UNSET),
            ],
            rename={
                "rows": records_key or "",
                "total_hits": "totalHits",
                "scroll_id": "scrollId",
                "is_last": "isLastPage",
            },
        )
        self._decode = msgspec.json.Decoder(answer).decode
        self._fixes = record.fixes
        self._attributes = record.attributes
        self._message_format = message_format
        self._encode_lines = msgspec.json.Encoder().encode_lines

    def decode(self, body: bytes) -> Any:
        """Return the answer: `rows`, `total_hits`, `scroll_id`, `is_last`.

        Raises:
            ValueError: The answer does not fit, down to the last field of the last record.
        """
        # What stays bytes is not looked into, and a line break there would tear a message in two.
        if b"\n" in body or b"\r" in body:
            message = "line breaks between the fields"
            raise ValueError(message)
        return self._decode(body)

    def values(self, records: list[Any], name: str) -> list[Any]:
        """Return one field of many records; `UNSET` where it is missing."""
        return list(map(attrgetter(self._attributes[name]), records))

    def finish(self, records: list[Any]) -> None:
        """Check what stayed bytes, rewrite times, drop what is deselected or an object of null.

        Raises:
            ValueError: A record does not fit after all.
        """
        for fix in self._fixes:
            fix(records)

    def lines(self, records: list[Any]) -> bytes:
        """Return records as RECORD messages, a line each."""
        stream = self._message_format.stream
        version = UNSET if self._message_format.version is None else self._message_format.version
        now = datetime.now(timezone.utc).isoformat()
        return self._encode_lines(
            [_Message("RECORD", stream, record, version, now) for record in records]
        )


class _Struct:
    """A generated type: JSON name → attribute, and what is to be done after decoding."""

    def __init__(self) -> None:
        self.struct: Any = None
        self.attributes: dict[str, str] = {}
        self.fixes: list[Fix] = []


def _make_struct(
    properties: Mapping[str, Any],
    deselected: Deselected,
    *,
    is_record: bool = False,
    replication_key: str | None = None,
) -> _Struct:
    """Return the type of a record, or of an object inside it.

    Args:
        properties: What the JSON Schema says of its fields.
        deselected: What is not wanted of them.
        is_record: Whether its fields become columns.
        replication_key: The one time that is 1970 when it is 0.
    """
    made = _Struct()
    fields: list[tuple[str, Any, Any]] = []
    for number, (name, field) in enumerate(properties.items()):
        # JSON names need not be Python names, so the attributes are simply counted.
        attribute = f"f{number}"
        made.attributes[name] = attribute
        below = deselected.below(name)
        kind, fix = _make_type(attribute, field, below, has_zero=name == replication_key)
        fields.append((attribute, kind, UNSET))
        if deselected.holds((name,)):
            made.fixes.append(_leave_out(attribute))
        elif fix is not None:
            made.fixes.append(fix)
        if is_record and is_left_out_if_null(field):
            made.fixes.append(_leave_out_null(attribute))
    made.struct = msgspec.defstruct(
        "Record",
        fields,
        rename={attribute: name for name, attribute in made.attributes.items()},
        forbid_unknown_fields=True,
        # Records hold no references to one another, so the collector need not look for rings.
        gc=False,
        eq=False,
    )
    return made


def _make_type(
    attribute: str, field: Mapping[str, Any], deselected: Deselected, *, has_zero: bool
) -> tuple[Any, Fix | None]:
    """Return the type of one field, and what is to be done with it after decoding.

    Args:
        attribute: Where the type holds the field.
        field: Its JSON Schema.
        deselected: What is not wanted inside it.
        has_zero: Whether a time of 0 is 1970, and not "never".
    """
    kind = declared_type(field)
    if field.get("format") == "date-time":
        return _optional(int), _rewrite_times(attribute, has_zero=has_zero)
    if kind in _PYTHON_TYPES:
        return _optional(_PYTHON_TYPES[kind]), None
    if kind == "object" and field.get("properties"):
        nested = _make_struct(field["properties"], deselected)
        return _optional(nested.struct), _fix_nested(attribute, nested.fixes)
    if kind == "array":
        return _make_list(attribute, field.get("items", {}), deselected)
    if deselected:
        message = "what is deselected lies in an object that stays as it is"
        raise ValueError(message)
    # `Raw` takes null as well.
    return Raw | UnsetType, _check_raw(attribute, kind)


def _make_list(
    attribute: str, items: Mapping[str, Any], deselected: Deselected
) -> tuple[Any, Fix | None]:
    kind = declared_type(items)
    if kind in _PYTHON_TYPES and "format" not in items:
        return _optional(list[_PYTHON_TYPES[kind] | None]), None  # type: ignore[valid-type]
    if kind == "object" and items.get("properties"):
        nested = _make_struct(items["properties"], deselected)
        struct = nested.struct
        return _optional(list[struct | None]), _fix_each(attribute, nested.fixes)  # type: ignore[valid-type]
    # A list of anything else is in no answer of the API today. Only null fits this type, so a
    # page that has one takes the slow path, which knows what to do.
    return UnsetType | None, None


def _optional(kind: Any) -> Any:
    return kind | UnsetType | None


def _leave_out(attribute: str) -> Fix:
    def fix(records: list[Any]) -> None:
        for record in records:
            setattr(record, attribute, UNSET)

    return fix


def _leave_out_null(attribute: str) -> Fix:
    get = attrgetter(attribute)

    def fix(records: list[Any]) -> None:
        values = list(map(get, records))
        # All at once: looking at each of them would take as long as decoding them.
        together = b"\n".join([b"", *(value for value in values if type(value) is Raw)])
        if b"\nnull" not in together and None not in values:
            return
        for record, value in zip(records, values, strict=True):
            if value is None or (type(value) is Raw and bytes(value) == b"null"):
                setattr(record, attribute, UNSET)

    return fix


def _rewrite_times(attribute: str, *, has_zero: bool) -> Fix:
    get = attrgetter(attribute)
    zero = to_iso(0) if has_zero else None

    def fix(records: list[Any]) -> None:
        for record, time in zip(records, list(map(get, records)), strict=True):
            if time:  # neither null nor `UNSET`
                setattr(record, attribute, to_iso(time))
            elif time == 0:
                setattr(record, attribute, zero)

    return fix


def _check_raw(attribute: str, kind: str) -> Fix:
    get = attrgetter(attribute)
    is_other = _OTHER_KINDS[kind].search if kind in _OTHER_KINDS else None

    def fix(records: list[Any]) -> None:
        # All at once: no value holds a line break, so it can stand before each of them.
        values = [value for value in map(get, records) if value is not UNSET]
        together = b"\n".join([b"", *values])
        if is_other is not None and is_other(together):
            message = f"a value that is no {kind}"
            raise ValueError(message)
        if not together.isascii():
            together.decode("utf-8")

    return fix


def _fix_nested(attribute: str, fixes: list[Fix]) -> Fix | None:
    get = attrgetter(attribute)

    def fix(records: list[Any]) -> None:
        nested = [value for value in map(get, records) if value]
        for one in fixes:
            one(nested)

    return fix if fixes else None


def _fix_each(attribute: str, fixes: list[Fix]) -> Fix | None:
    get = attrgetter(attribute)

    def fix(records: list[Any]) -> None:
        lists = [values for values in map(get, records) if values]
        nested = [value for values in lists for value in values if value is not None]
        for one in fixes:
            one(nested)

    return fix if fixes else None
