"""What is asked of an endpoint: the path, the parameters and the name of it for messages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from tap_gainsight_px.catalog.spec import RangeParams, StreamSpec, TimeFormat, TimeRange
from tap_gainsight_px.timestamps import to_iso, to_iso_seconds

if TYPE_CHECKING:
    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.reading.windows import Window


@dataclass(frozen=True)
class PageRequest:
    """What is asked of an endpoint: a stretch of time, a parent, both or neither."""

    spec: StreamSpec
    window: Window | None = None
    time_format: TimeFormat = TimeFormat.ISO
    parent: str | None = None
    split_from: int | float = math.inf
    """How many records the window held that this one is a part of."""

    @property
    def is_settled(self) -> bool:
        """Whether what is asked for stays the same from one reading to the next."""
        time_range = self.spec.time_range
        return time_range is None or not time_range.records_change

    @property
    def subject(self) -> str:
        """Name of what is asked for, for messages."""
        parts = (self.spec.name, self.parent, self.window)
        return " ".join(str(part) for part in parts if part is not None)

    @property
    def path(self) -> str:
        """Path of the call, with the parent in its place."""
        parent = self.spec.parent
        if parent is None or self.parent is None:
            return self.spec.path
        return self.spec.path.replace(f"{{{parent.name}}}", quote(self.parent, safe=""))

    @property
    def params(self) -> Params:
        """Parameters that ask for it, besides those of paging."""
        parent = self.spec.parent
        named = {} if parent is None or parent.in_path else {parent.name: self.parent or ""}
        params = range_params(self.spec.time_range, self.window, self.time_format)
        if self.spec.event_name is not None:
            params["filter"] = f"{params['filter']};eventName=={self.spec.event_name}"
        return {**named, **params}

    @property
    def checked_window(self) -> Window | None:
        """The window, where each record has a date that must lie in it."""
        summed = self.spec.time_range and self.spec.time_range.granularity
        return None if summed else self.window

    @property
    def context_fields(self) -> dict[str, str]:
        """Fields that tell what was asked, where the record itself does not."""
        context_fields = {}
        if self.spec.parent is not None and self.parent is not None:
            context_fields[self.spec.parent.name] = self.parent
        if self.window is not None and self.checked_window is None:
            context_fields["dateRangeStart"] = to_iso(self.window.start)
            context_fields["dateRangeEnd"] = to_iso(self.window.end)
        return context_fields


def range_params(
    time_range: TimeRange | None, window: Window | None, time_format: TimeFormat
) -> dict[str, str | int]:
    """Return the parameters that ask for one window."""
    if time_range is None or window is None:
        return {}
    params: dict[str, str | int] = {}
    if time_range.params is not RangeParams.RANGE:
        start, end = (_write_time(time, time_format) for time in (window.start, window.end))
        params["filter"] = f"{time_range.field}>={start};{time_range.field}<{end}"
    if time_range.params is not RangeParams.FILTER:
        params["dateRangeStart"] = window.start
        params["dateRangeEnd"] = window.end
    return params


def _write_time(milliseconds: int, time_format: TimeFormat) -> str:
    return to_iso_seconds(milliseconds) if time_format is TimeFormat.ISO else str(milliseconds)
