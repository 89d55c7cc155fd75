"""The Singer stream: from a bookmark to windows, from what was read to records and STATE."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from singer_sdk import Stream
from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL

from tap_gainsight_px.errors import RefusedError, TapError
from tap_gainsight_px.output.batch_files import BatchFiles
from tap_gainsight_px.output.message_writer import PageWriter
from tap_gainsight_px.output.state import read_bookmark
from tap_gainsight_px.reading.planner import Run, plan_jobs
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.page import pieces
from tap_gainsight_px.records.typed import MessageFormat
from tap_gainsight_px.timestamps import to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from singer_sdk import Tap
    from singer_sdk.helpers import types
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.singerlib.messages import RecordMessage

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.reading.ordered_pool import More
    from tap_gainsight_px.records.page import Row, Slice
    from tap_gainsight_px.settings import Settings

# In the STATE of a full table that was interrupted.
_POSITION = "read_up_to"
_VERSION = "version"
_POSITIONS_PER_STATE = 500

_TO_A_FIELD = ("properties", "name of the field")


class PxStream(Stream):
    """One entry of the stream table as a Singer stream."""

    # Records leave in the order of the replication key, window by window, so a STATE written
    # between two of them can always be resumed from.
    is_sorted = True
    # `drift` has already held every record against the schema.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(
        self, tap: Tap, spec: StreamSpec, schema: dict[str, Any], run: Callable[[], Run]
    ) -> None:
        """Set up without a request.

        Args:
            tap: The tap.
            spec: The stream's entry in the table.
            schema: Its JSON Schema.
            run: Gives what the streams of this run share; not asked before the sync begins.
        """
        super().__init__(tap, schema=schema, name=spec.name)
        self.spec = spec
        self.primary_keys = spec.primary_keys
        self.replication_key = spec.replication_key
        self._run = run
        self.selected_by_default = spec.selected_by_default
        self._lane: Generator[Slice, None, None] | None = None
        self._bookmark: int | None = None
        self._is_whole = True
        self._parents_requested = 0
        self._parents_missing = 0
        self._unsaved = 0

    # From slices to messages

    def get_records(self, context: types.Context | None) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """Yield the records of the sync, and write STATE after each slice of them.

        Raises:
            TapError: The stream could not be read to its end. What was read before is written
                out, and so is the STATE of it.
        """
        with closing(self._slices()) as slices:
            for slice_ in slices:
                for _, _, record in slice_.rows:
                    self._run().cancellation.check()
                    yield record  # type: ignore[misc] # a dict, as `_message_format` has said
                # Only here has the last record of the slice been written.
                self._finish(slice_)
        self._end()

    def _sync_records(
        self, context: types.Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write the messages of this stream: page by page, or record by record with the SDK."""
        writer = self._tap.message_writer
        if self._message_format() is None or not isinstance(writer, PageWriter):
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        with (
            self.get_record_counter() as counter,
            self.get_sync_timer() as timer,
            closing(self._slices()) as slices,
        ):
            counter.with_context({})
            timer.with_context({})
            for slice_ in slices:
                self._write_rows(slice_.rows, writer)
                counter.increment(len(slice_.rows))
                self._finish(slice_)
        self._end()

    def _sync_batches(
        self, batch_config: BatchConfig, context: types.Context | None = None
    ) -> None:
        """Write BATCH messages, each followed by the STATE of what its files hold.

        The SDK's own way writes fields that are deselected, and STATE ahead of the files.
        """
        del context
        schemas = {one.stream_alias: one.transformed_schema for one in self.stream_maps}
        files = {
            stream: BatchFiles(self.tap_name, stream, batch_config, schema)
            for stream, schema in schemas.items()
        }
        held: list[Slice] = []
        with self.get_batch_counter() as counter, closing(self._slices()) as slices:
            for slice_ in slices:
                held.append(slice_)
                if sum(len(one.rows) for one in held) >= batch_config.batch_size:
                    counter.increment(self._write_files(held, files))
            counter.increment(self._write_files(held, files))
        self._end()

    def _write_files(self, held: list[Slice], files: Mapping[str, BatchFiles]) -> int:
        """Write what is held to files, let go of it and return the number of BATCH messages."""
        by_stream: dict[str, list[dict[str, Any]]] = {}
        for slice_ in held:
            for _, _, record in slice_.rows:
                self._run().cancellation.check()
                for message in self._generate_record_messages(cast("dict[str, Any]", record)):
                    by_stream.setdefault(message.stream, []).append(message.record)
        messages = 0
        for stream, records in by_stream.items():
            encoding = files[stream].encoding
            for url in files[stream].write(records):
                self._tap.write_message(
                    SDKBatchMessage(stream, encoding, [url], self._stream_version)
                )
                messages += 1
        for slice_ in held:
            self._finish(slice_)
        held.clear()
        return messages

    def _generate_record_messages(
        self, record: dict[str, Any]
    ) -> Generator[RecordMessage, None, None]:
        try:
            yield from super()._generate_record_messages(record)
        except Exception as error:
            if not self.config.get("stream_maps"):
                raise
            # Their expressions can raise anything.
            message = (
                f"{self.name}: stream_maps cannot be applied to a record "
                f"({type(error).__name__}: {error}); correct the expression"
            )
            raise TapError(message) from error

    def _write_rows(self, rows: Sequence[Row], writer: PageWriter) -> None:
        """Write rows in their order, those that are messages already many at a time."""
        for piece in pieces(rows):
            self._run().cancellation.check()
            if isinstance(piece, bytes):
                writer.write_lines(piece)
            else:
                self._write_record_message(piece)
        self.state_manager.is_flushed = False

    def _message_format(self) -> MessageFormat | None:
        """Return what a message looks like, or None where each record needs the SDK's own path.

        That is the case for everything that looks at single records: stream maps, flattening,
        BATCH, `--test`, and the selection of fields inside fields.
        """
        stream_map = self.stream_maps[0]
        if (
            len(self.stream_maps) > 1
            or type(stream_map) is not SameRecordTransform
            or stream_map.flattening_enabled
            or self.ABORT_AT_RECORD_COUNT is not None
            or self.get_batch_config(self.config) is not None
            or not isinstance(self._tap.message_writer, PageWriter)
        ):
            return None
        deselected = [path for path, selected in self.mask.items() if path and not selected]
        left_out = frozenset(path[1] for path in deselected if len(path) == len(_TO_A_FIELD))
        if any(path[1] not in left_out for path in deselected):
            return None
        return MessageFormat(stream_map.stream_alias, self._stream_version, left_out)

    def _slices(self) -> Generator[Slice, None, None]:
        """Yield what was read. Whoever has written a slice says so by `_finish`."""
        run = self._run()
        try:
            with closing(self._take_lane()) as slices:
                yield from slices
        except RefusedError as error:
            if error.status != 403 or not run.settings.skip_forbidden_streams:  # noqa: PLR2004
                raise
            run.forbidden.append(self.name)
            self._is_whole = False
        finally:
            self._write_state_message()
            self._flush()

    def log(self, message: str, *args: Any, **kwargs: Any) -> None:
        """Log a message of the SDK's, but not the one that calls every error unhandled."""
        if not message.startswith("An unhandled error occurred"):
            super().log(message, *args, **kwargs)

    # From the bookmark to jobs

    def _take_lane(self) -> Generator[Slice, None, None]:
        """Return this stream's slices; on the first call let all streams begin to read."""
        if self._lane is None:
            streams = [self] if self.ABORT_AT_RECORD_COUNT else self._streams_to_come()
            for stream in streams:
                stream._lane = self._run().pool.lane(stream._jobs())  # noqa: SLF001
        lane, self._lane = self._lane, None
        assert lane is not None  # noqa: S101 - set just above
        return lane

    def _streams_to_come(self) -> list[PxStream]:
        streams = [one for one in self._tap.streams.values() if isinstance(one, PxStream)]
        return [one for one in streams[streams.index(self) :] if one.selected]

    def _jobs(self) -> list[Callable[[], Slice | More[Slice]]]:
        run = self._run()
        self._start_version(run)
        self._bookmark = self._read_bookmark(run.settings)
        decode = PageDecoder(
            self.spec,
            self.schema,
            drop_unknown=run.settings.drop_unknown_fields,
            message_format=self._message_format(),
        )
        return plan_jobs(
            self.spec,
            run,
            decode,
            incremental=self._is_incremental,
            bookmark=self._bookmark,
            position=self._position,
        )

    def _read_bookmark(self, settings: Settings) -> int | None:
        if not self._is_incremental or self.spec.replication_key is None:
            return None
        bookmark = read_bookmark(self.name, self.stream_state, self.spec.replication_key)
        if bookmark is not None and bookmark > settings.run_start:
            self.logger.warning(
                "The bookmark %s lies in the future; starting from now",
                to_iso(bookmark),
            )
            self._move_bookmark(settings.run_start)
            return settings.run_start
        return bookmark

    # From slices to STATE

    def _finish(self, slice_: Slice) -> None:
        """Move the bookmark over a slice that has been written out, and write STATE."""
        run = self._run()
        run.records += len(slice_.rows)
        self._parents_requested += slice_.parents_requested
        self._parents_missing += slice_.parents_missing
        if slice_.missing:
            self._is_whole = False
            line = f"{slice_.subject}: {slice_.missing} announced records never arrived"
            run.shortfalls.append(line)
            self.logger.error(
                "%s; the bookmark stays in front of them and the next run reads them again", line
            )
        if slice_.position is not None:
            self._move_position(slice_.position)
        elif slice_.read_to is not None and self._is_incremental and self._is_whole:
            self._move_bookmark(min(slice_.read_to, run.settings.run_start))
        self._flush()

    def _flush(self) -> None:
        """Let go of the records of a slice, whether or not a STATE has followed them."""
        if isinstance(self._tap.message_writer, PageWriter):
            self._tap.message_writer.flush()

    def _move_bookmark(self, read_to: int) -> None:
        self._bookmark = max(read_to, self._bookmark or read_to)
        self.stream_state["replication_key"] = self.spec.replication_key
        self.stream_state["replication_key_value"] = to_iso(self._bookmark)
        self._save_state()

    def _move_position(self, position: str) -> None:
        """Note the parent that was read last. There may be a million, so not each is a STATE."""
        self.stream_state[_POSITION] = position
        if self._stream_version is not None:
            self.stream_state[_VERSION] = self._stream_version
        self.state_manager.is_flushed = False
        self._unsaved += 1
        if self._unsaved >= _POSITIONS_PER_STATE:
            self._save_state()

    def _save_state(self) -> None:
        self._unsaved = 0
        self.state_manager.is_flushed = False
        self._write_state_message()

    @property
    def _position(self) -> str | None:
        position = self.stream_state.get(_POSITION)
        return None if position is None else str(position)

    # Deletions: the records of a full table carry a version, and when all have been written the
    # version is activated. Whatever has an older one is not in PX any more.

    @property
    def emit_activate_version_messages(self) -> bool:
        """Keep the SDK from activating a version before its records have been read."""
        return False

    def _start_version(self, run: Run) -> None:
        time_range = self.spec.time_range
        is_partial = time_range is not None and not time_range.full_table_is_whole
        if self._is_incremental or is_partial or not run.settings.emit_activate_version_messages:
            return
        interrupted = self.stream_state.get(_VERSION) if self._position is not None else None
        self._stream_version = interrupted or run.settings.run_start // 1_000

    def _end(self) -> None:
        """Say what the whole stream amounts to, now that it has been read to its end."""
        if self._parents_missing:
            self.logger.warning(
                "%d of %d %s were not there any more, or PX has nothing to tell of them",
                self._parents_missing,
                self._parents_requested,
                self.spec.parent and self.spec.parent.stream,
            )
            # That all are gone at once is rather a fault than a reason to delete everything.
            self._is_whole = self._is_whole and self._parents_missing < self._parents_requested
        if self._is_whole:
            for name in (_POSITION, _VERSION):
                if self.stream_state.pop(name, None) is not None:
                    self.state_manager.is_flushed = False
        if self._stream_version is not None and self._is_whole:
            self._write_activate_version_message(self._stream_version)
        self._write_state_message()

    @property
    def _is_incremental(self) -> bool:
        return self.replication_method == REPLICATION_INCREMENTAL

    # The SDK moves bookmarks record by record. Here only whole windows move them: a record may
    # be older than the bookmark (lookback) or lie in the future, and neither must touch STATE.

    def _increment_stream_state(
        self, latest_record: types.Record, *, context: types.Context | None = None
    ) -> None:
        pass

    def _write_starting_replication_value(self, context: types.Context | None) -> None:
        pass

    def get_replication_key_signpost(self, context: types.Context | None = None) -> None:
        """Keep the SDK's upper limit for bookmarks out of STATE; `_finish` has its own."""
