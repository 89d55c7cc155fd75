"""Jobs that count for their stream: what they ask for, wait for and read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.tally import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_gainsight_px.records.page import Slice
    from tap_gainsight_px.tally import StreamTally


def tallied(
    jobs: Iterable[Callable[[], Slice | More[Slice]]], tally: StreamTally
) -> Iterator[Callable[[], Slice | More[Slice]]]:
    """Return jobs that do the same, and so do those that take their place.

    Args:
        jobs: Pulled one by one, as the jobs that are returned are.
        tally: That of the stream that they read.
    """
    return (partial(_do, job, tally) for job in jobs)


def _do(job: Callable[[], Slice | More[Slice]], tally: StreamTally) -> Slice | More[Slice]:
    with tally.at_work():
        outcome = job()
    if isinstance(outcome, More):
        return More(tallied(outcome.jobs, tally))
    records = len(outcome.rows) if outcome.arrived is None else outcome.arrived
    if outcome.recount is not None:
        # What is read again of the past was not planned.
        tally.advance(records, {})
        return outcome
    done = {Unit.TIME: outcome.span, Unit.RECORDS: records}
    if outcome.answer is not None:
        done[Unit.PARENTS] = 1
    tally.advance(records, done)
    return outcome
