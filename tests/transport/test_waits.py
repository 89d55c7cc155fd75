"""How long to wait is up to the API: for one request, for all workers, or until tomorrow."""

from __future__ import annotations

import threading
import time as real_time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.api.rate_limit import RateLimit
from tap_gainsight_px.api.transport import Transport
from tap_gainsight_px.cancellation import Cancellation
from tap_gainsight_px.errors import (
    DailyLimitError,
    RateLimitedError,
    StoppedError,
)
from tap_gainsight_px.timestamps import parse
from tests.patience import PATIENCE
from tests.transport.wire import (
    PATH,
    USERS,
    FakeTime,
    RawServer,
    http,
    refusal,
    settings_for,
    transport_to,
    users,
)

if TYPE_CHECKING:
    from px_sandbox import SandboxServer


def in_five_minutes() -> str:
    """Return a date for Retry-After; some of the minutes will be over when it is read."""
    return formatdate(real_time.time() + 300, usegmt=True)


@pytest.mark.parametrize(
    ("header", "shortest", "longest"),
    [
        ("7", 7, 7),
        ("0", 1, 1),
        ("2.5", 2.5, 2.5),
        ("date", 200, 300),
        ("past", 1, 1),
        ("", 1, 1),
        ("soon", 1, 1),
        ("999999999999", 1, 1),
    ],
)
def test_retry_after_says_how_long_to_wait(header: str, shortest: float, longest: float) -> None:
    """In seconds or as a date; what is too short, or no time at all, gives way to the own pause."""
    if header in {"date", "past"}:
        header = in_five_minutes() if header == "date" else formatdate(0, usegmt=True)
    headers = {"Retry_After": header} if header else {}
    time = FakeTime()
    with RawServer(
        lambda n: refusal(429, "Too many", **headers) if n == 1 else http(200, USERS)
    ) as server:
        assert transport_to(server.url, time).get(PATH, {}, users)
    assert shortest - 0.01 <= sum(time.waits) <= longest + 0.01


@pytest.mark.parametrize(
    ("retry_after", "shortest", "longest"), [("7", 7, 7), ("date", 200, 300), ("", 1, 1)]
)
def test_a_429_pauses_every_worker(retry_after: str, shortest: float, longest: float) -> None:
    """The limit is the account's: when one is told to wait, no other goes on either."""
    if retry_after == "date":
        retry_after = in_five_minutes()
    headers = {"Retry_After": retry_after} if retry_after else {}
    time = FakeTime()

    def leave(seconds: float) -> None:
        message = "this worker goes home"
        if seconds:
            raise StoppedError(message)

    with RawServer(
        lambda n: refusal(429, "Too many", **headers) if n == 1 else http(200, USERS)
    ) as server:
        settings = settings_for(server.url)
        limit = RateLimit(200, clock=time.clock, wait=time.wait)
        transport = Transport(settings, limit, leave)
        with pytest.raises(StoppedError):
            transport.get(PATH, {}, users)
        assert time.waits == []
        other = threading.Thread(target=transport.get, args=(PATH, {}, users))
        other.start()
        other.join()
    assert len(server.requests) == 2
    assert shortest - 0.01 <= sum(time.waits) <= longest + 0.01


def test_a_429_that_stays_is_told_with_advice(sandbox: SandboxServer) -> None:
    """Whoever shares the account's limit has to ask for less."""
    sandbox.misbehave({"faults": {"too_many_requests": 1}})
    time = FakeTime()
    with pytest.raises(RateLimitedError, match="Lower requests_per_second"):
        transport_to(sandbox.url, time).get(PATH, {}, users)
    assert sum(time.waits) >= 900
    assert len(sandbox.requests) < 100


def test_a_429_of_minutes_is_survived() -> None:
    """From the second request on, for 200 seconds, without a word on how long: seen in a log."""
    time = FakeTime()
    until = time.clock() + 200

    def answer(count: int) -> bytes:
        return http(200, USERS) if count == 1 or time.clock() > until else refusal(429, "")

    with RawServer(answer) as server:
        transport = transport_to(server.url, time)
        for _ in range(3):
            assert transport.get(PATH, {}, users)
    assert len(server.requests) < 20


def test_an_answer_in_between_makes_the_next_pause_short_again() -> None:
    """Only refusals in a row make it grow."""
    time = FakeTime()
    with RawServer(
        lambda n: http(200, USERS) if n % 2 == 0 else refusal(429, "Too many")
    ) as server:
        transport = transport_to(server.url, time)
        began = time.clock()
        for _ in range(6):
            assert transport.get(PATH, {}, users)
    assert time.clock() - began < 6 * 2


