"""What one stream is: the frozen `StreamSpec` and the few words it is put together from."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Paging(enum.Enum):
    """How an endpoint leads from one page to the next."""

    SCROLL = "scroll"
    """The answer's `scrollId` is sent with the next request, the other parameters unchanged."""
    PAGE_NUMBER = "page_number"
    """`pageNumber` counts from 0 until the answer says `isLastPage`."""
    SINGLE = "single"
    """One answer holds everything."""


class TimeFormat(enum.Enum):
    """How an endpoint wants a time written in its `filter` parameter."""

    ISO = "iso"
    EPOCH_MS = "epoch_ms"


class RangeParams(enum.Enum):
    """Which parameters ask for a time range."""

    FILTER = "filter"
    """Terms of the `filter` parameter: `{field}>=start;{field}<end`."""
    RANGE = "range"
    """`dateRangeStart` and `dateRangeEnd`, in epoch milliseconds."""
    BOTH = "both"


class Granularity(enum.Enum):
    """The stretch of time that one record sums up, where it is not about one moment."""

    DAY = "day"
    """A whole day, UTC."""
    WEEK = "week"
    """Monday to Monday, UTC."""


@dataclass(frozen=True)
class TimeRange:
    """How an endpoint is asked for a stretch of time.

    Attributes:
        field: The record's field that the range is about.
        params: Which parameters ask for it.
        time_formats: How the times are written in a filter. With more than one, the tap tries
            which one works.
        max_days: Longest range that one call may ask for; None for no limit.
        documented: Whether the API documents the field as filterable. If not, the tap verifies
            that the filter works before it relies on it.
        granularity: Set where records are sums over the range asked for: its ends are then put
            into the record as `dateRangeStart` and `dateRangeEnd`.
    """

    field: str
    params: RangeParams = RangeParams.FILTER
    time_formats: tuple[TimeFormat, ...] = (TimeFormat.ISO,)
    max_days: int | None = 190
    documented: bool = True
    granularity: Granularity | None = None


@dataclass(frozen=True)
class Parent:
    """What a stream is asked for one by one.

    Attributes:
        stream: Name of the stream whose records are asked about.
        field: Field of the parent's record that names it in the request.
        name: What it is called in the child's path or parameter, and in the child's record.
        in_path: Whether it stands in the path as `{name}`; else it is a parameter.
        many: Whether there may be so many that the log says how many requests it will take.
    """

    stream: str
    field: str
    name: str
    in_path: bool = True
    many: bool = False


@dataclass(frozen=True)
class StreamSpec:
    """One stream: one endpoint, the key of its records and the way it is read.

    Attributes:
        name: Name of the stream.
        path: Path of the call, with its own version prefix.
        records_key: Field of the answer that holds the records; None when the body is the one
            record, or a bare list of them.
        paging: How pages follow one another.
        page_size_max: Most records the endpoint gives on one page; None without paging.
        primary_keys: Key of a record.
        replication_key: Field that incremental syncs go by; None for a full table.
        row_id_of: Fields that tell the records of this stream apart but may be missing, which no
            database takes in a key. A digest of them is put into the record as `rowId`.
        params: Parameters of every request.
        time_range: How a stretch of time is asked for; None when the endpoint has no range.
        event_name: Only custom events of this name, with their attributes as fields of their own.
        parent: Set where the endpoint is asked once for each record of another stream.
        attributes_path: Path that tells the types of `customAttributes`; None without any.
        schema_file: Name of the schema file without its ending; empty where it is the stream's.
        selected_by_default: Whether the stream is read when nobody has chosen.
    """

    name: str
    path: str
    records_key: str | None
    paging: Paging
    page_size_max: int | None
    primary_keys: tuple[str, ...]
    replication_key: str | None = None
    row_id_of: tuple[str, ...] = ()
    params: Mapping[str, str | int] = field(default_factory=dict)
    time_range: TimeRange | None = None
    event_name: str | None = None
    parent: Parent | None = None
    attributes_path: str | None = None
    schema_file: str = ""
    selected_by_default: bool = True

    @property
    def schema_name(self) -> str:
        """Name of the file in `schemas/`, without its ending."""
        return self.schema_file or self.name
