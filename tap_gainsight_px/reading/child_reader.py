"""Reads a stream that is asked for once for each record of another stream."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import RefusedError, TapError
from tap_gainsight_px.reading.full_reader import FullReader
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.records.page import ParentAnswer, Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_gainsight_px.catalog.spec import Parent
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.reading.windows import Window

logger = logging.getLogger(__name__)

_REQUESTS_A_DAY = 1_000_000
# What PX answers about a parent that was deleted after it was listed.
_GONE = frozenset({404, 410})
# In a path they name another endpoint than the one that is meant.
_NO_PATHS = frozenset({"", ".", ".."})


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
                ranges. `Slice.position` says after each parent how far its results have come.
        """
        return lambda: self._plan(ranges, after)

    def _plan(self, ranges: Sequence[Window] | None, after: str | None) -> More[Slice]:
        try:
            ids, listed = self._list_ids()
        except TapError as error:
            error.during(self._name)
            raise
        if after is not None:
            ids = [one for one in ids if one > after]
            logger.info("%s: continuing after %s, %d left", self._name, after, len(ids))
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
        jobs = self._one_by_one(ids) if ranges is None else self._by_range(ids, ranges)
        # Parents that could not be listed come first: what follows is not the whole.
        return More(chain([lambda: listed], jobs))

    def _list_ids(self) -> tuple[list[str], Slice]:
        """Read the parents page by page; return their ids in order, and what is sure of them."""
        reading = FullReader(self._parents, lambda _: True, None, self._name, needs_proof=True)
        ids: set[str] = set()
        missing, is_confirmed = 0, True
        for slice_ in _run_here(reading.next_page):
            missing += slice_.missing
            is_confirmed = is_confirmed and slice_.is_confirmed
            records = [record for _, _, record in slice_.rows if isinstance(record, dict)]
            values = (record.get(self._parent.field) for record in records)
            ids.update(str(value) for value in values if value is not None)
        if unfit := ids & _NO_PATHS:
            ids -= unfit
            logger.warning(
                "%s: %d of the %s have an id that no path can hold; they are left out",
                self._name,
                len(unfit),
                self._parent.stream,
            )
        subject = f"{self._name}: {self._parent.stream}"
        return sorted(ids), Slice([], missing=missing, is_confirmed=is_confirmed, subject=subject)

    def _one_by_one(self, ids: list[str]) -> Iterator[Callable[[], Slice | More[Slice]]]:
        for one in ids:
            yield partial(self._ask, one, self._reader.job(None, parent=one))
            yield partial(Slice, [], position=one)

    def _by_range(
        self, ids: list[str], ranges: Sequence[Window]
    ) -> Iterator[Callable[[], Slice | More[Slice]]]:
        for window in ranges:
            for one in ids:
                yield partial(self._ask, one, self._reader.job(window, parent=one))
            yield partial(Slice, [], read_to=window.end, subject=f"{self._name} {window}")

    def _ask(self, parent: str, job: Callable[[], Slice | More[Slice]]) -> Slice | More[Slice]:
        """Ask about one parent; what is wrong with this one must not end the others.

        Raises:
            TapError: The error concerns the whole run.
        """
        try:
            outcome = job()
        except TapError as error:
            if error.ends_run:
                raise
            is_gone = isinstance(error, RefusedError) and error.status in _GONE
            refusal = None if is_gone else error
            return Slice([], answer=ParentAnswer(parent, is_gone=is_gone, refusal=refusal))
        if isinstance(outcome, More):
            return More([partial(self._ask, parent, one) for one in outcome.jobs])
        # An empty list of records is an answer too; no content at all says nothing.
        is_empty = self._reader.spec.records_key is None and not outcome.rows
        # What one parent gives is only complete with what the others give.
        return replace(outcome, read_to=None, answer=ParentAnswer(parent, is_empty=is_empty))


def _run_here(job: Callable[[], Slice | More[Slice]]) -> Iterator[Slice]:
    """Run a job and those that take its place, one after another in this thread."""
    jobs = [job]
    while jobs:
        outcome = jobs.pop()()
        if isinstance(outcome, More):
            jobs.extend(reversed(list(outcome.jobs)))
        else:
            yield outcome
