"""What is tried again, for how long, and after which wait."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.api.retry import Told, retrying
from tap_gainsight_px.errors import (
    AnswerLostError,
    DailyLimitError,
    DuplicateRequestError,
    EdgeRefusedError,
    RateLimitedError,
    RefusedError,
    RequestError,
    RetriableError,
    ScrollLostError,
    StoppedError,
    TapError,
    TooManyScrollsError,
)
from tests.transport.wire import FakeTime

if TYPE_CHECKING:
    from collections.abc import Callable


class Flaky:
    """A function that raises what it is given, call by call, and then returns."""

    def __init__(self, *errors: BaseException) -> None:
        """Raise these errors, one a call."""
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        """Raise the next error, or return."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def failure(kind: type[RequestError] = RetriableError, after: float | None = None) -> RequestError:
    """Make an error of this kind."""
    error = kind("failed", path="/v1/x")
    if isinstance(error, RetriableError):
        error.retry_after = after
    return error


def retried(function: Callable[[], str], time: FakeTime, seconds: float = 900) -> Callable[[], str]:
    """Let a function be tried again by a clock that moves only when somebody waits."""
    return retrying(time.wait, seconds=seconds, clock=time.clock, told=Told(time.clock))(function)


def test_what_several_workers_meet_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """By whoever meets it first; something else, or the same some seconds later, is news again."""
    caplog.set_level(logging.INFO)
    time = FakeTime()
    told = Told(time.clock)

    def meet(path: str, status: int) -> None:
        error = RetriableError("", path=path, status=status, advice="Do something")
        function = Flaky(error)
        retrying(time.wait, seconds=900, clock=time.clock, told=told)(function)()

    for path in ("/v1/a", "/v1/b", "/v1/c"):
        meet(path, 503)
    meet("/v1/b", 502)
    time.wait(5)
    meet("/v1/c", 503)
    lines = [line.partition(";")[0] for line in caplog.messages]
    assert lines == ["GET /v1/a: HTTP 503", "GET /v1/b: HTTP 502", "GET /v1/c: HTTP 503"]


def test_what_works_is_called_once_and_waits_for_nothing() -> None:
    """The usual case costs nothing."""
    time, function = FakeTime(), Flaky()
    assert retried(function, time)() == "done"
    assert (function.calls, time.waits) == (1, [])


