"""Runs jobs on several threads and hands out their results in order.

A job is a callable without arguments. It returns a result, or `More(jobs)`: further jobs that
take its place in the order. That is how a window becomes the smaller windows it is split into,
and how one page leads to the next.

    lane 0:  job 0      job 1              job 2           lane 1: job 0 …
             │          │                  │
             result     More(job 1.0, 1.1) result          consumed strictly left to right

Workers always begin the earliest job that is waiting, in whatever lane, so the consumer is served
first and spare workers run ahead. They stop running ahead while `capacity` (in the unit of
`weigh`) is held in finished results that nobody has taken yet; the job that the consumer is
waiting for may always begin, so that cannot block for good.

The first error of a lane ends the work that lies behind it in that lane; what lies before it is
still done and handed out, and then the error is raised to the lane's consumer.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

T = TypeVar("T")

# How long the consumer sleeps before it looks again at `check`. A signal handler only sets a
# flag, and on some systems a waiting main thread would not wake up for it.
_LOOK_UP_SECONDS = 0.1


@dataclass(frozen=True)
class More(Generic[T]):
    """Jobs that take the place of the job that returned them. Pulled one by one, when needed."""

    jobs: Iterable[Callable[[], T | More[T]]]


@dataclass(order=True)
class _Slot(Generic[T]):
    """One job and what became of it. `key` is its place in the order."""

    key: tuple[int, ...]
    job: Callable[[], T | More[T]] = field(compare=False)
    done: bool = field(default=False, compare=False)
    outcome: T | _Source[T] | None = field(default=None, compare=False)
    error: BaseException | None = field(default=None, compare=False)


@dataclass(order=True)
class _Source(Generic[T]):
    """Jobs not yet begun, and the slots of those that were. `key` is that of the next job."""

    key: tuple[int, ...]
    jobs: Iterator[Callable[[], T | More[T]]] = field(compare=False)
    started: deque[_Slot[T]] = field(default_factory=deque, compare=False)
    exhausted: bool = field(default=False, compare=False)

    def pull(self) -> _Slot[T] | None:
        """Take the next job, if there is one."""
        job = next(self.jobs, None)
        if job is None:
            self.exhausted = True
            return None
        slot = _Slot(self.key, job)
        self.started.append(slot)
        self.key = (*self.key[:-1], self.key[-1] + 1)
        return slot


class OrderedPool(Generic[T]):
    """Worker threads shared by all lanes of a run."""

    def __init__(
        self,
        max_workers: int,
        *,
        capacity: int,
        weigh: Callable[[T], int],
        check: Callable[[], None],
    ) -> None:
        """Set up without starting a thread; the first lane does that.

        Args:
            max_workers: Jobs run at once.
            capacity: How much may be held in finished results before workers stop running ahead.
            weigh: What one result counts towards `capacity`.
            check: Called by the consumer every tenth of a second of waiting; may raise.
        """
        self._max_workers = max_workers
        self._capacity = capacity
        self._weigh = weigh
        self._check = check
        self._changed = threading.Condition()
        self._sources: list[_Source[T]] = []  # a heap: the source of the earliest job on top
        self._lanes = 0
        self._threads = 0
        self._idle = 0
        self._held = 0
        self._awaited: _Source[T] | None = None
        self._failed_at: dict[int, tuple[int, ...]] = {}
        self._abandoned: set[int] = set()
        self._closed = False

    def lane(self, jobs: Iterable[Callable[[], T | More[T]]]) -> Generator[T, None, None]:
        """Queue jobs behind those of all earlier lanes.

        Returns:
            The results in order. Workers begin at once, whether or not anybody iterates yet.
            Lanes are to be consumed in the order in which they were made, each by the same thread.
        """
        with self._changed:
            source = _Source[T]((self._lanes, 0), iter(jobs))
            self._lanes += 1
            heapq.heappush(self._sources, source)
            self._changed.notify_all()
            self._staff()
        return self._consume(source)

    def close(self) -> None:
        """Begin no further job. Threads in the middle of one end when it does."""
        with self._changed:
            self._closed = True
            self._sources.clear()
            self._changed.notify_all()

    def _staff(self) -> None:
        """Start one more thread if all are busy and there may be work for it."""
        if self._threads < self._max_workers and not self._idle and not self._closed:
            self._threads += 1
            threading.Thread(target=self._work, name=f"worker-{self._threads}", daemon=True).start()

    # The worker's side

    def _work(self) -> None:
        while (slot := self._next_slot()) is not None:
            outcome: T | More[T] | None = None
            error: BaseException | None = None
            try:
                outcome = slot.job()
            except BaseException as raised:  # noqa: BLE001 - raised again to the consumer
                error = raised
            self._finish(slot, outcome, error)

    def _next_slot(self) -> _Slot[T] | None:
        with self._changed:
            while not self._closed:
                slot = self._try_next_slot()
                if slot is not None:
                    self._staff()
                    return slot
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return None

    def _try_next_slot(self) -> _Slot[T] | None:
        while self._sources:
            source = self._sources[0]
            lane = source.key[0]
            if lane in self._abandoned or source.key > self._failed_at.get(lane, source.key):
                heapq.heappop(self._sources)
                continue
            if self._held >= self._capacity and source is not self._awaited:
                return None
            slot = source.pull()
            if slot is None:
                heapq.heappop(self._sources)
                self._changed.notify_all()
                continue
            heapq.heapreplace(self._sources, source)
            self._changed.notify_all()
            return slot
        return None

    def _finish(
        self, slot: _Slot[T], outcome: T | More[T] | None, error: BaseException | None
    ) -> None:
        with self._changed:
            if error is not None:
                slot.error = error
                lane = slot.key[0]
                self._failed_at[lane] = min(slot.key, self._failed_at.get(lane, slot.key))
            elif isinstance(outcome, More):
                more = _Source[T]((*slot.key, 0), iter(outcome.jobs))
                slot.outcome = more
                if not self._closed:
                    heapq.heappush(self._sources, more)
            elif slot.key[0] not in self._abandoned:
                slot.outcome = cast("T", outcome)
                self._held += self._weigh(slot.outcome)
            slot.done = True
            self._changed.notify_all()

    # The consumer's side

    def _consume(self, lane: _Source[T]) -> Generator[T, None, None]:
        nested = [lane]
        try:
            yield from self._results(nested)
        finally:
            self._abandon(lane.key[0], nested)

    def _abandon(self, lane: int, nested: list[_Source[T]]) -> None:
        """Forget what is left of a lane that nobody will read to its end."""
        with self._changed:
            self._abandoned.add(lane)
            while nested:
                for slot in nested.pop().started:
                    if isinstance(slot.outcome, _Source):
                        nested.append(slot.outcome)
                    elif slot.done and slot.error is None:
                        self._held -= self._weigh(cast("T", slot.outcome))
            self._changed.notify_all()

    def _results(self, nested: list[_Source[T]]) -> Iterator[T]:
        while nested:
            slot = self._await_first(nested[-1])
            if slot is None:
                nested.pop()
                continue
            nested[-1].started.popleft()
            if slot.error is not None:
                raise slot.error
            outcome = slot.outcome
            if isinstance(outcome, _Source):
                nested.append(outcome)
                continue
            result = cast("T", outcome)
            slot.outcome = None
            # Its weight counts until the consumer comes back for more: it is still in memory.
            try:
                yield result
            finally:
                with self._changed:
                    self._held -= self._weigh(result)
                    self._changed.notify_all()

    def _await_first(self, source: _Source[T]) -> _Slot[T] | None:
        """Wait for the source's first slot to be done; None when it has no more."""
        with self._changed:
            self._awaited = source
            self._changed.notify_all()
            try:
                while True:
                    if source.started and source.started[0].done:
                        return source.started[0]
                    if source.exhausted and not source.started:
                        return None
                    self._check()
                    if self._closed:
                        message = "the pool was closed while results were awaited"
                        raise RuntimeError(message)
                    self._changed.wait(_LOOK_UP_SECONDS)
            finally:
                self._awaited = None
