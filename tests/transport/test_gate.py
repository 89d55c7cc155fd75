"""The gate of the live service: duplicates, scrolls, an edge; and errors in any envelope."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.api.rate_limit import RateLimit
from tap_gainsight_px.api.transport import Transport
from tap_gainsight_px.errors import (
    AnswerLostError,
    DuplicateRequestError,
    EdgeRefusedError,
    RateLimitedError,
    RefusedError,
    RequestError,
    ScrollLostError,
    TooManyScrollsError,
)
from tests.patience import PATIENCE
from tests.transport.wire import (
    PATH,
    USERS,
    FakeTime,
    RawServer,
    http,
    settings_for,
    transport_to,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DUPLICATE = "Duplicate request blocked. Please wait before retrying"
CONTEXTS = "Trying to create too many scroll contexts. Must be less than or equal to: [500]"


def envelope(status: str | None, message: str, *details: str) -> dict[str, Any]:
    """Write an error as the live service does."""
    inner = [{"message": detail} for detail in details] or None
    error = {"status": status, "message": message, "debugMessage": None, "subErrors": inner}
    return {"externalapierror": error}


def error(status: int, content: dict[str, Any] | str) -> bytes:
    """Answer with an error."""
    text = content if isinstance(content, str) else json.dumps(content)
    return http(status, text.encode())


def ask(answer: bytes, **params: str) -> RequestError:
    """Return what one request without a second try ends with."""
    with RawServer(lambda _: answer) as server, pytest.raises(RequestError) as caught:
        transport_to(server.url, retry_timeout_seconds=0).get(PATH, params, users)
    return caught.value


SHAPES: dict[str, Callable[[str], dict[str, Any] | str]] = {
    "envelope": lambda text: envelope("TOO_MANY_REQUESTS", text),
    "detail": lambda text: envelope("BAD_REQUEST", "Validation error", text),
    "detail alone": lambda text: {"externalapierror": {"subErrors": [{"message": text}]}},
    "debug": lambda text: {"externalapierror": {"message": None, "debugMessage": text}},
    "errorMessage": lambda text: {"errorMessage": text},
    "text": lambda text: text,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", [200, 400, 403, 409, 429, 500])
def test_a_refused_duplicate_is_known_by_its_words(shape: str, status: int) -> None:
    """Its status and its place are not on record."""
    if (shape, status) == ("text", 200):
        return  # no JSON under 200 is an answer that was lost
    raised = ask(error(status, SHAPES[shape](DUPLICATE)))
    assert isinstance(raised, DuplicateRequestError)
    assert DUPLICATE in str(raised)
    assert "Check" not in str(raised)
    assert "Lower" not in str(raised)
    assert not raised.ends_run


@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_a_refused_duplicate_waits_until_the_block_is_over(status: int) -> None:
    """Also where every refused try renews it, and in the middle of a scroll."""
    time = FakeTime()
    blocked = [time.clock() + 20]

    def answer(_: int) -> bytes:
        if time.clock() >= blocked[0]:
            return http(200, USERS)
        blocked[0] = time.clock() + 20
        return error(status, envelope(None, DUPLICATE))

    with RawServer(answer) as server:
        found = transport_to(server.url, time).get(PATH, {"scrollId": "x"}, users)
    assert found
    assert time.waits == [10, 20]


def test_while_one_request_waits_as_a_duplicate_the_others_go_on() -> None:
    """It says nothing about the rate."""
    time = FakeTime()
    limit = RateLimit(200, clock=time.clock, wait=time.wait)
    waiting, over = threading.Event(), threading.Event()

    def wait(seconds: float) -> None:
        if seconds:
            waiting.set()
            assert over.wait(PATIENCE)

    def answer(_: int) -> bytes:
        is_first = "first" in server.requests[-1].line and not waiting.is_set()
        return error(429, envelope(None, DUPLICATE)) if is_first else http(200, USERS)

    with RawServer(answer) as server:
        transport = Transport(settings_for(server.url), limit, wait, clock=time.clock)
        worker = threading.Thread(target=transport.get, args=(PATH, {"first": 1}, users))
        worker.start()
        assert waiting.wait(PATIENCE)
        for number in range(5):
            assert transport.get(PATH, {"other": number}, users)
        over.set()
        worker.join(PATIENCE)
    assert time.waits == []
    assert limit.rate == 200
    assert len(server.requests) == 7


@pytest.mark.parametrize("status", [429, 500, 200])
def test_too_many_scrolls_are_waited_out(status: int) -> None:
    """Those of others too, whom nobody can ask to close theirs."""
    time = FakeTime()
    over = time.clock() + 60
    with RawServer(
        lambda _: (
            http(200, USERS)
            if time.clock() > over
            else error(status, envelope("INTERNAL_SERVER_ERROR", "Elasticsearch error", CONTEXTS))
        )
    ) as server:
        assert transport_to(server.url, time).get(PATH, {}, users)
    assert len(server.requests) < 12


def test_too_many_scrolls_let_fewer_be_open() -> None:
    """And say nothing about the rate."""
    time = FakeTime()
    limit = RateLimit(100, clock=time.clock, wait=time.wait)
    answer = error(429, envelope(None, CONTEXTS))
    with RawServer(lambda n: answer if n == 1 else http(200, USERS)) as server:
        settings = settings_for(server.url, max_workers=8)
        transport = Transport(settings, limit, time.wait, clock=time.clock)
        assert transport.get(PATH, {}, users)
    assert transport.scrolls.allowed == 4
    assert limit.rate == 100


def test_too_many_scrolls_are_no_lost_scroll() -> None:
    """Though their text names scroll contexts as well."""
    raised = ask(error(500, envelope(None, CONTEXTS)), scrollId="x")
    assert isinstance(raised, TooManyScrollsError)
    assert not raised.ends_run


@pytest.mark.parametrize(
    "text",
    [
        "No search context found for id [123]",
        "search_context_missing_exception",
        "Invalid scrollId",
        "scroll context expired",
        "Cannot parse scroll id",
    ],
)
@pytest.mark.parametrize("status", [200, 400, 404, 410, 500, 503])
def test_a_lost_scroll_is_known_by_its_words(text: str, status: int) -> None:
    """Under any status; only the window has to be read again."""
    answer = error(status, envelope(None, "Elasticsearch error", text))
    with RawServer(lambda _: answer) as server, pytest.raises(ScrollLostError) as caught:
        transport_to(server.url).get(PATH, {"scrollId": "x"}, users)
    assert text in str(caught.value)
    assert len(server.requests) == 1


def test_words_about_a_scroll_mean_nothing_where_there_is_none() -> None:
    """A first page has no scroll to lose."""
    assert isinstance(ask(error(500, envelope(None, "search context missing"))), AnswerLostError)


@pytest.mark.parametrize("html", [b"<html>blocked</html>", b"\n <!DOCTYPE html><p>403"])
def test_an_edge_is_told_apart_from_a_missing_permission(html: bytes) -> None:
    """It is tried again for a while, and no stream is left out for it."""
    time = FakeTime()
    with RawServer(lambda _: http(403, html)) as server, pytest.raises(RequestError) as caught:
        transport_to(server.url, time).get(PATH, {}, users)
    assert isinstance(caught.value, EdgeRefusedError)
    assert not isinstance(caught.value, RefusedError)
    assert caught.value.ends_run
    assert "firewall or edge in front of PX" in str(caught.value)
    assert "permission" not in str(caught.value)
    assert sum(time.waits) == pytest.approx(120)


def test_a_403_of_px_is_a_missing_permission() -> None:
    """That one is in JSON."""
    raised = ask(error(403, envelope("FORBIDDEN", "Access denied")))
    assert isinstance(raised, RefusedError)
    assert "Read permission" in str(raised)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (envelope("NOT_FOUND", "No such thing"), RefusedError, 404),
        (envelope("BAD_REQUEST", "Bad filter"), RefusedError, 400),
        (envelope("UNAUTHORIZED", "Authentication failed"), RefusedError, 401),
        (envelope("TOO_MANY_REQUESTS", "Slow down"), RateLimitedError, 429),
        (envelope("INTERNAL_SERVER_ERROR", "Oops"), AnswerLostError, 500),
        (envelope("503", "Oops"), AnswerLostError, 503),
        (envelope(None, "Service temporarily unavailable"), AnswerLostError, 500),
        (envelope(None, "Unknown field"), RefusedError, 400),
        ({"errorMessage": "Unknown field"}, RefusedError, 400),
        ({"errorMessage": "Internal error", "status": 502}, AnswerLostError, 502),
    ],
)
def test_an_error_under_200_is_an_error(
    content: dict[str, Any], kind: type[RequestError], status: int
) -> None:
    """With the status that it names itself."""
    raised = ask(error(200, content))
    assert type(raised) is kind
    assert raised.status == status


@pytest.mark.parametrize(
    "content",
    [
        {"users": [{"aptrinsicId": "u", "errorMessage": "of a user"}]},
        {"users": [], "errorMessage": None},
        {"users": [], "externalapierror": None},
        {"users": [{"text": '"externalapierror"'}]},
    ],
)
def test_records_that_look_like_errors_are_records(content: dict[str, Any]) -> None:
    """A field of that name inside them is their own business."""
    with RawServer(lambda _: error(200, content)) as server:
        assert transport_to(server.url).get(PATH, {}, users) == content["users"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (envelope("NOT_FOUND", "in message"), "(in message)"),
        (envelope("NOT_FOUND", "Validation error", "in a part"), "(Validation error: in a part)"),
        (envelope("NOT_FOUND", "same", "same"), "(same)"),
        (envelope("NOT_FOUND", ""), "(NOT_FOUND)"),
        ({"errorMessage": "at the top"}, "(at the top)"),
    ],
)
def test_the_apis_own_words_are_read_from_its_envelope(content: dict[str, Any], words: str) -> None:
    """As the vendor's own loader reads them."""
    assert words in str(ask(error(404, content)))


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_range_that_is_too_wide_is_told_with_its_limit(status: int) -> None:
    """The number stands right before the word in PX's own text."""
    raised = ask(error(status, envelope("BAD_REQUEST", "Exceeded date range190days")))
    assert isinstance(raised, RefusedError)
    assert "at most 190 days at once here: set window_days to 190" in str(raised)
