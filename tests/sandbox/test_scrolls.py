"""Scrolls are snapshots with a cursor, and they expire."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from px_sandbox import ManualClock, SandboxServer, World
from tests.sandbox.client import CUSTOM, LAST_WEEK, NOW, Client, event, rows, user

TWO = {"filter": LAST_WEEK, "pageSize": 2}


@pytest.fixture(autouse=True)
def _five_events(world: World) -> None:
    for identity in range(5):
        world.put("custom_events", event(identity, NOW - 100 + identity))


def following(client: Client, page: dict[str, Any]) -> dict[str, Any]:
    """Return the page after ``page``."""
    answer: dict[str, Any] = client.json(CUSTOM, {**TWO, "scrollId": page["scrollId"]})
    return answer


def ids(page: dict[str, Any]) -> str:
    """Return the ids of a page in one word."""
    return "".join(row["eventId"] for row in rows(page))


def test_pages_follow_each_other_until_a_short_one(client: Client) -> None:
    """Nothing is lost or doubled, and every page knows the total."""
    pages = list(client.pages(CUSTOM, TWO))
    assert [ids(page) for page in pages] == ["01", "23", "4"]
    assert {page["totalHits"] for page in pages} == {5}


def test_the_id_stays_set_on_the_last_page_and_beyond(client: Client) -> None:
    """A client that waits for null would never stop."""
    *_, last = client.pages(CUSTOM, TWO)
    assert last["scrollId"]
    beyond = following(client, last)
    assert ids(beyond) == ""
    assert beyond["scrollId"]
    assert beyond["totalHits"] == 5


def test_an_empty_match_has_an_id_too(client: Client) -> None:
    """No hits: an empty list, a total of zero, an id."""
    page = client.json(CUSTOM, {"filter": f"{LAST_WEEK};eventName==nope"})
    assert (page["customEvents"], page["totalHits"]) == ([], 0)
    assert page["scrollId"]


def test_25_records_are_a_page_unless_asked_otherwise(world: World, client: Client) -> None:
    """The documented default."""
    world.put_many("custom_events", [event(f"x{number}") for number in range(40)])
    assert len(client.ids(CUSTOM)) == 25


def test_a_scroll_is_a_snapshot_of_its_first_request(world: World, client: Client) -> None:
    """Records added, deleted or changed on the way do not change its pages."""
    first = client.json(CUSTOM, TWO)
    world.put("custom_events", event("new", NOW - 100))
    world.delete("custom_events", "3")
    second = following(client, first)
    assert ids(second) == "23"
    assert second["totalHits"] == 5
    assert client.ids(CUSTOM, {"filter": LAST_WEEK}) == ["0", "new", "1", "2", "4"]


def test_a_user_modified_during_a_scroll_appears_once_in_its_old_state(
    world: World, client: Client
) -> None:
    """The snapshot holds for entities as well."""
    for name in "abc":
        world.put("users", user(name, NOW - 1000 + ord(name)))
    first = client.json("/v1/users", {"pageSize": 1})
    world.put("users", user("b", NOW, title="changed"))
    second = client.json("/v1/users", {"pageSize": 1, "scrollId": first["scrollId"]})
    assert second["users"][0]["aptrinsicId"] == "apt-b"
    assert "title" not in second["users"][0]


@pytest.mark.parametrize(
    "change",
    [{"pageSize": 3}, {"filter": f"date>={NOW - 1}"}, {"sort": "-date"}],
    ids=["page size", "filter", "sort"],
)
def test_a_scroll_with_other_parameters_is_refused(
    client: Client, change: dict[str, object]
) -> None:
    """Following requests repeat the first one, word for word."""
    first = client.json(CUSTOM, TWO)
    message = client.refused(CUSTOM, {**TWO, **change, "scrollId": first["scrollId"]})
    assert "parameters differ" in message


def test_a_scroll_of_one_call_is_no_scroll_of_another(client: Client) -> None:
    """The path belongs to the scroll."""
    first = client.json(CUSTOM, TWO)
    client.refused("/v1/events/lead", {**TWO, "scrollId": first["scrollId"]})


@pytest.mark.parametrize("scroll_id", ["nonsense", "++//MTsxO", "AAAA", "é", "%00"])
def test_an_unknown_scroll_id_answers_404(client: Client, scroll_id: str) -> None:
    """Whatever the text, it is not found rather than a failure."""
    assert "No search context" in client.refused(CUSTOM, {**TWO, "scrollId": scroll_id}, status=404)


def test_a_forged_scroll_id_is_unknown(client: Client) -> None:
    """Right in form, but never given out: ids are opaque."""
    given = client.json(CUSTOM, TWO)["scrollId"]
    plain = base64.b64decode(given)
    forged = base64.b64encode(plain[:-1] + (b"0" if plain[-1:] != b"0" else b"1")).decode()
    client.refused(CUSTOM, {**TWO, "scrollId": forged}, status=404)


def test_an_id_that_was_not_percent_encoded_is_unknown(client: Client) -> None:
    """Ids hold plus signs on purpose, so that a sloppy client is found out."""
    first = client.json(CUSTOM, {"pageSize": 2})
    assert "+" in first["scrollId"]
    answer = client.get(f"{CUSTOM}?pageSize=2&scrollId={first['scrollId']}")
    assert answer.status_code == 404


def test_an_unused_scroll_expires_and_each_use_prolongs_it(
    world: World, clock: ManualClock
) -> None:
    """The time to live counts from the last page."""
    with SandboxServer(world, scroll_ttl_seconds=60) as sandbox:
        client = Client(sandbox)
        page = client.json(CUSTOM, TWO)
        clock.advance(seconds=50)
        page = following(client, page)
        clock.advance(seconds=50)
        page = following(client, page)
        clock.advance(seconds=61)
        params = {**TWO, "scrollId": page["scrollId"]}
        assert "expired" in client.refused(CUSTOM, params, status=404)


def test_ids_change_from_page_to_page_unless_fixed(client: Client) -> None:
    """Both are seen with Elasticsearch; a client must send the latest."""
    pages = list(client.pages(CUSTOM, TWO))
    assert len({page["scrollId"] for page in pages}) == 3
    client.sandbox.misbehave({"scroll_ids": "fixed"})
    pages = list(client.pages(CUSTOM, TWO))
    assert [ids(page) for page in pages] == ["01", "23", "4"]
    assert len({page["scrollId"] for page in pages}) == 1


@pytest.mark.parametrize(("how", "wanted"), [("next_page", "4"), ("same_page", "23")])
def test_an_id_used_before_gets_the_next_page_or_the_same(
    client: Client, how: str, wanted: str
) -> None:
    """Like Elasticsearch by default; idempotent on demand."""
    client.sandbox.misbehave({"stale_scroll_id": how})
    first = client.json(CUSTOM, TWO)
    assert ids(following(client, first)) == "23"
    assert ids(following(client, first)) == wanted


def test_an_id_used_before_can_be_refused(client: Client) -> None:
    """The strictest of the three."""
    client.sandbox.misbehave({"stale_scroll_id": "refused"})
    first = client.json(CUSTOM, TWO)
    following(client, first)
    client.refused(CUSTOM, {**TWO, "scrollId": first["scrollId"]}, status=404)


def test_scrolls_run_side_by_side(client: Client) -> None:
    """Each has a cursor of its own, even for the same question."""
    one, two = client.json(CUSTOM, TWO), client.json(CUSTOM, TWO)
    assert ids(following(client, one)) == ids(following(client, two)) == "23"


def test_monitoring_pages_end_with_null_or_not(world: World, client: Client) -> None:
    """The contract contradicts itself here, so both can be had; pageNumber is taken as well."""
    path = "/v1/admin/monitoring/engagement_collisions"
    for number in range(4):
        world.put(
            "engagement_collisions",
            {"engagementId": str(number), "triggeredDate": NOW - 9 + number},
        )
    first = client.json(path, {"pageSize": 2})
    second = client.json(path, {"pageSize": 2, "scrollId": first["scrollId"], "pageNumber": 1})
    assert [row["engagementId"] for row in rows(second)] == ["2", "3"]
    assert (first["scrollId"] is None, second["scrollId"]) == (False, None)
    assert rows(client.json(path, {"pageSize": 2, "pageNumber": 1})) == rows(second)
    client.sandbox.misbehave({"monitoring_scroll_end": "open"})
    assert client.json(path)["scrollId"]
