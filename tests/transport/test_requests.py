"""What is sent: the key in its header and nowhere else, on connections that are kept."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.errors import RefusedError, RetriableError, StoppedError
from tests.transport.wire import (
    KEY,
    PATH,
    USERS,
    RawServer,
    http,
    refusal,
    transport_to,
    users,
)

if TYPE_CHECKING:
    from pathlib import Path

    from px_sandbox import SandboxServer


def test_the_key_is_sent_in_its_header_and_nowhere_else() -> None:
    """Not in the address, which proxies log, and in no other header."""
    with RawServer(lambda _: http(200, USERS)) as server:
        transport_to(server.url).get(PATH, {"filter": "date>=1;date<2", "pageSize": 5}, users)
    (request,) = server.requests
    assert request.header("X-APTRINSIC-API-KEY") == [KEY]
    assert KEY not in request.line
    assert [name for name, value in request.headers if KEY in value] == ["X-APTRINSIC-API-KEY"]
    assert request.header("Authorization") == []


def test_a_netrc_adds_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What somebody keeps there for another program on this host is not the API's business."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pw\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    with RawServer(lambda _: http(200, USERS)) as server:
        transport_to(server.url).get(PATH, {}, users)
    assert server.requests[0].header("Authorization") == []


def test_the_parameters_arrive_as_they_were_given(sandbox: SandboxServer) -> None:
    """Also with characters that have a meaning in an address."""
    params: dict[str, str | int] = {"filter": "email==a+b@px.test;score>=1", "pageSize": 7}
    assert transport_to(sandbox.url).get(PATH, params, users) == []
    assert sandbox.requests[0].params == {"filter": params["filter"], "pageSize": "7"}


def test_the_user_agent_names_the_tap(sandbox: SandboxServer) -> None:
    """Gainsight can tell who is asking; the user can change it."""
    transport_to(sandbox.url).get(PATH, {}, users)
    transport_to(sandbox.url, user_agent="acme/1").get(PATH, {}, users)
    first, second = (one.user_agent for one in sandbox.requests)
    assert first.startswith("tap-gainsight-px/")
    assert second == "acme/1"


def test_one_connection_serves_many_requests() -> None:
    """A new connection for each page would cost more than the page."""
    with RawServer(lambda _: http(200, USERS)) as server:
        transport = transport_to(server.url)
        for _ in range(20):
            transport.get(PATH, {}, users)
        assert (len(server.requests), server.connections) == (20, 1)


def test_every_worker_keeps_one_connection() -> None:
    """Sessions are not shared by threads, and none is opened anew."""
    ready = threading.Barrier(3)

    def work() -> None:
        ready.wait()
        for _ in range(10):
            transport.get(PATH, {}, users)

    with RawServer(lambda _: http(200, USERS)) as server, ThreadPoolExecutor(3) as pool:
        transport = transport_to(server.url)
        for future in [pool.submit(work) for _ in range(3)]:
            future.result()
        assert (len(server.requests), server.connections) == (30, 3)
    connections = [request.connection for request in server.requests]
    assert [connections.count(one) for one in (1, 2, 3)] == [10, 10, 10]


def test_an_error_does_not_cost_the_connection() -> None:
    """A 503 with a body leaves the connection good for the next try."""
    with RawServer(lambda n: refusal(503, "busy") if n == 1 else http(200, USERS)) as server:
        transport_to(server.url).get(PATH, {}, users)
        assert (len(server.requests), server.connections) == (2, 1)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        http(204),
        http(200, gzip.compress(USERS), Content_Encoding="gzip"),
        CHUNKED + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(USERS), USERS),
        CHUNKED
        + b"Content-Encoding: gzip\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
        % (len(gzip.compress(USERS, mtime=0)), gzip.compress(USERS, mtime=0)),
    ],
    ids=["empty", "packed", "chunked", "both"],
)
def test_every_kind_of_answer_leaves_the_connection_open(answer: bytes) -> None:
    """However its end is marked."""
    with RawServer(lambda _: answer) as server:
        transport = transport_to(server.url)
        for _ in range(5):
            assert transport.get(PATH, {}, bytes) in {b"", USERS}
        assert (len(server.requests), server.connections) == (5, 1)


def test_a_compressed_answer_is_read() -> None:
    """Pages shrink to a tenth on the wire where the server can do that."""
    body = gzip.compress(USERS)
    with RawServer(lambda _: http(200, body, Content_Encoding="gzip")) as server:
        assert transport_to(server.url).get(PATH, {}, users) == [{"aptrinsicId": "u"}]
    assert "gzip" in server.requests[0].header("Accept-Encoding")[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The other host gets neither the key nor a request, and the error names it."""
    with RawServer(lambda _: http(200, USERS)) as other:
        target = other.url + PATH
        with RawServer(lambda _: http(status, Location=target)) as server:
            with pytest.raises(RefusedError) as caught:
                transport_to(server.url).get(PATH, {}, users)
            assert len(server.requests) == 1
        assert (other.requests, other.connections) == ([], 0)
    assert other.url.removeprefix("http://") in str(caught.value)
    assert "check api_url" in str(caught.value)


def test_a_redirect_to_another_name_of_the_same_host_is_not_followed(
    sandbox: SandboxServer,
) -> None:
    """The key is bound to the name that was configured."""
    sandbox.misbehave({"faults": {"redirect": 1}})
    with pytest.raises(RefusedError):
        transport_to(sandbox.url).get(PATH, {}, users)
    (request,) = sandbox.requests
    assert request.host.startswith("127.0.0.1:")


def test_max_requests_is_the_most_that_is_ever_sent(sandbox: SandboxServer) -> None:
    """Tries count too: each of them is one of the account's requests of the day."""
    sandbox.misbehave({"rules": [{"fault": "http_500", "times": 2}]})
    transport = transport_to(sandbox.url, max_requests=4)
    transport.get(PATH, {}, users)
    transport.get(PATH, {}, users)
    with pytest.raises(StoppedError, match=r"max_requests \(4\)"):
        transport.get(PATH, {}, users)
    assert len(sandbox.requests) == transport.requests_sent == 4


def test_max_requests_holds_with_many_workers(sandbox: SandboxServer) -> None:
    """Workers that ask at the same moment do not slip past the limit."""
    transport = transport_to(sandbox.url, max_requests=10)

    def work() -> int:
        try:
            return len(transport.get(PATH, {}, users))
        except StoppedError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: work(), range(40))) == 10
    assert len(sandbox.requests) == 10


def test_an_address_that_nobody_listens_on_is_named() -> None:
    """The error tells a wrong api_url from a network that is down."""
    with RawServer(lambda _: None) as server:
        pass
    with pytest.raises(RetriableError) as caught:
        transport_to(server.url).get(PATH, {}, users)
    assert f"no answer from {server.url}: connection refused" in str(caught.value)
    assert "Check the network, api_url and region" in str(caught.value)
