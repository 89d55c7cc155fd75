"""What is counted during a run, stream by stream: requests, waits, records, how far each has come.

A fact is counted where it arises, in whatever thread. The thread knows which stream it is about:
`StreamTally.at_work` says so around a job, and `here` gives the tally. So nothing on the way from a
stream to its requests has to hand it on.
"""

from __future__ import annotations

import enum
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Wait(str, enum.Enum):
    """What a worker has waited for. The values are names in the report."""

    RATE_LIMIT = "rate_limit"
    """`requests_per_second`, or what is left of it after a 429."""
    PX_429 = "px_429"
    """The pause that PX wants after a 429."""
    SCROLL_LIMIT = "scroll_limit"
    """PX has too many scrolls open."""
    RETRY = "retry"
    """Time between two tries of a request, after any other fault."""

    @property
    def words(self) -> str:
        """What to call it."""
        return _WORDS[self]


_WORDS = {
    Wait.RATE_LIMIT: "requests_per_second",
    Wait.PX_429: "PX's limit (429)",
    Wait.SCROLL_LIMIT: "an open scroll",
    Wait.RETRY: "another try",
}


class Outcome(str, enum.Enum):
    """What became of a stream, or of a run. The values are names in the report."""

    RUNNING = "running"
    WHOLE = "whole"
    INCOMPLETE = "incomplete"
    """Read to its end, but not all that PX announced, or not for all parents."""
    FAILED = "failed"
    STOPPED = "stopped"
    """The run has ended before it: by a signal, a limit, or an error of the run."""
    SKIPPED = "skipped"
    """The key may not read it, and the user lets the tap leave it out."""


class Unit(enum.Enum):
    """By what the way of a stream is measured."""

    TIME = enum.auto()
    """Milliseconds of its range."""
    RECORDS = enum.auto()
    PARENTS = enum.auto()
    """Answers about parents."""


class Odd(Protocol):
    """What knows which records were odd: `records.oddities.Oddities`."""

    @property
    def slow(self) -> int:
        """Return how many records had to be decoded one by one."""

    @property
    def fields(self) -> Mapping[str, Mapping[str, int]]:
        """Return by kind how often a field was odd."""


@dataclass(frozen=True)
class Rechecked:
    """What came of comparing the past. Times in epoch milliseconds."""

    start: int | None
    """None where nothing was compared, and a stretch read because its counts were not known."""
    end: int | None
    days: int
    """Days that have changed."""
    more: int
    """Records that were not there before."""
    fewer: int
    """Records that are gone from PX."""
    records: int
    """Records read and written again."""


@dataclass
class StreamTally:
    """Counts of one stream. Methods that workers call take a lock; the rest is the main thread's.

    Moments are seconds since the run began.
    """

    name: str
    clock: Callable[[], float] = field(default=lambda: 0.0, repr=False)
    """Seconds since the run began."""
    replication_key: str | None = None
    """The date by which it is read; None where it has none, or is read whole."""
    outcome: Outcome = Outcome.RUNNING
    errors: list[str] = field(default_factory=list)
    """The lines that say why it is not whole."""
    start: int | None = None
    """Start of what is read, inclusive, epoch milliseconds; None for all that there is."""
    end: int | None = None
    """Its end, exclusive; None where the stream has no dates."""
    announced: int | None = None
    """Records that PX says there are; None where it does not tell."""
    arrived: int = 0
    """Different records that came."""
    doubled: int = 0
    """Records that PX holds, and counts, twice."""
    missing: int = 0
    """Announced records that did not come."""
    written: int = 0
    """Records that left the tap, before stream maps; those of a recheck are among them."""
    rechecked: Rechecked | None = None
    read: int = 0
    """Records that workers have read, ahead of what is written."""
    read_again: int = 0
    """How often a window or a listing was read again from its start, after a fault."""
    requests: int = 0
    """Requests sent, retries included."""
    retries: int = 0
    request_seconds: float = 0.0
    waits: dict[Wait, float] = field(default_factory=lambda: dict.fromkeys(Wait, 0.0))
    """Seconds of all workers together."""
    first_request: float | None = None
    last_record: float | None = None
    odd: Odd | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _unit: Unit | None = None
    _planned: float = 0.0
    _done: float = 0.0
    _is_unbounded: bool = False

    # What workers count

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let what this thread does within the block count for this stream."""
        before = here()
        _thread.tally = self
        try:
            yield
        finally:
            _thread.tally = before

    def note_request(self) -> None:
        """Count a request that is about to be sent."""
        with self._lock:
            self.requests += 1
            if self.first_request is None:
                self.first_request = self.clock()

    def note_answer(self, seconds: float) -> None:
        """Count the time that a request took, whatever came of it."""
        with self._lock:
            self.request_seconds += seconds

    def note_wait(self, wait: Wait, seconds: float, *, is_retry: bool = False) -> None:
        """Count a wait, and the retry that follows it if there is one."""
        with self._lock:
            self.waits[wait] += seconds
            self.retries += is_retry

    def note_read_again(self) -> None:
        """Count that something is read again from its start."""
        with self._lock:
            self.read_again += 1

    def plan(self, unit: Unit, amount: float) -> None:
        """Note what there is to do, beside what was planned before by the same unit."""
        with self._lock:
            if self._unit is not unit:
                self._unit, self._planned, self._done = unit, 0.0, 0.0
            self._planned += amount

    def advance(self, records: int, done: Mapping[Unit, float]) -> None:
        """Note what has been read: so many records, and how far that leads by each unit."""
        with self._lock:
            self.read += records
            if self._unit is not None:
                self._done += done.get(self._unit, 0.0)

    # What the main thread counts

    def reads(self, start: int | None, end: int | None) -> None:
        """Note a stretch that is to be read, beside others. Epoch milliseconds."""
        self._is_unbounded = self._is_unbounded or start is None
        known = [one for one in (self.start, start) if one is not None]
        self.start = None if self._is_unbounded else min(known)
        self.end = max((one for one in (self.end, end) if one is not None), default=None)

    def note_written(self, records: int) -> None:
        """Count records that have left the tap."""
        self.written += records
        if records:
            self.last_record = self.clock()

    def end_as(self, outcome: Outcome, *errors: str) -> None:
        """Note what became of the stream; a fault outweighs what follows it."""
        self.errors += [one for one in errors if one not in self.errors]
        if self.outcome in {Outcome.RUNNING, Outcome.WHOLE}:
            self.outcome = outcome

    # What others look at

    @property
    def share(self) -> float | None:
        """How much of the way lies behind the workers, 0 to 1; None where that is not known."""
        if self.outcome is not Outcome.RUNNING:
            return 1.0
        if not self._planned:
            return None
        return min(1.0, self._done / self._planned)


class RunTally:
    """The tallies of a run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to count.

        Args:
            clock: Seconds on a clock that never goes back.
        """
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()
        self._streams: dict[str, StreamTally] = {}

    def elapsed(self) -> float:
        """Return the seconds since the run began."""
        return self._clock() - self._began

    def of(self, stream: str) -> StreamTally:
        """Return the tally of a stream."""
        with self._lock:
            if stream not in self._streams:
                self._streams[stream] = StreamTally(stream, self.elapsed)
            return self._streams[stream]


class _Thread(threading.local):
    def __init__(self) -> None:
        self.tally = StreamTally("")
        """Of nobody: what is asked for no stream, as by `--check`."""


_thread = _Thread()


def here() -> StreamTally:
    """Return the tally of the stream that this thread works for."""
    return _thread.tally
