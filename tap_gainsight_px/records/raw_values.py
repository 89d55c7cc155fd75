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


Mend: TypeAlias = "Callable[[Sequence[Any], str, Sequence[Raw]], None]"
"""Makes values fit: given the records, the attribute that holds the values, and the values."""

_BEFORE = b"\0"
"""What stands before each value, where many are looked at together."""

# Where the schema says text, array, object or number, the beginning of a value that is neither
# that nor null, or a number with an exponent.
_OTHER_KINDS = {
    "string": re.compile(rb'\0[^"n]'),
    "array": re.compile(rb"\0[^\[n]"),
    "object": re.compile(rb"\0[^{n]"),
    "number": re.compile(rb"\0[^-0-9n]|[eE]"),
}
_OTHER_KINDS["number column"] = _OTHER_KINDS["number"]
# Fewer characters are never too large for a double, or in a column too long.
_SURELY_DOUBLE = {"number": 250, "number column": 16}
_PLAIN_NUMBERS = b"\0-0123456789."
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
        others = found.of_another_kind(kind)
        if mend is None:
            is_number = kind in _SURELY_DOUBLE
            return {at for at in others if not (is_number and _is_double(values[at]))}
        if others:
            places = sorted(others)
            mend([records[at] for at in places], attribute, [values[at] for at in places])
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

    def of_another_kind(self, kind: str) -> set[int]:
        """Return the places of the values that are of another kind, or may be no double."""
        pattern = _OTHER_KINDS.get(kind)
        if pattern is None:
            return set()
        if kind not in _SURELY_DOUBLE:
            return self.matching(pattern)
        most = _SURELY_DOUBLE[kind]
        long: set[int] = set()
        if max(map(len, self._there), default=0) >= most:
            sized = zip(self._places, map(len, self._there), strict=True)
            long = {place for place, length in sized if length >= most}
        # A pattern would take ten times as long, where there is nothing else.
        is_plain = not self.together.translate(None, _PLAIN_NUMBERS).replace(NULL, b"")
        return long if is_plain else long | self.matching(pattern)

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
