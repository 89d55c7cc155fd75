"""The Singer stream: from a bookmark to windows, from what was read to records and STATE."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL

from tap_gainsight_px.bookmarks import read_bookmark
from tap_gainsight_px.child_reader import ChildReader
from tap_gainsight_px.errors import RefusedError, TapError
from tap_gainsight_px.reader import WindowReader
from tap_gainsight_px.records import PageDecoder
from tap_gainsight_px.stream_spec import Sums
from tap_gainsight_px.timestamps import DAY, floor_second, to_iso
from tap_gainsight_px.verified_reader import VerifiedReader
from tap_gainsight_px.windows import Window, cut, cut_aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from singer_sdk import Tap
    from singer_sdk.helpers import types

    from tap_gainsight_px.ordered_pool import More, OrderedPool
    from tap_gainsight_px.reader import Batch, Get
    from tap_gainsight_px.settings import Settings
    from tap_gainsight_px.stop import Stop
    from tap_gainsight_px.stream_spec import StreamSpec, TimeRange


# Width of what one record sums up, and a moment at which one begins (weeks: a Monday), in ms.
_STEPS = {Sums.DAY: (DAY, 0), Sums.WEEK: (7 * DAY, 4 * DAY)}

# In the STATE of a full table that was interrupted.
_POSITION = "read_up_to"
_VERSION = "version"
_POSITIONS_PER_STATE = 500


@dataclass
class Run:
    """What the streams of one run share."""

    settings: Settings
    get: Get
    pool: OrderedPool[Batch]
    stop: Stop
    specs: Mapping[str, StreamSpec]
    """The stream table by name."""
    shortfalls: list[str] = field(default_factory=list)
    """One line for every stretch that could not be read whole."""
    forbidden: list[str] = field(default_factory=list)
    """Streams that the key may not read and the user has allowed to skip."""


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
        self._lane: Generator[Batch, None, None] | None = None
        self._bookmark: int | None = None
        self._is_whole = True
        self._vanished = 0
        self._unsaved = 0

    def get_records(self, context: types.Context | None) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """Yield the records of the sync, and write STATE after each batch of them.

        Raises:
            TapError: The stream could not be read to its end. What was read before is written
                out, and so is the STATE of it.
        """
        run = self._run()
        self._start_version(run)
        try:
            with closing(self._take_lane()) as batches:
                for batch in batches:
                    for row in batch.rows:
                        run.stop.check()
                        yield row.record
                    # Only here has the last record of the batch been written.
                    self._finish(batch, run)
        except RefusedError as error:
            if error.status != 403 or not run.settings.skip_forbidden_streams:  # noqa: PLR2004
                raise
            run.forbidden.append(self.name)
            return
        finally:
            self._write_state_message()
        self._end()

    def log(self, message: str, *args: Any, **kwargs: Any) -> None:
        """Log a message of the SDK's, but not the one that calls every error unhandled."""
        if not message.startswith("An unhandled error occurred"):
            super().log(message, *args, **kwargs)

    # From the bookmark to jobs

    def _take_lane(self) -> Generator[Batch, None, None]:
        """Return this stream's batches; on the first call let all streams begin to read."""
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

    def _jobs(self) -> list[Callable[[], Batch | More[Batch]]]:
        spec, run = self.spec, self._run()
        reader = self._reader(spec, self.schema)
        self._bookmark = self._read_bookmark(run.settings)
        if spec.parent is not None:
            parent_spec = run.specs[spec.parent.stream]
            children = ChildReader(reader, self._reader(parent_spec, {}), spec.parent)
            ranges = self._ranges(spec.time_range) if spec.time_range else None
            return [children.job(ranges, None if ranges is not None else self._position)]
        if spec.time_range is None:
            return [reader.job(None)]
        if not spec.time_range.documented:
            verified = VerifiedReader(reader, spec.time_range)
            start = None if self._bookmark is None else self._resume_at(run.settings)
            end = run.settings.end
            return [verified.job(start, end, ends_now=end == run.settings.run_start)]
        form = spec.time_range.forms[0]
        return [reader.job(window, form) for window in self._ranges(spec.time_range)]

    def _reader(self, spec: StreamSpec, schema: dict[str, Any]) -> WindowReader:
        run = self._run()
        drop_unknown = run.settings.drop_unknown_fields
        return _make_reader(spec, PageDecoder(spec, schema, drop_unknown=drop_unknown), run)

    def _ranges(self, time_range: TimeRange) -> list[Window]:
        """Return the stretches of time to read, from the bookmark or the start date on."""
        settings = self._run().settings
        start = settings.start if self._bookmark is None else self._resume_at(settings)
        end = settings.end
        if time_range.sums is not None:
            step, first = _STEPS[time_range.sums]
            ranges = cut_aligned(start, end, step, first)
        else:
            longest = time_range.max_days
            days = settings.window if longest is None else longest * DAY
            ranges = cut(start, end, min(settings.window, days))
        self.logger.info(
            "Reading from %s to %s in %d windows", to_iso(start), to_iso(end), len(ranges)
        )
        return ranges

    def _read_bookmark(self, settings: Settings) -> int | None:
        if not self._is_incremental or self.spec.replication_key is None:
            return None
        bookmark = read_bookmark(self.name, self.stream_state, self.spec.replication_key)
        if bookmark is not None and bookmark > settings.run_start:
            self.logger.warning(
                "The bookmark %s lies in the future; starting from now",
                to_iso(bookmark),
            )
            return settings.run_start
        return bookmark

    def _resume_at(self, settings: Settings) -> int:
        """Return where to start again: a lookback before the bookmark.

        But not before `start_date` where the bookmark has passed it.
        """
        bookmark = self._bookmark or 0
        start = floor_second(bookmark - settings.lookback)
        is_event = self.spec.time_range is not None and self.spec.time_range.documented
        floor = settings.given_start if is_event else None
        return start if floor is None or floor > bookmark else max(start, floor)

    # From batches to STATE

    def _finish(self, batch: Batch, run: Run) -> None:
        """Move the bookmark over a batch that has been written out, and write STATE."""
        self._vanished += batch.vanished
        if batch.missing:
            self._is_whole = False
            line = f"{batch.subject}: {batch.missing} announced records never arrived"
            run.shortfalls.append(line)
            self.logger.error(
                "%s; the bookmark stays in front of them and the next run reads them again", line
            )
        if batch.position is not None:
            self._move_position(batch.position)
        elif batch.read_to is not None and self._is_incremental and self._is_whole:
            self._move_bookmark(min(batch.read_to, run.settings.run_start))

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
        is_partial = self.spec.time_range is not None and self.spec.time_range.documented
        if self._is_incremental or is_partial or not run.settings.emit_activate_version_messages:
            return
        interrupted = self.stream_state.get(_VERSION) if self._position is not None else None
        self._stream_version = interrupted or run.settings.run_start // 1_000

    def _end(self) -> None:
        """Say what the whole stream amounts to, now that it has been read to its end."""
        if self._vanished:
            self.logger.warning(
                "%d %s were not there any more",
                self._vanished,
                self.spec.parent and self.spec.parent.stream,
            )
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


def sample_events(spec: StreamSpec, run: Run) -> list[dict[str, Any]]:
    """Return some real events of one name: a page of those of the last 190 days."""
    assert spec.time_range is not None  # noqa: S101 - every event stream has one
    reader = _make_reader(spec, PageDecoder(replace(spec, event_name=None), {}), run)
    end = run.settings.run_start
    rows = reader.sample(Window(end - 190 * DAY, end), spec.time_range.forms[0])
    return [row.record for row in rows]


def _make_reader(spec: StreamSpec, decode: PageDecoder, run: Run) -> WindowReader:
    return WindowReader(
        spec,
        run.get,
        decode,
        page_size=min(run.settings.page_size, spec.page_size_max or 1),
        window_max_records=run.settings.window_max_records,
        wait=run.stop.wait,
    )


def shortfall_error(shortfalls: list[str]) -> TapError:
    """Return the error that ends a run in which something could not be read whole."""
    message = (
        f"{len(shortfalls)} stretch(es) could not be read whole: {'; '.join(shortfalls)}. "
        "All that arrived was written out and the bookmarks stay in front of the gaps: run again, "
        "and ask Gainsight support about the time range if it stays like this"
    )
    return TapError(message)
