"""Whatever the threads do, results come in order, each once, and none is lost."""

from __future__ import annotations

import threading
import weakref
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.errors import NoWorkersError
from tap_gainsight_px.reading.ordered_pool import More, OrderedPool
from tests.idle import wait_until_idle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# A plan of work: a number is a job with that result, a list stands for jobs in its place.
Plan: TypeAlias = "int | list[Plan]"
Job: TypeAlias = "Callable[[], int | More[int]]"

plans: st.SearchStrategy[list[Plan]] = st.recursive(
    st.integers(0, 99), lambda inner: st.lists(inner, max_size=6), max_leaves=40
).map(lambda plan: plan if isinstance(plan, list) else [plan])


def make_pool(workers: int = 4, capacity: int = 100, weight: int = 1) -> OrderedPool[int]:
    """Set up a pool whose results all weigh the same."""
    return OrderedPool(workers, capacity=capacity, weigh=lambda _: weight, check=lambda: None)


def job(plan: Plan) -> Job:
    """Make the job that a plan stands for."""
    if isinstance(plan, int):
        return lambda: plan
    return lambda: More(map(job, plan))


def after(event: threading.Event, result: int) -> Job:
    """Make a job that waits for an event."""
    return lambda: result if event.wait(10) else -1


def flatten(plan: Plan) -> list[int]:
    """List the results of a plan from left to right."""
    return [plan] if isinstance(plan, int) else [one for inner in plan for one in flatten(inner)]


@given(
    planned=st.lists(plans, min_size=1, max_size=4),
    workers=st.integers(1, 8),
    capacity=st.integers(1, 20),
    weight=st.integers(0, 5),
)
def test_results_come_in_order_each_once(
    planned: list[list[Plan]], workers: int, capacity: int, weight: int
) -> None:
    """Splitting, look-ahead and the number of workers never show in the results."""
    pool = make_pool(workers, capacity, weight)
    try:
        queued = [pool.queue(map(job, plan)) for plan in planned]
        assert [list(queue) for queue in queued] == [flatten(plan) for plan in planned]
    finally:
        pool.close()


def fail() -> int:
    """Fail as a job does that cannot go on."""
    message = "this one"
    raise LookupError(message)


def then_fail(jobs: list[Job]) -> Iterator[Job]:
    """Pull jobs from an iterator that cannot go on."""
    yield from jobs
    fail()


def fail_at_999(result: int) -> int:
    """Weigh results, all but one of which weigh the same."""
    return 1 if result != 999 else fail()


WAYS_TO_FAIL: dict[str, Callable[[list[Job], list[Job]], Iterable[Job]]] = {
    "a job": lambda before, behind: [*before, fail, *behind],
    "the iterator": lambda before, _: then_fail(before),
    "the iterator of further jobs": lambda before, behind: [
        lambda: More(then_fail(before)),
        *behind,
    ],
    "what is no iterable": lambda before, behind: [*before, lambda: More(None), *behind],  # type: ignore[arg-type]
    "weigh": lambda before, behind: [*before, lambda: 999, *behind],
}


@pytest.mark.parametrize("way", WAYS_TO_FAIL)
@given(results=st.lists(st.integers(0, 99), max_size=30), failing=st.integers(0, 30))
def test_what_lies_before_an_error_is_still_handed_out(
    way: str, results: list[int], failing: int
) -> None:
    """Wherever it happens, it ends the work behind it, and the queue does not end as if whole."""
    before, behind = (
        [job(result) for result in part] for part in (results[:failing], results[failing:])
    )
    pool = OrderedPool[int](4, capacity=100, weigh=fail_at_999, check=lambda: None)
    received: list[int] = []
    try:
        with pytest.raises((LookupError, TypeError), match=r"this one|not iterable"):
            iter_into(pool.queue(WAYS_TO_FAIL[way](before, behind)), received)
        # The workers have survived it.
        assert list(pool.queue(map(job, results))) == results
    finally:
        pool.close()
    assert received == results[:failing]


def iter_into(queue: Iterable[int], received: list[int]) -> None:
    """Take results one by one, so that those before an error are kept."""
    for result in queue:
        received.append(result)  # noqa: PERF402 - the list must hold them when an error comes


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
        assert enough.wait(10)
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
        return 1 if ahead.wait(10) else 0

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
        later_done.wait(10)
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
        may_end.wait(10)
        return set()

    pool = OrderedPool[set[int]](1, capacity=100, weigh=len, check=lambda: None)
    try:
        results = pool.queue([lambda: {1}, lambda: {2}])
        pool.queue([next_job])
        taken = [weakref.ref(one) for one in results]
        assert began.wait(10)
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
        first_queue = pool.queue([lambda: 1 if ahead.wait(10) else 0])
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

    return [lambda: 1 if ahead.wait(10) else 0, second]


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
        abandoned.wait(10)
        return 9

    pool = OrderedPool[int](2, capacity=10, weigh=lambda result: result, check=lambda: None)
    try:
        queue = pool.queue([lambda: 0, late])
        assert next(queue) == 0
        assert begun.wait(10)
        queue.close()
        later = pool.queue(looking_ahead())
        abandoned.set()
        assert list(later) == [1, 2]
    finally:
        pool.close()


def start_only(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """Let the machine start so many threads and no more."""
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def limited(thread: threading.Thread) -> None:
        if len(started) == threads:
            message = "can't start new thread"
            raise RuntimeError(message)
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


@pytest.mark.parametrize("threads", [1, 3])
def test_where_threads_are_few_the_run_goes_on_with_those(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, threads: int
) -> None:
    """A container's limit on processes costs speed, but no result, and is told once."""
    start_only(monkeypatch, threads)
    pool = make_pool(workers=8)
    try:
        queued = [pool.queue(job(number) for number in range(50)) for _ in range(3)]
        assert [list(queue) for queue in queued] == [list(range(50))] * 3
    finally:
        pool.close()
    lines = [record.getMessage() for record in caplog.records]
    told = f"Reading with {threads} workers instead of 8: no more threads can be started"
    assert all(line.startswith(told) for line in lines)
    assert len(lines) <= 1


def test_without_a_single_thread_the_run_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody would ever do the jobs, so nobody may wait for them."""
    start_only(monkeypatch, 0)
    with pytest.raises(NoWorkersError, match=r"not one thread can be started .* raise the limit"):
        make_pool().queue([job(1)])


def test_the_consumer_looks_up_while_it_waits() -> None:
    """A signal only sets a flag; a wait for results must see it."""
    never = threading.Event()

    def check() -> None:
        message = "asked to stop"
        raise InterruptedError(message)

    pool: OrderedPool[int] = OrderedPool(1, capacity=1, weigh=lambda _: 1, check=check)
    queue = pool.queue([lambda: 1 if never.wait(10) else 0])
    with pytest.raises(InterruptedError):
        next(queue)
    never.set()
    pool.close()
