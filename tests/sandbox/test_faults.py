"""Each fault shows at the client the way its description says."""

from __future__ import annotations

import contextlib
import json
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from px_sandbox import FAULTS, Misbehaviour, Rule, World
from tests.patience import PATIENCE
from tests.sandbox.client import CUSTOM, KEY_HEADER, LAST_WEEK, NOW, Client, event, rows

PARAMS = {"filter": LAST_WEEK, "pageSize": 2}
LOST = sorted(name for name, fault in FAULTS.items() if fault.loses_answer)


@pytest.fixture(autouse=True)
def _six_events(world: World) -> None:
    for identity in range(6):
        world.put("custom_events", event(identity, NOW - 100 + identity, note="x" * 2000))


def strike(client: Client, fault: str, **settings: Any) -> None:
    """Let ``fault`` strike the next request for custom events, once."""
    client.sandbox.misbehave({"rules": [{"fault": fault, "path": CUSTOM, **settings}]})


def walk(client: Client, **params: Any) -> list[str]:
    """Return the ids of each page of a scroll in one word."""
    pages = client.pages(CUSTOM, {**PARAMS, **params})
    return ["".join(row["eventId"] for row in rows(page)) for page in pages]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("too_many_requests_bare", 429),
        ("http_500", 500),
        ("http_502", 502),
        ("http_503", 503),
        ("http_504", 504),
        ("no_content", 204),
        ("bad_request", 400),
        ("key_revoked", 401),
        ("forbidden", 403),
        ("scroll_expired", 404),
    ],
)
def test_error_statuses_come_once_and_without_retry_after(
    client: Client, fault: str, status: int
) -> None:
    """A rule strikes as often as it says, then all is well."""
    strike(client, fault)
    answer = client.get(CUSTOM)
    assert answer.status_code == status
    assert "Retry-After" not in answer.headers
    assert client.get(CUSTOM).status_code == 200


def test_retry_after_comes_in_seconds_or_as_a_date(client: Client) -> None:
    """Both forms of the header, each for 30 seconds from now."""
    strike(client, "too_many_requests", retry_after=30)
    assert client.get(CUSTOM).headers["Retry-After"] == "30"
    strike(client, "http_503", retry_after=30)
    assert client.get(CUSTOM).headers["Retry-After"] == "30"
    strike(client, "too_many_requests_date", retry_after=30)
    answer = client.get(CUSTOM)
    moment = parsedate_to_datetime(answer.headers["Retry-After"])
    assert answer.status_code == 429
    assert moment.timestamp() == NOW // 1000 + 30


@pytest.mark.parametrize("fault", ["reset_before", "reset_midway", "short_body"])
def test_broken_connections_are_errors_of_the_connection(client: Client, fault: str) -> None:
    """No answer at all, or one that ends too soon."""
    strike(client, fault)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.get(CUSTOM)
    assert client.get(CUSTOM).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        ("reset_before", None, "reset"),
        ("reset_midway", 200, "reset"),
        ("short_body", 200, "Incomplete"),
    ],
)
def test_a_reset_is_a_reset_and_a_short_body_an_orderly_close(
    client: Client, fault: str, status: int | None, message: str
) -> None:
    """RST and FIN differ, and so does how far the answer got."""
    strike(client, fault)
    answer = None

    def read() -> bytes:
        nonlocal answer
        headers = {KEY_HEADER: client.sandbox.api_key}
        answer = requests.get(
            client.sandbox.url + CUSTOM, headers=headers, stream=True, timeout=PATIENCE
        )
        return answer.content

    with pytest.raises(requests.RequestException, match=message):
        read()
    assert (None if answer is None else answer.status_code) == status


def test_a_hanging_server_is_left_when_the_client_gives_up(client: Client) -> None:
    """No byte comes for as long as it waits, and others are answered."""
    strike(client, "hang")
    waiting = HTTPConnection("127.0.0.1", client.sandbox.port, PATIENCE)
    with contextlib.closing(waiting) as connection:
        connection.request("GET", CUSTOM, headers={KEY_HEADER: client.sandbox.api_key})
        while not any(one.faults for one in client.sandbox.requests):
            client.get("/v1/segment")
        connection.sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.getresponse()
    assert client.get(CUSTOM).status_code == 200