def test_a_used_up_day_ends_at_once_and_says_when_to_go_on(sandbox: SandboxServer) -> None:
    """Waiting for midnight is not what a run is for."""
    sandbox.misbehave({"requests_per_day": 1})
    time = FakeTime()
    transport = transport_to(sandbox.url, time)
    transport.get(PATH, {}, users)
    with pytest.raises(DailyLimitError, match=r"Run again (after 20\d\d-|tomorrow)") as caught:
        transport.get(PATH, {}, users)
    assert "Daily limit of 1 API requests exceeded" in str(caught.value)
    assert len(sandbox.requests) == 2
    assert time.waits == []


@pytest.mark.parametrize("message", ["Too many requests", "Daily limit reached"])
def test_a_wait_of_hours_means_that_the_day_is_used_up(message: str) -> None:
    """The time to run again is the one that Retry-After leads to."""
    began = int(real_time.time())
    with (
        RawServer(lambda _: refusal(429, message, Retry_After="7200")) as server,
        pytest.raises(DailyLimitError) as caught,
    ):
        transport_to(server.url).get(PATH, {}, users)
    when = str(caught.value).partition("Run again after ")[2][:20]
    assert began <= parse(when) / 1_000 - 7_200 <= real_time.time()
    assert len(server.requests) == 1


@pytest.mark.parametrize("seconds", ["999999999999", "1e300", "inf", "nan", "-5"])
def test_a_senseless_retry_after_breaks_nothing(seconds: str) -> None:
    """It ends in one of the tap's own errors, or in another try."""
    with (
        RawServer(lambda _: refusal(429, "Too many", Retry_After=seconds)) as server,
        pytest.raises((DailyLimitError, RateLimitedError)),
    ):
        transport_to(server.url).get(PATH, {}, users)


def test_a_busy_server_is_given_the_time_it_asks_for(sandbox: SandboxServer) -> None:
    """Retry-After counts for a 503 as well."""
    sandbox.misbehave({"rules": [{"fault": "http_503", "retry_after": 9}]})
    time = FakeTime()
    transport_to(sandbox.url, time).get(PATH, {}, users)
    assert time.waits == [9]


@pytest.mark.parametrize(("patience", "waited"), [(900, 900), (86_400, 7_200)])
def test_a_busy_server_is_waited_for_as_long_as_the_user_allows(
    sandbox: SandboxServer, patience: int, waited: float
) -> None:
    """A scheduled run that sleeps for a day is of no use, unless somebody wants it."""
    sandbox.misbehave({"rules": [{"fault": "http_503", "retry_after": 7_200}]})
    time = FakeTime()
    transport_to(sandbox.url, time, retry_timeout_seconds=patience).get(PATH, {}, users)
    assert time.waits == [waited]


def test_a_stop_cuts_a_wait_short(sandbox: SandboxServer) -> None:
    """A signal does not have to wait until the API has recovered."""
    sandbox.misbehave({"faults": {"http_503": {"rate": 1, "retry_after": 600}}})
    stop, waiting = Cancellation(), threading.Event()
    raised: list[BaseException] = []

    def wait(seconds: float) -> None:
        if seconds:
            waiting.set()
        stop.wait(seconds)

    def work() -> None:
        try:
            transport_to(sandbox.url, wait=wait).get(PATH, {}, users)
        except StoppedError as error:
            raised.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    assert waiting.wait(PATIENCE)
    stop("enough", 130)
    worker.join(PATIENCE)
    assert [str(error) for error in raised] == ["enough"]
    assert len(sandbox.requests) == 1


def test_who_queues_for_the_limit_sends_nothing_after_a_stop(sandbox: SandboxServer) -> None:
    """Also where the limit would let the next one go by then."""
    stop, time, waiting = Cancellation(), FakeTime(), threading.Event()
    ended: list[str] = []

    def wait(seconds: float) -> None:
        if seconds:
            waiting.set()
        stop.wait(600 if seconds else 0)

    limit = RateLimit(1, clock=time.clock, wait=wait)
    transport = Transport(settings_for(sandbox.url), limit, wait)

    def work() -> None:
        with pytest.raises(StoppedError, match="enough"):
            transport.get(PATH, {}, users)
        ended.append("well")

    limit.acquire()
    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert waiting.wait(PATIENCE)
    time.wait(60)
    stop("enough", 143)
    for worker in workers:
        worker.join(PATIENCE)
    assert ended == ["well"] * 3
    assert len(sandbox.requests) == 0


def test_the_limit_learns_of_each_answer() -> None:
    """Else a request would count for a quarter of a second longer than it has to."""
    time = FakeTime()
    with RawServer(lambda _: http(200, USERS)) as server:
        transport = transport_to(server.url, time, requests_per_second=1)
        for _ in range(3):
            assert transport.get(PATH, {}, users)
    assert sum(time.waits) == pytest.approx(2 * 1.01)
