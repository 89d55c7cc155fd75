"""One stop ends all waits, in every thread, with the reason and the exit code."""

from __future__ import annotations

import threading

import pytest

from tap_gainsight_px.cancellation import Cancellation
from tap_gainsight_px.errors import StoppedError


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


def test_without_an_exit_code_it_is_a_failure() -> None:
    """Not having read everything is no success."""
    stop = Cancellation()
    stop("max_requests")
    with pytest.raises(StoppedError) as caught:
        stop.check()
    assert caught.value.exit_code == 1


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
        thread.join(5)
    assert ended == ["over"] * 3
