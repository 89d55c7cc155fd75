"""What the API sends but the schema does not say: fields nobody declared, values of another type.

Neither may stop a sync halfway, and neither may disappear:

- a value of another type becomes one of the declared type where nothing is lost by it (a number in
  a text field, digits in a number field, a single value in a list field);
- a time, whether epoch milliseconds or text, becomes RFC 3339 text in UTC; what PX sends for a date
  that is not set (0, `""`) becomes null, except in the replication key;
- else the field is null and the value stands, under the field's name, in `_unexpected`;
- a field that the schema does not know is passed on, or reported once by name and left out.
"""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.schemas import UNEXPECTED, declared_type
from tap_gainsight_px.timestamps import parse_value, to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

_MISFIT = object()
_MOST_DIGITS = 1_000


class Coercion:
    """Holds records against the schema of one stream."""

    def __init__(
        self,
        stream_name: str,
        schema: Mapping[str, Any],
        *,
        drop_unknown: bool = False,
        replication_key: str | None = None,
    ) -> None:
        """Prepare for one stream.

        Args:
            stream_name: Name of the stream, for reports.
            schema: Its JSON Schema.
            drop_unknown: Whether top-level fields that the schema does not know are left out.
            replication_key: The one time of a record that is 1970 when it is 0.
        """
        self._name = stream_name
        self._fields: Mapping[str, Any] = schema.get("properties", {})
        is_time = self._fields.get(replication_key or "", {}).get("format") == "date-time"
        self._replication_key = replication_key if is_time else None
        self._drop_unknown = drop_unknown
        self._reported: set[str] = set()

    def coerce(self, record: dict[str, Any]) -> None:
        """Make a record fit the schema, in place and without losing a value."""
        unexpected: dict[str, Any] = {}
        if self._replication_key is not None and _is_zero(record.get(self._replication_key)):
            record[self._replication_key] = to_iso(0)
        _coerce_fields(record, self._fields, "", unexpected)
        if unexpected:
            record[UNEXPECTED] = unexpected
            for name in unexpected:
                self._report(
                    name, "%s: %s is not of the declared type; its value is in %s", UNEXPECTED
                )
        if self._drop_unknown and self._fields:
            for name in [name for name in record if name not in self._fields]:
                del record[name]
                self._report(name, "%s: the schema does not know %s; it is left out")

    def _report(self, name: str, message: str, *more: str) -> None:
        if name not in self._reported:
            self._reported.add(name)
            logger.warning(message, self._name, name, *more)


def _coerce_fields(
    record: dict[str, Any], fields: Mapping[str, Any], prefix: str, unexpected: dict[str, Any]
) -> None:
    for name, field in fields.items():
        value = record.get(name)
        if value is None:
            continue
        coerced = _coerced(value, field, f"{prefix}{name}.", unexpected)
        if coerced is _MISFIT:
            unexpected[prefix + name] = value
            record[name] = None
        elif coerced is not value:
            record[name] = coerced


def _coerced(value: Any, field: Mapping[str, Any], prefix: str, unexpected: dict[str, Any]) -> Any:
    """Return the value as one of the declared type, or `_MISFIT`."""
    if field.get("format") == "date-time":
        return _coerced_time(value)
    kind = declared_type(field)
    if kind == "object" and isinstance(value, dict):
        _coerce_fields(value, field.get("properties", {}), prefix, unexpected)
    elif kind == "array":
        return _coerced_list(value, field.get("items", {}), prefix, unexpected)
    elif coerce := _COERCIONS.get(kind):
        return coerce(value, field)
    return _MISFIT if kind == "object" and not isinstance(value, dict) else value


def _coerced_list(
    value: Any, items: Mapping[str, Any], prefix: str, unexpected: dict[str, Any]
) -> Any:
    values = value if isinstance(value, list) else [value]
    coerced = [
        one if one is None else _coerced(one, items, f"{prefix}{number}.", unexpected)
        for number, one in enumerate(values)
    ]
    if any(one is _MISFIT for one in coerced):
        return _MISFIT
    same = values is value and all(one is other for one, other in zip(coerced, values, strict=True))
    return value if same else coerced


def _coerced_time(value: Any) -> Any:
    """Return a time as RFC 3339 text, None for one that is not set, or `_MISFIT`."""
    if _is_zero(value) or (isinstance(value, str) and value.strip() in {"", "0"}):
        return None
    try:
        time = parse_value(value) if isinstance(value, str) else whole_number(value)
        return _MISFIT if time is None else to_iso(time)
    except ValueError:
        return _MISFIT


def _is_zero(value: Any) -> bool:
    return whole_number(value) == 0


def _coerced_text(value: Any, _: Mapping[str, Any]) -> Any:
    return value if isinstance(value, str) else _json_text(value)


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
        return _MISFIT
    if isinstance(number, Decimal) and not number.is_finite():
        return _MISFIT
    if declared_type(field) != "integer":
        return number
    whole = whole_number(number)
    return _MISFIT if whole is None else whole


def _from_digits(text: str) -> Any:
    """Read a number from text that is written the way JSON would write it."""
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=lambda _: _MISFIT)
    except (ArithmeticError, RecursionError, ValueError):
        return _MISFIT
    return value if str(value) == text else _MISFIT


def _coerced_boolean(value: Any, _: Mapping[str, Any]) -> Any:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).lower(), _MISFIT)


def _json_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


_COERCIONS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "string": _coerced_text,
    "integer": _coerced_number,
    "number": _coerced_number,
    "boolean": _coerced_boolean,
}
