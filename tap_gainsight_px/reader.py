"""Reads one window of one stream: its records whole, in order, each once.

Nothing of a window is handed on before all of it is there and counted. Whatever goes wrong on
the way, the window is read again from its start.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import quote

from tap_gainsight_px.errors import (
    RangeIgnoredError,
    RefusedError,
    RetriableError,
    ScrollLostError,
    TapError,
    WindowError,
)
from tap_gainsight_px.ordered_pool import More
from tap_gainsight_px.paging import first_params, next_params
from tap_gainsight_px.stream_spec import AskBy, StreamSpec, TimeForm, TimeRange
from tap_gainsight_px.timestamps import to_iso, to_iso_seconds
from tap_gainsight_px.windows import Window, split

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.paging import Params
    from tap_gainsight_px.records import Key, Page, PageDecoder, Row

T = TypeVar("T")

logger = logging.getLogger(__name__)

# How often a window is read from its start before its shortfall is believed.
READINGS = 4
# Full pages without one new record after which a scroll counts as running in circles, and short
# pages after which it counts as ended although records are missing.
PAGES_WITHOUT_NEWS = 3
_PARTS_AROUND_A_BURST = 16
# Answers to a scrollId that the API no longer knows; which one PX gives is not documented.
_SCROLL_GONE = frozenset({400, 404, 410})


class Get(Protocol):
    """Sends a GET request and decodes its answer."""

    def __call__(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], T],
        *,
        repeatable: bool = True,
        on_lost: Callable[[], None] | None = None,
    ) -> T:
        """Return the decoded answer; raise `RequestError` for one that cannot be had."""


@dataclass(frozen=True)
class Batch:
    """Records that leave the tap together."""

    rows: list[Row]
    read_to: int | None = None
    """All records before this time (epoch ms) are in this batch or an earlier one."""
    missing: int = 0
    """How many records the API announced that did not arrive."""
    subject: str = ""
    """Stream and time range, for messages."""
    asked: int = 0
    """How many parents were asked about."""
    vanished: int = 0
    """How many of them are not there any more, or have nothing."""
    position: str | None = None
    """Where a full table goes on after an interruption: the parent read last."""


@dataclass
class _Walk:
    """What walking from the first page to the last has brought, once or again and again."""

    announced: int | None = None
    arrived: int = 0
    earliest: int | None = None
    latest: int | None = None
    rows: dict[Key, Row] = field(default_factory=dict)
    """The records of all readings."""
    keys: set[Key] = field(default_factory=set)
    """The keys of this reading."""
    is_settled: bool = True
    """Whether records stay as they are, so that what one reading lacks another may supply."""
    lost_an_answer: bool = False
    """Whether a page was asked for again because its answer was lost on the way."""
    looked_whole: bool = False
    """Whether the reading before this one brought as many rows as announced, of these keys."""

    def begin_again(self) -> None:
        """Start over with the first page, and keep what has been brought so far."""
        self.looked_whole = self.looks_whole
        self.announced = None
        self.arrived = 0
        self.keys = set()
        self.lost_an_answer = False

    def note_lost(self) -> None:
        """Take down that an answer was lost, and perhaps a page with it."""
        self.lost_an_answer = True

    def add(self, page: Page) -> int:
        """Take in a page; return how many of its records are new in this reading."""
        if self.announced is None:
            self.announced = page.total_hits
        self.arrived += len(page.rows)
        dates = [date for date, _, _ in page.rows if date is not None]
        if dates:
            first, last = min(dates), max(dates)
            self.earliest = first if self.earliest is None else min(self.earliest, first)
            self.latest = last if self.latest is None else max(self.latest, last)
        before = len(self.keys)
        self.keys.update(row[1] for row in page.rows)
        self.rows.update((row[1], row) for row in page.rows)
        return len(self.keys) - before

    @property
    def looks_whole(self) -> bool:
        """Whether as many rows have come as announced, though some may have come twice."""
        if self.announced is None or self.arrived < self.announced:
            return False
        return len(self.keys) == len(self.rows)

    @property
    def missing(self) -> int:
        return max(0, (self.announced or 0) - len(self.rows if self.is_settled else self.keys))

    @property
    def is_proved(self) -> bool:
        """Whether exactly as many different records have come as announced, in this reading."""
        return self.announced is not None and len(self.keys) == self.announced

    def leaves(self, window: Window | None) -> bool:
        """Whether a record lies outside the window.

        One on its very end does not count: a server may take the end of a range as inclusive.
        """
        if window is None or self.earliest is None or self.latest is None:
            return False
        return self.earliest < window.start or self.latest > window.end

    def in_order(self, window: Window | None) -> list[Row]:
        """Return the records by replication value, without those of the next window."""
        rows = list(self.rows.values())
        if window is not None and self.latest is not None and self.latest >= window.end:
            rows = [row for row in rows if row[0] is None or row[0] < window.end]
        if self.earliest is not None:
            rows.sort(key=lambda row: -1 if row[0] is None else row[0])
        return rows


class WindowReader:
    """Reads windows of one stream. Holds no state between windows, so threads may share it."""

    def __init__(
        self,
        spec: StreamSpec,
        get: Get,
        decode: PageDecoder,
        *,
        page_size: int,
        window_max_records: int,
        wait: Callable[[float], None],
    ) -> None:
        """Prepare for one stream.

        Args:
            spec: The stream.
            get: Sends the requests.
            decode: Turns the bytes of an answer into a page of this stream.
            page_size: Records per page, within the endpoint's maximum.
            window_max_records: A window that holds more is split.
            wait: Waits that many seconds before a window is read again.
        """
        self.spec = spec
        self._get = get
        self._decode = decode
        self.page_size = page_size
        self._max_records = window_max_records
        self._wait = wait

    def job(
        self, window: Window | None, form: TimeForm = TimeForm.ISO, *, parent: str | None = None
    ) -> Callable[[], Batch | More[Batch]]:
        """Return the job that reads one window.

        Args:
            window: The stretch of time; None for everything the endpoint has.
            form: How times are written in a filter.
            parent: The record of the parent stream that is asked about. One that the API does
                not know any more (404) has no records.
        """
        return lambda: self._read(_Question(self.spec, window, form, parent))

    def sample(self, window: Window, form: TimeForm) -> list[Row]:
        """Read the first page of a window, whatever else it holds."""
        question = _Question(self.spec, window, form)
        paging = first_params(self.spec.paging, self.page_size)
        return self.page({**question.params, **paging}, question).rows

    def _read(self, question: _Question) -> Batch | More[Batch]:
        try:
            return self._read_until_whole(question)
        except RefusedError as error:
            if question.parent is not None and error.status == 404:  # noqa: PLR2004
                return Batch([], subject=question.subject, asked=1, vanished=1)
            error.during(question.subject)
            raise
        except TapError as error:
            error.during(question.subject)
            raise

    def _read_until_whole(self, question: _Question) -> Batch | More[Batch]:
        subject = question.subject
        walk = question.new_walk()
        trouble: TapError | None = None
        for reading in range(READINGS):
            if reading:
                walk.begin_again()
                # The same request again at once would be refused as a duplicate.
                self._wait(0.2 * 2**reading)
            try:
                parts = self._walk(walk, question, other_page_size(self.page_size, reading))
            except (ScrollLostError, RangeIgnoredError) as error:
                trouble = error
                logger.warning("%s: %s; reading it again", subject, error)
                if isinstance(error, RangeIgnoredError):
                    walk = question.new_walk()  # nothing of this one is to be believed
                continue
            if parts is not None:
                return parts
            trouble = None
            if walk.missing and walk.looks_whole and walk.looked_whole:
                logger.warning(
                    "%s: PX holds %d records twice; each was read once", subject, walk.missing
                )
                walk.announced = len(walk.rows)
            if not walk.missing:
                break
            logger.warning(
                "%s: %d of %d announced records are missing; reading it again",
                subject,
                walk.missing,
                walk.announced,
            )
        if trouble is not None:
            message = f"{trouble.message}, {READINGS} times in a row; run again later"
            raise WindowError(message) from trouble
        return self._batch(walk, question)

    def _batch(self, walk: _Walk, question: _Question) -> Batch:
        window = question.window
        rows = walk.in_order(question.checked_window)
        if self.spec.event_name is not None:
            # The API's filters do not tell upper from lower case.
            rows = [row for row in rows if _event_name(row) == self.spec.event_name]
        is_child = question.parent is not None
        return Batch(
            rows=rows,
            # What a child gives is only complete with what its siblings give.
            read_to=window.end if window and not is_child else None,
            missing=walk.missing,
            subject=question.subject,
            asked=int(is_child),
            vanished=int(is_child and self.spec.records_key is None and not rows),
        )

    def _walk(self, walk: _Walk, question: _Question, page_size: int) -> More[Batch] | None:
        """Go from the first page to the last; return the parts when the window is to be split."""
        spec = self.spec
        paging = first_params(spec.paging, spec.page_size_max and page_size)
        params: Params | None = {**question.params, **paging}
        without_news = 0
        while params is not None:
            page = self.page(params, question, announced=walk.announced, on_lost=walk.note_lost)
            news = walk.add(page)
            if walk.leaves(question.checked_window):
                message = "the API answers with records outside the range asked for"
                raise RangeIgnoredError(message)
            holds = self._too_many(walk, page, page_size)
            if holds and (parts := self._split(question, holds)):
                logger.debug("%s: in %d parts", question.subject, len(parts))
                return More([partial(self._read, part) for part in parts])
            without_news = 0 if news else without_news + 1
            if without_news >= PAGES_WITHOUT_NEWS:
                if len(page.rows) < page_size:
                    break
                message = "the scroll gives the same records over and over"
                raise ScrollLostError(message)
            params = next_params(spec.paging, params, page, records_missing=not walk.is_proved)
        if walk.lost_an_answer and not walk.is_proved:
            message = "an answer was lost on the way, and the count does not prove that it was all"
            raise ScrollLostError(message)
        return None

    def page(
        self,
        params: Params,
        question: _Question | None = None,
        *,
        announced: int | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> Page:
        """Read one page.

        Args:
            params: Parameters of the request, besides those of the stream itself.
            question: What is asked for; None for the endpoint as a whole.
            announced: How many records the first page of this walk announced.
            on_lost: Called when a page of a scroll is asked for again, its answer being lost.

        Raises:
            ScrollLostError: The scroll is gone, or may have moved on unseen.
            RequestError: The page cannot be had.
        """
        question = question or _Question(self.spec)
        in_scroll = "scrollId" in params
        try:
            return self._get(
                question.path,
                {**self.spec.params, **params},
                partial(self._decode, adds=question.adds),
                # Without a count nothing would tell that a scroll has moved on by itself.
                repeatable=not in_scroll or announced is not None,
                on_lost=on_lost if in_scroll else None,
            )
        except RetriableError as error:
            if in_scroll:
                message = f"the scroll cannot be gone on with: {error.message}"
                raise ScrollLostError(message) from error
            raise
        except RefusedError as error:
            if in_scroll and error.status in _SCROLL_GONE:
                message = f"the scroll ended early: {error.message}"
                raise ScrollLostError(message) from error
            raise

    def _too_many(self, walk: _Walk, page: Page, page_size: int) -> int:
        """Return how many records the window holds when that is too many, else 0."""
        announced = walk.announced or 0
        if len(page.rows) < min(page_size, announced):
            return 0  # this was all, whatever is announced
        if walk.arrived == len(page.rows) and announced > self._max_records:
            return announced
        # The count is missing or cut off (Elasticsearch counts to 10,000 unless told otherwise).
        is_full = len(page.rows) >= page_size
        return walk.arrived if is_full and walk.arrived > max(self._max_records, announced) else 0

    def _split(self, question: _Question, holds: int) -> list[_Question]:
        """Return what to ask instead of what holds too much; nothing where it cannot be split."""
        window = question.checked_window
        if window is None or window.seconds == 1:
            return []
        # Parts are never quite equal, so they are made to hold a little less than they may.
        parts = -(-holds * 20 // (self._max_records * 19))
        if 4 * holds > 3 * question.split_from:
            # Nearly all that the wider window held is in this part of it: a burst. Halving would
            # take a request, one after another, for each step from days down to seconds.
            parts = max(parts, _PARTS_AROUND_A_BURST)
        return [replace(question, window=part, split_from=holds) for part in split(window, parts)]


@dataclass(frozen=True)
class _Question:
    """What is asked of an endpoint: a stretch of time, a parent, both or neither."""

    spec: StreamSpec
    window: Window | None = None
    form: TimeForm = TimeForm.ISO
    parent: str | None = None
    split_from: int | float = math.inf
    """How many records the window held that this one is a part of."""

    def new_walk(self) -> _Walk:
        """Begin to collect the answers."""
        time_range = self.spec.time_range
        return _Walk(is_settled=time_range is None or time_range.documented)

    @property
    def subject(self) -> str:
        """Name of what is asked for, for messages."""
        parts = (self.spec.name, self.parent, self.window)
        return " ".join(str(part) for part in parts if part is not None)

    @property
    def path(self) -> str:
        parent = self.spec.parent
        if parent is None or self.parent is None:
            return self.spec.path
        return self.spec.path.replace(f"{{{parent.name}}}", quote(self.parent, safe=""))

    @property
    def params(self) -> Params:
        parent = self.spec.parent
        named = {} if parent is None or parent.in_path else {parent.name: self.parent or ""}
        params = range_params(self.spec.time_range, self.window, self.form)
        if self.spec.event_name is not None:
            params["filter"] = f"{params['filter']};eventName=={self.spec.event_name}"
        return {**named, **params}

    @property
    def checked_window(self) -> Window | None:
        """The window, where each record has a date that must lie in it."""
        sums = self.spec.time_range and self.spec.time_range.sums
        return None if sums else self.window

    @property
    def adds(self) -> dict[str, str]:
        """Fields that tell what was asked, where the record itself does not."""
        adds = {}
        if self.spec.parent is not None and self.parent is not None:
            adds[self.spec.parent.name] = self.parent
        if self.window is not None and self.checked_window is None:
            adds["dateRangeStart"] = to_iso(self.window.start)
            adds["dateRangeEnd"] = to_iso(self.window.end)
        return adds


def _event_name(row: Row) -> object:
    return row[2].get("eventName") if isinstance(row[2], dict) else None


def other_page_size(page_size: int, reading: int) -> int:
    """Return the page size of another reading.

    With other page edges, a fault that is tied to a page shows as one.
    """
    return page_size - reading if page_size > READINGS else page_size + reading


def range_params(
    time_range: TimeRange | None, window: Window | None, form: TimeForm
) -> dict[str, str | int]:
    """Return the parameters that ask for one window."""
    if time_range is None or window is None:
        return {}
    params: dict[str, str | int] = {}
    if time_range.ask_by is not AskBy.RANGE:
        start, end = (_write_time(time, form) for time in (window.start, window.end))
        params["filter"] = f"{time_range.field}>={start};{time_range.field}<{end}"
    if time_range.ask_by is not AskBy.FILTER:
        params["dateRangeStart"] = window.start
        params["dateRangeEnd"] = window.end
    return params


def _write_time(milliseconds: int, form: TimeForm) -> str:
    return to_iso_seconds(milliseconds) if form is TimeForm.ISO else str(milliseconds)
