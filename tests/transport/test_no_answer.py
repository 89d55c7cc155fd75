"""What keeps an answer from arriving is named; what no other try can help ends at once."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.api.deadline import Deadline
from tap_gainsight_px.errors import RefusedError, RequestError, RetriableError, UnreachableError
from tests.transport.wire import PATH, USERS, FakeTime, RawServer, http, transport_to, users

if TYPE_CHECKING:
    from pathlib import Path

    from px_sandbox import SandboxServer


def ask(url: str) -> tuple[RequestError, FakeTime]:
    """Return what a request ends with, and how long it took."""
    time = FakeTime()
    with pytest.raises(RequestError) as caught:
        transport_to(url, time).get(PATH, {}, users)
    return caught.value, time


def assert_ends_at_once(url: str, *words: str) -> None:
    """Check that the first error is the last, in one line that names the cause."""
    error, time = ask(url)
    assert isinstance(error, RefusedError)
    assert time.waits == []
    assert error.ends_run
    line = str(error)
    assert len(line.splitlines()) == 1
    for word in words:
        assert word in line
    assert "network" not in line


def test_a_file_of_certificates_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variable is named, and not api_url."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    assert_ends_at_once("https://127.0.0.1:9", "does not exist", "REQUESTS_CA_BUNDLE")


def test_a_file_of_certificates_that_holds_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Likewise."""
    path = tmp_path / "ca.pem"
    path.write_text("no certificate", encoding="utf-8")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with RawServer(lambda _: None) as server:
        address = server.url.replace("http", "https")
        assert_ends_at_once(address, "cannot be used", "REQUESTS_CA_BUNDLE")


def test_https_to_a_port_without_tls(sandbox: SandboxServer) -> None:
    """The scheme is wrong, and the line says so."""
    assert_ends_at_once(sandbox.url.replace("http", "https"), "no TLS on that port", "http://")


def test_socks_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not installed with the tap."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    assert_ends_at_once("http://px.test", "SOCKS", "requests[socks]")


@pytest.mark.parametrize(
    "proxy", ["http://", "http://:3128", "http://proxy:port", "ftp://proxy:3128"]
)
def test_a_proxy_that_is_no_address(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """The variables are named, and not api_url."""
    monkeypatch.setenv("HTTP_PROXY", proxy)
    assert_ends_at_once("http://px.test", "address of the proxy", "HTTP_PROXY")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_wrong_password_of_the_proxy(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """It is not shown, and nothing is tried again with it."""
    with RawServer(lambda _: http(407, b"not pa55word, nor Basic bWU6cGE1NXdvcmQ=")) as server:
        address = server.url.replace("http://", "http://me:pa55word@")
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", address)
        assert_ends_at_once(f"{scheme}://px.test", "password", "HTTPS_PROXY")
        line = str(ask(f"{scheme}://px.test")[0])
    assert "pa55word" not in line
    assert "bWU6cGE1NXdvcmQ" not in line


def test_a_proxy_that_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own rules are to be changed."""
    with RawServer(lambda _: http(403, b"not allowed")) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        assert_ends_at_once("https://px.test", "the proxy refuses to connect (HTTP 403)")


@pytest.mark.parametrize("proxy", [False, True], ids=["PX", "proxy"])
def test_where_nothing_has_ever_answered_it_is_told_soon(
    monkeypatch: pytest.MonkeyPatch,
    proxy: bool,  # noqa: FBT001 - a case
) -> None:
    """The address is more likely to be wrong than the host to be down: within 20 seconds."""
    with RawServer(lambda _: None) as server:
        server.go_down()
        if proxy:
            monkeypatch.setenv("HTTP_PROXY", server.url)
        error, time = ask("http://px.test" if proxy else server.url)
    assert isinstance(error, UnreachableError)
    assert "connection refused. Check" in str(error)
    assert error.ends_run
    assert 10 <= sum(time.waits) <= 12


def test_a_name_that_is_not_resolved_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error, time = ask("http://px.test")
    assert isinstance(error, UnreachableError)
    assert "the host name cannot be resolved. Check the network, api_url and region" in str(error)
    assert 10 <= sum(time.waits) <= 12


def test_an_address_that_takes_no_connection_is_given_up_soon() -> None:
    """Packets that a firewall drops: each address gets 4 seconds until something has answered."""
    given: list[float] = []
    with RawServer(lambda _: http(200, USERS, Connection="close")) as server:
        transport = transport_to(server.url, timeout=100)
        with pytest.MonkeyPatch.context() as patch:
            original = Deadline.left_to_connect

            def watched(deadline: Deadline) -> float:
                given.append(original(deadline))
                return given[-1]

            patch.setattr(Deadline, "left_to_connect", watched)
            transport.get(PATH, {}, users)
            transport.get(PATH, {}, users)
    assert given == [4, pytest.approx(100, abs=5)]


def test_a_proxy_that_goes_down_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has answered before, so it is tried again, and named at the end."""
    time = FakeTime()
    with RawServer(lambda _: http(200, USERS, Connection="close")) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        transport = transport_to("http://px.test", time)
        assert transport.get(PATH, {}, users)
        server.go_down()
        with pytest.raises(RequestError) as caught:
            transport.get(PATH, {}, users)
    error = caught.value
    assert "through the proxy: connection refused" in str(error)
    assert "HTTP_PROXY" in str(error)
    assert "api_url" not in str(error)
    assert sum(time.waits) == pytest.approx(900)


def test_a_busy_proxy_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 502 of a proxy passes like one of PX."""
    with RawServer(lambda n: http(502) if n == 1 else http(200, USERS)) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        assert transport_to("http://px.test").get(PATH, {}, users)


def test_too_many_open_files_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is not to blame, so there is no advice to check it."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", full)
    error, time = ask("http://127.0.0.1:9")
    assert isinstance(error, RetriableError)
    assert "too many open files" in str(error)
    assert "ulimit -n" in str(error)
    assert "max_workers" in str(error)
    assert "network" not in str(error)
    assert time.waits
