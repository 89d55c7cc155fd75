"""One stream's part in a run: begun ahead of its turn, moved on slice by slice, ended in any case.

Knows nothing of the SDK: an `Outlet` writes the messages.
"""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from tap_gainsight_px.errors import ParentsError, RefusedError, RequestError, TapError
from tap_gainsight_px.output.full_readings import FullReadings
from tap_gainsight_px.output.meters import RequestMeters
from tap_gainsight_px.output.state import StreamState
from tap_gainsight_px.reading.planner import Aside, for_a_sample, plan_jobs
from tap_gainsight_px.reading.progress import StreamProgress
from tap_gainsight_px.reading.tallied import tallied
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.tally import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.output.announced import AttributeMemory
    from tap_gainsight_px.reading.planner import Job, Plan
    from tap_gainsight_px.reading.run import Run
    from tap_gainsight_px.records.oddities import Oddities
    from tap_gainsight_px.records.page import Slice

logger = logging.getLogger(__name__)


class Outlet(Protocol):
    """What writes the messages of one stream: `PxStream`."""

    def write_state(self, *, is_changed: bool) -> None:
        """Write STATE, unless nothing has changed since the last one."""

    def activate(self, version: int) -> None:
        """Write ACTIVATE_VERSION."""

    def flush(self) -> None:
        """Hand all that has been written to the target."""


