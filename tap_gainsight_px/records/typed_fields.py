"""The types that records are decoded into, and what is done with their fields afterwards.

What a type does not hold (free-form objects, decimals) stays the bytes that it was, and so does a
text among whose values there were others. A `Fix` looks at one field of many records at once, makes
what it finds fit where that can be done value by value, and says which records do not fit after
all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from tap_gainsight_px.catalog.schemas import UNEXPECTED, declared_type, declared_types
from tap_gainsight_px.records.coercion import is_left_out_if_null
from tap_gainsight_px.records.conversion import GREATEST_INTEGER, LEAST_INTEGER, as_text
from tap_gainsight_px.records.json_text import parse_json
from tap_gainsight_px.records.raw_values import RAW, Fix, Mend, check_raw
from tap_gainsight_px.timestamps import to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from tap_gainsight_px.records.selection import Deselected

# Numbers are not among them: a float would cost them digits.
_PYTHON_TYPES: dict[str, Any] = {
    "string": str,
    "integer": Annotated[int, Meta(ge=LEAST_INTEGER, le=GREATEST_INTEGER)],
    "boolean": bool,
}

# Longer ones are a matter for the one who reads all JSON.
_DIGITS = re.compile(rb"[1-9][0-9]{0,999}")

FitField: TypeAlias = "Callable[[str, Sequence[Any]], list[dict[str, Any]]]"
"""Makes values of a field fit, by its name. Returns for each a record of that field alone, with
`_unexpected` if something is set apart."""


@dataclass(frozen=True)
class Learnt:
    """What records have shown that their schema does not say.

    Attributes:
        fields: Names of fields that nobody declared.
        attributes: Names of attributes of events that have no column.
        texts: Names of fields for text among whose values there were others.
        text_attributes: Attributes whose columns are such fields.
    """

    fields: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    text_attributes: frozenset[str] = frozenset()


class FieldTypes:
    """A generated type: its attributes by JSON name, and what is to be done after decoding."""

    def __init__(self) -> None:
        """Start without a field."""
        self.struct: Any = None
        self.attributes: dict[str, str] = {}
        self.fixes: list[Fix] = []
        self.apart = ""
        """The attribute for what is set apart of a record."""
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

    def mend(
        self, fit: FitField, name: str, records: Sequence[Any], at: str, raws: Sequence[Raw]
    ) -> None:
        """Make values fit that the type may not hold; those that fit stay the bytes they were.

        Args:
            fit: Makes values of the field fit.
            name: What the schema calls the field.
            records: The typed records.
            at: The attribute of the field.
            raws: Its value in each of them.

        Raises:
            ValueError: Nobody can read one of them.
        """
        values = [_read(bytes(raw)) for raw in raws]
        for record, value, mended in zip(records, values, fit(name, values), strict=True):
            if mended.get(name) is not value:
                setattr(record, at, mended.get(name, UNSET))
                self.set_apart(record, mended.get(UNEXPECTED, {}))

    def set_apart(self, record: Any, values: Mapping[str, Any]) -> None:
        """Put more values into what is set apart of a record."""
        before = getattr(record, self.apart)
        if values:
            setattr(record, self.apart, values if before is UNSET else {**before, **values})


def declared_fields(
    properties: Mapping[str, Any],
    deselected: Deselected,
    *,
    is_record: bool = False,
    replication_key: str | None = None,
    doubtful: Collection[str] = (),
    fit: FitField | None = None,
    names: Mapping[str, str] | None = None,
) -> FieldTypes:
    """Return the fields of a record, or of an object inside it, for `make`.

    Args:
        properties: What the JSON Schema says of them.
        deselected: What is not wanted of them.
        is_record: Whether they become columns.
        replication_key: The one time that is 1970 when it is 0.
        doubtful: Texts that stay bytes, because other values were seen among them.
        fit: Makes values fit that the type cannot hold; without it, their records do not fit.
        names: What the schema of the stream calls these fields, where that is something else.

    Raises:
        ValueError: Something deselected lies in an object that stays as it is.
    """
    made = FieldTypes()
    for name, field in properties.items():
        fixes: list[_MakeFix]
        inside = deselected.below(name)
        mend = fit and partial(made.mend, fit, (names or {}).get(name, name))
        if name in doubtful and is_text(field) and not inside:
            kind: Any = RAW
            fixes = [partial(check_raw, kind="string", leaves_out_null=False, mend=_make_texts)]
        else:
            kind, fixes = _field_type(
                field,
                inside,
                is_column=is_record,
                has_zero=name == replication_key,
                mend=mend,
            )
        attribute = made.add(name, kind)
        if deselected.holds((name,)):
            made.fixes.append(leave_out(attribute))
        else:
            made.fixes += [fix(attribute) for fix in fixes]
    return made


_MakeFix: TypeAlias = "Callable[[str], Fix]"


def _make_texts(records: Sequence[Any], attribute: str, raws: Sequence[Raw]) -> None:
    """Let text of any form stand for values that are none; they lose nothing by that."""
    for record, raw in zip(records, raws, strict=True):
        setattr(record, attribute, as_text(parse_json(bytes(raw))))


def _read(raw: bytes) -> Any:
    # Most of them are long integers.
    return int(raw) if _DIGITS.fullmatch(raw) else parse_json(raw)


def _field_type(
    field: Mapping[str, Any],
    deselected: Deselected,
    *,
    is_column: bool,
    has_zero: bool,
    mend: Mend | None,
) -> tuple[Any, list[_MakeFix]]:
    """Return the type of one field, and what is to be done with it after decoding.

    Args:
        field: Its JSON Schema.
        deselected: What is not wanted inside it.
        is_column: Whether it becomes a column.
        has_zero: Whether a time of 0 is 1970, and not "never".
        mend: Makes a value fit that the type cannot hold.
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
    return RAW, [partial(check_raw, kind=kind, leaves_out_null=leaves_out_null, mend=mend)]


def is_text(field: Mapping[str, Any]) -> bool:
    """Whether a field holds texts of any form."""
    return declared_type(field) == "string" and "format" not in field


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
