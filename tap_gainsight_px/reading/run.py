"""What the streams of one run share, and the readers that are made of it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import Paging
from tap_gainsight_px.errors import ShortfallError, TapError
from tap_gainsight_px.reading.completeness import READINGS, other_page_size
from tap_gainsight_px.reading.ordered_pool import OrderedPool
from tap_gainsight_px.reading.page_source import PageSource
from tap_gainsight_px.reading.parent_ids import ParentIds
from tap_gainsight_px.reading.window_reader import WindowReader
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.page import held_bytes
from tap_gainsight_px.tally import RunTally

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager

    from tap_gainsight_px.api.transport import Get
    from tap_gainsight_px.cancellation import Cancellation
    from tap_gainsight_px.catalog.spec import Parent, StreamSpec
    from tap_gainsight_px.reading.parent_ids import Parents
    from tap_gainsight_px.records.page import Slice
    from tap_gainsight_px.run_clock import RunClock
    from tap_gainsight_px.settings import Settings

# What windows that are read, or wait for their turn to be written, may take together, and one of
# them as a rule (a part of 7,500 events): more of them than the account's limit can use.
_MOST_BYTES_HELD = 150 * 1024**2
_USUAL_BYTES = 5 * 1024**2


@dataclass
class Run:
    """What the streams of one run share."""

    settings: Settings
    get: Get
    pool: OrderedPool[Slice]
    cancellation: Cancellation
    specs: Mapping[str, StreamSpec]
    """The stream table by name."""
    clock: RunClock
    """Bounds what the run may claim to have read."""
    scroll: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered for as long as a scroll is open."""
    tally: RunTally = field(default_factory=RunTally)
    """Counts what becomes of each stream."""
    shortfalls: list[str] = field(default_factory=list)
    """One line for every stretch that could not be read whole."""
    forbidden: list[str] = field(default_factory=list)
    """Streams that the key may not read and the user has allowed to skip."""
    failures: list[TapError] = field(default_factory=list)
    """What ended single streams; the others were read all the same."""
    parent_ids: dict[tuple[str, str], Parents] = field(default_factory=dict)
    """What knows the ids of a parent stream, by its name and the field that holds them."""

    def errors(self, selected: Collection[str]) -> list[TapError]:
        """Return what could not be read whole, now that the run has come to its end.

        Args:
            selected: Names of the streams that were to be read.
        """
        errors = list(self.failures)
        if self.forbidden and set(selected) <= set(self.forbidden):
            message = (
                "the key may read none of the selected streams: give it the Read permission in PX "
                "(Administration → REST API). skip_forbidden_streams is for some, not for all"
            )
            errors.append(TapError(message))
        if self.shortfalls:
            errors.append(ShortfallError(self.shortfalls))
        return errors


def slice_pool(
    settings: Settings, cancellation: Cancellation, is_limit_used_up: Callable[[], bool]
) -> OrderedPool[Slice]:
    """Return what reads windows side by side, bounded by the memory that they take.

    Args:
        settings: How many may be read at once.
        cancellation: Ends the wait for a window.
        is_limit_used_up: Whether one more window would only wait for the account's limit.
    """
    return OrderedPool(
        settings.max_workers,
        capacity=_MOST_BYTES_HELD,
        weigh=lambda slice_: held_bytes(slice_.rows),
        check=cancellation.check,
        is_busy=is_limit_used_up,
        expected=_USUAL_BYTES,
    )


def parent_ids_of(parent: Parent, run: Run) -> Parents:
    """Return what knows the ids of the parents, the same for all child streams of a run."""
    key = (parent.stream, parent.field)
    if key not in run.parent_ids:
        spec = run.specs[parent.stream]
        page_size = page_size_of(spec, run.settings)
        if spec.paging is Paging.SCROLL:
            # The stream itself may read everything too, and PX refuses an equal request.
            page_size = other_page_size(page_size, READINGS)
        reader = make_reader(spec, PageDecoder(spec, {}), run, page_size=page_size)
        run.parent_ids[key] = ParentIds(reader, parent.field)
    return run.parent_ids[key]


def shared_paths(specs: Mapping[str, StreamSpec]) -> set[str]:
    """Return the endpoints whose answers serve more than one reader of a run.

    Listings that are parents, and the attributes that discovery reads too. Users, also parents,
    are not among them: there may be millions, and only their ids are kept.
    """
    parents = [specs[spec.parent.stream] for spec in specs.values() if spec.parent]
    paths = {parent.path for parent in parents if parent.paging is Paging.PAGE_NUMBER}
    return paths | {spec.attributes_path for spec in specs.values() if spec.attributes_path}


def make_reader(
    spec: StreamSpec, decode: PageDecoder, run: Run, *, page_size: int | None = None
) -> WindowReader:
    """Return what reads windows of one stream.

    Args:
        spec: The stream.
        decode: Decodes its answers.
        run: What the streams share.
        page_size: Records per page; by default as the user wants, within the endpoint's maximum.
    """
    page_size = page_size or page_size_of(spec, run.settings)
    return WindowReader(
        PageSource(spec, run.get, decode, page_size=page_size, scroll=run.scroll),
        window_max_records=run.settings.window_max_records,
        wait=run.cancellation.wait,
        now=run.settings.run_start,
        windows_at_once=run.settings.windows_at_once,
    )


def page_size_of(spec: StreamSpec, settings: Settings) -> int:
    """Return how many records of a stream one page has, as the user and the endpoint want it."""
    return min(settings.page_size, spec.page_size_max or 1)
