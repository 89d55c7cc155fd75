"""Whatever the threads do, results come in order, each once, and none is lost."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.reading.ordered_pool import More, OrderedPool

if TYPE_CHECKING:
    from collections.abc import Callable

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


def flatten(plan: Plan) -> list[int]:
    """List the results of a plan from left to right."""
    return [plan] if isinstance(plan, int) else [one for inner in plan for one in flatten(inner)]


@given(
    lanes=st.lists(plans, min_size=1, max_size=4),
    workers=st.integers(1, 8),
    capacity=st.integers(1, 20),
    weight=st.integers(0, 5),
)
def test_results_come_in_order_each_once(
    lanes: list[list[Plan]], workers: int, capacity: int, weight: int
) -> None:
    """Splitting, look-ahead and the number of workers never show in the results."""
    pool = make_pool(workers, capacity, weight)
    try:
        queued = [pool.lane(map(job, plan)) for plan in lanes]
        assert [list(lane) for lane in queued] == [flatten(plan) for plan in lanes]
    finally:
        pool.close()


@given(results=st.lists(st.integers(), max_size=30), failing=st.integers(0, 30))
def test_what_lies_before_an_error_is_still_handed_out(results: list[int], failing: int) -> None:
    """An error ends the work behind it, not the work before it."""

    def fail() -> int:
        message = "this one"
        raise LookupError(message)

    pool = make_pool()
    jobs: list[Job] = [job(result) for result in results]
    jobs.insert(failing, fail)
    received: list[int] = []
    try:
        with pytest.raises(LookupError, match="this one"):
            received.extend(iter_into(pool.lane(jobs), received))
    finally:
        pool.close()
    assert received == results[:failing]


def iter_into(lane: object, received: list[int]) -> list[int]:
    """Take results one by one, so that those before an error are kept."""
    for result in lane:  # type: ignore[attr-defined]
        received.append(result)  # noqa: PERF402 - the list must hold them when an error comes
    return []


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
    lane = pool.lane(count(number) for number in range(1_000))
    try:
        assert enough.wait(10)
        first = next(lane)
    finally:
        pool.close()
    assert first == 0
    # Three are held, and one more may have begun while the first was being handed over.
    assert len(begun) <= 5


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
        assert list(pool.lane([split_late, later])) == [1, 2, 3]
    finally:
        pool.close()


def test_later_lanes_are_read_ahead() -> None:
    """A stream's first pages are already there when its turn comes."""
    ahead = threading.Event()

    def second() -> int:
        ahead.set()
        return 2

    pool = make_pool(workers=2)
    try:
        first_lane = pool.lane([lambda: 1 if ahead.wait(10) else 0])
        second_lane = pool.lane([second])
        assert list(first_lane) == [1]
        assert list(second_lane) == [2]
    finally:
        pool.close()


def test_an_abandoned_lane_does_not_hold_up_the_next() -> None:
    """A stream that ends early (`--test`) leaves the workers to the others."""
    pool = make_pool(workers=2, capacity=2)
    try:
        lane = pool.lane(job(number) for number in range(100))
        assert list(islice(lane, 1)) == [0]
        lane.close()
        assert list(pool.lane(job(number) for number in range(10))) == list(range(10))
    finally:
        pool.close()


def test_the_consumer_looks_up_while_it_waits() -> None:
    """A signal only sets a flag; a wait for results must see it."""
    never = threading.Event()

    def check() -> None:
        message = "asked to stop"
        raise InterruptedError(message)

    pool: OrderedPool[int] = OrderedPool(1, capacity=1, weigh=lambda _: 1, check=check)
    lane = pool.lane([lambda: 1 if never.wait(10) else 0])
    with pytest.raises(InterruptedError):
        next(lane)
    never.set()
    pool.close()
