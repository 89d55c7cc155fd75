"""The STATE of one stream: bookmark, position and version are read, moved and bounded here.

An incremental stream has a bookmark: all records before it have been written out, for events from
`read_from` on, which moves back as older ones are filled in. The bookmark never moves back, and
never past the start of the run, by this host's clock or PX's. A full table that is read
parent by parent has a position instead, for the run that goes on after an interruption, and the
version that its records carry. Knows nothing of the Singer SDK: it works on the dict that stands
under the stream's name in the bookmarks of STATE.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.errors import StateError
from tap_gainsight_px.output.kept_counts import FIELD as _COUNTS
from tap_gainsight_px.output.kept_counts import KeptCounts
from tap_gainsight_px.timestamps import EARLIEST, SECOND, floor_second, parse, to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_gainsight_px.run_clock import RunClock

logger = logging.getLogger(__name__)

# Fields of a stream's STATE. The first two are Singer's.
_KEY = "replication_key"
_VALUE = "replication_key_value"
_READ_FROM = "read_from"
_POSITION = "read_up_to"
_VERSION = "version"
_INCOMPLETE = "incomplete"
# Stretches with records that PX counts but never renders, accepted by the user.
_GAPS = "gaps"
_MOST_GAPS = 20

# There may be a million parents, so not each of them is followed by a STATE.
_POSITIONS_PER_STATE = 500

_LONGEST_NUMBER = 20
START_OVER = "run without --state to start over, or correct it"
"""What to do about a STATE that cannot be understood."""


def read_bookmark(
    stream_name: str, stream_state: Mapping[str, Any], replication_key: str
) -> int | None:
    """Return the bookmark of a stream in epoch milliseconds.

    Understands RFC 3339 text, as this tap writes it, and epoch milliseconds as a number or as
    text, as the earlier public tap for this API writes them.

    Returns:
        None when there is no bookmark, or one of another replication key.

    Raises:
        StateError: The bookmark is not a time.
    """
    value = stream_state.get(_VALUE)
    if value is None or stream_state.get(_KEY, replication_key) != replication_key:
        return None
    time = _read_time(value)
    if time is None:
        message = (
            f"STATE: the bookmark of {stream_name} is not a time: {str(value)[:60]!r}; {START_OVER}"
        )
        raise StateError(message)
    return time


class StreamState:
    """Where one stream stands: what STATE said at the start of the run, and what is read since."""

    def __init__(
        self,
        stream_name: str,
        entry: dict[str, Any],
        *,
        replication_key: str | None,
        clock: RunClock,
    ) -> None:
        """Read what an earlier run left.

        A bookmark in the future is taken back to the start of this run, with a warning: else
        everything until then would be skipped by all runs to come.

        Args:
            stream_name: Name of the stream, for messages.
            entry: The stream's own part of STATE; changed in place.
            replication_key: Field that an incremental sync goes by; None for a full table.
            clock: Bounds what this run may claim to have read.

        Raises:
            StateError: The bookmark is not a time.
        """
        self._entry = entry
        self._replication_key = replication_key
        self._clock = clock
        self._stream_name = stream_name
        self._unsaved = 0
        self.is_changed = False
        """Whether something has changed since `saved` was called."""
        self.bookmark: int | None = None
        """All records before this time (epoch milliseconds) have been written out."""
        self.read_from: int | None = None
        """From here (epoch ms, a whole second) up to the bookmark all records have been written
        out; None where that is not known, or where it is no question of time."""
        self.counts: KeptCounts | None = None
        """The counts of the past, where the stream keeps any."""
        if replication_key is not None:
            self.bookmark = read_bookmark(stream_name, entry, replication_key)
        if self.bookmark is not None and entry.get(_READ_FROM) is not None:
            self.read_from = self._read_from(entry[_READ_FROM], self.bookmark)
        if self._take_back():
            self.move_bookmark(clock.px_now)

    def _take_back(self) -> bool:
        """Give up a bookmark in the future, with a warning. PX may tell its time only later on."""
        if self.bookmark is None or not self._clock.is_future(self.bookmark):
            return False
        logger.warning(
            "%s: the bookmark %s lies in the future; starting from now (%s)",
            self._stream_name,
            to_iso(self.bookmark),
            to_iso(self._clock.px_now),
        )
        self.bookmark = None
        return True

    def _read_from(self, value: Any, bookmark: int) -> int:
        """Return where what has been read begins; at the bookmark where that cannot be told."""
        time = _read_time(value)
        if time is None:
            logger.warning(
                "%s: read_from in STATE is not a time: %.60r; what lies before the bookmark is "
                "read again",
                self._stream_name,
                value,
            )
        latest = floor_second(bookmark)
        return latest if time is None else min(-(-time // SECOND) * SECOND, latest)

    @property
    def is_incremental(self) -> bool:
        """Whether the stream goes by a bookmark."""
        return self._replication_key is not None

    @property
    def is_due(self) -> bool:
        """Whether a STATE message is to be written now."""
        return self.is_changed and (self.is_incremental or self._unsaved >= _POSITIONS_PER_STATE)

    def saved(self) -> None:
        """Note that a STATE message has been written."""
        self.is_changed = False
        self._unsaved = 0

    def move_bookmark(self, read_to: int) -> None:
        """Move the bookmark to `read_to` (epoch ms), but not back and not past the run's end."""
        if not self.is_incremental:
            return
        self._take_back()
        read_to = min(read_to, self._clock.end)
        self.bookmark = read_to if self.bookmark is None else max(read_to, self.bookmark)
        self._entry[_KEY] = self._replication_key
        self._entry[_VALUE] = to_iso(self.bookmark)
        if self.read_from is not None:
            self._set_read_from(min(self.read_from, floor_second(self.bookmark)))
        self.is_changed = True

    def begin_at(self, start: int) -> None:
        """Note where what is read begins, unless STATE says so.

        Args:
            start: Without a bookmark where this run begins to read; else where the runs before it
                have begun, which did not write it down. Epoch milliseconds on a whole second.
        """
        if self.is_incremental and self.read_from is None:
            self.read_from = start
            if self.bookmark is not None:
                self._set_read_from(start)

    def move_read_from(self, start: int) -> None:
        """Move the beginning of what has been read back to `start` (epoch ms), never forward."""
        if self.read_from is None:
            return
        if self.bookmark is None:
            # Something is missing of what the run has read first, so nothing of that counts.
            self.move_bookmark(self.read_from)
        self._set_read_from(min(self.read_from, start))

    def _set_read_from(self, start: int) -> None:
        self.read_from = max(start, EARLIEST)
        self._entry[_READ_FROM] = to_iso(self.read_from)
        self.is_changed = True

    def keep_counts(self, *, since: int, begin: int, end: int, lookback: int) -> KeptCounts:
        """Keep counts of the past from now on; return those that STATE has.

        Args:
            since: The earliest moment to keep them of, epoch milliseconds on a whole second.
            begin: Where this run begins to read.
            end: Where it ends.
            lookback: How far before the bookmark the next run begins, in milliseconds.
        """
        first = since if self.read_from is None else self.read_from
        self.counts = KeptCounts(
            self._entry,
            since=since,
            begin=begin,
            read=None if self.bookmark is None else (first, self.bookmark),
            until=lambda: floor_second(min(end, self._clock.end) - lookback),
            now=self._clock.run_start,
        )
        return self.counts

    def drop_counts(self) -> None:
        """Keep no counts of the past."""
        if self._entry.pop(_COUNTS, None) is not None:
            self.is_changed = True

    def count(self, read_to: int, dates: Sequence[int]) -> None:
        """Count the records before `read_to` that have just been written out, by their dates."""
        if self.counts is not None and self.counts.extend(read_to, dates):
            self.is_changed = True

    def count_back(self, read_from: int, dates: Sequence[int]) -> None:
        """Count the records from `read_from` up to what was read, before that edge is moved."""
        if (
            self.counts is not None
            and self.read_from is not None
            and self.counts.extend_back(read_from, self.read_from, dates)
        ):
            self.is_changed = True

    def recount(
        self, start: int, end: int, found: tuple[int, ...], kept: tuple[int, ...] | None
    ) -> None:
        """Take in what a stretch of the past has now, see `KeptCounts.recount`."""
        if self.counts is not None and self.counts.recount(start, end, found, kept):
            self.is_changed = True

    def doubt_counts(self) -> None:
        """Note that PX's counts of the past do not add up."""
        if self.counts is not None:
            self.counts.doubt()
            self.is_changed = True

    @property
    def position(self) -> str | None:
        """The parent that an interrupted full table has read last."""
        position = self._entry.get(_POSITION)
        return None if position is None else str(position)

    @property
    def version(self) -> int:
        """The version of a full table: that of the interrupted run, or this run's own."""
        interrupted = self._entry.get(_VERSION) if self.position is not None else None
        return interrupted or self._clock.run_start // 1_000

    @property
    def was_incomplete(self) -> bool:
        """Whether the interrupted run could not read all parents before the position."""
        return self.position is not None and bool(self._entry.get(_INCOMPLETE))

    def move_position(self, position: str, version: int | None, *, is_whole: bool) -> None:
        """Note how far a full table has come.

        Args:
            position: The parent read last.
            version: The version that the records carry; None where they carry none.
            is_whole: Whether all parents up to there could be read. Once it is False, no run
                that goes on from here may activate the version.
        """
        self._entry[_POSITION] = position
        if version is not None:
            self._entry[_VERSION] = version
        if not is_whole:
            self._entry[_INCOMPLETE] = True
        self._unsaved += 1
        self.is_changed = True

    @property
    def gaps(self) -> list[dict[str, Any]]:
        """What the user has accepted as missing: stretches of time, with how many records."""
        gaps = self._entry.get(_GAPS)
        return [gap for gap in gaps if isinstance(gap, dict)] if isinstance(gaps, list) else []

    def note_gap(self, subject: str, missing: int) -> None:
        """Note a stretch whose announced records never arrived, and that was passed over."""
        gap = {"range": subject, "missing": missing, "accepted": to_iso(self._clock.run_start)}
        others = [one for one in self.gaps if one.get("range") != subject]
        self._entry[_GAPS] = [*others, gap][-_MOST_GAPS:]
        self.is_changed = True

    def known(self, name: str) -> Any:
        """Return what STATE says under a name beside the bookmark, unchecked; None if nothing."""
        return self._entry.get(name)

    def note(self, **facts: Any) -> None:
        """Put facts into STATE beside the bookmark; None takes one out."""
        for name, fact in facts.items():
            if fact == self._entry.get(name):
                continue
            self.is_changed = True
            if fact is None:
                del self._entry[name]
            else:
                self._entry[name] = fact

    def forget_position(self) -> None:
        """Let the next run begin with the first parent and a version of its own."""
        for name in (_POSITION, _VERSION, _INCOMPLETE):
            if self._entry.pop(name, None) is not None:
                self.is_changed = True


def _read_time(value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        is_number = text.removeprefix("-").isdecimal() and len(text) < _LONGEST_NUMBER
        try:
            return _read_time(int(text)) if is_number else parse(text)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        time = int(value)
        to_iso(time)
    except (ValueError, OverflowError):
        return None
    return time
