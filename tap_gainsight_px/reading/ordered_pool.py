"""Runs jobs on several threads and hands out their results in order.

A job is a callable without arguments. It returns a result, or `More(jobs)`: further jobs that
take its place in the order. That is how a window becomes the smaller windows it is split into,
and how one page leads to the next.

    queue 0:  job 0      job 1              job 2          queue 1:  job 0 …
              │          │                  │                        │
              result     More(job 1.0, 1.1) result                   result

    consumed strictly left to right: one queue a stream, one after another

Workers always begin the earliest job that is waiting, in whatever queue, so the consumer is served
first and spare workers run ahead. They stop running ahead while the results that nobody has taken
yet, and those to be expected of the jobs that run, weigh as much as `capacity`; or while another
worker would only wait. The job that the consumer is waiting for may always begin, so the pool
cannot deadlock.

The first error of a queue ends the work that lies behind it in that queue; what lies before it is
still done and handed out, and then the error is raised to the queue's consumer. It makes no
difference whether a job raises, the iterator that the jobs are pulled from, or `weigh`: a queue
that ends without an error has handed out all of its results.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar, cast

from tap_gainsight_px.errors import NoWorkersError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How long the consumer sleeps before it looks again at `check`. A signal handler only sets a
# flag, and on some systems a waiting main thread would not wake up for it.
_LOOK_UP_SECONDS = 0.1

# How much one more result changes what is expected of the next ones.
_NEWS = 0.2


@dataclass(frozen=True)
class More(Generic[T]):
    """Jobs that take the place of the job that returned them. Pulled one by one, when needed."""

    jobs: Iterable[Callable[[], T | More[T]]]


def in_turn(jobs: Iterable[Callable[[], T | More[T]]]) -> Iterator[T]:
    """Run jobs, and those that take their place, one after another in this thread."""
    waiting = [iter(jobs)]
    while waiting:
        job = next(waiting[-1], None)
        if job is None:
            waiting.pop()
        elif isinstance(outcome := job(), More):
            waiting.append(iter(outcome.jobs))
        else:
            yield outcome


@dataclass(order=True)
class _Slot(Generic[T]):
    """One job and what became of it. `key` is its place in the order."""

    key: tuple[int, ...]
    job: Callable[[], T | More[T]] = field(compare=False)
    done: bool = field(default=False, compare=False)
    outcome: T | _Source[T] | None = field(default=None, compare=False)
    weight: int = field(default=0, compare=False)
    error: BaseException | None = field(default=None, compare=False)


@dataclass(order=True)
class _Source(Generic[T]):
    """Jobs not yet begun, and the slots of those that were. `key` is that of the next job."""

    key: tuple[int, ...]
    jobs: Iterator[Callable[[], T | More[T]]] = field(compare=False)
    started: deque[_Slot[T]] = field(default_factory=deque, compare=False)
    exhausted: bool = field(default=False, compare=False)

    def pull(self) -> _Slot[T] | None:
        """Take the next job, if there is one. An error of the iterator is that of a last job."""
        try:
            job = next(self.jobs)
        except StopIteration:
            self.exhausted = True
            return None
        except BaseException as error:  # noqa: BLE001 - raised again to the consumer
            self.exhausted = True
            job = partial(_raise, error)
        slot = _Slot(self.key, job)
        self.started.append(slot)
        self.key = (*self.key[:-1], self.key[-1] + 1)
        return slot


def _raise(error: BaseException) -> NoReturn:
    raise error


class OrderedPool(Generic[T]):
    """Worker threads shared by all queues of a run."""

    def __init__(
        self,
        max_workers: int,
        *,
        capacity: int,
        weigh: Callable[[T], int],
        check: Callable[[], None],
        is_busy: Callable[[], bool] = lambda: False,
        expected: float = 0,
    ) -> None:
        """Set up without starting a thread; the first queue does that.

        Args:
            max_workers: Jobs run at once.
            capacity: How much may be held in results before workers stop running ahead.
            weigh: What one result counts towards `capacity`.
            check: Called by the consumer every tenth of a second of waiting; may raise.
            is_busy: Whether what the jobs share is used up, so that another one beside those that
                run would only wait. Asked under the pool's lock.
            expected: How much one result weighs, as long as none is there to tell.
        """
        self._max_workers = max_workers
        self._capacity = capacity
        self._weigh = weigh
        self._check = check
        self._is_busy = is_busy
        lock = threading.RLock()
        self._changed = threading.Condition(lock)  # the consumer waits for it
        self._called = threading.Condition(lock)  # workers wait for it
        self._sources: list[_Source[T]] = []  # a heap: the source of the earliest job on top
        self._queues = 0
        self._threads = 0
        self._idle = 0
        self._running = 0
        self._held = 0
        self._expected = expected  # the weight of what a running job will bring
        self._awaited: _Source[T] | None = None
        self._failed_at: dict[int, tuple[int, ...]] = {}
        self._abandoned: set[int] = set()
        self._closed = False

    def queue(self, jobs: Iterable[Callable[[], T | More[T]]]) -> Generator[T, None, None]:
        """Queue jobs behind those of all earlier queues.

        Returns:
            The results in order. Workers begin at once, whether or not anybody iterates yet.
            Queues are to be consumed in the order in which they were made, by one thread.

        Raises:
            NoWorkersError: Not a single thread can be started.
        """
        with self._changed:
            source = _Source[T]((self._queues, 0), iter(jobs))
            self._queues += 1
            heapq.heappush(self._sources, source)
            self._call_one()
        return self._consume(source)

    def close(self) -> None:
        """Begin no further job. Threads in the middle of one end when it does."""
        with self._changed:
            self._closed = True
            self._sources.clear()
            self._changed.notify_all()
            self._called.notify_all()

    def _call_one(self) -> None:
        """Wake up one idle worker, or start one: there may be work for it.

        If it finds some it calls the next one. To wake up all for what one of them gets would
        cost more the more there are.
        """
        if self._idle:
            self._called.notify()
        elif self._closed or self._threads >= self._max_workers:
            return
        elif self._may_begin() or not self._threads:
            self._start_one()

    def _start_one(self) -> None:
        name = f"worker-{self._threads + 1}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except RuntimeError as error:  # the limit of the machine or the container
            self._go_on_with_fewer(error)
        else:
            self._threads += 1

    def _go_on_with_fewer(self, error: RuntimeError) -> None:
        """Go on with the workers that have been started, and start no more.

        Raises:
            NoWorkersError: There is none.
        """
        if not self._threads:
            message = (
                f"not one thread can be started to read with ({error}): raise the limit on "
                "processes (`ulimit -u`; in a container its pids limit)"
            )
            raise NoWorkersError(message) from error
        logger.warning(
            "Reading with %d workers instead of %d: no more threads can be started (%s)",
            self._threads,
            self._max_workers,
            error,
        )
        self._max_workers = self._threads

    # The worker's side

    def _work(self) -> None:
        while (slot := self._next_slot()) is not None:
            self._do(slot)
            self._finish(slot)

    def _do(self, slot: _Slot[T]) -> None:
        """Run a job. Nothing may be left of its result in the thread: it would stay in memory."""
        try:
            outcome = slot.job()
            if isinstance(outcome, More):
                slot.outcome = _Source[T]((*slot.key, 0), iter(outcome.jobs))
            else:
                slot.outcome, slot.weight = outcome, self._weigh(outcome)
        except BaseException as error:  # noqa: BLE001 - raised again to the consumer
            slot.outcome, slot.error = None, error

    def _next_slot(self) -> _Slot[T] | None:
        with self._changed:
            while not self._closed:
                slot = self._try_next_slot()
                if slot is not None:
                    self._running += 1
                    self._call_one()
                    return slot
                self._idle += 1
                self._called.wait()
                self._idle -= 1
            return None

    def _try_next_slot(self) -> _Slot[T] | None:
        while self._sources:
            source = self._sources[0]
            queue = source.key[0]
            if queue in self._abandoned or source.key > self._failed_at.get(queue, source.key):
                heapq.heappop(self._sources)
                continue
            if not self._may_begin() and not self._is_awaited(source):
                return None
            slot = source.pull()
            if slot is None:
                heapq.heappop(self._sources)
                self._changed.notify_all()
                continue
            heapq.heapreplace(self._sources, source)
            return slot
        return None

    def _may_begin(self) -> bool:
        """Whether there is room for the result of one more job, and the job would not only wait."""
        weight = self._held + self._running * self._expected
        return weight < self._capacity and not self._is_busy()

    def _is_awaited(self, source: _Source[T]) -> bool:
        """Whether the consumer waits for the next job of a source, and not for one that runs."""
        return source is self._awaited and not source.started

    def _finish(self, slot: _Slot[T]) -> None:
        with self._changed:
            self._running -= 1
            queue = slot.key[0]
            if slot.error is not None:
                self._failed_at[queue] = min(slot.key, self._failed_at.get(queue, slot.key))
            elif isinstance(slot.outcome, _Source):
                if not self._closed:
                    heapq.heappush(self._sources, slot.outcome)
            else:
                self._expected += _NEWS * (slot.weight - self._expected)
                if queue in self._abandoned:
                    slot.outcome = None
                else:
                    self._held += slot.weight
            slot.done = True
            self._changed.notify_all()

    # The consumer's side

    def _consume(self, queue: _Source[T]) -> Generator[T, None, None]:
        nested = [queue]
        try:
            yield from self._results(nested)
        finally:
            self._abandon(queue.key[0], nested)

    def _abandon(self, queue: int, nested: list[_Source[T]]) -> None:
        """Forget what is left of a queue whose consumer has stopped reading."""
        with self._changed:
            self._abandoned.add(queue)
            while nested:
                for slot in nested.pop().started:
                    if isinstance(slot.outcome, _Source):
                        nested.append(slot.outcome)
                    elif slot.done and slot.error is None:
                        self._held -= slot.weight
            self._call_one()

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
                    self._held -= slot.weight
                    self._call_one()

    def _await_first(self, source: _Source[T]) -> _Slot[T] | None:
        """Wait for the source's first slot to be done; None when it has no more."""
        with self._changed:
            self._awaited = source
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
                    # By now it may be awaited, or there may be room for it.
                    self._call_one()
                    self._changed.wait(_LOOK_UP_SECONDS)
            finally:
                self._awaited = None
