"""The Singer stream: what the SDK asks of one, and the ways in which its records leave."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import Schema
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL

from tap_gainsight_px.catalog.event_tables import EventColumns
from tap_gainsight_px.output.announced import AttributeMemory
from tap_gainsight_px.output.batch_files import BatchFiles
from tap_gainsight_px.output.message_writer import PageWriter
from tap_gainsight_px.output.meters import SyncTimer
from tap_gainsight_px.records.page import pieces
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.singer.batches import Batches
from tap_gainsight_px.singer.record_path import RecordPath
from tap_gainsight_px.singer.stream_run import StreamRun

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from singer_sdk import Tap
    from singer_sdk.helpers import types
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.singerlib import Catalog
    from singer_sdk.singerlib.catalog import SelectionMask

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.output.announced import Announced
    from tap_gainsight_px.reading.planner import Aside
    from tap_gainsight_px.reading.run import Run
    from tap_gainsight_px.records.decoder import PageDecoder
    from tap_gainsight_px.records.page import Row
    from tap_gainsight_px.settings import Settings


class PxStream(Stream):
    """One entry of the stream table as a Singer stream."""

    # Records leave in the order of the replication key, window by window, so a STATE written
    # between two of them can always be resumed from.
    is_sorted = True
    # `coercion` has already held every record against the schema.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(
        self,
        tap: Tap,
        spec: StreamSpec,
        schema: dict[str, Any],
        run: Callable[[], Run],
        *,
        announced: Announced,
        columns: Mapping[str, str],
    ) -> None:
        """Set up without a request.

        Args:
            tap: The tap.
            spec: The stream's entry in the table.
            schema: Its JSON Schema.
            run: Gives what the streams of this run share; not asked before the sync begins.
            announced: What the schema says of attributes, for STATE.
            columns: The column of each attribute, in a table of events.
        """
        super().__init__(tap, schema=schema, name=spec.name)
        self.spec = spec
        self.primary_keys = spec.primary_keys
        self.replication_key = spec.replication_key
        self._run = run
        self.selected_by_default = spec.selected_by_default
        self.column_of = columns
        """The column of each attribute, in a table of events."""
        self._columns: EventColumns | None = None
        if spec.event_name is not None:
            self._columns = EventColumns(columns, fields=schema["properties"])
        self._attributes = AttributeMemory(spec.name, announced, self._columns)
        self._part: StreamRun | None = None

    def apply_catalog(self, catalog: Catalog) -> None:
        """Take from a catalog what is selected, and put into it the schema that holds now."""
        if entry := catalog.get_stream(self.name):
            entry.schema = Schema.from_dict(self.schema)
        super().apply_catalog(catalog)

    # From slices to messages

    def get_records(self, context: types.Context | None) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """Yield the records of the sync, and write STATE after each slice of them.

        Raises:
            TapError: The run cannot continue. What was read before is written out, and so is the
                STATE of it. An error of this stream alone is kept until the end of the run.
        """
        part = self._begun()
        with part.reading() as slices:
            for slice_ in slices:
                for _, _, record in slice_.rows:
                    self._run().cancellation.check()
                    yield record  # type: ignore[misc] # a dict: no `message_format`
                # Only here has the last record of the slice been written.
                part.finish(slice_)

    def _sync_records(
        self, context: types.Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write the messages of this stream: page by page, or record by record with the SDK."""
        writer = self._tap.message_writer
        if self._path.message_format is None or not isinstance(writer, PageWriter):
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        part = self._begun()
        with (
            part.reading() as slices,
            self.get_record_counter() as counter,
            self.get_sync_timer() as timer,
        ):
            counter.with_context({})
            timer.with_context({})
            for slice_ in slices:
                self._write_rows(slice_.rows, writer)
                counter.increment(len(slice_.rows))
                part.finish(slice_)

    def _sync_batches(
        self, batch_config: BatchConfig, context: types.Context | None = None
    ) -> None:
        """Write BATCH messages, each followed by the STATE of what its files hold."""
        del context
        part, run = self._begun(), self._run()
        with (
            part.reading() as slices,
            self.get_record_counter() as records,
            self.get_batch_counter() as counter,
            self.get_sync_timer(),
        ):
            batches = Batches(
                {
                    one.stream_alias: BatchFiles(
                        self.tap_name,
                        one.stream_alias,
                        batch_config,
                        one.transformed_schema,
                        version=part.version,
                        clock=run.clock,
                    )
                    for one in self.stream_maps
                },
                alias=self.stream_maps[0].stream_alias,
                version=part.version,
                messages_of=self._generate_record_messages,
                check=run.cancellation.check,
            )

            def write() -> None:
                written, messages = batches.write(self._tap.write_message)
                counter.increment(messages)
                for one in written:
                    part.finish(one)

            for slice_ in slices:
                records.increment(len(slice_.rows))
                batches.add(slice_)
                if batches.records >= batch_config.batch_size:
                    write()
            write()

    def _write_rows(self, rows: Sequence[Row], writer: PageWriter) -> None:
        """Write rows in their order, those that are messages already many at a time."""
        for piece in pieces(rows):
            self._run().cancellation.check()
            if isinstance(piece, bytes):
                writer.write_lines(piece)
            else:
                self._write_record_message(piece)
        self.state_manager.is_flushed = False

    @property
    def _path(self) -> RecordPath:
        """Which way the records take, by what holds for the stream now."""
        return RecordPath(
            self.spec,
            self.stream_maps,
            self.config,
            self._columns,
            version=self._stream_version,
            takes_pages=(isinstance(self._tap.message_writer, PageWriter) and not self._is_sample),
            is_batch=self.get_batch_config(self.config) is not None,
        )

    @property
    def _is_sample(self) -> bool:
        """Whether one record is enough (`--test`)."""
        return self.ABORT_AT_RECORD_COUNT is not None

    @property
    def mask(self) -> SelectionMask:
        """Which fields are selected; keys always are, for no loader takes a record without."""
        mask = super().mask
        names = (*self.spec.primary_keys, self.spec.replication_key)
        mask.update({("properties", name): True for name in names if name is not None})
        return mask

    # The part of this stream in the run

    def _begun(self) -> StreamRun:
        """Return this stream's part; on the first call let all streams begin to read."""
        if self._part is None or not self._part.is_begun:
            streams = [one for one in self._tap.streams.values() if isinstance(one, PxStream)]
            to_come = [one for one in streams[streams.index(self) :] if one.selected]
            for stream in [self] if self._is_sample else to_come:
                stream._begin()  # noqa: SLF001
        assert self._part is not None  # noqa: S101 - it has just begun
        return self._part

    def _begin(self) -> None:
        """Let the workers begin to read this stream from where it stands."""
        run = self._run()
        self._part = self._part_in(run, self.stream_state)
        self._stream_version = self._part.version
        self._part.begin(self._decoder(run.settings))

    def _part_in(self, run: Run, entry: dict[str, Any]) -> StreamRun:
        return StreamRun(
            self.spec,
            run,
            entry,
            attributes=self._attributes,
            outlet=self,
            is_incremental=self.replication_method == REPLICATION_INCREMENTAL,
            is_sample=self._is_sample,
        )

    def _decoder(self, settings: Settings) -> PageDecoder:
        """Return what makes records of answers, as the catalog and the stream maps want them."""
        deselected = Deselected.from_mask(self.mask)
        if self._columns is not None:
            self._columns.hide(deselected.paths)
        self._attributes.leave_out(deselected.holds, self.stream_state)
        return self._path.decoder(
            self.schema, deselected, drop_unknown=settings.drop_unknown_fields
        )

    def plan_aside(self, run: Run) -> Aside:
        """Plan a sync in another run, without a trace in STATE."""
        return self._part_in(run, deepcopy(self.stream_state)).plan_aside()

    def begin_past(self) -> bool:
        """Let the workers begin to read what is missing of the past; return whether anything is.

        To be called when all streams are up to date: the latest days of each come before the past
        of any.
        """
        return self._part is not None and self._part.begin_past()

    def read_past(self) -> None:
        """Write what `begin_past` has begun to read. The stream's SCHEMA has been written."""
        batch_config = self.get_batch_config(self.config)
        if batch_config is not None:
            self._sync_batches(batch_config)
            return
        for _ in self._sync_records():
            pass

    def write_state(self, *, is_changed: bool) -> None:
        """Write STATE, unless nothing has changed since the last one."""
        self.state_manager.is_flushed &= not is_changed
        self._write_state_message()

    def activate(self, version: int) -> None:
        """Write ACTIVATE_VERSION."""
        self._write_activate_version_message(version)

    def flush(self) -> None:
        """Hand all that has been written to the target, whether or not a STATE has followed it."""
        if isinstance(self._tap.message_writer, PageWriter):
            self._tap.message_writer.flush()

    def log(self, message: str, *args: Any, **kwargs: Any) -> None:
        """Log a message of the SDK's, but not the one that calls every error unhandled."""
        if not message.startswith("An unhandled error occurred"):
            super().log(message, *args, **kwargs)

    # What the SDK would do by itself

    def get_sync_timer(self) -> SyncTimer:
        """Return what tells how long this stream took, reading ahead included."""
        return SyncTimer(self._run().tally.of(self.name))

    @property
    def emit_activate_version_messages(self) -> bool:
        """Keep the SDK from activating a version before its records have been read.

        The records of a full table carry a version, which is activated when all have been
        written: whatever has an older one no longer exists in PX.
        """
        return False

    # The SDK moves bookmarks record by record. Here only whole windows move them: a record may
    # be older than the bookmark (lookback) or lie in the future, and neither must touch STATE.

    def _increment_stream_state(
        self, latest_record: types.Record, *, context: types.Context | None = None
    ) -> None:
        pass

    def _write_starting_replication_value(self, context: types.Context | None) -> None:
        pass

    def get_replication_key_signpost(self, context: types.Context | None = None) -> None:
        """Keep the SDK's upper limit for bookmarks out of STATE; `StreamState` has its own."""
