"""Values that stay the bytes they were: what is looked for in them, many at a time."""

from __future__ import annotations

import re
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tap_gainsight_px.records.json_text import is_double, read_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NULL = b"null"
"""A raw value that is none."""

RAW = Raw | UnsetType
"""A field that stays the bytes it was; null is one of its values."""

Fix: TypeAlias = "Callable[[list[Any]], set[int]]"
"""What is done with one field of many records after they have been decoded. Returns the places of
those that do not fit."""


Mend: TypeAlias = "Callable[[Any, str, Raw], None]"
"""Makes a value fit: given the record, the attribute that holds the value, and the value."""

_BEFORE = b"\0"
"""What stands before each value, where many are looked at together."""

# Where the schema says text, array, object or number, the beginning of a value that is neither
# that nor null, or a number that may be too large, or in a column too long for a double.
_OTHER_KINDS = {
    "string": re.compile(rb'\0[^"n]'),
    "array": re.compile(rb"\0[^\[n]"),
    "object": re.compile(rb"\0[^{n]"),
    "number": re.compile(rb"\0[^-0-9n]|[eE]|[^\0]{250}"),
    "number column": re.compile(rb"\0[^-0-9n]|[eE]|[0-9.]{16}"),
}
_NUMBERS = {"number", "number column"}
_NULL = re.compile(rb"\0null")


def check_raw(attribute: str, *, kind: str, leaves_out_null: bool, mend: Mend | None = None) -> Fix:
    """Check what stayed bytes: its kind, as far as it is declared, and that it is UTF-8.

    Line breaks within a value go, for they would tear a message in two.

    Args:
        attribute: The field.
        kind: Its JSON type, or "number column"; empty where it may be of any.
        leaves_out_null: Whether null is left out.
        mend: Makes a value of another kind fit; without it, its record does not fit.
    """
    get = attrgetter(attribute)
    pattern = _OTHER_KINDS.get(kind)

    def fix(records: list[Any]) -> set[int]:
        values = list(map(get, records))
        found = [value for value in values if value is not UNSET]
        # All at once: there is no such byte in any JSON.
        together = _BEFORE.join([b"", *found])
        if leaves_out_null and _BEFORE + NULL in together:
            _leave_out(attribute, records, _matching(_NULL, values, together))
        if b"\n" in together or b"\r" in together:
            _take_out_breaks(attribute, records, values, together)
        if not _is_utf8(together):
            alone = [b"" if value is UNSET else bytes(value) for value in values]
            return {place for place, value in enumerate(alone) if not _is_utf8(value)}
        others = _matching(pattern, values, together) if pattern else set()
        if kind in _NUMBERS:
            others = {place for place in others if not _is_double(values[place])}
        if mend is None:
            return others
        for place in others:
            mend(records[place], attribute, values[place])
        return set()

    return fix


def _leave_out(attribute: str, records: list[Any], places: set[int]) -> None:
    for place in places:
        setattr(records[place], attribute, UNSET)


def _take_out_breaks(
    attribute: str, records: list[Any], values: list[Any], together: bytes
) -> None:
    for place in _places(_ends_of_breaks(together), values, together):
        text = msgspec.json.format(bytes(values[place]), indent=-1)
        setattr(records[place], attribute, Raw(text))


def _ends_of_breaks(text: bytes) -> Iterator[int]:
    # A pattern would take many times as long, where there are few.
    text = text.replace(b"\r", b"\n")
    end = text.find(b"\n") + 1
    while end:
        yield end
        end = text.find(b"\n", end) + 1


def _matching(pattern: re.Pattern[bytes], values: list[Any], together: bytes) -> set[int]:
    """Return the places of the values in which a pattern is found; `together` are all of them."""
    return _places((match.end() for match in pattern.finditer(together)), values, together)


def _places(ends: Iterable[int], values: list[Any], together: bytes) -> set[int]:
    """Return the places of the values in which something ends; `together` are all of them."""
    found = set()
    places: list[int] = []
    number, looked_to = -1, 0
    for end in ends:
        places = places or [place for place, value in enumerate(values) if value is not UNSET]
        number += together.count(_BEFORE, looked_to, end)
        looked_to = end
        found.add(places[number])
    return found


def _is_double(value: Raw) -> bool:
    number = read_decimal(bytes(value).decode())
    return isinstance(number, Decimal) and number.is_finite() and is_double(number)


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
