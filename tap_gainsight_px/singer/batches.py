"""Slices that leave in BATCH messages: held until they fill a file, and their STATE after them.

The SDK's own way writes fields that are deselected, and STATE ahead of the files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.helpers._batch import SDKBatchMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from singer_sdk.singerlib import RecordMessage

    from tap_gainsight_px.output.batch_files import BatchFiles
    from tap_gainsight_px.records.page import Slice


class Batches:
    """The slices of one stream that are not in a file yet."""

    def __init__(
        self,
        files: Mapping[str, BatchFiles],
        *,
        alias: str,
        version: int | None,
        messages_of: Callable[[dict[str, Any]], Iterable[RecordMessage]],
        check: Callable[[], None],
    ) -> None:
        """Hold none.

        Args:
            files: What writes the files of each stream that the stream maps make of this one.
            alias: The stream of records that are text already: then there is one map alone, which
                changes nothing.
            version: What the records carry; None where they carry none.
            messages_of: Selects and maps one record.
            check: Called between records; may raise.
        """
        self._files = files
        self._alias = alias
        self._version = version
        self._messages_of = messages_of
        self._check = check
        self._held: list[Slice] = []

    @property
    def records(self) -> int:
        """How many are held."""
        return sum(len(one.rows) for one in self._held)

    def add(self, slice_: Slice) -> None:
        """Hold one more slice."""
        self._held.append(slice_)

    def write(self, write_message: Callable[[SDKBatchMessage], None]) -> tuple[list[Slice], int]:
        """Write what is held to files, with a BATCH message for each.

        Returns:
            The slices that have been written, and the number of messages.

        Raises:
            TapError: A file cannot be written, or a record cannot be mapped.
        """
        written, self._held = self._held, []
        messages = 0
        for stream, records in self._by_stream(written).items():
            files = self._files[stream]
            for url in files.write(records):
                write_message(SDKBatchMessage(stream, files.encoding, [url], self._version))
                messages += 1
        return written, messages

    def _by_stream(self, slices: Iterable[Slice]) -> dict[str, list[dict[str, Any] | bytes]]:
        found: dict[str, list[dict[str, Any] | bytes]] = {}
        for slice_ in slices:
            self._check()
            for _, _, record in slice_.rows:
                if isinstance(record, bytes):
                    found.setdefault(self._alias, []).append(record)
                    continue
                self._check()
                for message in self._messages_of(record):
                    found.setdefault(message.stream, []).append(message.record)
        return found
