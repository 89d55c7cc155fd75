"""How far a pool reads ahead: as much as may be held, and never so that somebody waits for ever."""

from __future__ import annotations

import threading
import weakref
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.reading.ordered_pool import More, OrderedPool
from tests.idle import wait_until_idle
from tests.patience import PATIENCE
from tests.properties.pools import make_pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.properties.pools import Job


def after(event: threading.Event, result: int) -> Job:
    """Make a job that waits for an event."""
    return lambda: result if event.wait(PATIENCE) else -1


def test_look_ahead_stops_when_enough_is_held() -> None:
    """A consumer that does not come back holds the workers up, so memory stays flat."""
    begun = []
    enough = threading.Event()

    def count(number: int) -> Job:
        def run() -> int:
            begun.append(number)
            if len(begun) >= 3:
                enough.set()
            return number

        return run

    pool = make_pool(workers=1, capacity=3)
    queue = pool.queue(count(number) for number in range(1_000))
    try:
        assert enough.wait(PATIENCE)
        first = next(queue)
    finally:
        pool.close()
    assert first == 0
    # Three are held, and one more may have begun while the first was being handed over.
    assert len(begun) <= 5


def test_look_ahead_stops_while_the_consumer_waits_for_a_slow_job() -> None:
    """What the others read meanwhile is bounded too: only the awaited job may begin regardless."""
    begun: list[int] = []
    pool = make_pool(workers=2, capacity=3)

    def slow() -> int:
        wait_until_idle(pool, 1, lambda: len(begun) > 9)
        return -1

    def quick(number: int) -> Job:
        def run() -> int:
            begun.append(number)
            return number

        return run

    try:
        queue = pool.queue([slow, *(quick(number) for number in range(100))])
        assert next(queue) == -1
    finally:
        pool.close()
    assert len(begun) <= 4


@pytest.mark.parametrize("is_known", [True, False])
def test_what_running_jobs_will_bring_counts_too(*, is_known: bool) -> None:
    """Else as many as there are workers would each bring as much as may be held."""
    pool = OrderedPool[int](
        8, capacity=59, weigh=lambda _: 20, check=lambda: None, expected=20 if is_known else 1
    )
    begun: list[int] = []
    go_on = threading.Event()

    def jobs() -> Iterator[Job]:
        for number in range(1, 10):
            begun.append(number)
            yield after(go_on, number)

    try:
        if not is_known:  # the results so far tell
            assert list(pool.queue(lambda: 0 for _ in range(50))) == [0] * 50
        queue = pool.queue(jobs())
        wait_until_idle(pool, 3, lambda: len(begun) > 3)
        assert begun == [1, 2, 3]
        go_on.set()
        assert list(queue) == list(range(1, 10))
    finally:
        pool.close()


def test_no_job_begins_that_would_only_wait() -> None:
    """Where those that run use up what they share, another one costs memory and gains nothing."""
    go_on = threading.Event()
    begun: list[int] = []

    def jobs() -> Iterator[Job]:
        for number in range(20):
            begun.append(number)
            yield after(go_on, number)

    pool = OrderedPool[int](
        8,
        capacity=100,
        weigh=lambda _: 1,
        check=lambda: None,
        is_busy=lambda: len(begun) >= 3 and not go_on.is_set(),
    )
    try:
        queue = pool.queue(jobs())
        wait_until_idle(pool, 3, lambda: len(begun) > 3)
        assert begun == [0, 1, 2]
        assert pool._threads <= 4  # noqa: SLF001 - no thread is started for nothing either
        go_on.set()
        assert list(queue) == list(range(20))
    finally:
        pool.close()


def test_workers_begin_again_when_there_is_use_for_them() -> None:
    """Also while those that run do not end: whoever waits for results looks."""
    ahead = threading.Event()
    is_busy = True

    def first() -> int:
        nonlocal is_busy
        wait_until_idle(pool, 1)
        is_busy = False
        return 1 if ahead.wait(PATIENCE) else 0

    def second() -> int:
        ahead.set()
        return 2

    pool = OrderedPool[int](
        2, capacity=100, weigh=lambda _: 1, check=lambda: None, is_busy=lambda: is_busy
    )
    try:
        assert list(pool.queue([first, second])) == [1, 2]
    finally:
        pool.close()


def test_the_awaited_job_begins_even_when_enough_is_held() -> None:
    """Results of later jobs must not lock out the earlier one that everybody waits for."""
    later_done = threading.Event()

    def split_late() -> More[int]:
        later_done.wait(PATIENCE)
        return More([lambda: 1, lambda: 2])

    def later() -> int:
        later_done.set()
        return 3

    pool = make_pool(workers=2, capacity=1)
    try:
        assert list(pool.queue([split_late, later])) == [1, 2, 3]
    finally:
        pool.close()


def test_a_worker_keeps_nothing_of_a_result_that_has_been_taken() -> None:
    """While it does its next job, a window that has been written out takes no memory."""
    began, may_end = threading.Event(), threading.Event()

    def next_job() -> set[int]:
        began.set()
        may_end.wait(PATIENCE)
        return set()

    pool = OrderedPool[set[int]](1, capacity=100, weigh=len, check=lambda: None)
    try:
        results = pool.queue([lambda: {1}, lambda: {2}])
        pool.queue([next_job])
        taken = [weakref.ref(one) for one in results]
        assert began.wait(PATIENCE)
        assert [one() for one in taken] == [None, None]
    finally:
        may_end.set()
        pool.close()


def test_later_queues_are_read_ahead() -> None:
    """A stream's first pages are already there when its turn comes."""
    ahead = threading.Event()

    def second() -> int:
        ahead.set()
        return 2

    pool = make_pool(workers=2)
    try:
        first_queue = pool.queue([lambda: 1 if ahead.wait(PATIENCE) else 0])
        second_queue = pool.queue([second])
        assert list(first_queue) == [1]
        assert list(second_queue) == [2]
    finally:
        pool.close()


def looking_ahead() -> list[Job]:
    """Make two jobs of which the first only succeeds if the second runs beside it."""
    ahead = threading.Event()

    def second() -> int:
        ahead.set()
        return 2

    return [lambda: 1 if ahead.wait(PATIENCE) else 0, second]


def test_an_abandoned_queue_leaves_its_room_and_the_workers_to_the_next() -> None:
    """What it had read counts no longer, and what it had not read is not begun."""
    begun: list[int] = []

    def count(number: int) -> Job:
        def run() -> int:
            begun.append(number)
            return min(number, 1)

        return run

    pool = OrderedPool[int](2, capacity=3, weigh=lambda result: result, check=lambda: None)
    try:
        queue = pool.queue(count(number) for number in range(1_000))
        assert list(islice(queue, 1)) == [0]
        wait_until_idle(pool)
        queue.close()
        assert list(pool.queue(looking_ahead())) == [1, 2]
    finally:
        pool.close()
    assert len(begun) < 10


def test_a_job_that_ends_after_its_queue_was_abandoned_takes_no_room() -> None:
    """Nobody will take its result, so its weight would count for ever."""
    begun, abandoned = threading.Event(), threading.Event()

    def late() -> int:
        begun.set()
        abandoned.wait(PATIENCE)
        return 9

    pool = OrderedPool[int](2, capacity=10, weigh=lambda result: result, check=lambda: None)
    try:
        queue = pool.queue([lambda: 0, late])
        assert next(queue) == 0
        assert begun.wait(PATIENCE)
        queue.close()
        later = pool.queue(looking_ahead())
        abandoned.set()
        assert list(later) == [1, 2]
    finally:
        pool.close()
