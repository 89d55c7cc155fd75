"""What is tried again, how often, and after which wait."""

from __future__ import annotations

import pytest

from tap_gainsight_px.api.retry import MAX_TRIES, retrying
from tap_gainsight_px.errors import (
    AnswerLostError,
    DailyLimitError,
    RateLimitedError,
    RefusedError,
    RequestError,
    RetriableError,
    ScrollLostError,
    StoppedError,
    TapError,
)


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


def test_what_works_is_called_once_and_waits_for_nothing() -> None:
    """The usual case costs nothing."""
    waits: list[float] = []
    function = Flaky()
    assert retrying(waits.append)(function)() == "done"
    assert (function.calls, waits) == (1, [])


@pytest.mark.parametrize("kind", [RetriableError, AnswerLostError, RateLimitedError])
def test_what_is_worth_another_try_is_tried_again(kind: type[RequestError]) -> None:
    """With a growing wait before each."""
    waits: list[float] = []
    function = Flaky(*(failure(kind) for _ in range(4)))
    assert retrying(waits.append)(function)() == "done"
    assert function.calls == 5
    for wait, longest in zip(waits, (0.5, 1, 2, 4), strict=True):
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
    waits: list[float] = []
    function = Flaky(error)
    with pytest.raises(type(error)) as caught:
        retrying(waits.append)(function)()
    assert caught.value is error
    assert (function.calls, waits) == (1, [])


def test_the_last_error_is_the_one_that_is_told() -> None:
    """After as many tries as are allowed, with a wait between each two."""
    errors = [failure() for _ in range(MAX_TRIES + 5)]
    waits: list[float] = []
    function = Flaky(*errors)
    with pytest.raises(RetriableError) as caught:
        retrying(waits.append)(function)()
    assert caught.value is errors[MAX_TRIES - 1]
    assert function.calls == MAX_TRIES
    assert len(waits) == MAX_TRIES - 1
    assert max(waits) <= 30


@pytest.mark.parametrize("after", [0, 0.5, 7, 600])
def test_the_wait_that_the_api_asks_for_is_the_wait(after: float) -> None:
    """Neither shorter nor longer; and the next one without it follows the usual steps."""
    waits: list[float] = []
    retrying(waits.append)(Flaky(failure(after=after), failure()))()
    assert waits[0] == after
    assert 0.25 <= waits[1] <= 1


def test_a_wait_that_raises_ends_the_tries() -> None:
    """That is how a signal gets through."""

    def wait(_: float) -> None:
        message = "enough"
        raise StoppedError(message)

    function = Flaky(failure(), failure())
    with pytest.raises(StoppedError, match="enough"):
        retrying(wait)(function)()
    assert function.calls == 1


def test_each_call_begins_anew() -> None:
    """Failures of an earlier call do not count for a later one."""
    waits: list[float] = []
    function = Flaky()
    retried = retrying(waits.append)(function)
    for _ in range(3):
        function.errors = [failure() for _ in range(MAX_TRIES - 1)]
        assert retried() == "done"
    assert len(waits) == 3 * (MAX_TRIES - 1)
