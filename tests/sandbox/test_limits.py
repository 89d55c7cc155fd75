"""Limits of rate, day and identical requests."""

from __future__ import annotations

import pytest

from px_sandbox import ManualClock, Misbehaviour
from px_sandbox.errors import RefusedError
from px_sandbox.limits import Limits
from tests.sandbox.client import NOW, Client, message_of


class Seconds:
    """A monotonic clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time it was set to."""
        return self.now


def test_a_rate_limit_holds_in_any_second_not_only_in_whole_ones() -> None:
    """Five at the end of one second leave nothing for the beginning of the next."""
    seconds = Seconds()
    limits = Limits(ManualClock(NOW), Misbehaviour(requests_per_second=5), seconds)
    seconds.now = 100.9
    for _ in range(5):
        limits.check("/v1/users")
    seconds.now = 101.8
    with pytest.raises(RefusedError, match="5 requests a second") as refused:
        limits.check("/v1/users")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})
    seconds.now = 101.9
    limits.check("/v1/users")


def test_requests_beyond_the_rate_get_429_with_retry_after(client: Client) -> None:
    """Over HTTP, in the error shape of all refusals. Others are answered before, some or many."""
    client.sandbox.misbehave({"requests_per_second": 1})
    answers = [client.get("/v1/segment")]
    while answers[-1].status_code == 200:
        answers.append(client.get("/v1/segment"))
    assert (answers[-1].status_code, answers[-1].headers["Retry-After"]) == (429, "1")
    assert "Rate limit of 1 requests a second" in message_of(answers[-1])
    assert client.sandbox.requests.max_in_one_second >= 2


def test_a_used_up_day_ends_at_midnight_utc(client: Client, clock: ManualClock) -> None:
    """The message names the daily limit, and Retry-After reaches until the day is over."""
    client.sandbox.misbehave({"requests_per_day": 2})
    statuses = [client.get("/v1/segment").status_code for _ in range(2)]
    refused = client.get("/v1/segment")
    assert statuses == [200, 200]
    assert refused.status_code == 429
    assert "Daily limit of 2" in message_of(refused)
    # The clock stands at 06:13:20.
    assert int(refused.headers["Retry-After"]) == 86_400 - (6 * 3600 + 13 * 60 + 20)
    clock.advance(seconds=int(refused.headers["Retry-After"]))
    assert client.get("/v1/segment").status_code == 200


@pytest.mark.parametrize("status", [400, 409])
def test_an_identical_request_within_the_window_is_refused(client: Client, status: int) -> None:
    """In the words of the API; another question is no duplicate."""
    client.sandbox.misbehave({"duplicate_window_ms": 60_000, "duplicate_status": status})
    client.json("/v1/segment", {"pageSize": 10})
    client.json("/v1/segment", {"pageSize": 11})
    message = client.refused("/v1/segment", {"pageSize": 10}, status=status)
    assert message == "Duplicate request blocked. Please wait before retrying"


def test_waiting_ends_the_blocking_of_duplicates_even_if_one_asked_in_between() -> None:
    """Refused requests do not prolong the window."""
    seconds = Seconds()
    limits = Limits(ManualClock(NOW), Misbehaviour(duplicate_window_ms=1000), seconds)
    limits.check("GET /v1/users")
    seconds.now += 0.9
    with pytest.raises(RefusedError):
        limits.check("GET /v1/users")
    seconds.now += 0.2
    limits.check("GET /v1/users")
