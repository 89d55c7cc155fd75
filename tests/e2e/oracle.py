"""Holds a row of a database against the record that PX has, value by value.

Knows the API's description (`tests.contract.facts`) and the columns' types, and nothing of the tap.
Every value has to be in its place, as one of the documented type, or in `_unexpected` under its
path; nothing else may be in the row. NUL and half surrogates, which no database takes, count as
U+FFFD; what PX sends for a date that is not set counts as null.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.contract.facts import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]

UNEXPECTED = "_unexpected"
FREE: Json = {"type": "object", "free_form": True}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MOST_EXPONENT = 300
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

# What a column of an attribute holds; the rest are free-form.
FACT_OF_COLUMN: dict[str, Json] = {
    "text": {"type": "string"},
    "numeric": {"type": "number"},
    "bigint": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "timestamp without time zone": {"type": "integer", "epoch_ms": True},
    "text[]": {"type": "array", "items": {"type": "string"}},
}


def clean(value: Any) -> Any:
    """Return a value as a database can have it."""
    if isinstance(value, str):
        return _NO_TEXT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {clean(name): clean(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [clean(one) for one in value]
    return value


def same(sent: Any, landed: Any) -> bool:
    """Whether two values are one: numbers by value, truth values being no numbers."""
    if isinstance(sent, bool) or isinstance(landed, bool):
        return sent is landed
    if isinstance(sent, dict) and isinstance(landed, dict):
        return sent.keys() == landed.keys() and all(same(sent[one], landed[one]) for one in sent)
    if isinstance(sent, list) and isinstance(landed, list):
        return len(sent) == len(landed) and all(map(same, sent, landed))
    return bool(sent == landed) or (_is_beyond_doubles(sent) and _is_number_text(sent, landed))


def _is_beyond_doubles(value: Any) -> bool:
    """Whether a number is so large or small that loaders do not read it: its digits are text."""
    return isinstance(value, Decimal) and abs(value.adjusted()) > _MOST_EXPONENT


class Comparison:
    """One record and one row."""

    def __init__(self, record: Json, row: Json) -> None:
        """Compare them field by field, by `fields`, and then ask for what is `left`."""
        self._record = clean(record)
        self._row = {
            name: value
            for name, value in row.items()
            if not (name.startswith("_sdc_") or value is None)
        }
        self._unexpected: Json = self._row.pop(UNEXPECTED, None) or {}
        self._used: set[str] = set()

    def fields(self, facts: Mapping[str, Json]) -> Iterator[str]:
        """Yield what is wrong with any field of the record; the row's place for each is its name.

        Args:
            facts: What is documented of each field, by name.
        """
        for name, sent in self._record.items():
            landed = self._row.pop(name, None)
            yield from self._place(sent, landed, facts.get(name), name)

    def copies(
        self, sent: Mapping[str, Any], columns: Mapping[str, tuple[str, Json]], *, all_there: bool
    ) -> Iterator[str]:
        """Yield what is wrong with copies of values that are in another place of the row, too.

        Args:
            sent: The values by name.
            columns: For each name its column, and the type of that.
            all_there: Whether the columns were there when the row was loaded.
        """
        for name, (column, fact) in columns.items():
            value, landed = clean(sent.get(name)), self._row.pop(column, None)
            if landed is None:
                self._used.add(column)
                lost = all_there and value is not None and could_be(value, fact)
                if lost and not _is_unset(value, fact):
                    yield f"the column {column!r} is null, sent was {_short(value)}"
            else:
                yield from self._place(value, landed, fact, column)

    def left(self) -> Iterator[str]:
        """Yield what is in the row and nowhere in the record."""
        for name, value in self._row.items():
            yield f"the column {name!r} has {_short(value)}, which nobody sent"
        for path in self._unexpected.keys() - self._used:
            yield f"{UNEXPECTED} has {path!r}: {_short(self._unexpected[path])}, which nobody sent"

    def _place(self, sent: Any, landed: Any, fact: Json | None, path: str) -> Iterator[str]:
        if sent is None and landed is None:
            return
        if landed is None and path in self._unexpected:
            self._used.add(path)
            found = self._unexpected[path]
            if not (same(sent, found) or _is_number_text(sent, found)):
                # Something inside it may stand under a path of its own.
                yield from self._inside(sent, found, fact or FREE, path)
            return
        if fact is None:
            yield f"{path}: not documented, so it belongs into {UNEXPECTED}: {_short(sent)}"
            return
        yield from self._inside(sent, landed, fact, path)

    def _inside(self, sent: Any, landed: Any, fact: Json, path: str) -> Iterator[str]:
        fields = _fields(fact)
        if fields is not None and isinstance(sent, dict) and isinstance(landed, dict):
            for name in {**sent, **landed}:
                inner = fields.get(name, fact.get("additionalProperties") or FREE)
                below = f"{path}.{name}"
                yield from self._place(sent.get(name), landed.get(name), inner, below)
        elif fact["type"] == "array" and isinstance(landed, list):
            values = sent if isinstance(sent, list) else [sent]
            if len(values) != len(landed):
                yield f"{path}: sent {_short(sent)}, landed {_short(landed)}"
            for number, (one, other) in enumerate(zip(values, landed, strict=False)):
                yield from self._place(one, other, fact["items"], f"{path}.{number}")
        elif not _stands_for(landed, sent, fact):
            yield f"{path}: sent {_short(sent)}, landed {_short(landed)}"


def _fields(fact: Json) -> Mapping[str, Json] | None:
    """Return what is documented of the fields of an object; None for what is free-form."""
    if "ref" in fact:
        return DEFINITIONS[fact["ref"]]
    if "additionalProperties" in fact:
        return {}
    inner: Mapping[str, Json] | None = fact.get("fields")
    return inner


def _stands_for(landed: Any, sent: Any, fact: Json) -> bool:
    """Whether a single value is the one that was sent, as one of the documented type."""
    if same(sent, landed) or fact.get("free_form"):
        # In a column of lists a single value is a list of one.
        return same(sent, landed) or same([sent], landed)
    if _is_time(fact):
        if landed is None:
            return _is_unset(sent, fact)
        return isinstance(landed, str) and _instant(sent) == _instant(landed)
    if isinstance(landed, bool):
        return isinstance(sent, str) and sent.lower() == str(landed).lower()
    if isinstance(landed, (int, Decimal)):
        return _is_number_text(landed, sent)
    return isinstance(landed, str) and not isinstance(sent, str) and _is_text_of(landed, sent)


def could_be(sent: Any, fact: Json) -> bool:
    """Whether a value fits a documented type just as it is."""
    if _is_time(fact):
        return _instant(sent) is not None
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, Decimal),
        "boolean": (bool,),
        "array": (list,),
        "object": (dict,),
    }
    fits = isinstance(sent, kinds[fact["type"]])
    if isinstance(sent, bool):
        return fits and fact["type"] == "boolean"
    if fact["type"] == "integer":
        return fits and -(2**63) <= sent < 2**63
    if fact["type"] == "number" and fits:
        return _is_double(sent)
    if fact["type"] == "array" and fits:
        return all(one is None or could_be(one, fact["items"]) for one in sent)
    return fits


def _is_time(fact: Json) -> bool:
    return bool(fact.get("epoch_ms")) or fact.get("format") == "date-time"


def _is_unset(sent: Any, fact: Json) -> bool:
    """Whether this is what PX sends for a date that is not set."""
    if not _is_time(fact) or isinstance(sent, bool):
        return False
    return sent.strip() in {"", "0"} if isinstance(sent, str) else bool(sent == 0)


def _instant(value: Any) -> datetime | None:
    """Read epoch milliseconds or ISO-8601 (UTC without an offset)."""
    if isinstance(value, str):
        if value.lstrip("-").isdecimal():
            return _instant(int(value))
        try:
            moment = datetime.fromisoformat(re.sub(r"(\.\d+)?Z$", _fraction, value))
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or value != int(value):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=int(value))
    except OverflowError:
        return None


def _fraction(found: re.Match[str]) -> str:
    digits = (found[1] or ".").removeprefix(".")
    return f".{digits[:6]:0<6}+00:00"


def _is_number_text(number: Any, text: Any) -> bool:
    if not isinstance(text, str) or not isinstance(number, (int, Decimal)):
        return False
    try:
        return Decimal(text) == number
    except ArithmeticError:
        return False


def _is_double(sent: Any) -> bool:
    """Whether a double holds a number with all its digits: loaders make one of it."""
    try:
        return bool(Decimal(repr(float(sent))) == sent)
    except OverflowError:
        return False


def _is_text_of(landed: str, sent: Any) -> bool:
    try:
        return same(sent, clean(json.loads(landed, parse_float=Decimal)))
    except ValueError:
        return False


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}…"
