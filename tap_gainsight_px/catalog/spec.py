"""What one stream is: the frozen `StreamSpec` and its parts. A contradictory one is refused.

What a single entry says wrong shows when it is made; what it says wrong of the schema files and of
other streams shows in `check_table`. Both happen when the stream table is imported, so that a
mistake in it is one line that names the stream, and never a sync that reads nothing.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.schemas import load_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class SpecError(ValueError):
    """An entry of the stream table contradicts itself, a schema file or another entry."""

    def __init__(self, stream: str, problem: str) -> None:
        """Name the stream and the problem, in one line."""
        super().__init__(f"stream table: {stream}: {problem}")


MAX_RANGE_DAYS = 190
"""Longest range of one call for events, in days: a wider one is refused ("Exceeded date range
190days"), and without a range PX gives the last day only. Source: the API's description."""

HISTORY_DAYS = 1_096
"""How long PX keeps events, in days: 36 months, with a leap day. Source: Gainsight's support."""


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
        time_formats: How the times may be written in a filter, the one that is documented or
            known to work first. The tap tries the next one where it does not.
        max_days: Longest range that one call may ask for; None for no limit.
        documented: Whether the API documents the field as filterable. If not, the tap verifies
            that the filter works before it relies on it.
        records_change: Whether records change, and their time with them. If so, a window may
            hold other records when it is read again.
        full_table_is_whole: Whether a full table holds all records there are, whatever
            `start_date` says: it is read without the range, and so is a first sync. Else a full
            table holds what lies between `start_date` and `end_date`, and activates no version.
        granularity: Set where records are sums over the range asked for: its ends are then put
            into the record as `dateRangeStart` and `dateRangeEnd`.
    """

    field: str
    params: RangeParams = RangeParams.FILTER
    time_formats: tuple[TimeFormat, ...] = (TimeFormat.ISO, TimeFormat.EPOCH_MS)
    max_days: int | None = MAX_RANGE_DAYS
    documented: bool = True
    records_change: bool = False
    full_table_is_whole: bool = False
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
        empty_documented: Whether the API documents an answer without content (204) for a parent
            that has no record. Only then a table without any record is known to be empty.
    """

    stream: str
    field: str
    name: str
    in_path: bool = True
    many: bool = False
    empty_documented: bool = False


ALL_FIELDS = ("*",)
"""`row_id_of` a record that is one with another only if all of their fields are equal."""


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
            database takes in a key. A digest of them is put into the record as `rowId`. For
            sums, whose numbers grow until their range is over, these are the fields summed by;
            `ALL_FIELDS` where only all fields together tell two records apart.
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

    def __post_init__(self) -> None:
        """Refuse an entry that contradicts itself.

        Raises:
            SpecError: It does.
        """
        for problem in self._contradictions():
            raise SpecError(self.name, problem)

    def _contradictions(self) -> Iterator[str]:
        if not self.primary_keys:
            yield "it has no primary key"
        if (self.paging is Paging.SINGLE) != (self.page_size_max is None):
            yield f"paging {self.paging.value} contradicts page_size_max {self.page_size_max}"
        if ("rowId" in self.primary_keys) != bool(self.row_id_of):
            yield "rowId is a primary key exactly where row_id_of names fields"
        yield from self._parent_contradictions()
        yield from self._range_contradictions()

    def _parent_contradictions(self) -> Iterator[str]:
        placeholders = re.findall(r"{(.*?)}", self.path)
        expected = [self.parent.name] if self.parent and self.parent.in_path else []
        if placeholders != expected:
            yield f"the path {self.path} has the placeholders {placeholders}, not {expected}"
        if self.parent and self.parent.name not in self.primary_keys:
            yield f"{self.parent.name} names the parent and must be a primary key"

    def _range_contradictions(self) -> Iterator[str]:
        time_range = self.time_range
        field_name = time_range.field if time_range else None
        if self.replication_key != field_name:
            yield f"replication_key {self.replication_key} is not the time range's {field_name}"
        if time_range is None:
            return
        if not time_range.time_formats:
            yield "its time range has no time format"
        if not time_range.documented and not time_range.full_table_is_whole:
            yield "a filter that may not work cannot bound a full table: set full_table_is_whole"
        if time_range.granularity and "dateRangeStart" not in self.primary_keys:
            yield "sums over a range need dateRangeStart as a primary key"


def check_table(specs: Sequence[StreamSpec]) -> tuple[StreamSpec, ...]:
    """Return the stream table, once it is known to agree with itself and with the schema files.

    Args:
        specs: All entries of the table.

    Raises:
        SpecError: An entry does not: it names an unknown parent, its schema file is missing, or
            that file lacks one of its keys.
    """
    by_name: dict[str, StreamSpec] = {}
    for spec in specs:
        if by_name.setdefault(spec.name, spec) is not spec:
            raise SpecError(spec.name, "two entries have this name")
    for spec in specs:
        fields = _declared_fields(spec)
        row_id_of = () if spec.row_id_of == ALL_FIELDS else spec.row_id_of
        for name in (*spec.primary_keys, *row_id_of):
            if name not in fields:
                raise SpecError(spec.name, f"its schema file lacks {name}")
        key = spec.replication_key
        if key is not None and fields.get(key, {}).get("format") != "date-time":
            # STATE compares times as text, which only works in one form.
            raise SpecError(spec.name, f"its schema file has no replication key {key} of date-time")
        if spec.parent is not None:
            _check_parent(spec.name, spec.parent, by_name)
    return tuple(specs)


def _check_parent(name: str, parent: Parent, by_name: Mapping[str, StreamSpec]) -> None:
    asked = by_name.get(parent.stream)
    if asked is None:
        raise SpecError(name, f"its parent {parent.stream} is no stream")
    if asked.parent is not None:
        raise SpecError(name, f"its parent {parent.stream} has a parent itself")
    if parent.field not in _declared_fields(asked):
        raise SpecError(name, f"the schema file of its parent {parent.stream} lacks {parent.field}")


def _declared_fields(spec: StreamSpec) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = load_schema(spec.schema_name)["properties"]
    except FileNotFoundError as error:
        raise SpecError(spec.name, f"there is no file schemas/{spec.schema_name}.json") from error
    return fields
