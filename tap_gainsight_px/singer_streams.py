"""The Singer stream: from a bookmark to windows, from what was read to records and STATE."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk.singerlib.catalog import REPLICATION_INCREMENTAL

from tap_gainsight_px import timestamps
from tap_gainsight_px.bookmarks import read_bookmark
from tap_gainsight_px.errors import TapError
from tap_gainsight_px.reader import WindowReader
from tap_gainsight_px.records import PageDecoder
from tap_gainsight_px.stream_spec import TimeForm
from tap_gainsight_px.verified_reader import VerifiedReader
from tap_gainsight_px.windows import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from singer_sdk import Tap
    from singer_sdk.helpers import types

    from tap_gainsight_px.ordered_pool import More, OrderedPool
    from tap_gainsight_px.reader import Batch, Get
    from tap_gainsight_px.settings import Settings
    from tap_gainsight_px.stop import Stop
    from tap_gainsight_px.stream_spec import DateFilter, StreamSpec


@dataclass
class Run:
    """What the streams of one run share."""

    settings: Settings
    get: Get
    pool: OrderedPool[Batch]
    stop: Stop
    shortfalls: list[str] = field(default_factory=list)
    """One line for every stretch that could not be read whole."""


class PxStream(Stream):
    """One entry of the stream table as a Singer stream."""

    # Records leave in the order of the replication key, window by window, so a STATE written
    # between two of them can always be resumed from.
    is_sorted = True

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
        self._lane: Generator[Batch, None, None] | None = None
        self._bookmark: int | None = None
        self._bookmark_stays = False

    def get_records(self, context: types.Context | None) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """Yield the records of the sync, and write STATE after each batch of them.

        Raises:
            TapError: The stream could not be read to its end. What was read before is written
                out, and so is the STATE of it.
        """
        run = self._run()
        with closing(self._take_lane()) as batches:
            for batch in batches:
                for row in batch.rows:
                    run.stop.check()
                    yield row.record
                # Only here has the last record of the batch been written.
                self._finish(batch, run)

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
        run = self._run()
        settings = run.settings
        reader = WindowReader(
            self.spec,
            run.get,
            PageDecoder(self.spec, self.schema),
            page_size=min(settings.page_size, self.spec.page_size_max or settings.page_size),
            window_max_records=settings.window_max_records,
            wait=run.stop.wait,
        )
        date_filter = self.spec.date_filter
        if date_filter is None:
            return [reader.job(None, TimeForm.ISO)]
        self._bookmark = self._read_bookmark(settings)
        if not date_filter.documented:
            start = None if self._bookmark is None else self._resume_at(settings)
            ends_now = settings.end == settings.run_start
            return [VerifiedReader(reader, date_filter).job(start, settings.end, ends_now=ends_now)]
        start = settings.start if self._bookmark is None else self._resume_at(settings)
        windows = cut(start, settings.end, _widest(date_filter, settings))
        self.logger.info(
            "Reading from %s to %s in %d windows",
            timestamps.to_iso_seconds(start),
            timestamps.to_iso_seconds(settings.end),
            len(windows),
        )
        return [reader.job(window, date_filter.forms[0]) for window in windows]

    def _read_bookmark(self, settings: Settings) -> int | None:
        if not self._is_incremental or self.spec.replication_key is None:
            return None
        bookmark = read_bookmark(self.name, self.stream_state, self.spec.replication_key)
        if bookmark is not None and bookmark > settings.run_start:
            self.logger.warning(
                "The bookmark %s lies in the future; starting from now",
                timestamps.to_iso(bookmark),
            )
            return settings.run_start
        return bookmark

    def _resume_at(self, settings: Settings) -> int:
        """Return where to start again: a lookback before the bookmark.

        But not before `start_date` where the bookmark has passed it.
        """
        bookmark = self._bookmark or 0
        start = timestamps.floor_second(bookmark - settings.lookback)
        floor = settings.given_start
        if self.spec.date_filter and not self.spec.date_filter.documented:
            floor = None
        return start if floor is None or floor > bookmark else max(start, floor)

    # From batches to STATE

    def _finish(self, batch: Batch, run: Run) -> None:
        """Move the bookmark over a batch that has been written out, and write STATE."""
        if batch.missing:
            self._bookmark_stays = True
            line = f"{batch.subject}: {batch.missing} announced records never arrived"
            run.shortfalls.append(line)
            self.logger.error(
                "%s; the bookmark stays in front of them and the next run reads them again", line
            )
        if batch.read_to is not None and self._is_incremental and not self._bookmark_stays:
            read_to = min(batch.read_to, run.settings.run_start)
            self._bookmark = max(read_to, self._bookmark or read_to)
            state = self.stream_state
            state["replication_key"] = self.spec.replication_key
            state["replication_key_value"] = timestamps.to_iso(self._bookmark)
            self.state_manager.is_flushed = False
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


def _widest(date_filter: DateFilter, settings: Settings) -> int:
    days = date_filter.max_days
    return settings.window if days is None else min(settings.window, days * timestamps.DAY)


def shortfall_error(shortfalls: list[str]) -> TapError:
    """Return the error that ends a run in which something could not be read whole."""
    message = (
        f"{len(shortfalls)} stretch(es) could not be read whole: {'; '.join(shortfalls)}. "
        "All that arrived was written out and the bookmarks stay in front of the gaps: run again, "
        "and ask Gainsight support about the time range if it stays like this"
    )
    return TapError(message)
