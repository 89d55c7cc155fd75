"""An answer that did not arrive whole is asked for again; how long to wait is up to the API."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.errors import (
    AnswerLostError,
    RetriableError,
)
from tests.transport.wire import (
    PATH,
    USERS,
    FakeTime,
    RawServer,
    drip,
    http,
    transport_to,
    users,
)

if TYPE_CHECKING:
    from px_sandbox import SandboxServer

LOST = (
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "reset_before",
    "reset_midway",
    "short_body",
    "truncated_json",
    "html",
    "empty_body",
    "list_instead_of_object",
    "records_key_missing",
    "records_not_a_list",
)


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_asked_for_again(sandbox: SandboxServer, fault: str) -> None:
    """Once more is enough, and what comes out is right."""
    sandbox.misbehave({"rules": [{"fault": fault}]})
    time = FakeTime()
    found = transport_to(sandbox.url, time).get(PATH, {}, users)
    assert [one["aptrinsicId"] for one in found] == ["u"]
    assert [one.faults for one in sandbox.requests] == [[fault], []]
    (wait,) = time.waits
    assert 0 < wait <= 0.5


@pytest.mark.parametrize("fault", LOST)
def test_that_an_answer_was_lost_is_told(sandbox: SandboxServer, fault: str) -> None:
    """A scroll may have moved on unseen, so that only the count proves that nothing is missing."""
    sandbox.misbehave({"rules": [{"fault": fault, "times": 2}]})
    told: list[int] = []
    transport = transport_to(sandbox.url)
    transport.get(PATH, {}, users, on_lost=lambda: told.append(len(sandbox.requests)))
    assert told == [1, 2]


def test_an_answer_that_is_late_is_lost_as_well() -> None:
    """Its request is sent again, and that it was lost is told."""
    time, told = FakeTime(), list[int]()
    with RawServer(lambda n: drip(time) if n < 3 else http(200, USERS)) as server:
        transport = transport_to(server.url, time)
        assert transport.get(PATH, {}, users, on_lost=lambda: told.append(len(server.requests)))
    assert told == [1, 2]


@pytest.mark.parametrize("fault", ["too_many_requests", "too_many_requests_bare"])
def test_what_was_refused_before_it_was_looked_at_was_not_lost(
    sandbox: SandboxServer, fault: str
) -> None:
    """A 429 has moved no scroll."""
    sandbox.misbehave({"rules": [{"fault": fault}]})
    told: list[str] = []
    assert transport_to(sandbox.url).get(PATH, {}, users, on_lost=lambda: told.append("lost"))
    assert len(sandbox.requests) == 2
    assert told == []


def test_a_wrong_content_type_is_no_reason_to_refuse_good_json(sandbox: SandboxServer) -> None:
    """What counts is what the answer holds."""
    sandbox.misbehave({"faults": {"wrong_content_type": 1}})
    assert transport_to(sandbox.url).get(PATH, {}, users)
    assert len(sandbox.requests) == 1


def test_it_gives_up_after_some_time_with_one_line(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A quarter of an hour of patience; each try is logged with its reason and wait.

    To a user the first one is news, and then those that are waited for.
    """
    caplog.set_level(logging.DEBUG)
    sandbox.misbehave({"faults": {"http_500": 1}})
    time = FakeTime()
    with pytest.raises(AnswerLostError) as caught:
        transport_to(sandbox.url, time).get(PATH, {}, users)
    assert str(caught.value) == (
        f"GET {PATH}: HTTP 500 (Internal error). PX has a problem of its own: run again later "
        "with the last STATE"
    )
    assert sum(time.waits) == pytest.approx(900)
    told = [one for one in caplog.records if "trying again in" in one.getMessage()]
    assert len(told) == len(time.waits) == len(sandbox.requests) - 1
    # What to do is for the end: until then, the tap does what there is to do.
    assert told[0].getMessage().startswith(f"GET {PATH}: HTTP 500 (Internal error); trying again")
    news = [one.levelno >= logging.INFO for one in told]
    long = [wait >= 5 for wait in time.waits]
    assert news[0]
    assert not any(
        is_news for is_news, is_long in zip(news[1:], long[1:], strict=True) if not is_long
    )
    # The second long wait is more than some seconds behind the first one.
    later = long.index(True) + 1
    assert news[later:] == long[later:]
    assert not all(news)


def test_the_time_for_tries_can_be_chosen(sandbox: SandboxServer) -> None:
    """Nought means that the first error is the last."""
    sandbox.misbehave({"faults": {"http_500": 1}})
    with pytest.raises(AnswerLostError):
        transport_to(sandbox.url, retry_timeout_seconds=0).get(PATH, {}, users)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 598, 599])
def test_every_status_of_a_busy_server_is_tried_again(status: int) -> None:
    """The vendor's own loader tries 598 and 599 again, too."""
    with RawServer(lambda n: http(status) if n == 1 else http(200, USERS)) as server:
        assert transport_to(server.url).get(PATH, {}, users)
    assert len(server.requests) == 2


def test_waits_are_never_the_same_for_all() -> None:
    """They are spread, so that workers that failed together do not return together."""
    runs = []
    with RawServer(lambda _: http(500)) as server:
        for _ in range(3):
            time = FakeTime()
            with pytest.raises(AnswerLostError):
                transport_to(server.url, time, retry_timeout_seconds=60).get(PATH, {}, users)
            runs.append(time.waits)
    assert runs[0] != runs[1] != runs[2]


def test_a_decoder_sees_the_bytes_and_only_its_value_errors_are_retried(
    sandbox: SandboxServer,
) -> None:
    """A bug in a decoder is a bug, not a lost answer."""

    def broken(body: bytes) -> None:
        raise KeyError(body[:1])

    with pytest.raises(KeyError):
        transport_to(sandbox.url).get(PATH, {}, broken)
    assert len(sandbox.requests) == 1
    with pytest.raises(RetriableError, match="the JSON expected"):
        transport_to(sandbox.url).get(PATH, {}, int)


def test_an_answer_that_begins_with_a_byte_order_mark_is_read() -> None:
    """Some servers put one before their JSON."""
    with RawServer(lambda _: http(200, b"\xef\xbb\xbf" + USERS)) as server:
        assert transport_to(server.url).get(PATH, {}, bytes) == USERS
    assert len(server.requests) == 1


def test_an_empty_answer_is_lost_unless_its_status_says_that_it_is_empty() -> None:
    """A decoder takes no bytes for no records, which is right for 204 only."""
    with RawServer(lambda n: http(200) if n == 1 else http(204)) as server:
        assert transport_to(server.url).get(PATH, {}, bytes) == b""
    assert len(server.requests) == 2
