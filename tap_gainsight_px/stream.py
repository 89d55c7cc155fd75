"""The Singer stream: from a bookmark to windows, from what was read to records and STATE."""

from __future__ import annotations

from contextlib import closing, contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk.helpers._batch import SDKBatchMessage
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import CustomStreamMap, SameRecordTransform
from singer_sdk.singerlib import Schema
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL

from tap_gainsight_px.catalog.event_tables import EventColumns
from tap_gainsight_px.errors import ParentsError, RefusedError, RequestError, TapError
from tap_gainsight_px.mapped_values import removed_alone
from tap_gainsight_px.output.announced import AttributeMemory
from tap_gainsight_px.output.batch_files import BatchFiles
from tap_gainsight_px.output.full_readings import FullReadings
from tap_gainsight_px.output.message_writer import PageWriter
from tap_gainsight_px.output.meters import RequestMeters, SyncTimer
from tap_gainsight_px.output.state import StreamState
from tap_gainsight_px.reading.planner import Aside, Run, for_a_sample, plan_jobs
from tap_gainsight_px.reading.progress import StreamProgress
from tap_gainsight_px.reading.tallied import tallied
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.page import pieces
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.records.typed import MessageFormat
from tap_gainsight_px.tally import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from singer_sdk import Tap
    from singer_sdk.helpers import types
    from singer_sdk.helpers._batch import BatchConfig
    from singer_sdk.singerlib import Catalog
    from singer_sdk.singerlib.catalog import SelectionMask

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.output.announced import Announced
    from tap_gainsight_px.reading.planner import Job
    from tap_gainsight_px.records.page import Row, Slice


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
        self._earlier: Callable[[], list[Job]] = list
        self._past: list[Job] = []
        self._has_failed = False
        self._meters: RequestMeters | None = None

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
        with self._reading() as progress:
            for slice_ in progress.slices:
                for _, _, record in slice_.rows:
                    self._run().cancellation.check()
                    yield record  # type: ignore[misc] # a dict, as `_message_format` has said
                # Only here has the last record of the slice been written.
                self._finish(slice_, progress)

    def _sync_records(
        self, context: types.Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Write the messages of this stream: page by page, or record by record with the SDK."""
        writer = self._tap.message_writer
        if self._message_format() is None or not isinstance(writer, PageWriter):
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        with (
            self._reading() as progress,
            self.get_record_counter() as counter,
            self.get_sync_timer() as timer,
        ):
            counter.with_context({})
            timer.with_context({})
            for slice_ in progress.slices:
                self._write_rows(slice_.rows, writer)
                counter.increment(len(slice_.rows))
                self._finish(slice_, progress)

    def _sync_batches(
        self, batch_config: BatchConfig, context: types.Context | None = None
    ) -> None:
        """Write BATCH messages, each followed by the STATE of what its files hold.

        The SDK's own way writes fields that are deselected, and STATE ahead of the files.
        """
        del context
        schemas = {one.stream_alias: one.transformed_schema for one in self.stream_maps}
        held: list[Slice] = []
        with (
            self._reading() as progress,
            self.get_record_counter() as records,
            self.get_batch_counter() as counter,
            self.get_sync_timer(),
        ):
            files = {
                stream: BatchFiles(
                    self.tap_name,
                    stream,
                    batch_config,
                    schema,
                    version=self._stream_version,
                    clock=self._run().clock,
                )
                for stream, schema in schemas.items()
            }
            for slice_ in progress.slices:
                records.increment(len(slice_.rows))
                held.append(slice_)
                if sum(len(one.rows) for one in held) >= batch_config.batch_size:
                    counter.increment(self._write_files(held, files, progress))
            counter.increment(self._write_files(held, files, progress))

    def _write_files(
        self, held: list[Slice], files: Mapping[str, BatchFiles], progress: StreamProgress
    ) -> int:
        """Write what is held to files, let go of it and return the number of BATCH messages."""
        by_stream: dict[str, list[dict[str, Any] | bytes]] = {}
        for slice_ in held:
            self._run().cancellation.check()
            for _, _, record in slice_.rows:
                if isinstance(record, bytes):  # then there is one map alone, which changes nothing
                    by_stream.setdefault(self.stream_maps[0].stream_alias, []).append(record)
                    continue
                self._run().cancellation.check()
                for message in self._generate_record_messages(record):
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
            self._finish(slice_, progress)
        held.clear()
        return messages

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

        That is the case for everything that looks at single records: stream maps that do more than
        remove fields, flattening and `--test`.
        """
        stream_map = self.stream_maps[0]
        batch_config = self.get_batch_config(self.config)
        if (
            len(self.stream_maps) > 1
            or not (type(stream_map) is SameRecordTransform or self._removed)
            or stream_map.flattening_enabled
            or self.ABORT_AT_RECORD_COUNT is not None
            or not isinstance(self._tap.message_writer, PageWriter)
        ):
            return None
        return MessageFormat(
            stream_map.stream_alias, self._stream_version, is_bare=batch_config is not None
        )

    @property
    def mask(self) -> SelectionMask:
        """Which fields are selected; keys always are, for no loader takes a record without."""
        mask = super().mask
        names = (*self.spec.primary_keys, self.spec.replication_key)
        mask.update({("properties", name): True for name in names if name is not None})
        return mask

    @property
    def _removed(self) -> frozenset[str]:
        """The fields that the stream's map removes, if it does nothing else.

        For the records that is the same as to deselect them. Attributes of events with columns of
        their own are another matter.
        """
        if self._columns is not None or type(self.stream_maps[0]) is not CustomStreamMap:
            return frozenset()
        return removed_alone(self.config["stream_maps"], self.name)

    @property
    def _flattened_levels(self) -> int:
        """How many levels of objects the SDK makes columns of."""
        stream_map = self.stream_maps[0]
        options = stream_map.flattening_options if stream_map.flattening_enabled else None
        return options.max_level if options else 0

    # The run of this stream: begun, moved on slice by slice, ended

    @contextmanager
    def _reading(self) -> Generator[StreamProgress, None, None]:
        """Yield what is read of this stream; whoever has written a slice says so by `_finish`.

        An error of this stream alone ends here: it is told at the end of the run, and the other
        streams are read. `--test` looks at one record of each stream, and so at each error.
        """
        run = self._run()
        progress = self._begin(run)
        tally = progress.tally
        # The same ones for the past of a stream: what has been told is not told again.
        self._meters = self._meters or RequestMeters(tally, self.spec.path)
        try:
            with closing(self._meters), closing(progress.slices):
                yield progress
            self._past, self._earlier = self._earlier(), list
            if progress.end() and self._stream_version is not None:
                self._write_activate_version_message(self._stream_version)
            if not self._past:
                is_whole = not (tally.missing or tally.errors)
                tally.end_as(Outcome.WHOLE if is_whole else Outcome.INCOMPLETE)
        except TapError as error:
            if error.ends_run or self.ABORT_AT_RECORD_COUNT is not None:
                if isinstance(error, RequestError):
                    tally.end_as(Outcome.FAILED, *error.lines)
                raise
            if not isinstance(error, ParentsError):
                self._past = []
            self._note_failure(error, run)
        finally:
            del run.progress[self.name]
            if not self._past:
                self._oddities.sum_up()
            self._save(progress.state)
            self._attributes.tell_columns_to_come()

    def _begin(self, run: Run) -> StreamProgress:
        """Return this stream's progress; on the first call let all streams begin to read."""
        if self.name not in run.progress:
            streams = [one for one in self._tap.streams.values() if isinstance(one, PxStream)]
            to_come = [one for one in streams[streams.index(self) :] if one.selected]
            for stream in [self] if self.ABORT_AT_RECORD_COUNT else to_come:
                run.progress[stream.name] = stream._start(run)  # noqa: SLF001
        return run.progress[self.name]

    def _start(self, run: Run) -> StreamProgress:
        """Let the workers begin to read this stream from where it stands."""
        state = self._standing(run, self.stream_state)
        deselected = Deselected.from_mask(self.mask)
        if self._columns is not None:
            self._columns.hide(deselected.paths)
        self._attributes.leave_out(deselected.holds, self.stream_state)
        full_readings = self._versions(run, state)
        message_format = self._message_format()
        if message_format is not None:
            deselected = deselected.and_fields(self._removed)
        decode = PageDecoder(
            self.spec,
            self.schema,
            drop_unknown=run.settings.drop_unknown_fields,
            message_format=message_format,
            deselected=deselected,
            flattened_levels=self._flattened_levels,
            columns=self._columns,
        )
        self._oddities = decode.oddities
        tally = run.tally.of(self.name)
        tally.odd = decode.oddities
        tally.replication_key = self.spec.replication_key if self._is_incremental else None
        self._state = state
        planned = for_a_sample(run) if self.ABORT_AT_RECORD_COUNT else run
        is_full_reading = full_readings is not None and full_readings.is_due
        plan = plan_jobs(self.spec, planned, decode, state, is_full_reading=is_full_reading)
        self._earlier = plan.earlier
        # Also the types, before the first record: a table keeps those that it was made with.
        self._save(state)
        return self._progress(run, state, plan.jobs, full_readings=full_readings)

    def _standing(self, run: Run, entry: dict[str, Any]) -> StreamState:
        """Return where the stream stands, by its part of STATE."""
        key = self.spec.replication_key if self._is_incremental else None
        return StreamState(self.name, entry, replication_key=key, clock=run.clock)

    def plan_aside(self, run: Run) -> Aside:
        """Plan a sync in another run, without a trace in STATE."""
        state = self._standing(run, deepcopy(self.stream_state))
        full_readings = self._versions(run, state)
        is_full_reading = full_readings is not None and full_readings.is_due
        # Whose ids nobody has asked for yet cannot be told apart: all of them count.
        state.forget_position()
        bookmark, decode = state.bookmark, PageDecoder(self.spec, {})
        plan = plan_jobs(self.spec, run, decode, state, is_full_reading=is_full_reading)
        return Aside(plan, state, bookmark, is_full_reading=is_full_reading)

    def _progress(
        self,
        run: Run,
        state: StreamState,
        jobs: list[Job],
        *,
        full_readings: FullReadings | None = None,
        fills_back: bool = False,
    ) -> StreamProgress:
        return StreamProgress(
            self.spec,
            state,
            self._saving(run.pool.queue(tallied(jobs, run.tally.of(self.name)))),
            version=self._stream_version,
            shortfalls=run.shortfalls,
            accepts_missing=run.settings.accept_missing_records,
            full_readings=full_readings,
            fills_back=fills_back,
            tally=run.tally.of(self.name),
        )

    def _versions(self, run: Run, state: StreamState) -> FullReadings | None:
        """Decide on the version of this run's records, if they are to carry one.

        Returns:
            What knows when to read all, for a stream that goes by a bookmark.
        """
        settings = run.settings
        time_range = self.spec.time_range
        is_partial = time_range is not None and not time_range.full_table_is_whole
        if is_partial or not settings.emit_activate_version_messages:
            return None
        if not self._is_incremental:
            self._stream_version = state.version
            return None
        # Up to an `end_date`, or as far as `--test` looks, nothing is read whole.
        is_part = settings.end < settings.run_start or self.ABORT_AT_RECORD_COUNT is not None
        days = 0 if is_part else settings.full_read_days
        readings = FullReadings(self.name, state, days=days, now=run.clock.run_start)
        self._stream_version = readings.version
        return readings

    def begin_past(self) -> bool:
        """Let the workers begin to read what is missing of the past; say whether anything is.

        To be called when all streams are up to date: the latest days of each come before the past
        of any.
        """
        run, jobs = self._run(), self._past
        self._past = []
        if jobs:
            run.progress[self.name] = self._progress(run, self._state, jobs, fills_back=True)
        return bool(jobs)

    def read_past(self) -> None:
        """Write what `begin_past` has begun to read. The stream's SCHEMA has been written."""
        batch_config = self.get_batch_config(self.config)
        if batch_config is not None:
            self._sync_batches(batch_config)
            return
        for _ in self._sync_records():
            pass

    def _saving(self, slices: Generator[Slice, None, None]) -> Generator[Slice, None, None]:
        """Yield slices; after the last one, or an error, write STATE of what has been written."""
        try:
            with closing(slices):
                yield from slices
        finally:
            self._write_state_message()
            self._flush()

    def _finish(self, slice_: Slice, progress: StreamProgress) -> None:
        """Move the bookmark over a slice that has been written out, and write STATE if due."""
        self._run().records += len(slice_.rows)
        progress.add(slice_)
        if self._meters is not None:
            self._meters.update()
        self.state_manager.is_flushed &= not progress.state.is_changed
        if progress.state.is_due:
            self._save(progress.state)
        self._flush()

    def _save(self, state: StreamState) -> None:
        if self._attributes.remember(self.stream_state):
            self.state_manager.is_flushed = False
        self.state_manager.is_flushed &= not state.is_changed
        state.saved()
        self._write_state_message()

    def _flush(self) -> None:
        """Let go of the records of a slice, whether or not a STATE has followed them."""
        if isinstance(self._tap.message_writer, PageWriter):
            self._tap.message_writer.flush()

    def _note_failure(self, error: TapError, run: Run) -> None:
        is_forbidden = isinstance(error, RefusedError) and error.status == 403  # noqa: PLR2004
        if is_forbidden and run.settings.skip_forbidden_streams:
            run.forbidden.append(self.name)
            run.tally.of(self.name).end_as(Outcome.SKIPPED)
            return
        error.during(self.name)
        outcome = Outcome.INCOMPLETE if isinstance(error, ParentsError) else Outcome.FAILED
        run.tally.of(self.name).end_as(outcome, *error.lines)
        # Parents that cannot be read in the latest days cannot in the past: told once.
        if not (self._has_failed and isinstance(error, ParentsError)):
            run.failures.append(error)
        self._has_failed = True
        self.logger.warning("%s. The other streams are read all the same", error)

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
