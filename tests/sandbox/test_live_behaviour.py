"""What was seen of the live API beside its documentation, each by its own option or fault."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from px_sandbox import Clock, ManualClock, Misbehaviour, SandboxServer, World, WorldPlan
from px_sandbox.errors import RefusedError
from px_sandbox.limits import Limits
from tests.sandbox.client import CUSTOM, DAY, NOW, Client, event, message_of, rows, user

# The same range, up to a day before NOW.
ISO_WEEK = "date>=2024-06-03T06:13:20Z;date<2024-06-09T06:13:20Z"
EPOCH_WEEK = f"date>={NOW - 7 * DAY};date<{NOW - DAY}"
DUPLICATES = {"duplicate_window_ms": 60_000}


class Seconds:
    """A monotonic clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time it was set to."""
        return self.now


def test_an_unknown_parameter_does_not_make_a_request_another(client: Client) -> None:
    """Nor does another order of the known ones; another value of one does."""
    client.sandbox.misbehave(DUPLICATES)
    first = {"filter": "type==USER", "pageSize": 5}
    assert client.get("/v1/users", first).status_code == 200
    same = [("pageSize", "5"), ("scrollID", "x"), ("filter", "type==USER")]
    answer = client.get("/v1/users", same)
    assert answer.status_code == 429
    assert message_of(answer) == "Duplicate request blocked. Please wait before retrying"
    assert client.get("/v1/users", {**first, "pageSize": 6}).status_code == 200


def test_a_refused_duplicate_begins_the_time_anew_if_asked_to() -> None:
    """Who tries again too soon waits the longer."""
    seconds = Seconds()
    manners = Misbehaviour(duplicate_window_ms=1000, duplicates_renewed=True)
    limits = Limits(ManualClock(NOW), manners, seconds)
    limits.check("GET /v1/users")
    for _ in range(3):
        seconds.now += 0.9
        with pytest.raises(RefusedError):
            limits.check("GET /v1/users")
    seconds.now += 1.1
    limits.check("GET /v1/users")


@pytest.mark.parametrize("status", [429, 500])
def test_no_more_scrolls_are_opened_than_the_server_has_room_for(
    world: World, client: Client, clock: ManualClock, status: int
) -> None:
    """A client cannot close one: room comes with the time that an unused scroll lives."""
    world.put("custom_events", event("e"))
    client.sandbox.misbehave({"max_scrolls": 2, "max_scrolls_status": status})
    assert client.json(CUSTOM)["scrollId"] != client.json(CUSTOM)["scrollId"]
    text = client.refused(CUSTOM, status=status)
    assert "too many scroll contexts. Must be less than or equal to: [2]" in text
    clock.advance(seconds=61)
    assert client.get(CUSTOM).status_code == 200


def test_there_is_room_for_500_scrolls(client: Client) -> None:
    """As Elasticsearch has it by default."""
    assert Misbehaviour().max_scrolls == 500
    client.sandbox.misbehave({"rules": [{"fault": "too_many_scrolls", "status": 500}]})
    assert "Must be less than or equal to: [500]" in client.refused(CUSTOM, status=500)


@pytest.mark.parametrize("status", [404, 400, 410, 500])
def test_a_lost_scroll_is_told_by_any_of_these(
    world: World, client: Client, clock: ManualClock, status: int
) -> None:
    """By time and by a rule; the text names the search context."""
    world.put_many("custom_events", [event(n) for n in range(4)])
    client.sandbox.misbehave({"scroll_gone_status": status})
    params = {"pageSize": 2, "scrollId": client.json(CUSTOM, {"pageSize": 2})["scrollId"]}
    clock.advance(seconds=61)
    assert "No search context found" in client.refused(CUSTOM, params, status=status)
    client.sandbox.misbehave({"rules": [{"fault": "scroll_expired", "status": status}]})
    assert "No search context found" in client.refused(CUSTOM, status=status)


def test_a_429_lasts_for_its_seconds_by_the_clock_of_the_world(
    client: Client, clock: ManualClock
) -> None:
    """From the second request on, without Retry-After, however often one tries."""
    rule = {"fault": "too_many_requests_bare", "nth": 2, "lasts_seconds": 156}
    client.sandbox.misbehave({"rules": [rule]})
    got = [client.get("/v1/segment") for _ in range(2)]
    for _ in range(5):
        clock.advance(seconds=30)
        got.append(client.get("/v1/segment"))
    clock.advance(seconds=6)
    got.append(client.get("/v1/segment"))
    assert [answer.status_code for answer in got] == [200, *[429] * 6, 200]
    assert not [answer for answer in got if "Retry-After" in answer.headers]


@pytest.mark.parametrize(
    ("fault", "status"), [("edge_forbidden", 403), ("http_598", 598), ("http_599", 599)]
)
def test_what_stands_in_front_of_px_answers_with_html(
    client: Client, fault: str, status: int
) -> None:
    """It is no word of the API's."""
    client.sandbox.misbehave({"rules": [{"fault": fault}]})
    answer = client.get(CUSTOM)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("form", "taken", "refused"),
    [("iso", ISO_WEEK, EPOCH_WEEK), ("epoch", EPOCH_WEEK, ISO_WEEK)],
)
def test_one_form_of_a_date_may_be_the_only_one(
    world: World, client: Client, form: str, taken: str, refused: str
) -> None:
    """The other is refused, or ignored: the answer holds what lies outside the range."""
    world.put("custom_events", event("in", NOW - 5 * DAY))
    world.put("custom_events", event("out", NOW - DAY // 2))
    client.sandbox.misbehave({"date_form": form})
    assert client.ids(CUSTOM, {"filter": taken}) == ["in"]
    assert "Malformed date" in client.refused(CUSTOM, {"filter": refused})
    client.sandbox.misbehave({"date_form": form, "other_date_form": "ignored"})
    # Without a date that counts, the API answers with the last day.
    assert client.ids(CUSTOM, {"filter": refused}) == ["out"]


@pytest.mark.parametrize("by", ["lastModifiedDate", "-lastModifiedDate"])
def test_a_sort_of_users_by_date_works_is_refused_or_is_ignored(
    world: World, client: Client, by: str
) -> None:
    """Whether PX sorts by it is not on record."""
    for name, seconds in (("b", 2), ("a", 3), ("c", 1)):
        world.put("users", user(name, NOW - seconds))

    def order() -> str:
        found = rows(client.json("/v1/users", {"sort": by}))
        return "".join(row["aptrinsicId"][-1] for row in found)

    assert order() == ("cba" if by.startswith("-") else "abc")
    client.sandbox.misbehave({"last_modified_sort": "refused"})
    assert "not supported" in client.refused("/v1/users", {"sort": by})
    client.sandbox.misbehave({"last_modified_sort": "ignored"})
    assert order() == "abc"


def test_answers_carry_the_time_of_the_worlds_clock(client: Client, clock: ManualClock) -> None:
    """Errors too: this is how a client can tell that its own clock is wrong."""
    clock.advance(seconds=90)
    for path in ("/v1/users", "/nope"):
        moment = parsedate_to_datetime(client.get(path).headers["Date"])
        assert moment.timestamp() == NOW // 1000 + 90


def test_a_clock_can_be_behind_that_of_the_machine() -> None:
    """Seen from the client: the client's is ahead."""
    before = time.time()
    now = Clock(behind_seconds=10_800).now_ms() / 1000
    assert before - 10_801 <= now <= time.time() - 10_799


def test_a_byte_order_mark_comes_before_the_right_json(client: Client) -> None:
    """One that is cut off reads as JSON."""
    client.sandbox.misbehave({"rules": [{"fault": "byte_order_mark"}]})
    body = client.get(CUSTOM).content
    assert body.startswith(b"\xef\xbb\xbf{")
    assert json.loads(body.decode("utf-8-sig"))["totalHits"] == 0


def test_a_control_character_stands_raw_in_a_text(world: World, client: Client) -> None:
    """Strict JSON refuses it; whoever lets it pass reads all the rest."""
    world.put("custom_events", event("e"))
    client.sandbox.misbehave({"rules": [{"fault": "control_character"}]})
    answer = client.get(CUSTOM)
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    (record,) = json.loads(answer.content, strict=False)["customEvents"]
    assert record["eventId"] == "\x01e"


@pytest.fixture(scope="module")
def live() -> World:
    """Return a world with the values of the live API."""
    return World.generated(WorldPlan(anchor_ms=NOW, events=10, live_values=True), ManualClock(NOW))


def test_not_set_is_zero_or_empty(live: World) -> None:
    """Dates, numbers, texts and a whole location of accounts; EMPTY_… for users."""
    unset = [row for row in live.records("accounts") if row.get("renewalDate") == 0]
    assert len(unset) == 20
    for row in unset:
        assert (row["lastSeenDate"], row["nps"], row["industry"]) == (0, 0.0, "")
        assert set(row["location"].values()) == {""}
    assert any(row["gender"] == "EMPTY_GENDER" for row in live.records("users"))
    assert any(row["lastSeenDate"] == 0 for row in live.records("users"))


@pytest.mark.parametrize("model", ["user", "account"])
def test_attributes_are_mixed_and_not_all_of_them_are_listed(live: World, model: str) -> None:
    """One holds numbers, booleans and text; two are in no list."""
    listed = {row["apiName"] for row in live.records(f"{model}_attributes")}
    held: dict[str, set[Any]] = {}
    for row in live.records(f"{model}s"):
        for name, value in row["customAttributes"].items():
            held.setdefault(name, set()).add(type(value))
    assert held["seatCount"] >= {int, float, bool, str}
    assert held.keys() - listed == {"sfdcContactId", "globalUnsubscribe"}


def test_property_keys_are_lists_of_up_to_four(live: World) -> None:
    """As many as an account has products."""
    lengths = {len(row["propertyKeys"]) for row in live.records("accounts")}
    assert lengths == {1, 2, 3, 4}


def test_the_options_of_a_server_are_those_of_misbehaviour(world: World) -> None:
    """Given at the start they hold from the first request on."""
    with SandboxServer(world, {"unknown_parameters": "refused"}) as sandbox:
        assert "'x'" in Client(sandbox).refused("/v1/users", {"x": 1})