class StreamRun:
    """How one stream is read in a run: what brings it up to date first, then its past."""

    def __init__(
        self,
        spec: StreamSpec,
        run: Run,
        entry: dict[str, Any],
        *,
        attributes: AttributeMemory,
        outlet: Outlet,
        is_incremental: bool,
        is_sample: bool,
    ) -> None:
        """Find out where the stream stands, and which version its records carry.

        Args:
            spec: The stream.
            run: What the streams share.
            entry: Its own part of STATE; changed in place.
            attributes: Keeps in STATE what is announced of its attributes.
            outlet: Writes its messages.
            is_incremental: Whether it goes by a bookmark.
            is_sample: Whether one record is enough (`--test`).

        Raises:
            StateError: The bookmark is not a time.
        """
        self._spec = spec
        self._run = run
        self._entry = entry
        self._attributes = attributes
        self._outlet = outlet
        self._is_sample = is_sample
        self._tally = run.tally.of(spec.name)
        key = spec.replication_key if is_incremental else None
        self._state = StreamState(spec.name, entry, replication_key=key, clock=run.clock)
        self.version: int | None = None
        """What the records carry; None where they carry none."""
        self._full_readings: FullReadings | None = None
        self._decide_on_version()
        self._progress: StreamProgress | None = None
        self._oddities: Oddities | None = None
        self._meters: RequestMeters | None = None
        self._earlier: Callable[[], list[Job]] = list
        self._past: list[Job] = []
        self._has_failed = False

    def _decide_on_version(self) -> None:
        settings, time_range = self._run.settings, self._spec.time_range
        is_partial = time_range is not None and not time_range.full_table_is_whole
        if is_partial or not settings.emit_activate_version_messages:
            return
        if not self._state.is_incremental:
            self.version = self._state.version
            return
        # Up to an `end_date`, or as far as `--test` looks, nothing is read whole.
        is_part = settings.end < settings.run_start or self._is_sample
        self._full_readings = FullReadings(
            self._spec.name,
            self._state,
            days=0 if is_part else settings.full_read_days,
            now=self._run.clock.run_start,
        )
        self.version = self._full_readings.version

    # Begun

    @property
    def is_begun(self) -> bool:
        """Whether workers read something of the stream that has not been written to its end."""
        return self._progress is not None

    def begin(self, decode: PageDecoder) -> None:
        """Let the workers begin to read what brings the stream up to date.

        Args:
            decode: Decodes the stream's answers.
        """
        self._oddities = self._tally.odd = decode.oddities
        self._tally.replication_key = (
            self._spec.replication_key if self._state.is_incremental else None
        )
        run = for_a_sample(self._run) if self._is_sample else self._run
        plan = self._plan(run, decode)
        self._earlier = plan.earlier
        # Also the types, before the first record: a table keeps those that it was made with.
        self._save()
        self._progress = self._progress_of(plan.jobs, full_readings=self._full_readings)

    def begin_past(self) -> bool:
        """Let the workers begin to read what is missing of the past; return whether anything is.

        To be called when all streams are up to date: the latest days of each come before the past
        of any.
        """
        jobs, self._past = self._past, []
        if jobs:
            self._progress = self._progress_of(jobs, fills_back=True)
        return bool(jobs)

    def plan_aside(self) -> Aside:
        """Return what there is to read, in a run of which nothing is to be left."""
        # Whose ids nobody has asked for yet cannot be told apart: all of them count.
        self._state.forget_position()
        bookmark = self._state.bookmark
        plan = self._plan(self._run, PageDecoder(self._spec, {}))
        return Aside(plan, self._state, bookmark, is_full_reading=self._is_full_reading)

    def _plan(self, run: Run, decode: PageDecoder) -> Plan:
        is_full_reading = self._is_full_reading
        return plan_jobs(self._spec, run, decode, self._state, is_full_reading=is_full_reading)

    @property
    def _is_full_reading(self) -> bool:
        return self._full_readings is not None and self._full_readings.is_due

    def _progress_of(
        self,
        jobs: list[Job],
        *,
        full_readings: FullReadings | None = None,
        fills_back: bool = False,
    ) -> StreamProgress:
        return StreamProgress(
            self._spec,
            self._state,
            self._saving(self._run.pool.queue(tallied(jobs, self._tally))),
            version=self.version,
            shortfalls=self._run.shortfalls,
            accepts_missing=self._run.settings.accept_missing_records,
            full_readings=full_readings,
            fills_back=fills_back,
            tally=self._tally,
        )

    def _saving(self, slices: Generator[Slice, None, None]) -> Generator[Slice, None, None]:
        """Yield slices; after the last one, or an error, write STATE of what has been written."""
        try:
            with closing(slices):
                yield from slices
        finally:
            self._outlet.write_state(is_changed=self._state.is_changed)
            self._outlet.flush()

    # Moved on

    @contextmanager
    def reading(self) -> Generator[Generator[Slice, None, None], None, None]:
        """Yield the slices of what has begun; call `finish` once one has been written.

        An error of this stream alone ends here: it is told at the end of the run, and the other
        streams are read. `--test` looks at one record of each stream, and so at each error.

        Raises:
            TapError: The run cannot continue. STATE of what was written has been written, too.
        """
        progress = self._progress
        assert progress is not None  # noqa: S101 - it has begun
        # The same ones for the past of a stream: what has been told is not told again.
        self._meters = self._meters or RequestMeters(self._tally, self._spec.path)
        try:
            with closing(self._meters), closing(progress.slices):
                yield progress.slices
            self._past, self._earlier = self._earlier(), list
            if progress.end() and self.version is not None:
                self._outlet.activate(self.version)
            if not self._past:
                is_whole = not (self._tally.missing or self._tally.errors)
                self._tally.end_as(Outcome.WHOLE if is_whole else Outcome.INCOMPLETE)
        except TapError as error:
            if error.ends_run or self._is_sample:
                if isinstance(error, RequestError):
                    self._tally.end_as(Outcome.FAILED, *error.lines)
                raise
            if not isinstance(error, ParentsError):
                self._past = []
            self._note_failure(error)
        finally:
            self._progress = None
            if not self._past and self._oddities is not None:
                self._oddities.sum_up()
            self._save()
            self._attributes.tell_columns_to_come()

    def finish(self, slice_: Slice) -> None:
        """Move the bookmark over a slice that has been written out, and write STATE if due."""
        assert self._progress is not None  # noqa: S101 - it is being read
        self._progress.add(slice_)
        if self._meters is not None:
            self._meters.update()
        if self._state.is_due:
            self._save()
        self._outlet.flush()

    def _save(self) -> None:
        is_changed = self._attributes.remember(self._entry) or self._state.is_changed
        self._state.saved()
        self._outlet.write_state(is_changed=is_changed)

    def _note_failure(self, error: TapError) -> None:
        """Keep an error of this stream alone until the end of the run."""
        run, name = self._run, self._spec.name
        is_forbidden = isinstance(error, RefusedError) and error.status == 403  # noqa: PLR2004
        if is_forbidden and run.settings.skip_forbidden_streams:
            run.forbidden.append(name)
            self._tally.end_as(Outcome.SKIPPED)
            return
        error.during(name)
        outcome = Outcome.INCOMPLETE if isinstance(error, ParentsError) else Outcome.FAILED
        self._tally.end_as(outcome, *error.lines)
        # Parents that cannot be read in the latest days cannot in the past: told once.
        if not (self._has_failed and isinstance(error, ParentsError)):
            run.failures.append(error)
        self._has_failed = True
        logger.warning("%s. The other streams are read all the same", error)
