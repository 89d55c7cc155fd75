"""Columns of Parquet files: those that the schema declares, whatever is in the records of a file.

Records come as they leave the record path: most of them as lines of JSON, which are decoded into a
type with a field for each column, some of them as dicts. A thousand at a time, so that what was
decoded is still in the processor's cache when it goes into the columns; that is twice as fast.
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType
from singer_sdk.singerlib.json import serialize_json

from tap_gainsight_px.catalog.schemas import declared_type
from tap_gainsight_px.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    Record = dict[str, Any] | bytes

_AT_ONCE = 1_000

# What is of no one type among these becomes text.
_ARROW_TYPES = {"integer": "int64", "number": "float64", "boolean": "bool_"}
_PYTHON_TYPES = {"integer": int, "number": float, "boolean": bool, "string": str}
_NULL = b"null"


class ParquetColumns:
    """Makes tables of the records of one stream."""

    def __init__(self, stream: str, fields: Mapping[str, Any]) -> None:
        """Prepare for one stream.

        Args:
            stream: Its name, for errors.
            fields: The JSON Schema of each column, in their order.
        """
        self._stream = stream
        self._fields = fields
        attributes = {name: f"f{number}" for number, name in enumerate(fields)}
        kinds = {name: _PYTHON_TYPES.get(declared_type(field)) for name, field in fields.items()}
        self._raw = {name for name, kind in kinds.items() if kind is None}
        self._getters = {name: attrgetter(attribute) for name, attribute in attributes.items()}
        self._decode, self._decode_known = (
            msgspec.json.Decoder(
                msgspec.defstruct(
                    "Line",
                    [
                        (attributes[name], kind | None, None)
                        if kind
                        else (attributes[name], Raw | UnsetType, UNSET)
                        for name, kind in kinds.items()
                    ],
                    rename={attribute: name for name, attribute in attributes.items()},
                    forbid_unknown_fields=is_strict,
                    gc=False,
                    eq=False,
                )
            ).decode_lines
            for is_strict in (True, False)
        )
        self._decode_all = msgspec.json.Decoder(dict[str, Raw]).decode_lines

    def table(self, records: Sequence[Record], beside: Mapping[str, Any]) -> pa.Table:
        """Return a table: the columns of the schema, and behind them what it does not know.

        Args:
            records: A line of JSON each, or a dict.
            beside: What stands in each row beside its record. What is null gives way to what a
                record has under its name.

        Raises:
            TapError: A value is not of the type that its column has.
        """
        import pyarrow as pa  # noqa: PLC0415

        constant = {name for name, value in beside.items() if value is not None}
        parts = [
            self._part(records[start : start + _AT_ONCE], constant)
            for start in range(0, len(records), _AT_ONCE)
        ]
        # The schema's fields are columns even where no record has them, so that all files of a
        # stream have the same.
        unknown = {name for part in parts for name in part}.difference(self._fields)
        columns = {}
        for name in [*self._fields, *sorted(unknown)]:
            kind = self._arrow_type(name)
            if name in constant:
                columns[name] = pa.repeat(pa.scalar(beside[name], kind), len(records))
                continue
            chunks = [
                part[name] if name in part else pa.nulls(min(_AT_ONCE, len(records) - start), kind)
                for start, part in zip(range(0, len(records), _AT_ONCE), parts, strict=True)
            ]
            columns[_text(name)] = pa.chunked_array(chunks, kind)
        return pa.table(columns)

    def _part(self, records: Sequence[Record], constant: set[str]) -> dict[str, pa.Array]:
        """Return the columns of some records, by name."""
        are_lines = [isinstance(record, bytes) for record in records]
        dicts = [one for one in records if isinstance(one, dict)]
        lines, more = self._decoded([one for one in records if isinstance(one, bytes)])
        names = {*self._fields, *(name for one in (*more, *dicts) for name in one)} - constant
        found = {}
        for name in names:
            values = self._of_lines(lines, more, name)
            if dicts:
                values = _merged(are_lines, values, self._of_dicts(dicts, name))
            if name in self._fields or values.count(None) < len(values):
                found[name] = self._column(name, values)
        return found

    def _column(self, name: str, values: list[Any]) -> pa.Array:
        import pyarrow as pa  # noqa: PLC0415

        kind = self._arrow_type(name)
        try:
            return pa.array(values, kind)
        except (pa.ArrowException, ArithmeticError, TypeError, ValueError) as error:
            raise self._misfit(name, error) from error

    def _arrow_type(self, name: str) -> pa.DataType:
        import pyarrow as pa  # noqa: PLC0415

        kind = declared_type(self._fields.get(name, {}))
        return getattr(pa, _ARROW_TYPES.get(kind, "string"))()

    def _misfit(self, name: str, error: Exception) -> TapError:
        return TapError(
            f"{self._stream}: a value of {name} does not fit a Parquet column of "
            f"{self._arrow_type(name)} ({error}); set batch_config.encoding.format to jsonl, or "
            "deselect the field"
        )

    # Records that are lines

    def _decoded(self, lines: Sequence[bytes]) -> tuple[list[Any], list[dict[str, Raw]]]:
        """Return lines as typed records, and what else each has; nothing if none has more."""
        together = b"".join(lines)
        with suppress(msgspec.ValidationError):
            return self._decode(together), []
        # A field that the schema does not know; the record path lets nothing else pass.
        more = [
            {name: one[name] for name in one.keys() - self._fields.keys()}
            for one in self._decode_all(together)
        ]
        return self._decode_known(together), more

    def _of_lines(self, lines: list[Any], more: list[dict[str, Raw]], name: str) -> list[Any]:
        """Return one field of records that were lines."""
        if name not in self._getters:
            values = [one.get(name, UNSET) for one in more] or [UNSET] * len(lines)
        else:
            values = list(map(self._getters[name], lines))
            if name not in self._raw:
                return values
        texts = [None if value is UNSET else bytes(value) for value in values]
        if _NULL in texts:
            texts = [None if text == _NULL else text for text in texts]
        if self._fields.get(name, {}).get("type"):
            # One of several types: text stands in the column as it is.
            return [_unquoted(text) if text and text[:1] == b'"' else text for text in texts]
        return texts

    # Records that are dicts

    def _of_dicts(self, dicts: Iterable[dict[str, Any]], name: str) -> list[Any]:
        """Return one field of records that are dicts."""
        field = self._fields.get(name, {})
        try:
            return [_shaped(one.get(name), field) for one in dicts]
        except (ArithmeticError, TypeError, ValueError) as error:
            raise self._misfit(name, error) from error


def _merged(are_lines: Iterable[bool], lines: Iterable[Any], dicts: Iterable[Any]) -> list[Any]:
    """Return the values of lines and those of dicts in the order of their records."""
    of_lines: Iterator[Any] = iter(lines)
    of_dicts: Iterator[Any] = iter(dicts)
    return [next(of_lines if is_line else of_dicts) for is_line in are_lines]


def _unquoted(text: bytes) -> str:
    return msgspec.json.decode(text, type=str)


def _shaped(value: Any, field: Mapping[str, Any]) -> Any:
    """Return a value as its column holds it: an object, a list or anything free-form as JSON."""
    kind = declared_type(field)
    if value is None or kind == "boolean":
        return value
    if kind in {"integer", "number"}:
        return _exact(value, int if kind == "integer" else float)
    return _text(value if isinstance(value, str) and field.get("type") else serialize_json(value))


def _exact(value: Any, kind: type[int | float]) -> int | float:
    """Return a number as an `int` or `float` of the same digits; raise where there is none."""
    number = kind(value)
    if Decimal(str(number)) != Decimal(str(value)):
        message = f"{str(value)[:60]} would become {number}"
        raise ValueError(message)
    return number


def _text(text: str) -> str:
    """Return text that UTF-8 can hold: JSON may name half of a character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