def test_latency_delays_and_changes_nothing_else(client: Client) -> None:
    """The answer is right, only later."""
    strike(client, "latency", ms=40, jitter_ms=5)
    start = time.monotonic()
    assert client.get(CUSTOM).status_code == 200
    assert time.monotonic() - start >= 0.04


def test_truncated_json_is_framed_as_if_it_were_whole(client: Client) -> None:
    """The length is right, the text is not."""
    strike(client, "truncated_json")
    answer = client.get(CUSTOM)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.text.startswith('{"customEvents":[{')
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_html_and_empty_bodies_come_with_200(client: Client) -> None:
    """Success by status, nonsense by content."""
    strike(client, "html")
    answer = client.get(CUSTOM)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    strike(client, "empty_body")
    answer = client.get(CUSTOM)
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_wrong_content_type_carries_the_right_json(client: Client) -> None:
    """Only the header lies, and the scroll goes on."""
    strike(client, "wrong_content_type")
    answer = client.get(CUSTOM, PARAMS)
    assert answer.headers["Content-Type"] == "text/html"
    assert len(answer.json()["customEvents"]) == 2
    assert not client.sandbox.requests[-1].lost


def test_an_oversize_body_is_valid_but_huge(client: Client) -> None:
    """Blanks after the JSON, up to the size asked for."""
    strike(client, "oversize_body", bytes=3_000_000)
    answer = client.get(CUSTOM)
    assert len(answer.content) == 3_000_000
    assert answer.json()["totalHits"] == 6


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("list_instead_of_object", lambda body: body[0]["totalHits"] == 6),
        ("records_key_missing", lambda body: "customEvents" not in body and "totalHits" in body),
        ("records_not_a_list", lambda body: isinstance(body["customEvents"], dict)),
        ("records_null", lambda body: body["customEvents"] is None),
    ],
)
def test_valid_json_of_the_wrong_shape(client: Client, fault: str, check: Any) -> None:
    """It parses, and is not what was promised."""
    strike(client, fault)
    assert check(client.json(CUSTOM))


def test_shapes_go_wrong_for_single_answers_too(world: World, client: Client) -> None:
    """An object becomes a list, null or text."""
    world.put("subscription", {"id": "s"})
    path = "/v1/admin/subscription"
    got = []
    for fault in ("list_instead_of_object", "records_null", "records_not_a_list"):
        client.sandbox.misbehave({"rules": [{"fault": fault}]})
        got.append(client.json(path))
    assert got == [[{"id": "s"}], None, "unexpected"]


def test_a_single_answer_may_come_as_several_rows(world: World, client: Client) -> None:
    """A bare list, in which each row is another one."""
    world.put("subscription", {"id": "s"})
    client.sandbox.misbehave({"rules": [{"fault": "several_rows", "count": 2}]})
    rows = client.json("/v1/admin/subscription")
    assert rows == [{"id": "s", "row": 0}, {"id": "s", "row": 1}]


def test_a_redirect_leads_to_another_host_name(client: Client) -> None:
    """The log shows whether a client that follows it takes its key along."""
    strike(client, "redirect")
    answer = client.get(CUSTOM, PARAMS)
    location = answer.headers["Location"]
    assert answer.status_code == 302
    assert location.startswith(f"http://localhost:{client.sandbox.port}{CUSTOM}?")
    requests.get(location, headers={KEY_HEADER: "leaked"}, timeout=PATIENCE)
    seen = client.sandbox.requests[-1]
    assert (seen.host, seen.with_key) == (f"localhost:{client.sandbox.port}", True)


def test_a_key_can_be_revoked_after_some_requests(client: Client) -> None:
    """From then on it stays so."""
    strike(client, "key_revoked", nth=3, times=None)
    assert [client.get(CUSTOM).status_code for _ in range(5)] == [200, 200, 401, 401, 401]


