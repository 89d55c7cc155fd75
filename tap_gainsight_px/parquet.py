"""BATCH files as Parquet: a column for each field, of the type that the schema declares.

The SDK's own encoder takes the columns from the first record of a file and guesses their types
from the values: what the first record lacks is then in no file, and an event whose attributes
have other types than those of the event before it ends the run. Here objects and lists are JSON
text, because the API may put anything into them; flattening gives columns to what is in objects.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from singer_sdk.batch import BaseBatcher
from singer_sdk.singerlib.json import serialize_json

from tap_gainsight_px.errors import SettingsError, TapError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from singer_sdk.helpers._batch import BatchConfig

_SCALARS = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool_"}


class ParquetBatcher(BaseBatcher):
    """Writes the records of one stream to Parquet files."""

    def __init__(
        self, tap_name: str, stream: str, batch_config: BatchConfig, schema: Mapping[str, Any]
    ) -> None:
        """Prepare without a file.

        Args:
            tap_name: Name of the tap, for the names of the files.
            stream: Name of the stream, likewise.
            batch_config: Where to, how many records in a file, compressed or not.
            schema: JSON Schema of a record.
        """
        super().__init__(tap_name, stream, batch_config)
        self._fields: Mapping[str, Any] = schema.get("properties", {})

    def get_batches(self, records: Iterator[dict[str, Any]]) -> Iterator[list[str]]:
        """Write files of `batch_size` records; yield the address of each, alone in a list.

        Raises:
            TapError: A value is not of the type that its column has.
        """
        from pyarrow import parquet  # noqa: PLC0415 - not everybody has it

        storage, encoding = self.batch_config.storage, self.batch_config.encoding
        is_packed = encoding.compression == "gzip"
        name = f"{storage.prefix or ''}{self.tap_name}--{self.stream_name}-{uuid4()}"
        number = 0
        while chunk := list(islice(records, self.batch_config.batch_size)):
            number += 1
            file_name = f"{name}={number}.parquet{'.gz' if is_packed else ''}"
            table = self._table(chunk)
            with storage.open(file_name, "wb") as file:
                parquet.write_table(table, file, compression="gzip" if is_packed else "snappy")
            yield [storage.get_url(file_name)]

    def _table(self, records: list[dict[str, Any]]) -> pa.Table:
        import pyarrow as pa  # noqa: PLC0415

        present = {name for record in records for name in record}
        names = [name for name in self._fields if name in present]
        names += sorted(present.difference(names))
        return pa.table({name: self._column(name, records) for name in names})

    def _column(self, name: str, records: list[dict[str, Any]]) -> pa.Array:
        import pyarrow as pa  # noqa: PLC0415

        field = self._fields.get(name, {})
        kind = _arrow_type(field)
        try:
            return pa.array([_shaped(record.get(name), field) for record in records], kind)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            message = (
                f"{self.stream_name}: a value of {name} does not fit a Parquet column of {kind} "
                f"({error}); set batch_config.encoding.format to jsonl, or deselect the field"
            )
            raise TapError(message) from error


def require_pyarrow() -> None:
    """Raise a `SettingsError` where Parquet cannot be written."""
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415
    except ImportError as error:
        message = (
            "batch_config.encoding.format is parquet, which needs pyarrow: "
            "pip install 'tap-gainsight-px[parquet]'"
        )
        raise SettingsError(message) from error


def _arrow_type(field: Mapping[str, Any]) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415

    return getattr(pa, _SCALARS[_kind(field)])()


def _shaped(value: Any, field: Mapping[str, Any]) -> Any:
    """Return a value as its column holds it: an object, a list or anything free-form as JSON."""
    kind = _kind(field)
    if value is None or kind in {"integer", "boolean"}:
        return value
    if kind == "number":
        return float(value)
    text = value if isinstance(value, str) and field.get("type") else serialize_json(value)
    # JSON may name half of a character; a file of UTF-8 cannot hold it.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _kind(field: Mapping[str, Any]) -> str:
    declared = field.get("type", ())
    kinds = {declared} if isinstance(declared, str) else {one for one in declared if one != "null"}
    kind = kinds.pop() if len(kinds) == 1 else ""
    return kind if kind in _SCALARS else "string"
