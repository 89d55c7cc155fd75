"""BATCH files: the records of one stream as JSON lines or Parquet, wherever fsspec can write.

The SDK's own writers do not do. That of JSON lines packs by gzip whatever is asked for, and the
BATCH message says what was asked for. That of Parquet takes the columns from the first record of a
file and guesses their types from the values: what the first record lacks is then in no file, and
an event whose attributes have other types than those of the event before it ends the run. Here a
column is what the schema declares. Objects and lists are JSON text, because the API may put
anything into them.

Beside the fields of a record stand those that a loader on the Singer SDK puts beside the record of
a RECORD line (https://sdk.meltano.com/en/latest/implementation/record_metadata.html). It puts none
beside those of a file: target-snowflake stages the file as it is, target-postgres writes its lines
to the table. Without the version in it no row would ever count as deleted.
"""

from __future__ import annotations

import gzip
from contextlib import nullcontext
from dataclasses import replace
from itertools import groupby
from typing import IO, TYPE_CHECKING, Any, cast
from uuid import uuid4

from singer_sdk.singerlib.json import serialize_json

from tap_gainsight_px.errors import BatchFileError
from tap_gainsight_px.output.parquet_columns import ParquetColumns
from tap_gainsight_px.timestamps import to_iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig

    from tap_gainsight_px.run_clock import RunClock

PARQUET = "parquet"

# Level 6, which is usual, makes them a seventh smaller and takes three times as long.
_COMPRESSION = 3

_DELETED = "_sdc_deleted_at"
_LOADED: Mapping[str, Any] = {
    "_sdc_extracted_at": {"type": "string"},
    "_sdc_received_at": {"type": "string"},
    "_sdc_batched_at": {"type": "string"},
    _DELETED: {"type": "string"},
    "_sdc_sequence": {"type": "integer"},
    "_sdc_table_version": {"type": "integer"},
    "_sdc_sync_started_at": {"type": "integer"},
}


class BatchFiles:
    """Writes the records of one stream to files."""

    def __init__(
        self,
        tap_name: str,
        stream: str,
        batch_config: BatchConfig,
        schema: Mapping[str, Any],
        *,
        version: int | None,
        clock: RunClock,
    ) -> None:
        """Prepare without a file.

        Args:
            tap_name: Name of the tap, for the names of the files.
            stream: Name of the stream, likewise.
            batch_config: Where to, how many records in a file, in which form.
            schema: JSON Schema of a record.
            version: The version of a full table; None where its records carry none.
            clock: Knows when the run began, and what time it is on this host.
        """
        self._stream = stream
        self._version = version
        self._clock = clock
        self._storage = batch_config.storage
        self._batch_size = batch_config.batch_size
        self._columns = ParquetColumns(stream, {**schema.get("properties", {}), **_LOADED})
        self._name = f"{self._storage.prefix or ''}{tap_name}--{stream}-{uuid4()}"
        self._files = 0
        self._is_parquet = batch_config.encoding.format == PARQUET
        compression = batch_config.encoding.compression
        if compression is None and not self._is_parquet:
            compression = "gzip"
        self._is_packed = compression == "gzip"
        self.encoding: BaseBatchFileEncoding = replace(
            batch_config.encoding, compression=compression
        )
        """What BATCH messages say about the files."""

    def write(self, records: Sequence[dict[str, Any] | bytes]) -> Iterator[str]:
        """Write files of `batch_size` records; yield the address of each once it is complete.

        Args:
            records: As dicts, or as a line of JSON each.

        Raises:
            TapError: A file cannot be written, or a value is not of the type that its column has.
        """
        for start in range(0, len(records), self._batch_size):
            some = records[start : start + self._batch_size]
            self._files += 1
            file_name = f"{self._name}-{self._files}.{self._ending}"
            try:
                with self._storage.open(file_name, "wb") as file:
                    if self._is_parquet:
                        self._write_parquet(some, file)
                    else:
                        self._write_lines(some, file)
                url = self._storage.get_url(file_name)
            except OSError as error:
                message = (
                    "no BATCH file can be written to batch_config.storage.root "
                    f"{self._storage.root} ({error.strerror or error}). Make room, or choose "
                    "another place; then run again with the last STATE"
                )
                raise BatchFileError(message) from error
            yield url

    def _loaded(self) -> dict[str, Any]:
        """Return what a loader adds to RECORD lines, as of this moment."""
        now = self._clock.now()
        moment = to_iso(now)
        return {
            "_sdc_extracted_at": moment,
            "_sdc_received_at": moment,
            "_sdc_batched_at": moment,
            # A row that was marked as deleted, and is there again, loses the mark by this null.
            _DELETED: None,
            "_sdc_sequence": now,
            "_sdc_table_version": self._version,
            "_sdc_sync_started_at": self._clock.run_start,
        }

    @property
    def _ending(self) -> str:
        if self._is_parquet:
            return "parquet"
        return "json.gz" if self._is_packed else "json"

    def _write_lines(self, records: Sequence[dict[str, Any] | bytes], file: IO[bytes]) -> None:
        loaded = self._loaded()
        # A line ends where its record does, and nothing else in it looks like that.
        end = b"," + serialize_json(loaded).encode()[1:] + b"\n"
        packer = (
            gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_COMPRESSION)
            if self._is_packed
            else nullcontext(file)
        )
        with packer as lines:
            for are_lines, some in groupby(records, key=lambda one: isinstance(one, bytes)):
                if are_lines:
                    lines.write(b"".join(cast("Iterable[bytes]", some)).replace(b"}\n", end))
                else:
                    lines.writelines(
                        serialize_json({**one, **loaded, _DELETED: one.get(_DELETED)}).encode()
                        + b"\n"
                        for one in cast("Iterable[dict[str, Any]]", some)
                    )

    def _write_parquet(self, records: Sequence[dict[str, Any] | bytes], file: IO[bytes]) -> None:
        from pyarrow import parquet  # noqa: PLC0415

        table = self._columns.table(records, self._loaded())
        compression = "gzip" if self._is_packed else "snappy"
        parquet.write_table(table, file, compression=compression)