@pytest.mark.parametrize("fault", [name for name in LOST if name not in ("hang", "scroll_expired")])
def test_a_lost_answer_does_not_move_the_scroll(client: Client, fault: str) -> None:
    """The same request again gets the page that was lost."""
    first = client.json(CUSTOM, PARAMS)
    strike(client, fault)
    params = {**PARAMS, "scrollId": first["scrollId"]}
    with contextlib.suppress(requests.RequestException):
        client.get(CUSTOM, params)
    assert client.sandbox.requests[-1].lost
    assert client.ids(CUSTOM, params) == ["2", "3"]


@pytest.mark.parametrize("fault", ["http_503", "reset_before", "reset_midway", "records_null"])
@pytest.mark.parametrize("everywhere", [True, False], ids=["option", "rule"])
def test_a_scroll_moves_on_over_a_lost_answer_if_told_so(
    client: Client, fault: str, *, everywhere: bool
) -> None:
    """A page is gone without a trace but the count."""
    first = client.json(CUSTOM, PARAMS)
    rule = {"fault": fault, "moves_on": not everywhere}
    client.sandbox.misbehave({"rules": [rule], "scroll_moves_on": everywhere})
    params = {**PARAMS, "scrollId": first["scrollId"]}
    with contextlib.suppress(requests.RequestException):
        client.get(CUSTOM, params)
    assert client.ids(CUSTOM, params) == ["4", "5"]


def test_a_scroll_can_expire_on_its_nth_page(client: Client) -> None:
    """And is then gone for good, while a new one works."""
    strike(client, "scroll_expired", page=2)
    first = client.json(CUSTOM, PARAMS)
    params = {**PARAMS, "scrollId": first["scrollId"]}
    for _ in range(2):
        assert "expired" in client.refused(CUSTOM, params, status=404)
    assert walk(client) == ["01", "23", "45", ""]


def test_a_page_can_repeat_the_end_of_the_one_before(client: Client) -> None:
    """The rest moves back, so that nothing is lost but the count is."""
    strike(client, "repeated_records", page=2, count=1)
    assert walk(client) == ["01", "12", "34", "5"]


def test_a_repetition_longer_than_a_page_does_not_turn_the_scroll_back(client: Client) -> None:
    """A walk always comes to its end."""
    strike(client, "repeated_records", page=3, count=5)
    assert walk(client) == ["01", "23", "01", "45", ""]


def test_a_page_can_hold_records_twice(client: Client) -> None:
    """Within the size of the page."""
    strike(client, "duplicate_records", page=2, count=1)
    assert walk(client) == ["01", "22", "34", "5"]


def test_records_can_be_left_out_without_a_word(client: Client) -> None:
    """Only the total tells."""
    strike(client, "lost_records", page=1, count=1)
    page = client.json(CUSTOM, PARAMS)
    assert (len(page["customEvents"]), page["totalHits"]) == (1, 6)
    params = {**PARAMS, "scrollId": page["scrollId"]}
    assert client.ids(CUSTOM, params) == ["2", "3"]


def test_an_empty_page_in_the_middle_is_followed_by_the_rest(client: Client) -> None:
    """A short page is not always the last one."""
    strike(client, "empty_page", page=2)
    first = client.json(CUSTOM, PARAMS)
    second = client.json(CUSTOM, {**PARAMS, "scrollId": first["scrollId"]})
    assert second["customEvents"] == []
    params = {**PARAMS, "scrollId": second["scrollId"]}
    assert client.ids(CUSTOM, params) == ["2", "3"]


def test_results_can_be_unsorted_throughout_a_scroll(world: World, client: Client) -> None:
    """All records, none twice, in no order, the same for the same seed."""
    world.put_many("custom_events", [event(f"x{n}", NOW - 50 + n) for n in range(40)])
    strike(client, "unsorted")
    got = walk(client, pageSize=50)
    strike(client, "unsorted")
    assert got == walk(client, pageSize=50)
    assert got != walk(client, pageSize=50)
    assert sorted("".join(got)) == sorted("".join(walk(client, pageSize=50)))


