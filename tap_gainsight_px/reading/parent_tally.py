"""What came of asking about each parent of a child stream, and what that tells about the rest.

Only the main thread is in here, after the records of a slice have been written out.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import ParentsError, RefusedError, TapError

if TYPE_CHECKING:
    from tap_gainsight_px.catalog.spec import Parent, StreamSpec
    from tap_gainsight_px.records.page import ParentAnswer

logger = logging.getLogger(__name__)

# After so many parents in a row without an answer it is the endpoint that refuses. An error that
# no retry got past has taken minutes, and counts for many refusals.
_REFUSALS_IN_A_ROW = 1_000
_WEIGHT_OF_A_FAILURE = _REFUSALS_IN_A_ROW // 5
_IDS_IN_A_LINE = 3


class ParentTally:
    """Counts what came of asking about parents; all zero for a stream without a parent."""

    def __init__(self, spec: StreamSpec) -> None:
        """Start with none for a child stream, or for one without a parent."""
        self._stream = spec.name
        self._parent: Parent | None = spec.parent
        self._requested = self._filled = self._gone = self._empty = 0
        self._refused: dict[str, TapError] = {}
        self.refused_in_a_row = 0
        self._in_range = self._gone_in_range = 0
        self._unknown_ranges: list[str] = []
        self._is_unlisted = False

    @property
    def name(self) -> str:
        """What the parents are called in messages: the name of their stream."""
        return self._parent.stream if self._parent else ""

    @property
    def all_read(self) -> bool:
        """Whether no parent was refused, and no range was without any answer."""
        return not (self._refused or self._unknown_ranges or self._is_unlisted)

    @property
    def _answered(self) -> int:
        return self._filled + self._empty

    def add(self, answer: ParentAnswer) -> None:
        """Count one answer.

        Raises:
            TapError: So many in a row were refused that the endpoint refuses, not the parent.
        """
        self._requested += 1
        self._in_range += 1
        if answer.refusal is not None:
            self._add_refusal(answer.parent, answer.refusal)
            return
        self.refused_in_a_row = 0
        self._gone += answer.is_gone
        self._gone_in_range += answer.is_gone
        self._empty += answer.is_empty
        self._filled += not (answer.is_gone or answer.is_empty)

    def _add_refusal(self, parent: str, refusal: TapError) -> None:
        if not self._refused:
            logger.warning("%s; asking about the others all the same", refusal)
        self._refused.setdefault(parent, refusal)
        is_refused = isinstance(refusal, RefusedError)
        self.refused_in_a_row += 1 if is_refused else _WEIGHT_OF_A_FAILURE
        if self.refused_in_a_row >= _REFUSALS_IN_A_ROW:
            raise refusal

    def end_range(self, subject: str) -> None:
        """Note that all parents have been asked about one range."""
        # One that is gone has no numbers any more. But all of them at once were just listed, so
        # it is rather the endpoint that is gone, and nothing was read of this range.
        if self._in_range and self._gone_in_range == self._in_range:
            self._unknown_ranges.append(subject)
        # PX lists none. If a later run lists some, nothing of them has been read up to here.
        self._is_unlisted = self._parent is not None and not self._requested
        self._in_range = self._gone_in_range = 0

    def check_any_answered(self) -> None:
        """Raise the first refusal where there was nothing else: the endpoint refuses."""
        if self._refused and not self._answered:
            raise next(iter(self._refused.values()))

    def report(self) -> None:
        """Log what is missing.

        Raises:
            ParentsError: Something of it could not be read and is to be read again.
        """
        if self._gone:
            logger.warning(
                "%s: %d of %d requests were about %s that no longer exist (404)",
                self._stream,
                self._gone,
                self._requested,
                self.name,
            )
        if self._empty:
            logger.info(
                "%s: PX has nothing to tell in %d of %d answers about %s",
                self._stream,
                self._empty,
                self._requested,
                self.name,
            )
        if self._is_unlisted:
            logger.warning(
                "%s: PX lists not one of the %s, so nothing was read and the bookmark stays where "
                "it is. If there should be some, run again later",
                self._stream,
                self.name,
            )
        if self._refused:
            raise ParentsError(self._refused_line())
        if self._unknown_ranges:
            raise ParentsError(self._unknown_line())

    def _refused_line(self) -> str:
        ids = list(self._refused)
        more = f" and {len(ids) - _IDS_IN_A_LINE} more" if len(ids) > _IDS_IN_A_LINE else ""
        return (
            f"{self._stream}: {len(ids)} of the {self.name} could not be read "
            f"({', '.join(ids[:_IDS_IN_A_LINE])}{more}): {next(iter(self._refused.values()))}. "
            "All others were; nothing counts as deleted and the next run asks again"
        )

    def _unknown_line(self) -> str:
        ranges = self._unknown_ranges
        return (
            f"{self._stream}: PX answers 404 for each of the {self.name} that it lists, in "
            f"{len(ranges)} range(s) of time, the first: {ranges[0]}. The bookmark stays in "
            "front of it: run again, and ask Gainsight support if it stays like this"
        )

    def prove_what_exists(self, *, has_rows: bool) -> bool:
        """Return whether the answers tell what exists, and with it what has been deleted.

        That not one record came from all the parents says something only where the API documents
        an empty answer. Logs a warning where no record came.

        Args:
            has_rows: Whether a record came in this run.
        """
        if has_rows:
            return True
        if self._empty and self._parent is not None and self._parent.empty_documented:
            logger.warning(
                "%s: PX has nothing to tell about any of the %s (%d asked, %d of them unknown), "
                "so the table is empty now",
                self._stream,
                self.name,
                self._requested,
                self._gone,
            )
            return True
        logger.warning(
            "%s: not one record came from %d %s (404: %d, empty: %d), so nothing counts as "
            "deleted: the loader keeps the rows it has. If PX really has none, delete them from "
            "the table yourself",
            self._stream,
            self._requested,
            self.name,
            self._gone,
            self._empty,
        )
        return False
