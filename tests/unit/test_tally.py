"""What is counted of a stream: by the thread that works for it, and what that adds up to."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.api.rate_limit import RateLimit
from tap_gainsight_px.api.retry import Told, retrying
from tap_gainsight_px.api.scroll_limit import ScrollLimit
from tap_gainsight_px.errors import AnswerLostError, RateLimitedError, StoppedError
from tap_gainsight_px.errors import TooManyScrollsError as TooManyScrolls
from tap_gainsight_px.reading.ordered_pool import More
from tap_gainsight_px.reading.tallied import tallied
from tap_gainsight_px.records.page import ParentAnswer, Slice
from tap_gainsight_px.tally import Outcome, RunTally, StreamTally, Unit, Wait, here
from tests.transport.wire import FakeTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_what_a_thread_does_counts_for_the_stream_that_it_works_for() -> None:
    """Whatever other threads work for; and after the block it is as before."""
    users, accounts = StreamTally("users"), StreamTally("accounts")

    def ask(tally: StreamTally) -> None:
        with tally.at_work():
            here().note_request()

    with users.at_work():
        other = threading.Thread(target=ask, args=(accounts,))
        other.start()
        other.join()
        ask(accounts)
        here().note_request()
    here().note_request()
    assert (users.requests, accounts.requests) == (1, 2)


def test_moments_are_seconds_since_the_run_began() -> None:
    """From the first request to the last record, as the SDK's metrics want it."""
    time = FakeTime()
    tally = RunTally(time.clock).of("users")
    for act in (tally.note_request, tally.note_request, lambda: tally.note_written(3)):
        time.wait(2)
        act()
    time.wait(2)
    tally.note_written(0)
    assert (tally.first_request, tally.last_record, tally.written) == (2, 6, 3)


def test_a_wait_for_a_429_is_told_apart_from_that_for_the_limit() -> None:
    """PX has refused: that second is its, and the next moment at the lower rate the tap's own."""
    time, tally = FakeTime(), StreamTally("users")
    limit = RateLimit(2, clock=time.clock, wait=time.wait)
    with tally.at_work():
        granted = limit.acquire()
        granted.answered()
        limit.slow_down(granted, retry_after=5)
        limit.acquire().answered()
        assert tally.waits == {**dict.fromkeys(Wait, 0), Wait.PX_429: 5}
        limit.acquire()
    assert tally.waits[Wait.PX_429] == 5
    assert 0.9 < tally.waits[Wait.RATE_LIMIT] <= 1.1


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 3), st.none() | st.floats(0, 5)), min_size=1, max_size=30
    ),
    limit=st.integers(1, 50),
)
def test_all_time_in_the_limit_is_counted_once(
    steps: list[tuple[float, float | None]], limit: int
) -> None:
    """Waits for the limit and for 429 are together the time that has passed in it."""
    time, tally, waited = FakeTime(), StreamTally("users"), 0.0
    rate_limit = RateLimit(limit, clock=time.clock, wait=time.wait)
    with tally.at_work():
        for idle, retry_after in steps:
            time.wait(idle)
            began = time.clock()
            granted = rate_limit.acquire()
            granted.answered()
            waited += time.clock() - began
            if retry_after is not None:
                rate_limit.slow_down(granted, retry_after)
    assert sum(tally.waits.values()) == pytest.approx(waited, abs=0.002 * len(steps))
    assert all(seconds >= 0 for seconds in tally.waits.values())


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (AnswerLostError("lost", path="/p"), Wait.RETRY),
        (RateLimitedError("429", path="/p"), Wait.PX_429),
        (TooManyScrolls("scrolls", path="/p"), Wait.SCROLL_LIMIT),
    ],
)
def test_a_retry_counts_with_its_wait(error: Exception, wait: Wait) -> None:
    """By what it was that failed."""
    time, tally, errors = FakeTime(), StreamTally("users"), [error]

    def fail_once() -> None:
        if errors:
            raise errors.pop()

    with tally.at_work():
        retrying(time.wait, seconds=900, clock=time.clock, told=Told(time.clock))(fail_once)()
    assert tally.retries == 1
    assert {one: seconds > 0 for one, seconds in tally.waits.items()} == {
        one: one is wait for one in Wait
    }


