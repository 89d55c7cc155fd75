"""Reads a stream that is asked for once for each record of another stream."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import RefusedError, TapError
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.records.page import ParentAnswer, Slice
from tap_gainsight_px.tally import Unit, here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_gainsight_px.catalog.spec import Parent
    from tap_gainsight_px.reading.parent_ids import Parents
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.reading.windows import Window

logger = logging.getLogger(__name__)

_REQUESTS_A_DAY = 1_000_000
# What PX answers about a parent that was deleted after it was listed.
_GONE = frozenset({404, 410})


class ChildReader:
    """Asks about each parent in turn, in the order of their ids."""

    def __init__(self, reader: WindowReader, parents: Parents, parent: Parent) -> None:
        """Prepare for one stream.

        Args:
            reader: Reads the child stream.
            parents: Knows the ids of the parents.
            parent: What leads from one to the other.
        """
        self._reader = reader
        self._parents = parents
        self._parent = parent
        self._name = reader.spec.name

    def job(
        self,
        ranges: Sequence[Window] | None,
        after: str | None = None,
        *,
        fills_back: bool = False,
    ) -> Callable[[], Slice | More[Slice]]:
        """Return the job that reads the children of all parents.

        Args:
            ranges: Stretches of time to ask each parent about; None where there are none.
            after: The parent that an interrupted run has read last; only for a stream without
                ranges. `Slice.position` says after each parent how far its results have come.
            fills_back: Whether the ranges go back in time.
        """
        return lambda: self._plan(ranges, after, fills_back=fills_back)

    def _plan(
        self, ranges: Sequence[Window] | None, after: str | None, *, fills_back: bool
    ) -> More[Slice]:
        listing = self._parents.listing(self._name)
        ids = listing.ids
        if after is not None:
            ids = tuple(one for one in ids if one > after)
            logger.info("%s: continuing after %s, %d left", self._name, after, len(ids))
        requests = len(ids) * (1 if ranges is None else len(ranges))
        here().plan(Unit.PARENTS, requests)
        level = logging.WARNING if self._parent.many else logging.INFO
        logger.log(
            level,
            "%s: %d requests, one for each of %d %s%s: %s of the daily million",
            self._name,
            requests,
            len(ids),
            self._parent.stream,
            "" if ranges is None else f" and {len(ranges)} ranges",
            _percent(100 * requests / _REQUESTS_A_DAY),
        )
        jobs = (
            self._one_by_one(ids)
            if ranges is None
            else self._by_range(ids, ranges, fills_back=fills_back)
        )
        # Parents that could not be listed come first: what follows is not the whole.
        listed = Slice(
            [],
            missing=listing.missing,
            is_confirmed=listing.is_confirmed,
            subject=f"{self._name}: {self._parent.stream}",
        )
        return More(chain([lambda: listed], jobs))

    def _one_by_one(self, ids: Sequence[str]) -> Iterator[Callable[[], Slice | More[Slice]]]:
        for one in ids:
            yield partial(self._ask, one, self._reader.job(None, parent=one))
            yield partial(Slice, [], position=one)

    def _by_range(
        self, ids: Sequence[str], ranges: Sequence[Window], *, fills_back: bool
    ) -> Iterator[Callable[[], Slice | More[Slice]]]:
        for window in ranges:
            for one in ids:
                yield partial(self._ask, one, self._reader.job(window, parent=one))
            yield partial(
                Slice,
                [],
                read_to=None if fills_back else window.end,
                read_from=window.start if fills_back else None,
                subject=f"{self._name} {window}",
            )

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


def _percent(share: float) -> str:
    return f"{share:.1f} %" if share >= 0.1 else "less than 0.1 %"  # noqa: PLR2004
