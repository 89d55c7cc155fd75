"""What is asked of PX for a plan: counts, by pages of one record; listings, which tell no count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import HISTORY_DAYS, Paging
from tap_gainsight_px.errors import RefusedError
from tap_gainsight_px.plan.stand_in import Cell, Fixed, Listing, Moments, StandIn, Sums
from tap_gainsight_px.reading.entity_reader import ALL_TIME, EntityReader
from tap_gainsight_px.reading.page_source import PageRequest
from tap_gainsight_px.reading.paginators import paginator_for
from tap_gainsight_px.reading.run import make_reader
from tap_gainsight_px.reading.windows import Window, cut, split
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.timestamps import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.output.day_counts import DayCounts
    from tap_gainsight_px.reading.run import Run
    from tap_gainsight_px.reading.window_reader import WindowReader
    from tap_gainsight_px.records.page import Row

# Most of the users have changed of late, so what is counted of them grows wider towards the past.
_DAYS_BACK = (2_000, 800, 365, 120, 30, 7, 1)
_SUMS_COUNTED = 3
# A stretch of which one half holds so small a share is not even, and worth counting more finely.
_UNEVEN = 0.4
_MOST_HALVINGS = 32

_NO_COUNT = "PX does not tell how many records there are, so this is the least it takes"
_READ_SORTED = "PX does not filter by {}: read sorted by it, down to what is known; about so many"
_READ_WHOLE = "PX does not filter by {}: read whole, page by page"
_FEW_SUMS = "{} of {} sums were looked at, so its records are not known"


@dataclass(frozen=True)
class Measured:
    """What PX has at one endpoint."""

    spec: StreamSpec
    keys: tuple[str, ...]
    """Fields of its records that hold a key."""
    cells: tuple[Cell, ...] = ()
    undated: int = 0
    others: StandIn | None = None
    """What stands in for it where it is not read by scrolls through time."""
    filters: bool = True
    """Whether PX filters by the date."""
    sorts: bool = True
    """Whether it sorts by the date, where it does not filter."""
    is_counted: bool = True
    """Whether it is known how many records there are."""
    is_by_day: bool = False
    """Whether the past is laid out as earlier runs have counted it, to be compared with that."""
    note: str = ""
    """What makes the figures uncertain, in plain words."""

    @property
    def total(self) -> int:
        """How many records have been counted."""
        return sum(cell.records for cell in self.cells) + self.undated

    @property
    def can_be_shared(self) -> bool:
        """Whether a share of its records can stand for all in a rehearsal."""
        return self.others is None and not self.is_by_day

    def stand_in(self, share: float) -> StandIn:
        """Return what answers in its place, with only a share (0 to 1) of its records."""
        if self.others is not None:
            return self.others
        cells, seen, shown = [], 0, 0
        for cell in self.cells:
            seen += cell.records
            cells.append(cell._replace(records=round(share * seen) - shown))
            shown = round(share * seen)
        return Moments(
            self.spec,
            self.keys,
            cells,
            undated=round(share * self.undated),
            filters=self.filters,
            sorts=self.sorts,
        )


class Measure:
    """Asks PX about the endpoints of one run."""

    def __init__(self, run: Run) -> None:
        """Take the run whose requests lead to PX."""
        self._run = run

    def events(
        self,
        spec: StreamSpec,
        keys: tuple[str, ...],
        asked: Iterable[tuple[int, int]],
        known: DayCounts | None,
    ) -> Measured:
        """Count what a stream has in the time that a sync will ask for.

        Args:
            spec: The stream.
            keys: Fields of its records that hold a key.
            asked: The stretches that the sync asks for, epoch milliseconds.
            known: What earlier runs have counted of the past.
        """
        reader = self._reader(spec)
        edges = (known.start, known.end) if known is not None and known.days else ()
        cells: list[Cell] = []
        for start, end in _joined(asked, edges):
            for window in cut(start, end, _widest(spec)):
                count = reader.count(window)
                if count is None:
                    return Measured(spec, keys, is_counted=False, note=_NO_COUNT)
                cells.append(Cell(window.start, window.end, count))
        if known is None or not known.days:
            return Measured(spec, keys, tuple(self._finer(cells, reader)))
        return Measured(spec, keys, tuple(_by_day(cells, known)), is_by_day=True)

    def sums(
        self, spec: StreamSpec, keys: tuple[str, ...], asked: Iterable[tuple[int, int]]
    ) -> Measured:
        """Count the sums of a few stretches; the others are taken to hold as many."""
        stretches = sorted(asked)
        step = max(1, len(stretches) // _SUMS_COUNTED)
        reader = self._reader(spec)
        counts = [reader.count(Window(*one)) for one in stretches[step - 1 :: step]]
        told = [one for one in counts if one is not None]
        mean = round(sum(told) / len(told)) if told else 0
        note = _FEW_SUMS.format(len(told), len(stretches)) if told else _NO_COUNT
        return Measured(spec, keys, others=Sums(spec, keys, mean), is_counted=False, note=note)

    def whole(self, spec: StreamSpec, keys: tuple[str, ...]) -> Measured:
        """Count all that there is, whatever its date."""
        total = self._reader(spec).source.page({"pageSize": 1}).total_hits
        if total is None:
            return Measured(spec, keys, is_counted=False, note=_NO_COUNT)
        return Measured(spec, keys, undated=total)

    def people(self, spec: StreamSpec, keys: tuple[str, ...], start: int | None) -> Measured:
        """Count users or accounts: all, and when they have changed.

        Args:
            spec: The stream.
            keys: Fields of its records that hold a key.
            start: From where on a sync reads what has changed, epoch milliseconds; None for all.
        """
        end = self._run.settings.end
        whole = self.whole(spec, keys)
        if not whole.is_counted:
            return whole
        inner = (start,) if start is not None else (end - days * DAY for days in _DAYS_BACK)
        edges = {ALL_TIME.start, *inner, end, ALL_TIME.end}
        reader, cells = self._reader(spec), []
        try:
            for window in (Window(*pair) for pair in pairwise(sorted(edges))):
                count = reader.count(window)
                if count is None:
                    return self._without_filter(whole, reader, start)
                cells.append(Cell(window.start, window.end, count))
        except RefusedError as error:
            if error.status != 400:  # noqa: PLR2004
                raise
            return self._without_filter(whole, reader, start)
        undated = whole.undated - sum(cell.records for cell in cells)
        if undated < 0:  # each part was answered with everything
            return self._without_filter(whole, reader, start)
        return replace(whole, cells=tuple(cells), undated=undated)

    def _without_filter(self, whole: Measured, reader: WindowReader, start: int | None) -> Measured:
        """Return how many records have changed, by a page of those that have changed last."""
        spec, end, total = reader.spec, self._run.settings.end, whole.undated
        field = str(spec.replication_key)
        begin = end if start is None else min(start, end)
        newest = None
        if start is not None and spec.time_range is not None:
            newest = EntityReader(reader, spec.time_range).newest()
        changed = 0 if newest is None else min(total, _changed(newest, begin, end))
        return replace(
            whole,
            cells=(
                Cell(ALL_TIME.start, begin, total - changed),
                Cell(begin, max(end, begin + 1), changed),
            ),
            undated=0,
            filters=False,
            sorts=newest is not None,
            is_counted=start is None or newest is not None,
            note=(_READ_WHOLE if newest is None else _READ_SORTED).format(field),
        )

    def _finer(self, cells: Sequence[Cell], reader: WindowReader) -> list[Cell]:
        """Count the fullest stretches in halves, where their records do not lie evenly.

        How often a sync will split a window follows from where in it they lie. The more there is
        to read, the more halves are counted: one for each of the windows that it takes at least.
        """
        most = self._run.settings.window_max_records
        left = min(_MOST_HALVINGS, sum(cell.records for cell in cells) // most)
        found, unknown = list(cells), [cell for cell in cells if cell.records > most]
        while unknown and left:
            left -= 1
            cell = max(unknown, key=lambda one: one.records)
            unknown.remove(cell)
            halves = split(Window(cell.start, cell.end), 2)
            count = reader.count(halves[0]) if len(halves) > 1 else None
            if count is None:
                continue
            first = min(count, cell.records)
            counts = (first, cell.records - first)
            parts = [
                Cell(one.start, one.end, records)
                for one, records in zip(halves, counts, strict=True)
            ]
            at = found.index(cell)
            found[at : at + 1] = parts
            if min(counts) < _UNEVEN * cell.records:
                unknown += [one for one in parts if one.records > most]
        return found

    def others(self, spec: StreamSpec, keys: tuple[str, ...]) -> Measured:
        """Read what tells no count: a listing page by page, or an endpoint of one answer."""
        if spec.paging is Paging.SINGLE:
            body = self._run.get(spec.path, spec.params, bytes)
            return Measured(spec, keys, others=Fixed(body))
        source = self._reader(spec).source
        paginator = paginator_for(spec.paging, source.page_size)
        params: Params | None = paginator.first()
        count = 0
        while params is not None:
            page = source.page(params, PageRequest(spec))
            count += len(page.rows)
            params = paginator.next(params, page, is_proved=False, has_news=bool(page.rows))
        return Measured(spec, keys, others=Listing(spec, keys, count))

    def _reader(self, spec: StreamSpec) -> WindowReader:
        return make_reader(spec, PageDecoder(spec, {}), self._run)


def _changed(newest: Sequence[Row], start: int, end: int) -> int:
    """Return about how many records have changed since a time, by those that have changed last."""
    dates = [date for date, _, _ in newest if date is not None]
    since = sum(date >= start for date in dates)
    if since < len(dates):
        return since
    return round(since * max(1.0, (end - start) / max(1, end - min(dates, default=start))))


def _widest(spec: StreamSpec) -> int:
    days = spec.time_range.max_days if spec.time_range else None
    return (days or HISTORY_DAYS) * DAY


def _joined(stretches: Iterable[tuple[int, int]], edges: Sequence[int]) -> list[tuple[int, int]]:
    """Return stretches of time without overlaps, cut at some edges."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return [
        pair
        for start, end in joined
        for pair in pairwise([start, *(one for one in sorted(edges) if start < one < end), end])
    ]


def _by_day(cells: Sequence[Cell], known: DayCounts) -> list[Cell]:
    """Return cells in which the days are those that earlier runs have counted.

    What has changed of the past since then is taken to have changed on the last of them.
    """
    inside = [one for one in cells if known.start <= one.start and one.end <= known.end]
    days = [
        Cell(start, end, count)
        for (start, end), count in zip(pairwise(known.edges), known.days, strict=True)
    ]
    if inside:
        changed = sum(one.records for one in inside) - known.total
        days[-1] = days[-1]._replace(records=max(0, days[-1].records + changed))
    return sorted([*days, *(one for one in cells if one not in inside)])
