"""The limit on requests is never exceeded, whoever asks and whenever."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.api.rate_limit import RateLimit


class Clock:
    """A clock that only moves when somebody waits."""

    def __init__(self) -> None:
        """Start somewhere that is not zero."""
        self.seconds = 1_000.0

    def __call__(self) -> float:
        """Tell the time in seconds."""
        return self.seconds

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


@given(
    limit=st.integers(min_value=1, max_value=200),
    pauses=st.lists(st.floats(min_value=0, max_value=0.4), min_size=1, max_size=400),
)
def test_no_second_ever_holds_more_requests_than_allowed(limit: int, pauses: list[float]) -> None:
    """Bursts, quiet stretches and everything in between stay within the limit."""
    clock = Clock()
    rate_limit = RateLimit(limit, clock=clock, wait=clock.wait)
    granted: list[float] = []
    for pause in pauses:
        clock.wait(pause if len(granted) % 3 else 0)
        rate_limit.acquire()
        granted.append(clock.seconds)
    for number, moment in enumerate(granted[limit:]):
        assert moment - granted[number] >= 1.0


@given(limit=st.integers(min_value=1, max_value=200))
def test_being_careful_costs_little_speed(limit: int) -> None:
    """As many requests as the limit allows in a second are granted in hardly more than that."""
    clock = Clock()
    rate_limit = RateLimit(limit, clock=clock, wait=clock.wait)
    for _ in range(limit):
        rate_limit.acquire()
    assert clock.seconds <= 1_000.0 + 1.1


def test_one_waits_and_the_others_queue_behind_it() -> None:
    """If all woke up for each grant, waiting would cost more CPU than the requests."""
    clock, waiting_too = Clock(), threading.Event()
    second: list[threading.Thread] = []

    def wait(seconds: float) -> None:
        if second:
            waiting_too.set()
        else:
            second.append(threading.Thread(target=rate_limit.acquire))
            second[0].start()
            assert not waiting_too.wait(0.05)
        clock.wait(seconds)

    rate_limit = RateLimit(1, clock=clock, wait=wait)
    rate_limit.acquire()
    rate_limit.acquire()
    second[0].join()
    assert waiting_too.is_set()
    assert clock.seconds >= 1_002.0


@given(seconds=st.floats(min_value=0.01, max_value=900))
def test_nothing_is_granted_during_a_pause(seconds: float) -> None:
    """After a 429 everybody waits as long as the API asked for."""
    clock = Clock()
    rate_limit = RateLimit(100, clock=clock, wait=clock.wait)
    rate_limit.pause(seconds)
    rate_limit.acquire()
    assert clock.seconds >= 1_000.0 + seconds - 0.001


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    """Two workers may be told different times; the later one counts."""
    clock = Clock()
    rate_limit = RateLimit(100, clock=clock, wait=clock.wait)
    rate_limit.pause(60)
    rate_limit.pause(1)
    rate_limit.acquire()
    assert clock.seconds >= 1_059.9
