"""No answer takes more time or more memory than one answer may."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.api import connection as connection_module
from tap_gainsight_px.api.deadline import Deadline
from tap_gainsight_px.errors import AnswerLostError, RefusedError, TooLargeError
from tests.patience import PATIENCE
from tests.transport.wire import PATH, USERS, FakeTime, RawServer, drip, http, transport_to, users

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUS = b"HTTP/1.1 200 OK\r\n"
PLAIN = STATUS + b"Content-Length: 1000\r\n\r\n"
PACKED = STATUS + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
MIB = 1024 * 1024


@pytest.mark.parametrize(
    "begun",
    [STATUS, PLAIN, PLAIN + USERS[:5], PACKED, PACKED + b"5\r\n" + gzip.compress(USERS)[:5]],
    ids=["status", "headers", "body", "chunked", "packed"],
)
def test_a_wait_is_never_longer_than_the_time_that_is_left(begun: bytes) -> None:
    """The timeout bounds a request as a whole, not the pause between two bytes."""
    time, over = FakeTime(), threading.Event()

    def late(_: int) -> Iterator[bytes]:
        time.wait(599.9)
        yield begun
        over.wait(PATIENCE)  # after that the server would be the one to give up

    with RawServer(late) as server:
        transport = transport_to(server.url, time, timeout=600, retry_timeout_seconds=0)
        with pytest.raises(AnswerLostError, match="timed out"):
            transport.get(PATH, {}, users)
        over.set()


def test_a_server_that_drips_is_cut_off_at_the_timeout() -> None:
    """However often it sends another byte."""
    time = FakeTime()

    with RawServer(lambda n: drip(time) if n == 1 else http(200, USERS)) as server:
        found = transport_to(server.url, time).get(PATH, {}, users)
    assert [one["aptrinsicId"] for one in found] == ["u"]


def test_each_request_has_the_whole_time() -> None:
    """Also on a connection that an earlier one has used."""
    time = FakeTime()

    def answer(_: int) -> Iterator[bytes]:
        time.wait(40)
        yield http(200, USERS)

    with RawServer(answer) as server:
        transport = transport_to(server.url, time, timeout=60, retry_timeout_seconds=0)
        for _ in range(3):
            transport.get(PATH, {}, users)
    assert (len(server.requests), server.connections) == (3, 1)


def test_a_deadline_that_is_over_is_a_timeout() -> None:
    """Never a wait of nothing, which a socket takes for a wait without end."""
    time = FakeTime()
    deadline = Deadline(time.clock)
    deadline.start(2)
    time.wait(1.5)
    assert deadline.left() == 0.5
    time.wait(0.5)
    with pytest.raises(TimeoutError, match="timed out"):
        deadline.left()


def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken server must not take all the memory, nor the same answer many times."""
    monkeypatch.setattr(connection_module, "MAX_BODY_BYTES", 2 * MIB)
    sent = []

    def endless(_: int) -> Iterator[bytes]:
        yield STATUS + b"\r\n"
        while True:
            sent.append(1)
            yield b" " * MIB

    with (
        RawServer(endless) as server,
        pytest.raises(RefusedError, match=r"the answer is larger than 2 MiB\. Lower page_size"),
    ):
        transport_to(server.url).get(PATH, {}, users)
    assert len(server.requests) == 1
    assert len(sent) < 20


def test_an_answer_that_announces_too_much_is_not_even_read() -> None:
    """Its header says so before the first byte."""
    over = threading.Event()

    def announced(_: int) -> Iterator[bytes]:
        yield STATUS + b"Content-Length: 999999999\r\n\r\n"
        over.wait(PATIENCE)  # after that the server would be the one to give up

    with RawServer(announced) as server:
        with pytest.raises(RefusedError, match="the answer is larger than 64 MiB"):
            transport_to(server.url).get(PATH, {}, users)
        over.set()


def test_an_answer_of_too_many_values_is_refused_at_once() -> None:
    """It would be the same at the next try."""

    def decode(_: bytes) -> None:
        raise TooLargeError("the answer holds 7 values, more than a page can (5)")

    with (
        RawServer(lambda _: http(200, USERS)) as server,
        pytest.raises(RefusedError, match=r"HTTP 200, but the answer holds 7 .* Lower page_size"),
    ):
        transport_to(server.url).get(PATH, {}, decode)
    assert len(server.requests) == 1


def test_an_answer_of_the_largest_size_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit itself is still allowed."""
    monkeypatch.setattr(connection_module, "MAX_BODY_BYTES", len(USERS))
    with RawServer(lambda _: http(200, USERS)) as server:
        assert transport_to(server.url).get(PATH, {}, users)


def test_a_large_answer_is_in_memory_once() -> None:
    """Chunks and the body that they are joined to would be twice as much."""
    size = 32 * MIB

    def large(_: int) -> Iterator[bytes]:
        yield STATUS + b"Content-Length: %d\r\n\r\n" % size
        piece = b" " * (size // 32)
        for _ in range(32):
            yield piece

    with RawServer(large) as server:
        assert peak_of(lambda: transport_to(server.url).get(PATH, {}, len)) < 1.5 * size


@pytest.mark.parametrize("layers", [1, 2])
def test_an_answer_is_measured_as_it_unpacks(monkeypatch: pytest.MonkeyPatch, layers: int) -> None:
    """A few kilobytes can unpack to gigabytes, and packed twice even two."""
    monkeypatch.setattr(connection_module, "MAX_BODY_BYTES", 4 * MIB)
    body = b" " * 200 * MIB
    for _ in range(layers):
        body = gzip.compress(body)
    encoding = ", ".join(["gzip"] * layers)

    def get() -> None:
        with pytest.raises(RefusedError, match="the answer is larger than"):
            transport_to(server.url).get(PATH, {}, users)

    with RawServer(lambda _: http(200, body, Content_Encoding=encoding)) as server:
        assert peak_of(get) < 12 * MIB


def peak_of(work: object) -> int:
    """Return the most memory, in bytes, that was in use at once beyond what was before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()  # type: ignore[operator]
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
