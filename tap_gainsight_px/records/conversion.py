"""One value as one of the declared type, where nothing is lost by it: numbers, texts, times.

What cannot be converted is `MISFIT`, for `coercion` to set apart.
"""

from __future__ import annotations

import json
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tap_gainsight_px.catalog.schemas import declared_type, declared_types
from tap_gainsight_px.records.json_text import json_text, read_decimal
from tap_gainsight_px.timestamps import text_to_iso, to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISFIT: Any = object()
"""What stands for a value that cannot be one of the declared type."""

LEAST_INTEGER = -(2**63)
"""No database column for integers holds a smaller one."""
GREATEST_INTEGER = 2**63 - 1
"""Nor a greater one."""

_MOST_DIGITS = 1_000


def converted(value: Any, field: Mapping[str, Any]) -> Any:
    """Return a value as one of the declared type, or `MISFIT`.

    Args:
        value: Any JSON but null.
        field: JSON Schema of a field that holds neither an object nor a list.
    """
    if field.get("format") == "date-time":
        return _coerced_time(value)
    coerce = _COERCIONS.get(declared_type(field))
    return coerce(value, field) if coerce else _of_several_types(value, declared_types(field))


def _of_several_types(value: Any, types: frozenset[str]) -> Any:
    kinds = types & {*_PYTHON_TYPES}
    if isinstance(value, bool):  # for Python, a number
        kinds &= {"boolean"}
    if not types or any(isinstance(value, _PYTHON_TYPES[one]) for one in kinds):
        return value
    return _coerced_text(value, {}) if "string" in types else MISFIT


def _coerced_time(value: Any) -> Any:
    """Return a time as RFC 3339 text, None for one that is not set, or `MISFIT`."""
    if is_zero(value) or (isinstance(value, str) and value.strip() in {"", "0"}):
        return None
    try:
        if isinstance(value, str):
            return text_to_iso(value)
        moment = whole_number(value)
        return MISFIT if moment is None else to_iso(moment)
    except ValueError:
        return MISFIT


def is_zero(value: Any) -> bool:
    """Whether a value is a number, and zero."""
    return whole_number(value) == 0


def _coerced_text(value: Any, field: Mapping[str, Any]) -> Any:
    text = as_text(value)
    read = _FORMATS.get(field.get("format", ""))
    try:
        return text if read is None or read(text) is not None else MISFIT
    except ValueError:
        return MISFIT


# Columns of these types take nothing else; a user may ask for one in the catalog.
_FORMATS: dict[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "uuid": UUID,
}


def whole_number(value: Any) -> int | None:
    """Return a number without a fraction as an integer, None for anything else.

    One of thousands of digits counts as anything else: a few bytes of JSON can name it, and
    writing it out would take minutes.
    """
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    if isinstance(value, int):
        return value
    if not value.is_finite() or value.adjusted() > _MOST_DIGITS or value != int(value):
        return None
    return int(value)


def _coerced_number(value: Any, field: Mapping[str, Any]) -> Any:
    number = _from_digits(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, Decimal)):
        return MISFIT
    if isinstance(read_decimal(str(number)), str):
        return MISFIT  # too large, or no finite number
    if declared_type(field) != "integer":
        return number
    whole = whole_number(number)
    fits = whole is not None and LEAST_INTEGER <= whole <= GREATEST_INTEGER
    return whole if fits else MISFIT


def _from_digits(text: str) -> Any:
    """Read a number from text that is written the way JSON would write it."""
    try:
        value = json.loads(text, parse_float=read_decimal, parse_constant=lambda _: MISFIT)
    except (RecursionError, ValueError):
        return MISFIT
    return value if str(value) == text else MISFIT


def _coerced_boolean(value: Any, _: Mapping[str, Any]) -> Any:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).lower(), MISFIT)


def as_text(value: Any) -> str:
    """Return any JSON but null as text: text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, Decimal) else json_text(value)


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, Decimal),
    "object": (dict,),
    "string": (str,),
}

_COERCIONS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "string": _coerced_text,
    "integer": _coerced_number,
    "number": _coerced_number,
    "boolean": _coerced_boolean,
}
