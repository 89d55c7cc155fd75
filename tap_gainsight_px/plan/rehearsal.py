"""A sync without PX: the tap's own planner and readers ask stand-ins, and requests are counted."""

from __future__ import annotations

import logging
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from tap_gainsight_px.api.shared_answers import SharedAnswers
from tap_gainsight_px.cancellation import Cancellation
from tap_gainsight_px.plan.stand_in import nothing
from tap_gainsight_px.reading.ordered_pool import in_turn
from tap_gainsight_px.reading.run import parent_ids_of, shared_paths
from tap_gainsight_px.tally import RunTally

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.catalog.spec import Parent, StreamSpec
    from tap_gainsight_px.plan.stand_in import StandIn
    from tap_gainsight_px.reading.parent_ids import Listing, Parents
    from tap_gainsight_px.reading.planner import Aside, Job
    from tap_gainsight_px.reading.run import Run

T = TypeVar("T")

# Each parent is asked about in the same way, so a few of them stand for all.
_MOST_PARENTS = 12
# What the readers say of stand-ins is not about PX.
_SILENT = ("reading", "output", "records")


class Planned(Protocol):
    """A stream that can be planned: `PxStream`."""

    spec: StreamSpec
    """Its entry in the stream table."""
    selected_by_default: bool

    @property
    def selected(self) -> bool:
        """Return whether the sync reads it."""

    def plan_aside(self, run: Run) -> Aside:
        """Plan a sync in a run, without a trace in STATE."""


@dataclass(frozen=True)
class Rehearsed:
    """What the rehearsal of one stream has come to.

    Attributes:
        aside: What was planned.
        start: Start of what is read, epoch milliseconds; None for all that there is.
        end: Its end; None where the stream has no dates, or nothing is read.
        requests: How many requests it took.
        records: How many records came; None where nothing tells.
        parents: How many records the parent stream has; None for no child.
        ranges: About how many stretches of time each parent is asked.
    """

    aside: Aside
    start: int | None
    end: int | None
    requests: int
    records: int | None
    parents: int | None = None
    ranges: int = 1


class Rehearsal:
    """One run in which stand-ins answer."""

    def __init__(
        self,
        run: Run,
        stand_ins: Mapping[str, StandIn],
        shares: Mapping[str, float] | None = None,
        *,
        known_paths: Collection[str] = (),
    ) -> None:
        """Prepare a run of its own.

        Args:
            run: The run that this one resembles, and which sends nothing for it.
            stand_ins: What answers, by the name of the stream that is read there.
            shares: How much of the records (0 to 1) a stand-in holds that is read by scrolls; all
                of them where it is not named. Pages and windows hold as much less, so that the
                number of requests stays.
            known_paths: What a sync has asked for before it reads any stream.
        """
        self._stand_ins = stand_ins
        self._shares = shares or {}
        self._known_paths = known_paths
        self._stream: StreamSpec | None = None
        self._asked = self._asked_of_parents = 0
        self._run = replace(
            run,
            get=SharedAnswers(self._get, shared_paths(run.specs)),
            cancellation=_Unhurried(run.cancellation),
            scroll=nullcontext,
            parent_ids={},
        )

    def play(self, stream: Planned) -> Rehearsed:
        """Plan one stream and read it.

        Raises:
            TapError: What it needs cannot be read.
        """
        spec = self._stream = stream.spec
        endpoint = spec.name if spec.parent is None else spec.parent.stream
        share = self._shares.get(endpoint, 1)
        run = _smaller(replace(self._run, tally=RunTally()), share)
        self._asked = self._asked_of_parents = 0
        few = None if spec.parent is None else _few_parents(spec.parent, run)
        with _silence():
            aside = stream.plan_aside(run)
            rows = self._rows(aside.plan.jobs) + self._rows(aside.plan.earlier())
        tally = run.tally.of(spec.name)
        rehearsed = Rehearsed(aside, tally.start, tally.end, self._asked, round(rows / share))
        if few is None:
            return rehearsed
        parents = round(few.count / share)
        ranges = self._asked_of_parents / max(1, few.shown)
        requests = self._asked + round(parents * ranges)
        return replace(
            rehearsed, requests=requests, records=None, parents=parents, ranges=round(ranges)
        )

    def _rows(self, jobs: Iterable[Job]) -> int:
        rows = 0
        for slice_ in in_turn(jobs):
            self._run.cancellation.check()
            rows += len(slice_.rows)
        return rows

    def _get(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        *,
        on_lost: Callable[[], None] | None = None,
    ) -> T:
        """Stand in for `Transport.get`."""
        del on_lost
        spec = self._stream
        assert spec is not None  # noqa: S101 - one is being played
        if spec.parent is not None and path != self._run.specs[spec.parent.stream].path:
            self._asked_of_parents += 1
            return decode(nothing(spec).answer(params))
        self._asked += path not in self._known_paths
        name = spec.name if spec.parent is None else spec.parent.stream
        return decode(self._stand_ins[name].answer(params))


class _FewParents:
    """Lists some of the parents, and knows how many there are."""

    def __init__(self, whole: Parents) -> None:
        self._whole = whole
        self.count = self.shown = 0

    def listing(self, child: str) -> Listing:
        """Return the ids of some."""
        listing = self._whole.listing(child)
        self.count, ids = len(listing.ids), listing.ids[:_MOST_PARENTS]
        self.shown = len(ids)
        return replace(listing, ids=ids)


def _few_parents(parent: Parent, run: Run) -> _FewParents:
    """Let a run know some of the parents in the place of all."""
    key = (parent.stream, parent.field)
    known = run.parent_ids.get(key)
    few = known if isinstance(known, _FewParents) else _FewParents(parent_ids_of(parent, run))
    run.parent_ids[key] = few
    return few


class _Unhurried(Cancellation):
    """Waits for nothing, and ends when the run ends."""

    def __init__(self, of_the_run: Cancellation) -> None:
        super().__init__()
        self._of_the_run = of_the_run

    def check(self) -> None:
        self._of_the_run.check()

    def wait(self, seconds: float) -> None:
        del seconds
        self._of_the_run.check()


def _smaller(run: Run, share: float) -> Run:
    """Return a run whose pages and windows hold only a share of what they could."""
    settings = run.settings
    if share == 1:
        return run
    page_size = round(settings.page_size * share)
    most = max(1, round(settings.window_max_records * share))
    return replace(run, settings=replace(settings, page_size=page_size, window_max_records=most))


def share_of(total: int, page_size: int, *, most: int, fewest_a_page: int) -> float:
    """Return the share of so many records that a rehearsal needs, of which pages stay whole.

    Args:
        total: How many records there are.
        page_size: Records per page.
        most: How many records are enough.
        fewest_a_page: How many records a page keeps, so that a part of one is one still.
    """
    wanted = page_size * min(1.0, most / max(1, total))
    return min(page_size, max(fewest_a_page, round(wanted))) / page_size


@contextmanager
def _silence() -> Iterator[None]:
    loggers = [logging.getLogger(f"{__package__.partition('.')[0]}.{name}") for name in _SILENT]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
