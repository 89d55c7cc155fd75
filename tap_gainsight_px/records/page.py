"""What the tap keeps of a record between its page and its message: date, key, record."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_gainsight_px.errors import TapError

# About what a page holds, so that a signal need not wait for a large window to be written.
_RECORDS_PER_WRITE = 500

# A date and a key beside each record; what an object takes for each character that shows it.
_BYTES_BESIDE_A_RECORD = 200
_BYTES_A_CHARACTER = 6
_WEIGHED = 8

LONGEST_KEY = 500
"""Most characters in the text of a key."""
_MOST_KEY_BYTES = 1_300
"""Postgres indexes no more than about 2,700 bytes of a row, and a key may be made of two texts."""
SURELY_SHORT = _MOST_KEY_BYTES // 4
"""So many characters are never too long for a key."""

Key: TypeAlias = "str | tuple[Any, ...]"
"""What tells a record from another one: as a rule the values of its primary keys."""

Row: TypeAlias = "tuple[int | None, Key, dict[str, Any] | bytes]"
"""One record: its replication value in epoch milliseconds, if any, its key, and the record itself
as a dict, or as a RECORD message (bare, where it goes into a file of BATCH) with the line break
behind it."""


def is_long_key(key: str) -> bool:
    """Whether a text is too long for a key: no index of a database would take it."""
    return len(key) > LONGEST_KEY or (
        len(key) > SURELY_SHORT and len(key.encode("utf-8", "replace")) > _MOST_KEY_BYTES
    )


class Lines(Sequence[Row]):
    """Rows whose RECORD messages are still in one piece, page by page.

    Most pages leave the tap as they are, so they are cut up only if somebody looks at a row.
    Where all rows have dates, those of one page are in their order.
    """

    def __init__(self, dates: list[int | None], keys: list[Key], texts: list[bytes]) -> None:
        """Keep what belongs together: a date, a key and a line in `texts` for each row."""
        self.dates = dates
        self.keys = keys
        self.texts = texts

    @classmethod
    def joined(cls, pages: list[Lines]) -> Lines:
        """Put pages one behind the other."""
        if len(pages) == 1:
            return pages[0]
        return cls(
            list(chain.from_iterable(page.dates for page in pages)),
            list(chain.from_iterable(page.keys for page in pages)),
            list(chain.from_iterable(page.texts for page in pages)),
        )

    @cached_property
    def _rows(self) -> list[Row]:
        lines = chain.from_iterable(text.splitlines(keepends=True) for text in self.texts)
        return list(zip(self.dates, self.keys, lines, strict=True))

    def __len__(self) -> int:
        """Return the number of rows, which takes no look at them."""
        return len(self.keys)

    def __iter__(self) -> Iterator[Row]:
        """Go through the rows."""
        return iter(self._rows)

    def __getitem__(self, index: Any) -> Any:
        """Return a row, or a list of some."""
        return self._rows[index]


@dataclass(frozen=True)
class Page:
    """One decoded answer."""

    rows: Sequence[Row]
    """Its records; where each has a date, in the order of dates."""
    total_hits: int | None = None
    """How many records the API says the whole scroll has."""
    scroll_id: str | None = None
    is_last: bool | None = None
    came_newest_first: bool = False
    """Whether each record had a date, none later than that of the record before it."""


@dataclass(frozen=True)
class ParentAnswer:
    """What came of asking about one record of the parent stream."""

    parent: str
    is_gone: bool = False
    """PX does not know it (404)."""
    is_empty: bool = False
    """PX has nothing to tell about it (204, or `null`)."""
    refusal: TapError | None = None
    """Why it could not be asked about, though others may be."""


class Step(enum.Enum):
    """What a slice means to a stretch of the past that was read by an earlier run."""

    COMPARED = "compared"
    """The counts of PX have been held against those that were kept."""
    PART = "part"
    """It holds records of the stretch, read again."""
    WHOLE = "whole"
    """The stretch has been read again, in the slices before this one, or needs no reading."""


@dataclass(frozen=True)
class Recount:
    """A stretch of the past whose records are counted, or read, once more."""

    step: Step
    start: int
    """Epoch milliseconds."""
    end: int
    found: tuple[int, ...] = ()
    """How many records PX has on each UTC day of the stretch, as far as this slice tells."""
    kept: tuple[int, ...] | None = None
    """How many were known of when the run began; None where that was not known."""
    is_doubted: bool = False
    """Whether counts of PX have turned out to be wrong."""


@dataclass(frozen=True)
class Slice:
    """Records that leave the tap together."""

    rows: Sequence[Row]
    read_to: int | None = None
    """All records before this time (epoch ms) are in this slice or an earlier one."""
    read_from: int | None = None
    """All records from this time on (epoch ms), up to what was read before, are in this slice or
    an earlier one: it fills back. Never together with `read_to`."""
    missing: int = 0
    """How many records the API announced that did not arrive."""
    is_confirmed: bool = True
    """Whether it is proved what there is, so that the loader may delete what there is not."""
    subject: str = ""
    """Stream and time range, for messages."""
    answer: ParentAnswer | None = None
    """What came of asking about a parent; None where no parent was asked about."""
    position: str | None = None
    """Where a full table continues after an interruption: the parent read last."""
    total: int | None = None
    """How many records PX has of the stream as a whole, where this slice tells."""
    announced: int | None = None
    """How many records PX says there are; None where it does not tell."""
    arrived: int | None = None
    """How many different records came for it, where not all of them are handed on."""
    doubled: int = 0
    """How many records PX holds, and counts, twice."""
    span: int = 0
    """How much time it covers, milliseconds; 0 where it stands for no stretch of time."""
    left_out: Sequence[int] = ()
    """Dates (epoch ms) of records that PX counts among them and the stream does not."""
    recount: Recount | None = None
    """Set where it is about the past: then it moves no bookmark."""
    facts: Mapping[str, Any] | None = None
    """What STATE is to hold beside the bookmark, now that all before this slice is written out."""


def in_order(rows: list[Row]) -> list[Row]:
    """Return rows in the order of their dates, where each has one."""
    if all(row[0] is not None for row in rows):
        rows.sort(key=lambda row: row[0] or 0)
    return rows


def is_newest_first(dates: list[int | None]) -> bool:
    """Whether no date is later than the one before it; one that is missing is in no order."""
    known = [date for date in dates if date is not None]
    return len(known) == len(dates) and known == sorted(known, reverse=True)


OTHER_EVENT: dict[str, Any] = {}
"""What stands for an event of another name than the stream's: the API's filters do not tell upper
from lower case. It is counted, as PX counts it, and goes no further."""


def dates_and_keys(rows: Sequence[Row]) -> tuple[list[int | None], list[Key]]:
    """Return the dates and the keys of rows."""
    if isinstance(rows, Lines):
        return rows.dates, rows.keys
    return [row[0] for row in rows], [row[1] for row in rows]


def known_dates(slice_: Slice) -> Sequence[int]:
    """Return the dates, in their order, of all records that PX counts in a slice."""
    dates: Sequence[Any] = dates_and_keys(slice_.rows)[0]
    if slice_.left_out or None in dates:
        dates = sorted(date for date in chain(dates, slice_.left_out) if date is not None)
    return dates


def pieces(rows: Sequence[Row]) -> Iterator[bytes | dict[str, Any]]:
    """Yield records as they are to be written: many lines at a time, or one dict."""
    if isinstance(rows, Lines):
        yield from rows.texts
        return
    for start in range(0, len(rows), _RECORDS_PER_WRITE):
        records = [record for _, _, record in rows[start : start + _RECORDS_PER_WRITE]]
        for is_line, group in groupby(records, key=lambda record: isinstance(record, bytes)):
            if is_line:
                yield b"".join(cast("Iterator[bytes]", group))
            else:
                yield from cast("Iterator[dict[str, Any]]", group)


def has_key(row: Row) -> bool:
    """Whether the key of a record is really that, and not a digest in place of a missing one."""
    return not (isinstance(row[1], tuple) and row[1][0] is None)


def held_bytes(rows: Sequence[Row]) -> int:
    """Return about how much memory rows take: of records that are objects, a few are looked at."""
    if isinstance(rows, Lines):
        size = sum(map(len, rows.texts))
    else:
        looked_at = rows[:: -(-len(rows) // _WEIGHED) or 1]
        size = sum(
            len(record) if isinstance(record, bytes) else _BYTES_A_CHARACTER * len(repr(record))
            for _, _, record in looked_at
        )
        size = size * len(rows) // (len(looked_at) or 1)
    return size + _BYTES_BESIDE_A_RECORD * len(rows)
