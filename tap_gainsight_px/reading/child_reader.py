"""Reads a stream that is asked for once for each record of another stream."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import TapError, WindowError
from tap_gainsight_px.reading.full_reader import FullReader
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.records.page import Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_gainsight_px.catalog.spec import Parent
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.reading.windows import Window

logger = logging.getLogger(__name__)

_REQUESTS_A_DAY = 1_000_000


class ChildReader:
    """Asks about each parent in turn, in the order of their ids."""

    def __init__(self, reader: WindowReader, parents: WindowReader, parent: Parent) -> None:
        """Prepare for one stream.

        Args:
            reader: Reads the child stream.
            parents: Reads the parent stream.
            parent: What leads from one to the other.
        """
        self._reader = reader
        self._parents = parents
        self._parent = parent
        self._name = reader.spec.name

    def job(
        self, ranges: Sequence[Window] | None, after: str | None = None
    ) -> Callable[[], Slice | More[Slice]]:
        """Return the job that reads the children of all parents.

        Args:
            ranges: Stretches of time to ask each parent about; None where there are none.
            after: The parent that an interrupted run has read last; only for a stream without
                ranges. Its results are then numbered by `Slice.position`.
        """
        return lambda: self._plan(ranges, after)

    def _plan(self, ranges: Sequence[Window] | None, after: str | None) -> More[Slice]:
        try:
            ids = sorted(self._ids())
        except TapError as error:
            error.during(self._name)
            raise
        if after is not None:
            ids = [one for one in ids if one > after]
            logger.info("%s: going on after %s, %d to go", self._name, after, len(ids))
        requests = len(ids) * (1 if ranges is None else len(ranges))
        level = logging.WARNING if self._parent.many else logging.INFO
        logger.log(
            level,
            "%s: %d requests, one for each of %d %s%s: %.1f %% of the daily million",
            self._name,
            requests,
            len(ids),
            self._parent.stream,
            "" if ranges is None else f" and {len(ranges)} ranges",
            100 * requests / _REQUESTS_A_DAY,
        )
        return More(self._one_by_one(ids) if ranges is None else self._by_range(ids, ranges))

    def _ids(self) -> set[str]:
        """Read the parents page by page, and keep their ids only."""
        reading = FullReader(self._parents, lambda _: True, None, self._name)
        ids: set[str] = set()
        for slice_ in _run_here(reading.next_page):
            if slice_.missing:
                message = f"{slice_.missing} announced {self._parent.stream} never arrived"
                raise WindowError(message)
            records = [record for _, _, record in slice_.rows if isinstance(record, dict)]
            values = (record.get(self._parent.field) for record in records)
            ids.update(str(value) for value in values if value is not None)
        return ids

    def _one_by_one(self, ids: list[str]) -> Iterator[Callable[[], Slice | More[Slice]]]:
        for one in ids:
            yield self._reader.job(None, parent=one)
            yield lambda one=one: Slice([], position=one)  # type: ignore[misc]

    def _by_range(
        self, ids: list[str], ranges: Sequence[Window]
    ) -> Iterator[Callable[[], Slice | More[Slice]]]:
        for window in ranges:
            for one in ids:
                yield self._reader.job(window, parent=one)
            yield lambda end=window.end: Slice([], read_to=end)  # type: ignore[misc]


def _run_here(job: Callable[[], Slice | More[Slice]]) -> Iterator[Slice]:
    """Run a job and those that take its place, one after another in this thread."""
    jobs = [job]
    while jobs:
        outcome = jobs.pop()()
        if isinstance(outcome, More):
            jobs.extend(reversed(list(outcome.jobs)))
        else:
            yield outcome
