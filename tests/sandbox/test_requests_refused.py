"""What the documentation does not name is refused; unknown parameters only by choice."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests

from px_sandbox import SandboxServer, World
from tests.patience import PATIENCE
from tests.sandbox.client import CUSTOM, KEY_HEADER, NOW, Client, message_of

PAGE_LIMITS = {
    "/v1/users": 1000,
    "/v1/accounts": 1000,
    "/v1/events/email": 1000,
    "/v1/survey/responses": 1000,
    "/v1/admin/monitoring/engagement_errors": 1000,
    "/v1/articles": 500,
    "/v1/kcbot": 500,
    "/v1/engagement": 500,
    "/v1/engagement/extended": 500,
    "/v1/feature": 200,
    "/v2/feature_ext": 200,
    "/v1/segment": 200,
}


@pytest.mark.parametrize("key", [None, "wrong", "sandbox-ke"])
def test_without_the_right_key_every_path_answers_401(client: Client, key: str | None) -> None:
    """A missing, a wrong and a shortened key are all refused."""
    answer = client.get("/v1/users", key=key)
    assert answer.status_code == 401
    assert "Authentication failed" in message_of(answer)


def test_a_key_without_permission_gets_403_for_the_named_paths_only(world: World) -> None:
    """Forbidden paths are patterns; all others stay readable."""
    with SandboxServer(world, misbehave={"forbidden_paths": ["/v1/admin/*"]}) as sandbox:
        client = Client(sandbox)
        assert client.get("/v1/admin/subscription").status_code == 403
        assert client.get("/v1/users").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/user",
        "/v1/users/",
        "/users",
        "/v1/events",
        "/v1/localization/export/content",
    ],
)
def test_unknown_paths_answer_404(client: Client, path: str) -> None:
    """No path is guessed, and translation exports are not served."""
    assert client.get(path).status_code == 404


def test_errors_of_all_statuses_share_one_shape(client: Client) -> None:
    """401, 404 and 400 carry the envelope that was seen of the live API."""
    paths = ("/v1/users", "/x", "/v1/users?pageSize=0")
    answers = [client.get(paths[0], key=None), *(client.get(path) for path in paths[1:])]
    assert [answer.status_code for answer in answers] == [401, 404, 400]
    statuses = [answer.json()["externalapierror"].pop("status") for answer in answers]
    assert statuses == ["UNAUTHORIZED", "NOT_FOUND", "BAD_REQUEST"]
    for answer in answers:
        error = answer.json()["externalapierror"]
        assert set(error) == {"status", "message", "debugMessage", "subErrors"}
        assert isinstance(error["message"], str)


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (
            "sub_errors",
            {
                "externalapierror": {
                    "status": "BAD_REQUEST",
                    "message": None,
                    "debugMessage": None,
                    "subErrors": [{"message": "Unknown sort field"}],
                }
            },
        ),
        ("error_message", {"errorMessage": "Unknown sort field"}),
        (
            "flat",
            {
                "status": 400,
                "error": "Bad Request",
                "message": "Unknown sort field",
                "path": "/v1/users",
            },
        ),
    ],
)
@pytest.mark.parametrize("status", [400, 200])
def test_errors_have_other_shapes_by_choice(
    client: Client, shape: str, body: dict[str, Any], status: int
) -> None:
    """As the vendor's own loader expects them, and under status 200."""
    client.sandbox.misbehave({"error_body": shape, "errors_under_200": status == 200})
    answer = client.get("/v1/users", {"sort": "x"})
    cut = re.sub(r" 'x'[^\"]*", "", answer.text)
    assert (answer.status_code, json.loads(cut)) == (status, body)


def test_a_parameter_the_call_does_not_take_is_ignored(client: Client) -> None:
    """As the live API does; its value is not looked at either."""
    assert client.get("/v1/users", {"scrollID": "x", "pagesize": "many"}).status_code == 200


def test_only_reading_is_supported(sandbox: SandboxServer) -> None:
    """A POST to a list is refused by name."""
    answer = requests.post(
        f"{sandbox.url}/v1/users", headers={KEY_HEADER: sandbox.api_key}, timeout=PATIENCE
    )
    assert answer.status_code == 405


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (CUSTOM, "pageNumber"),
        ("/v1/events/email", "dateRangeStart"),
        ("/v1/feature", "scrollId"),
        ("/v1/segment", "filter"),
        ("/v1/users/ada", "filter"),
        ("/v1/users", "pagesize"),
    ],
)
def test_a_parameter_the_call_does_not_take_is_refused_by_name(
    client: Client, path: str, name: str
) -> None:
    """If asked to: names are exact, and those of one call are not those of another."""
    client.sandbox.misbehave({"unknown_parameters": "refused"})
    assert repr(name) in client.refused(path, {name: "1"})