def test_a_filter_can_be_ignored(client: Client) -> None:
    """All records of the kind come, whatever was asked."""
    strike(client, "filter_ignored")
    page = client.json(CUSTOM, {"filter": f"{LAST_WEEK};eventName==nope"})
    assert page["totalHits"] == 6


@pytest.mark.parametrize(
    ("fault", "settings", "totals"),
    [
        ("total_hits_too_high", {"by": 3}, [9, 9]),
        ("total_hits_too_low", {"by": 3}, [3, 3]),
        ("total_hits_capped", {"cap": 4}, [4, 4]),
        ("total_hits_missing", {}, [None, None]),
        ("total_hits_growing", {"by": 2}, [6, 8]),
    ],
)
def test_the_total_can_be_wrong(
    client: Client, fault: str, settings: dict[str, int], totals: list[int | None]
) -> None:
    """The records are right all the same."""
    strike(client, fault, times=None, **settings)
    first = client.json(CUSTOM, PARAMS)
    second = client.json(CUSTOM, {**PARAMS, "scrollId": first["scrollId"]})
    assert [first.get("totalHits"), second.get("totalHits")] == totals
    assert len(first["customEvents"]) == len(second["customEvents"]) == 2


def test_the_total_is_capped_at_10000_by_default() -> None:
    """Like Elasticsearch without exact totals."""
    assert Rule("total_hits_capped").setting("cap") == 10_000


def test_a_rule_strikes_only_the_paths_it_names(client: Client) -> None:
    """Patterns are those of a shell."""
    client.sandbox.misbehave({"rules": [{"fault": "http_500", "path": "/v1/events/*"}]})
    assert client.get("/v1/users").status_code == 200
    assert client.get("/v1/events/lead").status_code == 500


def test_a_rule_strikes_from_the_nth_request_so_many_times(client: Client) -> None:
    """Counted over the matching requests."""
    strike(client, "http_500", nth=2, times=2)
    assert [client.get(CUSTOM).status_code for _ in range(5)] == [200, 500, 500, 200, 200]


def test_random_faults_strike_with_their_rate_and_the_same_for_the_same_seed(
    client: Client,
) -> None:
    """About one in four, at other places for another seed."""

    def pattern(seed: int) -> list[int]:
        client.sandbox.misbehave({"faults": {"http_503": 0.25}, "seed": seed})
        return [client.get("/v1/segment").status_code for _ in range(80)]

    first = pattern(1)
    assert 8 <= first.count(503) <= 32
    assert first == pattern(1)
    assert first != pattern(2)


def test_the_log_names_the_faults_and_says_what_was_lost(client: Client) -> None:
    """With the status that was sent, if any."""
    rules = [{"fault": "latency", "ms": 1, "times": 3}, {"fault": "reset_before", "nth": 2}]
    client.sandbox.misbehave({"rules": rules})
    client.get(CUSTOM)
    with pytest.raises(requests.ConnectionError):
        client.get(CUSTOM)
    first, second = client.sandbox.requests
    assert (first.status, first.faults, first.lost, first.records) == (200, ["latency"], False, 6)
    assert (second.status, second.faults, second.lost) == (None, ["latency", "reset_before"], True)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"faults": {"http_999": 1}}, "unknown fault"),
        ({"faults": {"latency": {"sec": 1}}}, "unknown setting"),
        ({"faults": {"http_500": 5}}, "between 0 and 1"),
        ({"scroll_ids": "random"}, "changing, fixed"),
        ({"request_per_second": 5}, "unknown in misbehaviour"),
    ],
)
def test_misspelled_misbehaviour_is_refused(data: dict[str, Any], problem: str) -> None:
    """A test that asks for the impossible fails at once."""
    with pytest.raises(ValueError, match=problem):
        Misbehaviour.from_json(data)


def test_misbehaviour_survives_json() -> None:
    """What the control API shows can be sent back."""
    rule = Rule("latency", path="/v1/*", nth=2, times=None, settings={"ms": 5})
    misbehaviour = Misbehaviour(rules=[rule], seed=3, scroll_ids="fixed")
    assert Misbehaviour.from_json(json.loads(json.dumps(misbehaviour.to_json()))) == misbehaviour
