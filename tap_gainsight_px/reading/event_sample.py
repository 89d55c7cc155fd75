"""Some real events of one name, to see their attributes: the newest, and enough of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.spec import MAX_RANGE_DAYS
from tap_gainsight_px.reading.completeness import READINGS, other_page_size
from tap_gainsight_px.reading.run import make_reader, page_size_of
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.timestamps import DAY, floor_second

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.reading.run import Run

_ENOUGH = 900
# How wide one step back is, in days: few requests where events are rare, and the newest first.
_STEPS = (1, 6, 30, 150)


def sample_events(spec: StreamSpec, run: Run, start: int) -> list[dict[str, Any]]:
    """Read a page of the last day, then of stretches before it, until there are enough events.

    Args:
        spec: The stream of one event name.
        run: What the streams share.
        start: How far back to look, epoch milliseconds.

    Returns:
        The events as they are in PX, with their attributes in one field.

    Raises:
        RequestError: A page cannot be had.
    """
    # The sync itself may ask for one of these windows, and PX refuses an equal request.
    page_size = other_page_size(page_size_of(spec, run.settings), READINGS + 1)
    decode = PageDecoder(replace(spec, event_name=None), {})
    reader = make_reader(spec, decode, run, page_size=page_size)
    found: list[dict[str, Any]] = []
    for window in _windows(floor_second(start), run.settings.end, run.settings.window):
        records = [record for _, _, record in reader.sample(window) if isinstance(record, dict)]
        # Filters of PX are blind to case.
        found += [record for record in records if record.get("eventName") == spec.event_name]
        if len(found) >= _ENOUGH:
            break
    return found


def _windows(start: int, end: int, widest: int) -> Iterator[Window]:
    """Yield stretches of time, the latest first."""
    steps = iter(_STEPS)
    while start < end:
        width = min(next(steps, MAX_RANGE_DAYS) * DAY, widest)
        yield Window(max(start, end - width), end)
        end -= width
