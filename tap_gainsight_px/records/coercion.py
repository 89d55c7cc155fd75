"""What the API sends but the schema does not say: fields nobody declared, values of another type.

Neither may stop a sync halfway or block a loader, and neither may disappear:

- a value of another type becomes one of the declared type where nothing is lost by it (a number in
  a text field, digits in a number field, a single value in a list field);
- a time, whether epoch milliseconds or text, becomes RFC 3339 text in UTC; what PX sends for a date
  that is not set (0, `""`) becomes null, except in the replication key;
- else the field is null and the value stands, under the field's name, in `_unexpected`;
- a field that the schema does not know stays, and stands in `_unexpected` as well, because loaders
  drop what has no column; or it is left out, if the user says so;
- an object or list that is null is left out: a loader would store it as JSON `null`.

What is deselected is dropped from the record and from `_unexpected` alike.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.names import LOADERS_OWN
from tap_gainsight_px.catalog.schemas import UNEXPECTED, declared_type, declared_types
from tap_gainsight_px.records.conversion import MISFIT, converted, is_zero
from tap_gainsight_px.records.json_text import is_double
from tap_gainsight_px.records.oddities import Oddity
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.timestamps import to_iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_gainsight_px.records.oddities import Oddities
    from tap_gainsight_px.records.selection import FieldPath


class Coercion:
    """Holds records against the schema of one stream."""

    def __init__(
        self,
        schema: Mapping[str, Any],
        oddities: Oddities,
        *,
        drop_unknown: bool = False,
        replication_key: str | None = None,
        deselected: Deselected | None = None,
        flattened_levels: int = 0,
    ) -> None:
        """Prepare for one stream.

        Args:
            schema: Its JSON Schema.
            oddities: Counts what does not fit.
            drop_unknown: Whether top-level fields that the schema does not know are left out.
            replication_key: The one time of a record that is 1970 when it is 0.
            deselected: What must not leave the tap.
            flattened_levels: How many levels of objects become columns later on. There an
                undeclared field of an object has no column either.
        """
        self._fields: Mapping[str, Any] = schema.get("properties", {})
        is_time = self._fields.get(replication_key or "", {}).get("format") == "date-time"
        self._replication_key = replication_key if is_time else None
        self._oddities = oddities
        self._drop_unknown = drop_unknown
        self._deselected = deselected or Deselected()
        self._flattened_levels = flattened_levels
        self._plain = {
            name: kind for name, field in self._fields.items() if (kind := _plain_type(field))
        }
        self._number_columns = list(_number_columns(self._fields, (), flattened_levels))
        self._left_out_if_null = {
            name for name, field in self._fields.items() if is_left_out_if_null(field)
        }

    def fit(self, record: dict[str, Any]) -> dict[FieldPath, Any]:
        """Make a record fit the schema, in place, and return what does not fit, by its path."""
        unexpected: dict[FieldPath, Any] = {}
        from_px = record.pop(UNEXPECTED, None)
        if from_px is not None:
            unexpected[(UNEXPECTED,)] = from_px
        if self._replication_key is not None and is_zero(record.get(self._replication_key)):
            record[self._replication_key] = to_iso(0)
        # Most values are as declared, and need no second look.
        plain = self._plain
        doubtful = {
            name: field
            for name, field in self._fields.items()
            if type(record.get(name)) is not plain.get(name)
        }
        _coerce_fields(record, doubtful, (), unexpected)
        for path in self._number_columns:
            _set_digits_apart(record, path, unexpected)
        self._oddities.add(Oddity.MISFIT, self._names(unexpected))
        if self._fields:
            undeclared = {name: record[name] for name in record if name not in self._fields}
            if undeclared:
                self._place_undeclared(record, undeclared, unexpected)
        if self._flattened_levels:
            lost = dict(_undeclared_inside(record, self._fields, (), self._flattened_levels))
            self._oddities.add(Oddity.UNDECLARED, self._names(lost))
            unexpected |= lost
        return unexpected

    def fit_field(self, name: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        """Make values of one field fit, as `fit` and `finish` do for whole records.

        Args:
            name: A field of the schema; not the replication key.
            values: Any JSON.

        Returns:
            For each a record of that field alone, with `_unexpected` if something is set apart.
        """
        is_number = (name,) in self._number_columns
        is_wanted = any(self._wanted({(name,): None}))
        found: list[dict[str, Any]] = []
        rounded = 0
        for value in values:
            # A number in a column of numbers is as declared, and only its digits are in doubt.
            if is_number and type(value) in {int, Decimal}:
                if is_double(value):
                    found.append({name: value})
                    continue
                rounded += 1
                found.append({name: None, UNEXPECTED: {name: value}} if is_wanted else {name: None})
                continue
            record = {name: value}
            unexpected: dict[FieldPath, Any] = {}
            _coerce_fields(record, {name: self._fields[name]}, (), unexpected)
            if is_number:
                _set_digits_apart(record, (name,), unexpected)
            self._oddities.add(Oddity.MISFIT, self._names(unexpected))
            self.finish(record, unexpected)
            found.append(record)
        self._oddities.add(Oddity.MISFIT, [name] if is_wanted else [], rounded)
        return found

    def finish(self, record: dict[str, Any], unexpected: Mapping[FieldPath, Any]) -> None:
        """Leave out of a record what is deselected or an object of null, and add `_unexpected`.

        Args:
            record: A record that fits the schema; changed in place.
            unexpected: What `fit` has returned, and more of its kind.
        """
        for name in self._left_out_if_null:
            if name in record and record[name] is None:
                del record[name]
        if self._deselected:
            self._deselected.drop_from(record)
        left = self._deselected.left_of
        found = {".".join(path): left(path, unexpected[path]) for path in self._wanted(unexpected)}
        if found:
            record[UNEXPECTED] = found

    def _place_undeclared(
        self, record: dict[str, Any], undeclared: dict[str, Any], unexpected: dict[FieldPath, Any]
    ) -> None:
        for name in undeclared:
            if self._drop_unknown or name.startswith(LOADERS_OWN):
                del record[name]
        found: dict[FieldPath, Any] = {
            (name,): value for name, value in undeclared.items() if value is not None
        }
        if self._drop_unknown:
            self._oddities.add(Oddity.LEFT_OUT, undeclared)
        else:
            self._oddities.add(Oddity.UNDECLARED, self._names(found))
            unexpected |= found

    def _wanted(self, paths: Mapping[FieldPath, Any]) -> Iterator[FieldPath]:
        if not self._deselected:
            yield from paths
        elif not self._deselected.holds((UNEXPECTED,)):
            yield from (path for path in paths if not self._deselected.holds(path))

    def _names(self, paths: Mapping[FieldPath, Any]) -> Iterator[str]:
        return (".".join(path) for path in self._wanted(paths))


def _plain_type(field: Mapping[str, Any]) -> type | None:
    """Return the Python type whose values all fit a field as they are, if there is one."""
    if field.get("format") or field.get("properties"):
        return None
    return {"string": str, "boolean": bool, "object": dict}.get(declared_type(field))


def _number_columns(fields: Mapping[str, Any], path: FieldPath, levels: int) -> Iterator[FieldPath]:
    """Yield the paths of the numbers that become columns of their own."""
    for name, field in fields.items():
        if declared_type(field) == "number":
            yield (*path, name)
        if levels > 0:
            yield from _number_columns(field.get("properties", {}), (*path, name), levels - 1)


def _set_digits_apart(
    record: dict[str, Any], path: FieldPath, unexpected: dict[FieldPath, Any]
) -> None:
    """Put a number that a double would round into `unexpected`: in JSON it keeps its digits."""
    holder: Any = record
    for name in path[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    value = holder.get(path[-1]) if isinstance(holder, dict) else None
    if isinstance(value, (int, Decimal)) and not is_double(value):
        unexpected[path] = value
        holder[path[-1]] = None


def is_left_out_if_null(field: Mapping[str, Any]) -> bool:
    """Whether a field is of a type that a loader stores as JSON, which has a null of its own."""
    types = declared_types(field)
    return not types or not types.isdisjoint({"object", "array"})


def _undeclared_inside(
    record: Mapping[str, Any], fields: Mapping[str, Any], path: FieldPath, levels: int
) -> Iterator[tuple[FieldPath, Any]]:
    """Yield what the declared objects of a record hold beyond their schema."""
    for name, field in fields.items():
        value = record.get(name)
        inner = field.get("properties")
        if not inner or not isinstance(value, dict):
            continue
        for key, one in value.items():
            if key not in inner and one is not None:
                yield (*path, name, key), one
        if levels > 1:
            yield from _undeclared_inside(value, inner, (*path, name), levels - 1)


def _coerce_fields(
    record: dict[str, Any],
    fields: Mapping[str, Any],
    path: FieldPath,
    unexpected: dict[FieldPath, Any],
) -> None:
    for name, field in fields.items():
        value = record.get(name)
        if value is None:
            continue
        here = (*path, name)
        coerced = _coerced(value, field, here, unexpected)
        if coerced is MISFIT:
            unexpected[here] = value
            record[name] = None
        elif coerced is not value:
            record[name] = coerced


def _coerced(
    value: Any, field: Mapping[str, Any], path: FieldPath, unexpected: dict[FieldPath, Any]
) -> Any:
    """Return the value as one of the declared type, or `MISFIT`."""
    kind = declared_type(field)
    if kind == "array":
        return _coerced_list(value, field.get("items", {}), path, unexpected)
    if kind != "object":
        return converted(value, field)
    if not isinstance(value, dict):
        return MISFIT
    _coerce_fields(value, field.get("properties", {}), path, unexpected)
    return value


def _coerced_list(
    value: Any, items: Mapping[str, Any], path: FieldPath, unexpected: dict[FieldPath, Any]
) -> Any:
    values = value if isinstance(value, list) else [value]
    coerced = [
        one if one is None else _coerced(one, items, (*path, str(number)), unexpected)
        for number, one in enumerate(values)
    ]
    if any(one is MISFIT for one in coerced):
        return MISFIT
    same = values is value and all(one is other for one, other in zip(coerced, values, strict=True))
    return value if same else coerced
