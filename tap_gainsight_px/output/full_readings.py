"""When users or accounts are read whole, and the version that their records carry until then.

An incremental stream never sees a deletion. So its records carry a version, the same one from run
to run, and now and then everything is read in one scroll under a newer one. Once that reading is
proved whole, ACTIVATE_VERSION lets the loader mark or delete every row that still has an older
version: PX no longer has it.

What STATE holds of this, beside the bookmark:

    version            what the records carry
    full_read          when the last full reading began (or the first sync)
    rows_at_full_read  how many records PX had then
    full_reading       one that has begun and not succeeded: version, began, tries
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.timestamps import DAY, SECOND, parse, to_iso, to_iso_seconds

if TYPE_CHECKING:
    from tap_gainsight_px.output.state import StreamState

logger = logging.getLogger(__name__)

_VERSION = "version"
_LAST = "full_read"
_ROWS = "rows_at_full_read"
_BEGUN = "full_reading"

# Runs that start at the same time each day start some seconds earlier on one than on another.
_TOLERANCE = 15 * 60 * SECOND
# A reading that never succeeds (`max_requests`, a count that stays wrong) must not keep what has
# changed from being read, nor cost a whole reading each hour.
_TRIES_IN_A_ROW = 5
_LARGEST = 2**53


class FullReadings:
    """The version of one stream that goes by a bookmark, and whether this run reads all of it."""

    def __init__(self, stream: str, state: StreamState, *, days: int, now: int) -> None:
        """Read what STATE says, and put into it what it lacks.

        Damaged parts count as missing: without a version there is a new one, without a time the
        full reading is due `days` from now.

        Args:
            stream: Name of the stream, for messages.
            state: Its part of STATE; a full reading that begins is noted in it.
            days: How old the last full reading may grow; 0: this run makes none.
            now: The start of the run, epoch milliseconds.
        """
        self._stream = stream
        self._state = state
        self._days = days
        self._now = now
        known = _whole(state.known(_VERSION)) or None
        begun = state.known(_BEGUN)
        self._begun: dict[str, Any] = begun if isinstance(begun, dict) else {}
        # Newer than all that this table has seen, whatever became of this host's clock.
        newer = max(now // SECOND, (known or 0) + 1, (_whole(self._begun.get(_VERSION)) or 0) + 1)
        self.version = known or newer
        """The version that the records of this run carry."""
        last = _time(state.known(_LAST))
        is_first_sync = state.bookmark is None
        self.is_due = False
        """Whether this run reads everything."""
        if known is None or last is None:
            self._introduce(is_first_sync=is_first_sync)
        elif last > now:  # a host whose clock was ahead
            state.note(**{_LAST: to_iso(now)})
        elif not is_first_sync and days and self._is_time(last):
            self.is_due = True
            self._begin(newer, last)

    def _introduce(self, *, is_first_sync: bool) -> None:
        """Begin in a first sync, or where a table was loaded without versions."""
        self._state.note(**{_VERSION: self.version, _LAST: to_iso(self._now)})
        if not is_first_sync and self._days:
            logger.info(
                "%s: its records carry a version from now on. The first full reading, which lets "
                "the loader mark or delete what PX no longer has, is due on %s (full_read_days)",
                self._stream,
                to_iso_seconds(self._now + self._days * DAY),
            )

    def _is_time(self, last: int) -> bool:
        if self._now - last < self._days * DAY - _TOLERANCE:
            return False
        began = _time(self._begun.get("began"))
        is_tried_out = (_whole(self._begun.get("tries")) or 0) >= _TRIES_IN_A_ROW
        return not is_tried_out or began is None or not 0 <= self._now - began < DAY - _TOLERANCE

    def _begin(self, version: int, last: int) -> None:
        self.version = version
        tries = (_whole(self._begun.get("tries")) or 0) + 1
        begun = {_VERSION: version, "began": to_iso(self._now), "tries": tries}
        self._state.note(**{_BEGUN: begun})
        logger.info(
            "%s: reading all (full reading; the last one was at %s, full_read_days: %d)%s",
            self._stream,
            to_iso_seconds(last),
            self._days,
            f"; try {tries}, as the one before did not succeed" if tries > 1 else "",
        )

    def end(self, *, is_whole: bool, accepts_missing: bool, records: int | None) -> bool:
        """Say what the stream amounts to, now that it has been read to its end.

        Args:
            is_whole: Whether what was read is proved to be all, but for what is accepted.
            accepts_missing: Whether the user has accepted that announced records are missing.
            records: How many records PX has; None where it does not tell.

        Returns:
            Whether the version may be activated.
        """
        before = _whole(self._state.known(_ROWS))
        if not self.is_due:
            if before is None and records is not None:
                self._state.note(**{_ROWS: records})
            return False
        if not is_whole:
            self._warn("is not proved to have shown all that there is", "A later run tries again")
            return False
        if accepts_missing:
            # Another reading would bring no more.
            self._finish(None)
            self._warn("lacks records that PX counts (accept_missing_records is set)")
            return False
        if not records:
            self._warn("brought not one record", "If PX really has none, delete the rows yourself")
            return False
        if records * 2 < (before or 0):
            self._warn(
                f"has {records:,} rows where the last one had {before:,}, which is less than half",
                "A later run tries again. If PX really has no more, remove `rows_at_full_read` "
                "from the stream's bookmark in STATE (or set it to 0), and run again",
            )
            return False
        self._finish(records)
        logger.info(
            "%s: the full reading is whole (%s records): the loader marks or deletes all others",
            self._stream,
            f"{records:,}",
        )
        return True

    def _finish(self, records: int | None) -> None:
        """Note the end of a full reading; with `records`, one whose version is activated."""
        self._state.note(**{_LAST: to_iso(self._now), _BEGUN: None})
        if records is not None:
            self._state.note(**{_VERSION: self.version, _ROWS: records})

    def _warn(self, what: str, next_step: str = "") -> None:
        logger.warning(
            "%s: the full reading %s, so nothing counts as deleted: the loader keeps the rows it "
            "has%s",
            self._stream,
            what,
            f". {next_step}" if next_step else "",
        )


def _whole(value: Any) -> int | None:
    """Return a number of records, tries or a version; None for anything else."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < _LARGEST else None


def _time(value: Any) -> int | None:
    try:
        return parse(value) if isinstance(value, str) else None
    except ValueError:
        return None