def test_a_parameter_may_not_be_repeated_unless_it_is_declared_so(client: Client) -> None:
    """Repeating filter is OR; repeating pageSize is a mistake."""
    assert client.get("/v1/users?filter=type==USER&filter=type==LEAD").status_code == 200
    assert "only once" in client.refused("/v1/users?pageSize=10&pageSize=10")


@pytest.mark.parametrize(("path", "limit"), PAGE_LIMITS.items())
def test_the_page_size_of_each_call_has_its_own_maximum(
    client: Client, path: str, limit: int
) -> None:
    """The maximum is fine, one more is refused, and so is zero."""
    assert client.get(path, {"pageSize": limit}).status_code == 200
    assert str(limit) in client.refused(path, {"pageSize": limit + 1})
    assert str(limit) in client.refused(path, {"pageSize": 0})


@pytest.mark.parametrize("value", ["ten", "1.5", "", "1e3", "²"])
def test_a_page_size_has_to_be_a_whole_number(client: Client, value: str) -> None:
    """Whatever is no integer is refused, not rounded."""
    assert "whole number" in client.refused("/v1/users", {"pageSize": value})


def test_a_negative_page_number_is_refused(client: Client) -> None:
    """Pages count from 0."""
    assert "counts from 0" in client.refused("/v1/segment", {"pageNumber": -1})


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/admin/subscription/users/notSeenAfter", "notSeenAfterTimestamp"),
        ("/v1/engagement/metadata/survey", "engagementId"),
    ],
)
def test_a_required_parameter_is_missed_by_name(client: Client, path: str, name: str) -> None:
    """The message says which one is missing."""
    assert repr(name) in client.refused(path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/v1/events/custom", "accountId==a"),
        ("/v1/events/email", "sessionId==a"),
        ("/v1/events/identify", "accountId==a"),
        ("/v1/survey/responses", "surveyState==VIEWED"),
        ("/v1/users", "id==a"),
        ("/v1/users", "nonsense==a"),
        ("/v1/accounts", "eventId==a"),
    ],
)
def test_a_field_that_cannot_be_filtered_on_is_refused(
    client: Client, path: str, text: str
) -> None:
    """Complete lists are closed, and open lists end at the fields of the record."""
    assert "Unknown filter field" in client.refused(path, {"filter": text})


def test_a_field_that_only_takes_equality_refuses_the_rest(client: Client) -> None:
    """Feature matches can be filtered by one user, not by a pattern of users."""
    path = "/v1/events/feature_match"
    assert client.get(path, {"filter": "identifyId==ada"}).status_code == 200
    assert "== only" in client.refused(path, {"filter": "identifyId~ada*"})


@pytest.mark.parametrize(
    ("path", "sort"),
    [
        (CUSTOM, "eventName"),
        ("/v1/events/email", "accountId"),
        ("/v1/events/formSubmit", "-accountId"),
        ("/v1/users", "nonsense"),
    ],
)
def test_a_field_that_cannot_be_sorted_by_is_refused(client: Client, path: str, sort: str) -> None:
    """The lists of sort fields are kept."""
    assert "Unknown sort field" in client.refused(path, {"sort": sort})


def test_values_outside_an_enumeration_are_refused(client: Client) -> None:
    """Content types are listed; comma-separated and repeated values both count."""
    path = "/v1/engagement"
    assert client.get(path, {"contentTypes": "IN_APP_GUIDE,OUT_BOUND_EMAIL"}).status_code == 200
    assert "UNRECOGNIZE" in client.refused(path, {"contentTypes": ["IN_APP_GUIDE", "POSTER"]})


def test_the_type_of_a_model_is_user_or_account(client: Client) -> None:
    """Attributes exist for two models."""
    assert "user or account" in client.refused("/v1/admin/model/feature/attributes")


def test_a_boolean_parameter_is_spelled_out(client: Client) -> None:
    """1 is not true."""
    path = "/v1/admin/monitoring/engagement_error_details/e1"
    assert client.get(path, {"groupByBrowser": "true"}).status_code == 200
    assert "true or false" in client.refused(path, {"groupByBrowser": 1})


def test_a_date_that_is_no_date_is_refused_by_its_term(client: Client) -> None:
    """A date that is no date is refused with the term it stands in."""
    text = f"date>={NOW};date<tomorrow"
    assert "date<tomorrow" in client.refused(CUSTOM, {"filter": text})
