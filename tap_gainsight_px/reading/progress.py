"""What one run has brought of one stream, and what that lets STATE and ACTIVATE_VERSION say.

Only the main thread is in here, after the records of a slice have been written out.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_gainsight_px.reading.parent_tally import ParentTally
from tap_gainsight_px.reading.recheck_tally import RecheckTally
from tap_gainsight_px.records.page import known_dates
from tap_gainsight_px.tally import StreamTally

if TYPE_CHECKING:
    from collections.abc import Generator

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.output.full_readings import FullReadings
    from tap_gainsight_px.output.state import StreamState
    from tap_gainsight_px.records.page import Slice

logger = logging.getLogger(__name__)


class StreamProgress:
    """How far a stream has come in this run, and whether all of it could be read.

    A stream whose past is filled in has another one for that: what is missing of one stretch holds
    up nothing of the other.
    """

    def __init__(
        self,
        spec: StreamSpec,
        state: StreamState,
        slices: Generator[Slice, None, None],
        *,
        version: int | None,
        shortfalls: list[str],
        accepts_missing: bool = False,
        full_readings: FullReadings | None = None,
        fills_back: bool = False,
        tally: StreamTally | None = None,
    ) -> None:
        """Start before the first slice.

        Args:
            spec: The stream.
            state: Its part of STATE; moved as slices are added.
            slices: What is read of it, in order.
            version: The version that a full table's records carry; None where they carry none.
            shortfalls: The run's lines about announced records that never arrived; added to.
            accepts_missing: Whether the user wants to pass over such records.
            full_readings: Knows the version of a stream that goes by a bookmark; None where its
                records carry none.
            fills_back: Whether the slices go back in time, and move `read_from` in STATE instead
                of the bookmark.
            tally: Counts what becomes of the stream in this run.
        """
        self.spec = spec
        self.state = state
        self.slices = slices
        self.version = version
        self._shortfalls = shortfalls
        self._accepts_missing = accepts_missing
        self._full_readings = full_readings
        self._is_whole = self._is_confirmed = True
        self._has_gap = False
        self._total: int | None = None
        self._edge = "read_from" if fills_back else "the bookmark"
        self._fills_back = fills_back
        self._has_rows = False
        self._parents = ParentTally(spec)
        self._recheck = RecheckTally(spec.name, state)
        self.tally = tally or StreamTally(spec.name)

    def add(self, slice_: Slice) -> None:
        """Take in a slice that has been written out, and move bookmark or position over it.

        Raises:
            TapError: So many parents in a row were refused that the others would be, too.
        """
        self._count(slice_)
        if slice_.recount is not None:
            is_whole = not slice_.missing or self._pass_over(slice_, "the recheck")
            self._recheck.add(slice_, slice_.recount, is_whole=is_whole)
            self.tally.rechecked = self._recheck.result
            return
        self._has_rows = self._has_rows or len(slice_.rows) > 0
        self._total = self._total if slice_.total is None else slice_.total
        if slice_.facts is not None:
            self.state.note(**slice_.facts)
        if slice_.answer is not None:
            self._parents.add(slice_.answer)
        if slice_.missing and not self._pass_over(slice_, self._edge):
            self._is_whole = False
        is_full_reading = self._full_readings is not None
        if not slice_.is_confirmed and not (is_full_reading and slice_.missing):
            # A full reading brings what has changed, and the bookmark asks for no more.
            self._is_whole = self._is_whole and is_full_reading
            self._is_confirmed = False
            logger.warning(
                "%s: no two readings brought the same records, so nothing counts as deleted",
                slice_.subject,
            )
        if slice_.position is not None and not self._parents.refused_in_a_row:
            self.state.move_position(slice_.position, self.version, is_whole=self._all_read)
        if slice_.read_to is not None or slice_.read_from is not None:
            self._parents.end_range(slice_.subject)
            if self._all_read:
                self._move(slice_)

    def _count(self, slice_: Slice) -> None:
        """Count what has come for the report."""
        tally = self.tally
        tally.note_written(len(slice_.rows))
        tally.missing += slice_.missing
        if slice_.recount is not None:
            return
        is_unknown = tally.announced is None and tally.arrived > 0
        tally.arrived += len(slice_.rows) if slice_.arrived is None else slice_.arrived
        tally.doubled += slice_.doubled
        if slice_.announced is not None and not is_unknown:
            # Of records that nobody had announced, the sum would be wrong.
            tally.announced = (tally.announced or 0) + slice_.announced
        elif slice_.missing and tally.announced is not None:
            # What the parts of a window lack of what the whole has announced.
            tally.announced += slice_.missing

    def _move(self, slice_: Slice) -> None:
        """Move the edges of what has been read over a slice, and count its records by day."""
        dates = [] if self.state.counts is None else known_dates(slice_)
        if slice_.read_to is not None:
            self.state.move_bookmark(slice_.read_to)
            self.state.count(slice_.read_to, dates)
        if slice_.read_from is not None:
            self.state.count_back(slice_.read_from, dates)
            self.state.move_read_from(slice_.read_from)

    def _pass_over(self, slice_: Slice, edge: str) -> bool:
        """Tell of announced records that never arrived; return whether the user accepts that.

        Args:
            slice_: What has come instead.
            edge: What passes them, or stays in front of them.
        """
        line = f"{slice_.subject}: {slice_.missing} announced records never arrived"
        if self._accepts_missing and self.state.is_incremental:
            self._has_gap = True
            self.state.note_gap(slice_.subject, slice_.missing)
            logger.warning("%s; accept_missing_records is set, so %s passes them", line, edge)
            return True
        self._shortfalls.append(line)
        self.tally.errors.append(line)
        logger.error("%s; %s stays in front of them and the next run reads them again", line, edge)
        return False

    @property
    def _all_read(self) -> bool:
        return self._is_whole and self._parents.all_read

    def end(self) -> bool:
        """Say what the stream amounts to, now that it has been read to its end.

        Returns:
            Whether its version may be activated: all was read, and it is certain that what is
            not there does not exist.

        Raises:
            TapError: Some or all parents could not be asked about.
        """
        self._parents.check_any_answered()
        self._recheck.report()
        if (gaps := self.state.gaps) and not self._fills_back:
            logger.warning(
                "%s: STATE holds %d stretches of time with records that never arrived and were "
                "accepted as missing (%d records; the last: %s). To have them read again, remove "
                "`gaps` from the stream's bookmark and move the bookmark back",
                self.spec.name,
                len(gaps),
                sum(gap["missing"] for gap in gaps if isinstance(gap.get("missing"), int)),
                gaps[-1].get("range"),
            )
        if self._full_readings is not None:
            return self._full_readings.end(
                is_whole=self._is_whole and self._is_confirmed,
                accepts_missing=self._has_gap,
                records=self._total,
            )
        was_incomplete = self.state.was_incomplete
        # All parents were asked about, so there is nothing left to continue.
        self.state.forget_position()
        self._parents.report()
        if was_incomplete:
            logger.warning(
                "%s: the interrupted run before this one could not read all %s, so nothing counts "
                "as deleted; the next run reads all of them",
                self.spec.name,
                self._parents.name,
            )
        if self.version is None or was_incomplete or not self._is_whole:
            return False
        if self.spec.parent is not None:
            return self._parents.prove_what_exists(has_rows=self._has_rows)
        if not self._has_rows:
            # A table that somebody has emptied looks like an endpoint that has lost its memory,
            # and all rows would go.
            logger.warning(
                "%s: PX answered without one record, so nothing counts as deleted: the loader "
                "keeps the rows it has. If PX really has none, delete them from the table yourself",
                self.spec.name,
            )
        return self._has_rows
