"""What the API refuses is not asked again, and the error says in one line what to do."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.errors import RefusedError, RequestError, TapError
from tests.transport.wire import (
    KEY,
    PATH,
    FakeTime,
    RawServer,
    http,
    refusal,
    transport_to,
    users,
)

if TYPE_CHECKING:
    from px_sandbox import SandboxServer


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "check the settings"),
        (401, "Check api_key and region"),
        (403, "give it the Read permission"),
        (404, "deselect the stream. Else check api_url and region"),
        (405, "check the settings"),
        (410, "check the settings"),
    ],
)
def test_a_refusal_fails_at_once_with_advice(status: int, advice: str) -> None:
    """Path, status, the API's own words and the next step; no second request, no wait."""
    time = FakeTime()
    with (
        RawServer(lambda _: refusal(status, "No such luck")) as server,
        pytest.raises(RefusedError) as caught,
    ):
        transport_to(server.url, time).get(PATH, {"pageSize": 5}, users)
    line = str(caught.value)
    assert line.startswith(f"GET {PATH}: HTTP {status} (No such luck). ")
    assert advice in line
    assert caught.value.status == status
    assert caught.value.path == PATH
    assert len(server.requests) == 1
    assert time.waits == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": "in message"}', "in message"),
        (b'{"errorMessage": "in errorMessage"}', "in errorMessage"),
        (b'{"error": {"message": "inside error"}}', "inside error"),
        (b'{"errors": [{"detail": "the first"}, {"detail": "the second"}]}', "the first"),
        (b"plain text", "plain text"),
        (b'{"message": "two\\nlines\\r\\n\\u2028and a half"}', "two lines and a half"),
        ("{“not JSON: ü".encode(), "{“not JSON: ü"),
        (b"<html><body>go away</body></html>", ""),
        (b"", ""),
        (b"\xff\xfe\x00", "\ufffd"),
        (b"[" * 100_000, ""),
    ],
    ids=[
        "message",
        "name",
        "nested",
        "list",
        "text",
        "lines",
        "torn",
        "html",
        "empty",
        "bytes",
        "deep",
    ],
)
def test_the_apis_own_words_are_found_in_any_shape(body: bytes, words: str) -> None:
    """In one line of bounded length, and without HTML."""
    with RawServer(lambda _: http(400, body)) as server, pytest.raises(RefusedError) as caught:
        transport_to(server.url).get(PATH, {}, users)
    line = str(caught.value)
    assert words in line
    assert len(line.splitlines()) == 1
    assert len(line) < 600
    assert "<" not in line


def test_a_long_body_is_not_repeated() -> None:
    """A log is no place for a page of records, or of personal data."""
    with (
        RawServer(lambda _: refusal(400, "x" * 100_000)) as server,
        pytest.raises(RefusedError) as caught,
    ):
        transport_to(server.url).get(PATH, {}, users)
    assert len(str(caught.value)) < 600


def test_a_wrong_key_is_told_without_naming_it(sandbox: SandboxServer) -> None:
    """The sandbox refuses it as PX does."""
    with pytest.raises(RefusedError, match="HTTP 401") as caught:
        transport_to(sandbox.url, api_key="another-k3y").get(PATH, {}, users)
    assert "another-k3y" not in str(caught.value)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        refusal(401, f"Invalid API key {KEY}"),
        refusal(403, KEY),
        refusal(429, f"Too many requests of {KEY} this day"),
        http(503, f"upstream: key={KEY} failed".encode()),
        http(302, Location=f"https://elsewhere.test/?key={KEY}"),
        http(302, Location=f"https://{KEY}@elsewhere.test/"),
        http(200, f'"{KEY}"'.encode()),
        http(200, b"<p>" + KEY.encode()),
    ],
    ids=["401", "403", "429", "503", "query", "user", "json", "html"],
)
def test_an_answer_that_repeats_the_key_does_not_bring_it_into_an_error(
    answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Some servers quote what they were sent. Logs are read by many."""
    caplog.set_level(logging.DEBUG)
    with RawServer(lambda _: answer) as server, pytest.raises(TapError) as caught:
        transport_to(server.url).get(PATH, {}, users)
    assert_no_key(caught.value, caplog)


@pytest.mark.parametrize(
    "fault",
    ["key_revoked", "reset_before", "html", "truncated_json", "too_many_requests", "redirect"],
)
def test_no_log_line_and_no_traceback_holds_the_key(
    sandbox: SandboxServer, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even at DEBUG, with everything that the HTTP library has to say."""
    caplog.set_level(logging.DEBUG)
    sandbox.misbehave({"faults": {fault: 1}})
    transport = transport_to(sandbox.url)
    with pytest.raises(RequestError) as caught:
        transport.get(PATH, {}, users)
    assert "urllib3" in caplog.text
    assert_no_key(caught.value, caplog)
    assert KEY not in repr(transport)


HARD_KEY = 'a+b/c="d"&<e>9f'

SPELLINGS = {
    "json": 'a+b/c=\\"d\\"&<e>9f',
    "gson": 'a+b/c\\u003d\\"d\\"\\u0026\\u003ce\\u003e9f',
    "upper": "a\\u002Bb\\/c\\u003D\\u0022d\\u0022&<e>9f",
    "url": "a%2Bb%2Fc%3D%22d%22%26%3Ce%3E9f",
    "twice": "a%252Bb%252fc%253d%2522d%2522%2526%253Ce%253E9f",
    "html": "a+b/c=&quot;d&#34;&amp;&lt;e&#x3E;9f",
    "plain": HARD_KEY,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "where", ["json", "text", "bad header", "status line", "location", "decoder"]
)
def test_the_key_is_recognised_in_every_spelling(
    spelling: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Servers, proxies and libraries quote it as their format demands."""
    caplog.set_level(logging.DEBUG)
    quoted = SPELLINGS[spelling]
    answer = {
        "json": http(400, b'{"message": "bad key ' + quoted.replace('"', "'").encode() + b'"}'),
        "text": http(503, b"bad key " + quoted.encode()),
        "bad header": b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n" + quoted.encode() + b"\r\n\r\n",
        "status line": b"HTTP/1.1 " + quoted.encode() + b"\r\n\r\n",
        "location": http(302, Location=f"https://{quoted}.test/"),
        "decoder": http(200, quoted.encode()),
    }[where]

    def decode(body: bytes) -> None:
        raise ValueError(body.decode())

    with (
        RawServer(lambda n: answer if n == 1 else http(404)) as server,
        pytest.raises(TapError) as caught,
    ):
        transport_to(server.url, api_key=HARD_KEY).get(PATH, {}, decode)
    said = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert quoted not in said
    assert HARD_KEY not in said


def test_a_message_that_is_cut_short_does_not_end_in_half_a_key() -> None:
    """The part of it that is left would not be recognised."""
    with (
        RawServer(lambda _: refusal(400, "x" * 290 + KEY)) as server,
        pytest.raises(RefusedError) as caught,
    ):
        transport_to(server.url).get(PATH, {}, users)
    assert KEY[:4] not in str(caught.value)


def assert_no_key(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """Check the error, what led to it, and the log."""
    assert KEY not in str(error)
    assert KEY not in repr(error)
    assert KEY not in repr(vars(error))
    assert KEY not in "".join(traceback.format_exception(error))
    assert KEY not in caplog.text
