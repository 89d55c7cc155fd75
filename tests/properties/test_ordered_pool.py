"""Whatever the threads do, results come in order, each once, and none is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.errors import NoWorkersError
from tap_gainsight_px.reading.ordered_pool import More, OrderedPool
from tests.patience import PATIENCE
from tests.properties.pools import make_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.properties.pools import Job

# A plan of work: a number is a job with that result, a list stands for jobs in its place.
Plan: TypeAlias = "int | list[Plan]"

plans: st.SearchStrategy[list[Plan]] = st.recursive(
    st.integers(0, 99), lambda inner: st.lists(inner, max_size=6), max_leaves=40
).map(lambda plan: plan if isinstance(plan, list) else [plan])


def job(plan: Plan) -> Job:
    """Make the job that a plan stands for."""
    if isinstance(plan, int):
        return lambda: plan
    return lambda: More(map(job, plan))


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
    queue = pool.queue([lambda: 1 if never.wait(PATIENCE) else 0])
    with pytest.raises(InterruptedError):
        next(queue)
    never.set()
    pool.close()
