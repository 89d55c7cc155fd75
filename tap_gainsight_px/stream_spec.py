"""What one stream is: the frozen `StreamSpec` and the few words it is put together from."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Paging(enum.Enum):
    """How an endpoint leads from one page to the next."""

    SCROLL = "scroll"
    """The answer's `scrollId` is sent with the next request, the other parameters unchanged."""
    PAGE_NUMBER = "page_number"
    """`pageNumber` counts from 0 until the answer says `isLastPage`."""
    SINGLE = "single"
    """One answer holds everything."""


class TimeForm(enum.Enum):
    """How an endpoint wants a time written."""

    ISO = "iso"
    EPOCH_MS = "epoch_ms"


@dataclass(frozen=True)
class DateFilter:
    """A time range as terms of the `filter` parameter: `{field}>=start;{field}<end`.

    Attributes:
        field: The record's field that the range is about.
        forms: How the times are written. With more than one, the tap tries which one works.
        max_days: Longest range that one call may ask for; None for no limit.
        also_range_params: Send `dateRangeStart` and `dateRangeEnd` (epoch milliseconds) as well.
        documented: Whether the API documents the field as filterable. If not, the tap verifies
            that the filter works before it relies on it.
    """

    field: str
    forms: tuple[TimeForm, ...] = (TimeForm.ISO,)
    max_days: int | None = 190
    also_range_params: bool = False
    documented: bool = True


@dataclass(frozen=True)
class StreamSpec:
    """One stream: one endpoint, the key of its records and the way it is read.

    Attributes:
        name: Name of the stream and of its schema file.
        path: Path of the call, with its own version prefix.
        records_key: Field of the answer that holds the records; None when the body is the one
            record, or a bare list of them.
        paging: How pages follow one another.
        page_size_max: Most records the endpoint gives on one page; None without paging.
        primary_keys: Key of a record.
        replication_key: Field that incremental syncs go by; None for a full table.
        date_filter: How a time range is asked for; None when the endpoint has none.
        attributes_path: Path that tells the types of `customAttributes`; None without any.
    """

    name: str
    path: str
    records_key: str | None
    paging: Paging
    page_size_max: int | None
    primary_keys: tuple[str, ...]
    replication_key: str | None = None
    date_filter: DateFilter | None = None
    attributes_path: str | None = None
