"""The types that records are decoded into, and what is done with their fields afterwards.

What a type does not hold (free-form objects, decimals) stays the bytes that it was. A `Fix` looks
at one field of many records at once, and says which of them do not fit after all.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from tap_gainsight_px.catalog.schemas import declared_type, declared_types
from tap_gainsight_px.records.coercion import is_left_out_if_null
from tap_gainsight_px.records.conversion import GREATEST_INTEGER, LEAST_INTEGER
from tap_gainsight_px.records.json_text import is_double, read_decimal
from tap_gainsight_px.timestamps import to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_gainsight_px.records.selection import Deselected

# Where the schema says array, object or number, the beginning of a value that is neither that nor
# null, or a number that may be too large, or in a column too long for a double.
_OTHER_KINDS = {
    "array": re.compile(rb"\n[^\[n]"),
    "object": re.compile(rb"\n[^{n]"),
    "number": re.compile(rb"\n[^-0-9n]|[eE]|[^\n]{250}"),
    "number column": re.compile(rb"\n[^-0-9n]|[eE]|[0-9.]{16}"),
}
NULL = b"null"
"""A raw value that is none."""

# Numbers are not among them: a float would cost them digits.
_PYTHON_TYPES: dict[str, Any] = {
    "string": str,
    "integer": Annotated[int, Meta(ge=LEAST_INTEGER, le=GREATEST_INTEGER)],
    "boolean": bool,
}

RAW = Raw | UnsetType
"""A field that stays the bytes it was; null is one of its values."""

Fix: TypeAlias = "Callable[[list[Any]], set[int]]"
"""What is done with one field of many records after they have been decoded. Returns the places of
those that do not fit."""


class FieldTypes:
    """A generated type: its attributes by JSON name, and what is to be done after decoding."""

    def __init__(self) -> None:
        """Start without a field."""
        self.struct: Any = None
        self.attributes: dict[str, str] = {}
        self.fixes: list[Fix] = []
        self._fields: list[tuple[str, Any, Any]] = []

    def add(self, name: str, kind: Any) -> str:
        """Add a field; return its attribute, for JSON names need not be Python names."""
        attribute = self.attributes[name] = f"f{len(self._fields)}"
        self._fields.append((attribute, kind, UNSET))
        return attribute

    def make(self) -> FieldTypes:
        """Make the type of the fields that were added.

        Raises:
            ValueError: A field has a name that no generated type can have.
        """
        self.struct = msgspec.defstruct(
            "Record",
            self._fields,
            rename={attribute: name for name, attribute in self.attributes.items()},
            forbid_unknown_fields=True,
            # Records hold no references to one another, so the collector need not look for rings.
            gc=False,
            eq=False,
        )
        return self


def declared_fields(
    properties: Mapping[str, Any],
    deselected: Deselected,
    *,
    is_record: bool = False,
    replication_key: str | None = None,
) -> FieldTypes:
    """Return the fields of a record, or of an object inside it, for `make`.

    Args:
        properties: What the JSON Schema says of them.
        deselected: What is not wanted of them.
        is_record: Whether they become columns.
        replication_key: The one time that is 1970 when it is 0.

    Raises:
        ValueError: Something deselected lies in an object that stays as it is.
    """
    made = FieldTypes()
    for name, field in properties.items():
        kind, fixes = _field_type(
            field,
            deselected.below(name),
            is_column=is_record,
            has_zero=name == replication_key,
        )
        attribute = made.add(name, kind)
        if deselected.holds((name,)):
            made.fixes.append(leave_out(attribute))
        else:
            made.fixes += [fix(attribute) for fix in fixes]
    return made


_MakeFix: TypeAlias = "Callable[[str], Fix]"


def _field_type(
    field: Mapping[str, Any], deselected: Deselected, *, is_column: bool, has_zero: bool
) -> tuple[Any, list[_MakeFix]]:
    """Return the type of one field, and what is to be done with it after decoding.

    Args:
        field: Its JSON Schema.
        deselected: What is not wanted inside it.
        is_column: Whether it becomes a column.
        has_zero: Whether a time of 0 is 1970, and not "never".
    """
    kind = declared_type(field)
    leaves_out_null = is_column and is_left_out_if_null(field)
    nulls: list[_MakeFix] = [_leave_out_none] if leaves_out_null else []
    if field.get("format") == "date-time":
        zero = to_iso(0) if has_zero else None
        return _optional(int), [lambda attribute: _rewrite_times(attribute, zero)]
    if kind in _PYTHON_TYPES:
        # Text of another form is looked at record by record.
        is_checked = "format" in field
        return (UnsetType | None if is_checked else _optional(_PYTHON_TYPES[kind])), []
    if kind == "object" and field.get("properties"):
        nested = declared_fields(field["properties"], deselected).make()
        inside = _inside(nested.fixes, _objects)
        return _optional(nested.struct), [*inside, *nulls]
    if kind == "array" and field.get("items"):
        inner, inside = _list_type(field.get("items", {}), deselected)
        return inner, [*inside, *nulls]
    if deselected:
        message = "what is deselected lies in an object that stays as it is"
        raise ValueError(message)
    if not kind and declared_types(field):
        # One of several types: looked at record by record.
        return UnsetType | None, nulls
    if kind == "number" and is_column:
        kind = "number column"
    return RAW, [lambda attribute: check_raw(attribute, kind, leaves_out_null=leaves_out_null)]


def _list_type(items: Mapping[str, Any], deselected: Deselected) -> tuple[Any, list[_MakeFix]]:
    kind = declared_type(items)
    if kind in _PYTHON_TYPES and "format" not in items:
        return _optional(list[_PYTHON_TYPES[kind] | None]), []  # type: ignore[valid-type]
    if kind == "object" and items.get("properties"):
        nested = declared_fields(items["properties"], deselected).make()
        struct = nested.struct
        return _optional(list[struct | None]), _inside(nested.fixes, _listed)  # type: ignore[valid-type]
    # A list of anything else is in no answer of the API today. Only null fits this type, so a
    # record that has one takes the slow path, which knows what to do.
    return UnsetType | None, []


def _optional(kind: Any) -> Any:
    return kind | UnsetType | None


def leave_out(attribute: str) -> Fix:
    """Leave a field out of all records."""

    def fix(records: list[Any]) -> set[int]:
        for record in records:
            setattr(record, attribute, UNSET)
        return set()

    return fix


def _leave_out_none(attribute: str) -> Fix:
    get = attrgetter(attribute)

    def fix(records: list[Any]) -> set[int]:
        values = list(map(get, records))
        if None in values:
            for record, value in zip(records, values, strict=True):
                if value is None:
                    setattr(record, attribute, UNSET)
        return set()

    return fix


def _rewrite_times(attribute: str, zero: str | None) -> Fix:
    get = attrgetter(attribute)

    def fix(records: list[Any]) -> set[int]:
        unfit = set()
        for place, (record, time) in enumerate(zip(records, list(map(get, records)), strict=True)):
            if time:  # neither null nor `UNSET`
                try:
                    setattr(record, attribute, to_iso(time))
                except ValueError:
                    unfit.add(place)
            elif time == 0:
                setattr(record, attribute, zero)
        return unfit

    return fix


def check_raw(attribute: str, kind: str, *, leaves_out_null: bool) -> Fix:
    """Check what stayed bytes: its kind, as far as it is declared, and that it is UTF-8."""
    get = attrgetter(attribute)
    is_other = _OTHER_KINDS[kind].search if kind in _OTHER_KINDS else None

    def fix(records: list[Any]) -> set[int]:
        # All at once: no value holds a line break, so it can stand before each of them.
        values = list(map(get, records))
        found = [value for value in values if value is not UNSET]
        together = b"\n".join([b"", *found])
        if leaves_out_null and b"\nnull" in together:
            for record, value in zip(records, values, strict=True):
                if value is not UNSET and bytes(value) == NULL:
                    setattr(record, attribute, UNSET)
        if (is_other is None or not is_other(together)) and _is_utf8(together):
            return set()
        alone = [b"" if value is UNSET else b"\n" + bytes(value) for value in values]
        return {
            place
            for place, value in enumerate(alone)
            if (is_other is not None and is_other(value) and not _is_double(value))
            or not _is_utf8(value)
        }

    return fix


def _is_double(value: bytes) -> bool:
    try:
        number = read_decimal(value.decode().strip())
    except UnicodeDecodeError:
        return False
    return isinstance(number, Decimal) and number.is_finite() and is_double(number)


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


_Parts: TypeAlias = "Callable[[list[Any]], tuple[list[Any], list[int]]]"


def _objects(values: list[Any]) -> tuple[list[Any], list[int]]:
    """Return the objects among some values, and the place that each has come from."""
    are_objects = [bool(value) for value in values]
    return list(compress(values, are_objects)), list(compress(range(len(values)), are_objects))


def _listed(values: list[Any]) -> tuple[list[Any], list[int]]:
    """Return the objects in lists, and the place of the list that each has come from."""
    found = [(one, place) for place, many in enumerate(values) if many for one in many if one]
    return [one for one, _ in found], [place for _, place in found]


def _inside(fixes: list[Fix], parts: _Parts) -> list[_MakeFix]:
    """Return what does the same with the objects inside a field."""
    if not fixes:
        return []

    def make(attribute: str) -> Fix:
        get = attrgetter(attribute)

        def fix(records: list[Any]) -> set[int]:
            objects, places = parts(list(map(get, records)))
            return {places[unfit] for one in fixes for unfit in one(objects)}

        return fix

    return [make]