def test_a_wait_that_a_signal_ends_counts_without_a_retry() -> None:
    """The report of a stopped run tells what it was waiting for."""
    time, tally = FakeTime(), StreamTally("users")

    def wait(seconds: float) -> None:
        time.wait(seconds / 2)
        raise StoppedError("stopped")

    def fail() -> None:
        raise RateLimitedError("429", path="/p")

    with tally.at_work(), pytest.raises(StoppedError):
        retrying(wait, seconds=900, clock=time.clock, told=Told(time.clock))(fail)()
    assert tally.retries == 0
    assert tally.waits[Wait.PX_429] > 0


def test_a_wait_for_an_open_scroll_counts() -> None:
    """As long as others have all the scrolls that PX allows."""
    time, tally = FakeTime(), StreamTally("users")
    others = ExitStack()

    def end_after(seconds: float) -> None:
        time.wait(seconds)
        others.close()

    scrolls = ScrollLimit(1, clock=time.clock, wait=end_after)
    others.enter_context(scrolls.scroll())
    with tally.at_work(), scrolls.scroll():
        pass
    assert tally.waits[Wait.SCROLL_LIMIT] > 0


def done(tally: StreamTally, *jobs: Callable[[], Slice | More[Slice]]) -> list[Slice]:
    """Do jobs and those that take their place, in order."""

    def results(jobs: Iterator[Callable[[], Slice | More[Slice]]]) -> Iterator[Slice]:
        for job in jobs:
            outcome = job()
            if isinstance(outcome, More):
                yield from results(iter(outcome.jobs))
            else:
                yield outcome

    return list(results(tallied(jobs, tally)))


def test_a_job_counts_for_its_stream_and_so_do_those_that_take_its_place() -> None:
    """A window becomes smaller ones, a page leads to the next."""
    tally = StreamTally("users")

    def ask() -> Slice:
        here().note_request()
        return Slice([])

    done(tally, ask, lambda: More([ask, lambda: More([ask])]))
    assert tally.requests == 3


def test_the_way_is_measured_by_time_by_records_or_by_parents() -> None:
    """Whichever the stream has planned; what is read again of the past is no part of it."""
    assert StreamTally("users").share is None
    whole = Slice([], span=60, arrived=5)
    for unit, answer, share in (
        (Unit.TIME, None, 0.6),
        (Unit.RECORDS, None, 0.05),
        (Unit.PARENTS, ParentAnswer("p"), 0.01),
    ):
        tally = StreamTally("users")
        tally.plan(unit, 40)
        tally.plan(unit, 60)
        done(tally, lambda answer=answer: Slice([], span=60, arrived=5, answer=answer))  # type: ignore[misc]
        assert tally.share == share
        assert tally.read == 5
    tally.plan(Unit.TIME, 120)
    done(tally, lambda: whole, lambda: whole, lambda: whole)
    assert tally.share == 1.0


def test_the_range_is_all_that_is_read() -> None:
    """A stretch beside another one makes it wider; one without a start makes it all there is."""
    tally = StreamTally("users")
    tally.reads(50, 60)
    tally.reads(20, 50)
    assert (tally.start, tally.end) == (20, 60)
    tally.reads(None, 55)
    tally.reads(10, 60)
    assert (tally.start, tally.end) == (None, 60)


def test_a_fault_outweighs_what_follows_it() -> None:
    """Whose latest days have failed is not whole because its past was."""
    tally = StreamTally("users")
    tally.end_as(Outcome.FAILED, "why")
    tally.end_as(Outcome.WHOLE)
    tally.end_as(Outcome.INCOMPLETE, "why", "and this")
    assert tally.outcome is Outcome.FAILED
    assert tally.errors == ["why", "and this"]
    assert tally.share == 1.0
