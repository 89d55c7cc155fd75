"""Values that stay the bytes they were: what is looked for in them, many at a time."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, repeat
from operator import add, attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tap_gainsight_px.records.json_text import is_double, read_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
        found = _Found(values)
        together = found.together
        if leaves_out_null and _BEFORE + NULL in together:
            for place in found.matching(_NULL):
                setattr(records[place], attribute, UNSET)
        if b"\n" in together or b"\r" in together:
            for place in found.with_breaks():
                text = msgspec.json.format(bytes(values[place]), indent=-1)
                setattr(records[place], attribute, Raw(text))
        if not _is_utf8(together):
            alone = [b"" if value is UNSET else bytes(value) for value in values]
            return {place for place, value in enumerate(alone) if not _is_utf8(value)}
        others = found.matching(pattern) if pattern else set()
        if kind in _NUMBERS:
            others = {place for place in others if not _is_double(values[place])}
        if mend is None:
            return others
        for place in others:
            mend(records[place], attribute, values[place])
        return set()

    return fix


class _Found:
    """The values of one field that are there, looked at all at once."""

    def __init__(self, values: list[Any]) -> None:
        """Put them together.

        Args:
            values: One of each record; `UNSET` where it is missing.
        """
        self._values = values
        self._there = [value for value in values if value is not UNSET]
        # There is no such byte in any JSON.
        self.together = _BEFORE.join([b"", *self._there])

    @cached_property
    def _ends(self) -> list[int]:
        """Where each value ends in `together`."""
        return list(accumulate(map(add, map(len, self._there), repeat(len(_BEFORE)))))

    @cached_property
    def _places(self) -> Sequence[int]:
        """The place of each value among those of all records."""
        if len(self._there) == len(self._values):
            return range(len(self._values))
        return [place for place, value in enumerate(self._values) if value is not UNSET]

    def matching(self, pattern: re.Pattern[bytes]) -> set[int]:
        """Return the places of the values in which a pattern is found."""
        ends = [match.end() for match in pattern.finditer(self.together)]
        return {self._places[bisect_left(self._ends, end)] for end in ends}

    def with_breaks(self) -> Iterator[int]:
        """Yield the places of the values that hold line breaks."""
        text = self.together
        if b"\r" in text:
            text = text.replace(b"\r", b"\n")
        # A pattern would take many times as long, where there are few.
        at = text.find(b"\n")
        while at >= 0:
            number = bisect_right(self._ends, at)
            yield self._places[number]
            at = text.find(b"\n", self._ends[number])


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