@pytest.mark.parametrize("kind", [RetriableError, AnswerLostError, RateLimitedError])
def test_what_is_worth_another_try_is_tried_again(kind: type[RequestError]) -> None:
    """With a growing wait before each."""
    time, function = FakeTime(), Flaky(*(failure(kind) for _ in range(9)))
    assert retried(function, time)() == "done"
    assert function.calls == 10
    for wait, longest in zip(time.waits, (0.5, 1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        assert longest / 4 <= wait <= longest


def test_a_refused_duplicate_waits_out_a_block_that_early_tries_renew() -> None:
    """Ten seconds, then twice as long each time, up to five minutes; no jitter cuts them short."""
    time, function = FakeTime(), Flaky(*(failure(DuplicateRequestError) for _ in range(7)))
    assert retried(function, time, 7_200)() == "done"
    assert time.waits == [10, 20, 40, 80, 160, 300, 300]


def test_too_many_scrolls_are_waited_for_longer_than_a_hiccup() -> None:
    """They close when their time on the server is over, which takes minutes."""
    time, function = FakeTime(), Flaky(*(failure(TooManyScrollsError) for _ in range(6)))
    assert retried(function, time)() == "done"
    for wait, longest in zip(time.waits, (5, 10, 20, 40, 60, 60), strict=True):
        assert longest / 4 <= wait <= longest


@pytest.mark.parametrize(
    "error",
    [
        failure(RefusedError),
        failure(DailyLimitError),
        ScrollLostError("lost"),
        StoppedError("stop"),
        TapError("x"),
        ValueError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_everything_else_is_left_through_at_once(error: BaseException) -> None:
    """Trying again would not help, or would hide a bug."""
    time, function = FakeTime(), Flaky(error)
    with pytest.raises(type(error)) as caught:
        retried(function, time)()
    assert caught.value is error
    assert (function.calls, time.waits) == (1, [])


@given(
    seconds=st.integers(min_value=1, max_value=86_400),
    kind=st.sampled_from([AnswerLostError, DuplicateRequestError, TooManyScrollsError]),
    after=st.one_of(st.none(), st.floats(min_value=0, max_value=900)),
)
def test_tries_end_with_the_time_and_not_before(
    seconds: int, kind: type[RequestError], after: float | None
) -> None:
    """Whatever the API asks for, the last try comes when the time is over."""
    time = FakeTime()
    began = time.clock()
    moments: list[float] = []

    def fail() -> str:
        moments.append(time.clock() - began)
        raise failure(kind, after)

    with pytest.raises(kind):
        retried(fail, time, seconds)()
    assert moments[0] == 0
    assert moments[-1] == pytest.approx(seconds)


@given(
    after=st.one_of(st.none(), st.floats(min_value=0, max_value=3)),
    outage=st.floats(min_value=0.1, max_value=850),
)
def test_retry_after_never_makes_the_tap_give_up_sooner(after: float | None, outage: float) -> None:
    """An outage that ends in time is survived with the header as without it, and with few tries."""
    time = FakeTime()
    over = time.clock() + outage
    calls = 0

    def ask() -> str:
        nonlocal calls
        calls += 1
        if time.clock() < over:
            raise failure(AnswerLostError, after)
        return "done"

    assert retried(ask, time)() == "done"
    assert calls < 130


def test_without_time_for_tries_there_is_only_one() -> None:
    """That is what 0 means."""
    time, function = FakeTime(), Flaky(failure())
    with pytest.raises(RetriableError):
        retried(function, time, 0)()
    assert (function.calls, time.waits) == (1, [])


def test_a_slow_first_try_still_gets_a_second() -> None:
    """The time counts from the first error, so that a long timeout does not use it up."""
    time, function = FakeTime(), Flaky(failure())

    def slow() -> str:
        time.now += 2_000
        return function()

    assert retried(slow, time)() == "done"


def test_an_edge_is_not_waited_for_as_long_as_px_itself() -> None:
    """Whoever set it up has to allow this host, so two minutes are enough."""
    time = FakeTime()

    def refused() -> str:
        raise failure(EdgeRefusedError)

    with pytest.raises(EdgeRefusedError):
        retried(refused, time)()
    assert sum(time.waits) == pytest.approx(120)


@pytest.mark.parametrize("after", [31, 60, 600])
def test_the_wait_that_the_api_asks_for_is_kept(after: float) -> None:
    """And the next one without it follows the usual steps."""
    time = FakeTime()
    retried(Flaky(failure(after=after), failure()), time)()
    assert time.waits[0] == after
    assert 0.25 <= time.waits[1] <= 1


@pytest.mark.parametrize("after", [0, 0.01, None])
def test_a_wait_of_nothing_is_no_reason_to_try_at_once(after: float | None) -> None:
    """`Retry-After: 0`, or a date just past, used up all tries in a second."""
    time = FakeTime()
    retried(Flaky(*(failure(after=after) for _ in range(5))), time)()
    for wait, longest in zip(time.waits, (0.5, 1, 2, 4, 8), strict=True):
        assert longest / 4 <= wait <= longest


def test_a_wait_that_raises_ends_the_tries() -> None:
    """That is how a signal gets through."""

    def wait(_: float) -> None:
        message = "enough"
        raise StoppedError(message)

    function = Flaky(failure(), failure())
    with pytest.raises(StoppedError, match="enough"):
        retrying(wait, seconds=900, clock=lambda: 0.0, told=Told(lambda: 0.0))(function)()
    assert function.calls == 1


def test_each_call_begins_anew() -> None:
    """Failures of an earlier call do not count for a later one."""
    time, function = FakeTime(), Flaky()
    again = retried(function, time, 100)
    for _ in range(3):
        function.errors = [failure() for _ in range(6)]
        assert again() == "done"
        assert time.waits[-6] <= 0.5
