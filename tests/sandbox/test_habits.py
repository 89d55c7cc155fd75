"""A world with habits: its figures are such as a product manager would expect of a product."""

from __future__ import annotations

from collections import Counter

import pytest

from px_sandbox import ManualClock, World, WorldPlan

DAY = 86_400_000
NOW = 1_780_000_000_000
PLAN = WorldPlan(
    anchor_ms=NOW, seed=7, days=120, users=600, accounts=80, events=12_000, habits=True
)
HALF = NOW - 60 * DAY


@pytest.fixture(scope="module")
def world() -> World:
    """Make four months of a product."""
    return World.generated(PLAN, ManualClock(NOW))


def test_more_accounts_join_than_leave(world: World) -> None:
    """In the last month more of them visit than in the first, and still not all of them do."""
    sessions = world.records("session_events")
    first = {one.get("accountId") for one in sessions if one["date"] < PLAN.start_ms + 30 * DAY}
    last = {one.get("accountId") for one in sessions if one["date"] >= NOW - 30 * DAY}
    assert len(first) < len(last) < PLAN.accounts
    assert first - last  # some have left


def test_nobody_is_older_than_its_account(world: World) -> None:
    """Who joins in the course of history was created then, with all users."""
    created = {one["id"]: one["createDate"] for one in world.records("accounts")}
    joined = {account for account, date in created.items() if date > PLAN.start_ms}
    assert joined
    users = [one for one in world.records("users") if one.get("accountId") in joined]
    assert users
    for user in users:
        assert created[user["accountId"]] <= user["createDate"]
        assert user["createDate"] <= user.get("lastModifiedDate", NOW) < NOW
    for session in world.records("session_events"):
        if session.get("accountId") in joined:
            assert created[session["accountId"]] <= session["date"]


def test_some_features_are_used_much_more_than_others(world: World) -> None:
    """All have names that say what they do; the most used one stands out."""
    names = {one["id"]: one["name"] for one in world.records("features")}
    assert len(set(names.values())) == len(names)
    uses = Counter(names[one["featureId"]] for one in world.records("feature_match_events"))
    (most, number), *_ = uses.most_common()
    assert most == "Open dashboard"
    assert number > 5 * sum(uses.values()) / len(uses)


def test_the_nps_goes_up(world: World) -> None:
    """It is better in the second half than in the first, and not perfect."""
    halves: list[list[int]] = [[], []]
    for one in world.records("survey_responses"):
        if one["contentType"] == "IN_APP_SURVEY_NPS":
            halves[one["date"] >= HALF].append(one["score"])
    first, second = (
        sum((score > 8) - (score < 7) for score in scores) / len(scores) for scores in halves
    )
    assert -0.2 < first < second < 0.6


def test_a_world_in_which_nobody_is_left_still_has_visitors() -> None:
    """However seldom its only account visits, the world can be made."""
    plan = WorldPlan(anchor_ms=NOW, days=2, users=1, accounts=1, events=50, habits=True)
    assert World.generated(plan, ManualClock(NOW)).count("session_events") == 5
