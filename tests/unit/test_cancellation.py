"""One stop ends all waits, in every thread, with the reason and the exit code."""

from __future__ import annotations

import itertools
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.cancellation import Cancellation
from tap_gainsight_px.errors import StoppedError
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from types import FrameType


def test_before_it_is_set_nothing_happens() -> None:
    """Checks pass and waits come to their end."""
    stop = Cancellation()
    assert stop.is_set is False
    stop.check()
    stop.wait(0)


def test_once_set_every_check_and_wait_raises_the_reason() -> None:
    """However long the wait would have been."""
    stop = Cancellation()
    stop("stopped by SIGTERM", 143)
    assert stop.is_set is True
    for look in (stop.check, lambda: stop.wait(3_600)):
        with pytest.raises(StoppedError, match="stopped by SIGTERM") as caught:
            look()
        assert caught.value.exit_code == 143


def test_each_error_is_one_of_its_own() -> None:
    """Each thread says what it was reading, and the main thread was reading something else."""
    stop = Cancellation()
    stop("stopped by SIGTERM", 143)
    for stream in ("user_preferences", "custom_events"):
        with pytest.raises(StoppedError) as caught:
            stop.check()
        caught.value.during(stream)
        assert str(caught.value) == f"{stream}: stopped by SIGTERM"


def test_the_first_reason_stays() -> None:
    """What an error set off on its way out does not hide the signal that came before."""
    stop = Cancellation()
    stop("stopped by SIGTERM", 143)
    stop("the run has failed")
    with pytest.raises(StoppedError, match="stopped by SIGTERM") as caught:
        stop.check()
    assert caught.value.exit_code == 143


@pytest.mark.parametrize("moment", range(30))
def test_a_handler_that_interrupts_a_wait_is_never_held_up(moment: int) -> None:
    """It runs inside the wait, between any two lines of it, so no lock may be in its way."""
    stop = Cancellation()
    lines = itertools.count()

    def interrupt(_frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line" and next(lines) == moment:
            stop("stopped by SIGTERM", 143)
        return interrupt

    def main() -> None:
        sys.settrace(interrupt)
        try:
            with suppress(StoppedError):
                stop.wait(0.001)
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_without_an_exit_code_it_is_a_failure() -> None:
    """Not having read everything is no success."""
    stop = Cancellation()
    stop("max_requests")
    with pytest.raises(StoppedError) as caught:
        stop.check()
    assert caught.value.exit_code == 1


def test_it_sets_itself_when_its_time_is_over() -> None:
    """Counted from its own beginning, and not a moment earlier."""
    now = 100.0
    stop = Cancellation(lambda: now)
    now = 160.0
    stop.end_after(90)
    now = 189.9
    stop.check()
    now = 190.0
    with pytest.raises(StoppedError, match=r"max_run_seconds \(90\).*run again") as caught:
        stop.check()
    assert caught.value.exit_code == 1


def test_the_end_of_its_time_cuts_a_wait_short() -> None:
    """However long it would have been; and a signal that comes later changes nothing."""
    moments = itertools.chain([0.0, 1.0], itertools.repeat(60.0))
    stop = Cancellation(lambda: next(moments))
    stop.end_after(60)
    with pytest.raises(StoppedError, match="max_run_seconds"):
        stop.wait(3_600)
    stop("stopped by SIGTERM", 143)
    with pytest.raises(StoppedError, match="max_run_seconds"):
        stop.check()


def test_without_a_limit_it_never_sets_itself() -> None:
    """However long the run takes."""
    moments = itertools.count(step=10**9)
    stop = Cancellation(lambda: float(next(moments)))
    stop.end_after(None)
    stop.check()
    assert stop.is_set is False


def test_it_wakes_whoever_waits() -> None:
    """In all threads at once."""
    stop, ended = Cancellation(), []
    waiting = threading.Barrier(4)

    def work() -> None:
        waiting.wait()
        try:
            stop.wait(60)
        except StoppedError as error:
            ended.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    waiting.wait()
    stop("over")
    for thread in threads:
        thread.join(PATIENCE)
    assert ended == ["over"] * 3
