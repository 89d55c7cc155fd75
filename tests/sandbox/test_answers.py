"""The remaining calls: page numbers, single records, sums."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import requests

from px_sandbox import KINDS, World
from px_sandbox.endpoints import ENDPOINTS
from tests.patience import PATIENCE
from tests.sandbox.client import (
    DAY,
    KEY_HEADER,
    NOW,
    Client,
    event,
    message_of,
    rows,
    streams_without_route,
    user,
)

NUMBERED = {
    "/v1/engagement": "engagements",
    "/v1/engagement/extended": "engagements_extended",
    "/v1/feature": "features",
    "/v2/feature_ext": "features_extended",
    "/v1/segment": "segments",
    "/v1/articles": "articles",
    "/v1/kcbot": "kc_bots",
}
BY_ID = {
    "/v1/engagement": "engagements",
    "/v1/feature": "features",
    "/v1/segment": "segments",
    "/v1/articles": "articles",
    "/v1/kcbot": "kc_bots",
    "/v1/accounts": "accounts",
}


def test_every_list_of_the_generated_world_has_records(generated: Client) -> None:
    """No endpoint is a dummy: each answers with records under its key."""
    params = {"notSeenAfterTimestamp": NOW, "engagementId": "engagement-5"}
    ranges = {"filter": f"date>={NOW - 100 * DAY}", "dateRangeStart": NOW - 100 * DAY}
    for endpoint in ENDPOINTS:
        if endpoint.records_key is None or "{" in endpoint.path:
            continue
        known = endpoint.all_params
        asked = {name: value for name, value in {**params, **ranges}.items() if name in known}
        if endpoint.max_days is None:
            asked.pop("filter", None)
        assert generated.json(endpoint.path, asked)[endpoint.records_key], endpoint.path


@pytest.mark.parametrize(("path", "kind"), NUMBERED.items())
def test_page_numbers_count_from_0_to_a_last_page(generated: Client, path: str, kind: str) -> None:
    """All pages together are the truth, and beyond the last one there is nothing."""
    got: list[dict[str, Any]] = []
    number = 0
    while True:
        page = generated.json(path, {"pageSize": 7, "pageNumber": number})
        assert page["pageNumber"] == number
        got += rows(page)
        if page["isLastPage"]:
            break
        number += 1
    assert got == generated.sandbox.world.records(kind)
    beyond = generated.json(path, {"pageSize": 7, "pageNumber": number + 1})
    assert (rows(beyond), beyond["isLastPage"]) == ([], True)


def test_a_full_last_page_says_that_it_is_the_last(world: World, client: Client) -> None:
    """No empty page has to be asked for."""
    world.put_many("segments", [{"id": str(n), "name": "S"} for n in range(4)])
    params = {"pageSize": 2, "pageNumber": 1}
    assert client.json("/v1/segment", params)["isLastPage"] is True


def test_the_default_page_size_differs_from_call_to_call(world: World, client: Client) -> None:
    """25 segments, 200 articles, as documented."""
    world.put_many("segments", [{"id": str(n)} for n in range(300)])
    world.put_many("articles", [{"id": str(n)} for n in range(300)])
    assert len(rows(client.json("/v1/segment"))) == 25
    assert len(rows(client.json("/v1/articles"))) == 200


def test_plain_and_extended_lists_show_different_fields(generated: Client) -> None:
    """Extended engagements name events but no languages; extended features name elements."""
    plain = rows(generated.json("/v1/engagement"))[0]
    extended = rows(generated.json("/v1/engagement/extended"))[0]
    assert set(plain) - set(extended) == {"defaultLanguage", "languages", "translationState"}
    assert set(extended) - set(plain) == {"customEvents"}
    feature = rows(generated.json("/v1/feature"))[0]
    assert set(rows(generated.json("/v2/feature_ext"))[0]) - set(feature) == {"mappedElements"}


def test_lists_can_be_narrowed(generated: Client) -> None:
    """By type, author, property and product."""
    found = generated.json("/v1/engagement", {"contentTypes": ["IN_APP_GUIDE", "OUT_BOUND_EMAIL"]})
    assert {row["type"] for row in found["engagements"]} == {"IN_APP_GUIDE", "OUT_BOUND_EMAIL"}
    all_ids = {row["id"] for row in rows(generated.json("/v1/engagement"))}
    mine = {row["id"] for row in rows(generated.json("/v1/engagement?createdById=px-user-1"))}
    assert set() < mine < all_ids
    assert rows(generated.json("/v1/feature?propertyKey=nope")) == []
    products = {row["productId"] for row in rows(generated.json("/v1/kcbot?productId=product-1"))}
    assert products == {"product-1"}


@pytest.mark.parametrize(("path", "kind"), BY_ID.items())
def test_one_record_by_id(generated: Client, path: str, kind: str) -> None:
    """It is the record of the list; an unknown id is refused as documented."""
    record = generated.sandbox.world.records(kind)[1]
    assert generated.json(f"{path}/{record['id']}") == record
    unknown = 400 if kind in ("articles", "kc_bots") else 404
    assert generated.get(f"{path}/nope").status_code == unknown


def test_users_are_read_by_identify_id_with_its_case_and_signs(generated: Client) -> None:
    """Percent-encoding is undone, upper and lower case are not the same."""
    odd = next(row for row in generated.sandbox.world.records("users") if "/" in row["identifyId"])
    assert generated.json(f"/v1/users/{quote(odd['identifyId'], safe='')}") == odd
    assert generated.get("/v1/users/USER1@example.com").status_code == 404


def test_preferences_have_two_versions_and_unset_ones_are_null(
    world: World, client: Client
) -> None:
    """By path with GET and by body with POST; the second version knows e-mail tracking."""
    world.put("users", user("a"))
    world.put("users", user("b"))
    world.put(
        "user_preferences",
        {"identifyId": "a@example.com", "surveys": False, "trackEmailAnalytics": True},
    )
    one = client.json("/v1/user/preferences/a@example.com")
    two = client.json("/v2/user/preferences/a@example.com")
    assert (one["surveys"], one["guidedTours"]) == (False, None)
    assert two == {**one, "trackEmailAnalytics": True}
    assert set(client.json("/v1/user/preferences/b@example.com").values()) == {None}
    posted = requests.post(
        f"{client.sandbox.url}/v2/user/preferences",
        json={"identifyId": "a@example.com"},
        headers={KEY_HEADER: client.sandbox.api_key},
        timeout=PATIENCE,
    )
    assert posted.json() == two
    assert client.get("/v1/user/preferences/c@example.com").status_code == 404


@pytest.mark.parametrize("body", ["", "[]", '{"id": "a"}', '{"identifyId": 1}'])
def test_preferences_by_body_need_an_identify_id(client: Client, body: str) -> None:
    """Anything else is refused with an example of what is wanted."""
    answer = requests.post(
        f"{client.sandbox.url}/v1/user/preferences",
        data=body,
        headers={KEY_HEADER: client.sandbox.api_key},
        timeout=PATIENCE,
    )
    assert answer.status_code == 400
    assert "identifyId" in message_of(answer)


def test_the_denylist_knows_yes_no_and_nothing(world: World, client: Client) -> None:
    """204 for a user without a flag, 404 for nobody."""
    for name in "abc":
        world.put("users", user(name))
    world.put("user_denylist", {"identifyId": "a@example.com", "denied": True})
    world.put("user_denylist", {"identifyId": "b@example.com", "denied": False})
    assert client.json("/v1/users/denylist/a@example.com")["denied"] is True
    assert client.json("/v1/users/denylist/b@example.com")["denied"] is False
    nothing = client.get("/v1/users/denylist/c@example.com")
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert client.get("/v1/users/denylist/d@example.com").status_code == 404


def test_attributes_are_a_bare_list(generated: Client) -> None:
    """There is no wrapper object around it."""
    world = generated.sandbox.world
    for model in ("user", "account"):
        answer = generated.json(f"/v1/admin/model/{model}/attributes")
        assert answer == world.records(f"{model}_attributes") != []


def test_survey_metadata_is_wrapped_with_a_status_of_its_own(generated: Client) -> None:
    """Only 200 is documented, so an engagement without a survey says 404 inside."""
    path = "/v1/engagement/metadata/survey"
    found = generated.json(path, {"engagementId": "engagement-5"})
    assert (found["statusCodeValue"], found["body"]["engagementId"]) == (200, "engagement-5")
    missing = generated.json(path, {"engagementId": "engagement-0"})
    assert missing == {"body": None, "statusCode": "404", "statusCodeValue": 404}


def test_subscription_users_not_seen_after_an_instant(world: World, client: Client) -> None:
    """Those who never logged in were not seen after it either."""
    for name, seen in (("old", NOW - DAY), ("new", NOW), ("never", None)):
        world.put("subscription_users", {"id": name, "lastSuccessfulLoginTimestamp": seen})
    path = "/v1/admin/subscription/users/notSeenAfter"
    page = client.json(path, {"notSeenAfterTimestamp": NOW - DAY})
    assert [row["id"] for row in page["subscriptionUsers"]] == ["old", "never"]


def test_engagement_errors_are_sums_over_the_range(world: World, client: Client) -> None:
    """Counts, first and last occurrence follow the range; details add up to the summary."""
    world.put("engagements", {"id": "e", "name": "E", "type": "IN_APP_GUIDE"})
    for minutes, browser in ((1, "CHROME"), (2, "CHROME"), (3, "FIREFOX"), (600, "CHROME")):
        error = {
            "engagementId": "e",
            "date": NOW - minutes * 60_000,
            "views": 2,
            "browser": browser,
        }
        world.put("engagement_error_occurrences", {**error, "errorType": "TIMEOUT"})
    params = {"dateRangeStart": NOW - 3_600_000, "dateRangeEnd": NOW}
    (row,) = rows(client.json("/v1/admin/monitoring/engagement_errors", params))
    assert (row["errorCount"], row["views"], row["ratio"], row["engagementName"]) == (
        3,
        6,
        0.5,
        "E",
    )
    assert row["firstOccurrenceDate"] == NOW - 180_000
    assert row["lastOccurrenceDate"] == NOW - 60_000
    details = "/v1/admin/monitoring/engagement_error_details/e"
    by_error = rows(client.json(details, params))
    by_browser = rows(client.json(details, {**params, "groupByBrowser": "true"}))
    assert [row["errorCount"] for row in by_error] == [3]
    assert {row["browser"]: row["errorCount"] for row in by_browser} == {"CHROME": 2, "FIREFOX": 1}
    assert rows(client.json(details))[0]["errorCount"] == 4


def test_feature_adoption_counts_events_users_and_accounts(world: World, client: Client) -> None:
    """A module includes the features below it."""
    for identity, parent in (("m", None), ("f", "m"), ("g", "m")):
        feature = {
            "id": identity,
            "name": identity,
            "propertyKey": "AP-1",
            "parentFeatureId": parent,
        }
        world.put("features", feature)
    for number, (feature_id, who) in enumerate([("f", "a"), ("f", "a"), ("g", "b"), ("x", "c")]):
        match = event(number, NOW - 1000, featureId=feature_id, identifyId=who, accountId="acme")
        world.put("feature_match_events", match)
    world.put("feature_match_events", event("old", NOW - 8 * DAY, featureId="f"))

    def counts(identity: str) -> tuple[int, int, int]:
        row = client.json(f"/v1/feature/adoption/{identity}")
        return row["totalEventCount"], row["uniqueUserCount"], row["uniqueAccountCount"]

    assert counts("f") == (2, 1, 1)
    assert counts("m") == (3, 2, 1)
    assert client.get("/v1/feature/adoption/x").status_code == 404


def test_every_stream_has_a_route() -> None:
    """Else the tap finds nothing where PX has something."""
    assert streams_without_route() == []


def test_every_kind_with_records_is_shown_by_some_call() -> None:
    """A kind that no endpoint serves would be dead data."""
    served = {endpoint.kind for endpoint in ENDPOINTS}
    inside = {
        "engagement_error_occurrences",
        "user_preferences",
        "account_attributes",
        "user_attributes",
    }
    assert set(KINDS) - served == inside
