"""The limit on requests is never exceeded, whoever asks and whenever."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.api.rate_limit import RateLimit
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tap_gainsight_px.api.arrivals import Grant


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


def send(rate_limit: RateLimit) -> Grant:
    """Wait for leave to send a request, which is answered at once."""
    grant = rate_limit.acquire()
    grant.sent()
    grant.answered()
    return grant


def await_line(rate_limit: RateLimit, length: int) -> None:
    """Wait until so many stand in line."""
    for _ in range(1_000):
        if len(rate_limit._line) == length:  # noqa: SLF001
            return
        threading.Event().wait(0.01)
    message = f"{length} do not stand in line"
    raise AssertionError(message)


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
        send(rate_limit)
        granted.append(clock.seconds)
    for number, moment in enumerate(granted[limit:]):
        assert moment - granted[number] >= 1.0


@given(limit=st.integers(min_value=1, max_value=200))
def test_being_careful_costs_little_speed(limit: int) -> None:
    """As many requests as the limit allows in a second are granted in hardly more than that."""
    clock = Clock()
    rate_limit = RateLimit(limit, clock=clock, wait=clock.wait)
    for _ in range(limit):
        send(rate_limit)
    assert clock.seconds <= 1_000.0 + 1.1


def test_one_waits_and_the_others_queue_behind_it() -> None:
    """If all woke up for each grant, waiting would cost more CPU than the requests."""
    clock, waiting_too = Clock(), threading.Event()
    second: list[threading.Thread] = []

    def wait(seconds: float) -> None:
        if second:
            waiting_too.set()
        else:
            second.append(threading.Thread(target=send, args=(rate_limit,)))
            second[0].start()
            assert not waiting_too.wait(0.05)
        clock.wait(seconds)

    rate_limit = RateLimit(1, clock=clock, wait=wait)
    send(rate_limit)
    send(rate_limit)
    second[0].join()
    assert waiting_too.is_set()
    assert clock.seconds >= 1_002.0


def test_whoever_wakes_up_late_lets_all_go_that_may_by_then() -> None:
    """One after another they would wait for a turn of their own, and lose what is theirs."""
    clock, in_line, wakes_up = Clock(), threading.Event(), threading.Event()
    granted: list[Grant] = []

    def wait(_: float) -> None:
        in_line.set()
        assert wakes_up.wait(PATIENCE)
        clock.wait(5)

    rate_limit = RateLimit(20, clock=clock, wait=wait)
    for _ in range(3):  # as many as go at once
        send(rate_limit)
    threads = [threading.Thread(target=lambda: granted.append(send(rate_limit))) for _ in range(3)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        await_line(rate_limit, number)
    assert in_line.wait(PATIENCE)
    wakes_up.set()
    for thread in threads:
        thread.join()
    assert [grant.at for grant in granted] == [1_005.0] * 3


def test_it_says_when_more_workers_would_only_wait() -> None:
    """That is when more wait than go in a fifth of a second; who has gone, or gave up, is none."""
    clock, asked, go_on = Clock(), threading.Event(), threading.Event()
    ended: list[str] = []

    def wait(_: float) -> None:
        asked.set()
        go_on.wait(PATIENCE)
        message = "enough"
        raise InterruptedError(message)

    def ask() -> None:
        with pytest.raises(InterruptedError):
            send(rate_limit)
        ended.append("well")

    rate_limit = RateLimit(11, clock=clock, wait=wait)
    for _ in range(2):  # as many as go at once
        send(rate_limit)
    threads = [threading.Thread(target=ask) for _ in range(3)]
    used_up = []
    for number, thread in enumerate(threads, 1):
        used_up.append(rate_limit.is_used_up)
        thread.start()
        assert asked.wait(PATIENCE)
        await_line(rate_limit, number)
    used_up.append(rate_limit.is_used_up)
    go_on.set()
    for thread in threads:
        thread.join()
    assert used_up == [False, False, False, True]
    assert ended == ["well"] * 3
    assert not rate_limit.is_used_up


def test_a_burst_is_spread_over_its_second() -> None:
    """Requests that wait for one another on the way would all arrive late together (0004)."""
    clock = Clock()
    rate_limit = RateLimit(100, clock=clock, wait=clock.wait)
    granted = [send(rate_limit).at for _ in range(300)]
    for number, moment in enumerate(granted[12:]):
        assert moment - granted[number] >= 0.1 - 1e-9
    for number, moment in enumerate(granted[1:]):
        assert moment - granted[number] < 0.22


def test_a_moment_that_was_missed_is_made_up_for() -> None:
    """A busy machine wakes a worker late, and the second still lets go what it may."""
    clock = Clock()
    rate_limit = RateLimit(100, clock=clock, wait=lambda seconds: clock.wait(seconds + 0.01))
    begin = clock.seconds
    for _ in range(500):
        send(rate_limit)
    assert clock.seconds - begin <= 5 * 1.06


@given(limit=st.integers(min_value=11, max_value=200), count=st.integers(20, 400))
def test_no_tenth_of_a_second_holds_more_than_its_share(limit: int, count: int) -> None:
    """A fifth more than a tenth of the limit, whatever that is."""
    clock = Clock()
    rate_limit = RateLimit(limit, clock=clock, wait=clock.wait)
    granted = [send(rate_limit).at for _ in range(count)]
    share = -(-12 * limit // 100)
    for number, moment in enumerate(granted[share:]):
        assert moment - granted[number] >= 0.1 - 1e-9


@given(seconds=st.floats(min_value=1, max_value=900))
def test_nothing_is_granted_during_a_pause(seconds: float) -> None:
    """After a 429 everybody waits as long as the API asked for."""
    clock = Clock()
    rate_limit = RateLimit(100, clock=clock, wait=clock.wait)
    rate_limit.slow_down(send(rate_limit), seconds)
    send(rate_limit)
    assert clock.seconds >= 1_000.0 + seconds - 0.001


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    """Two workers may be told different times; the later one counts."""
    clock = Clock()
    rate_limit = RateLimit(100, clock=clock, wait=clock.wait)
    granted = [send(rate_limit), send(rate_limit)]
    rate_limit.slow_down(granted[0], 60)
    rate_limit.slow_down(granted[1], 2)
    send(rate_limit)
    assert clock.seconds >= 1_059.9


def test_a_429_halves_the_rate_once_for_all_that_were_on_their_way() -> None:
    """Eight workers that meet the same limit do not make it a 256th."""
    clock = Clock()
    rate_limit = RateLimit(100, clock=clock, wait=clock.wait)
    granted = [send(rate_limit) for _ in range(8)]
    clock.wait(0.3)
    for moment in granted:
        rate_limit.slow_down(moment)
    assert rate_limit.rate == 50
    rate_limit.slow_down(send(rate_limit))
    assert rate_limit.rate == 25


def test_pauses_grow_with_refusals_in_a_row() -> None:
    """A 429 that stays is met with fewer and fewer requests; the first success ends that."""
    clock = Clock()
    rate_limit = RateLimit(100, clock=clock, wait=clock.wait)
    pauses = []
    for number in range(10):
        granted = send(rate_limit)
        if number == 8:
            rate_limit.note_success()
        before = clock.seconds
        rate_limit.slow_down(granted)
        send(rate_limit)
        pauses.append(round(clock.seconds - before))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 1, 2]


@given(refusals=st.lists(st.booleans(), max_size=60), limit=st.integers(1, 200))
def test_the_rate_stays_between_one_and_the_limit(refusals: list[bool], limit: int) -> None:
    """And what is granted keeps within it at every moment."""
    clock = Clock()
    rate_limit = RateLimit(limit, clock=clock, wait=clock.wait)
    granted: list[Grant] = []
    for is_refused in refusals:
        granted.append(send(rate_limit))
        rate = rate_limit.rate
        assert 1 <= rate <= limit
        in_last_second = [one for one in granted if one.at > granted[-1].at - 1]
        assert len(in_last_second) <= limit
        if is_refused:
            rate_limit.slow_down(granted[-1])
            assert rate_limit.rate == max(1, rate // 2)


def test_the_rate_grows_again_slowly() -> None:
    """Half a minute of quiet, then a twentieth of the limit every ten seconds, up to the limit."""
    clock = Clock()
    rate_limit = RateLimit(100, clock=clock, wait=clock.wait)
    rate_limit.slow_down(send(rate_limit))
    rates = []
    for _ in range(15):
        clock.wait(10)
        send(rate_limit)
        rates.append(rate_limit.rate)
    assert rates == [50, 50, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100, 100, 100]


@given(quiet=st.floats(min_value=0, max_value=10_000))
def test_a_long_quiet_gives_no_more_than_the_limit(quiet: float) -> None:
    """Growth is made up for in one step, and ends there."""
    clock = Clock()
    rate_limit = RateLimit(7, clock=clock, wait=clock.wait)
    rate_limit.slow_down(send(rate_limit))
    clock.wait(quiet)
    granted = [send(rate_limit).at for _ in range(30)]
    for number, moment in enumerate(granted[7:]):
        assert moment - granted[number] >= 1.0
