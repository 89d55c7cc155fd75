"""The control API steers a running sandbox from outside."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from px_sandbox import KINDS, ManualClock, SandboxServer, World, WorldPlan
from tests.patience import PATIENCE
from tests.sandbox.client import CUSTOM, NOW, Client, event, user


@pytest.fixture
def steer(sandbox: SandboxServer) -> Any:
    """Return a function that makes a control call and returns its answer."""

    def call(name: str, body: Any = None, **params: Any) -> requests.Response:
        url = f"{sandbox.url}/_sandbox/{name}"
        if body is None:
            return requests.get(url, params=params, timeout=PATIENCE)
        return requests.post(url, json=body, timeout=PATIENCE)

    return call


def test_status_tells_the_seed_the_time_and_the_counts() -> None:
    """All kinds are counted, and no key is needed."""
    plan = WorldPlan(anchor_ms=NOW, seed=42, events=100, users=5)
    with SandboxServer(World.generated(plan, ManualClock(NOW))) as sandbox:
        status = requests.get(f"{sandbox.url}/_sandbox/status", timeout=PATIENCE).json()
    assert (status["seed"], status["anchor"]) == (42, "2024-06-10T06:13:20.000Z")
    assert status["now"] == status["anchor"]
    assert status["counts"].keys() == KINDS.keys()
    assert status["counts"]["users"] == 5


def test_requests_are_logged_with_parameters_and_without_the_key(
    client: Client, steer: Any
) -> None:
    """Control calls are not among them, and a later look shows only what is new."""
    client.get("/v1/users", [("filter", "type==USER"), ("filter", "type==LEAD"), ("pageSize", "5")])
    client.get("/nope")
    log = steer("requests").json()
    first, second = log["requests"]
    assert first["params"] == {"filter": ["type==USER", "type==LEAD"], "pageSize": "5"}
    assert [first["status"], second["status"]] == [200, 404]
    assert (log["total"], log["max_requests_in_one_second"]) == (2, 2)
    assert client.sandbox.api_key not in steer("requests").text
    assert steer("requests", since=first["seq"]).json()["requests"] == [second]


def test_truth_is_what_is_visible_now(world: World, clock: ManualClock, steer: Any) -> None:
    """Records, or only their keys."""
    world.put("custom_events", event("a"))
    world.put("custom_events", event("b"), visible_from_ms=NOW + 1000)
    assert steer("truth", kind="custom_events").json()["records"] == [event("a")]
    clock.advance(seconds=1)
    truth = steer("truth", kind="custom_events", ids=1).json()
    assert truth == {"kind": "custom_events", "count": 2, "records": ["a", "b"]}


def test_records_can_be_put_and_deleted(client: Client, world: World, steer: Any) -> None:
    """With the digits they were sent with, and visible from when it was asked for."""
    url = f"{client.sandbox.url}/_sandbox/records"
    text = f'{{"kind": "custom_events", "records": [{{"eventId": "a", "date": {NOW}, "n": 1.10}}]}}'
    assert requests.post(url, data=text, timeout=PATIENCE).json() == {"put": 1}
    assert b'"n":1.10' in client.get(CUSTOM).content
    late = {"kind": "custom_events", "records": [event("b")], "visible_from_ms": NOW + 1}
    steer("records", late)
    assert client.ids(CUSTOM) == ["a"]
    deletion = {"kind": "custom_events", "ids": ["a", "b", "c"]}
    assert steer("records/delete", deletion).json() == {"deleted": 2}
    assert world.count("custom_events") == 0


def test_an_account_can_be_deleted_with_its_users(world: World, steer: Any) -> None:
    """As in PX, if asked for; else it goes alone."""
    for name in ("a", "b"):
        world.put("accounts", {"id": name, "lastModifiedDate": NOW})
        for number in range(2):
            world.put("users", user(f"{name}{number}", accountId=name))
    world.put("users", user("of nobody"))
    alone = {"kind": "accounts", "ids": ["a"]}
    whole = {"kind": "accounts", "ids": ["b", "c"], "cascade": True}
    assert [steer("records/delete", one).json()["deleted"] for one in (alone, whole)] == [1, 3]
    left = [one["identifyId"].partition("@")[0] for one in world.records("users")]
    assert left == ["a0", "a1", "of nobody"]


def test_misbehaviour_can_be_set_and_reset(client: Client, steer: Any) -> None:
    """Reset forgets requests and scrolls as well, but not the world."""
    client.sandbox.world.put("custom_events", event("a"))
    scroll_id = client.json(CUSTOM)["scrollId"]
    assert steer("misbehave", {"faults": {"http_500": 1}}).json()["rules"][0]["fault"] == "http_500"
    assert client.get(CUSTOM).status_code == 500
    steer("reset", {})
    assert len(client.sandbox.requests) == 0
    assert client.get(CUSTOM, {"scrollId": scroll_id}).status_code == 404
    assert client.ids(CUSTOM) == ["a"]


def test_the_clock_can_be_advanced(clock: ManualClock, steer: Any) -> None:
    """For worlds that grow, without waiting."""
    assert steer("clock", {"advance_seconds": 90}).json() == {"now_ms": NOW + 90_000}
    assert clock.now_ms() == NOW + 90_000


@pytest.mark.parametrize(
    ("name", "body", "status", "message"),
    [
        ("nope", None, 404, "there are: GET status"),
        ("truth", None, 400, "kind"),
        ("misbehave", {"faults": {"nope": 1}}, 400, "unknown fault"),
        ("misbehave", {"rules": [{}]}, 400, "fault"),
        ("records", {"kind": "nope", "records": [{}]}, 400, "unknown kind"),
        ("records/delete", {"kind": "users", "ids": [], "cascade": True}, 400, "only accounts"),
        ("clock", {"advance_seconds": -1}, 400, "forward"),
        ("reset", [], 400, "JSON object"),
    ],
)
def test_wrong_control_calls_are_explained(
    steer: Any, name: str, body: Any, status: int, message: str
) -> None:
    """Never a failure of the sandbox itself."""
    answer = steer(name, body)
    assert answer.status_code == status
    assert message in answer.json()["message"]


def test_control_calls_are_for_this_machine_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks from elsewhere is turned away, even with the key."""
    monkeypatch.setattr("aiohttp.web.BaseRequest.remote", "192.0.2.7")
    assert client.get("/_sandbox/status").status_code == 403
    assert client.get("/v1/users").status_code == 200
