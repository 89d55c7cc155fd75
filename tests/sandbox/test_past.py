"""The past of a generated world changes as time goes on, if asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from px_sandbox import KINDS, ManualClock, SandboxServer, World, WorldPlan
from px_sandbox.population import REVIVED_WITHIN_MS
from tests.sandbox.client import DAY, NOW, Client

QUIET = WorldPlan(anchor_ms=NOW, events=300, users=80, accounts=20, live_per_minute=0.05)
PLAN = replace(QUIET, past_changes_per_day=8, past_days=20)
DAYS = 30
HOUR = DAY // 24

KEYS = {
    "custom_events": "eventId",
    "feature_match_events": "eventId",
    "users": "aptrinsicId",
    "accounts": "id",
}
Snapshot = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def hours() -> list[tuple[int, Snapshot]]:
    """Return the records of some kinds by their keys, hour after hour, each with the hour."""
    clock = ManualClock(NOW)
    world = World.generated(PLAN, clock)
    # Most records are the same from hour to hour.
    read = cache(json.loads)
    hours = []
    for _ in range(DAYS * 24):
        clock.advance(seconds=3_600)
        snapshot = {
            kind: {one[key]: one for one in map(read, world.bodies(kind))}
            for kind, key in KEYS.items()
        }
        hours.append((clock.now_ms(), snapshot))
    return hours


def appeared(hours: list[tuple[int, Snapshot]], kind: str) -> list[tuple[int, dict[str, Any]]]:
    """Return what was there for the first time in an hour, with the end of that hour."""
    return [
        (now, record)
        for (_, before), (now, after) in pairwise(hours)
        for key, record in after[kind].items()
        if key not in before[kind]
    ]


def deleted(hours: list[tuple[int, Snapshot]], kind: str) -> list[tuple[int, dict[str, Any]]]:
    """Return what was there for the last time in the hour before, with the end of the hour."""
    return [
        (now, record)
        for (_, before), (now, after) in pairwise(hours)
        for key, record in before[kind].items()
        if key not in after[kind]
    ]


def test_custom_events_are_posted_with_past_dates(hours: list[tuple[int, Snapshot]]) -> None:
    """With any date of the last `past_days`, and none that is older or still to come."""
    ages = [now - one["date"] for now, one in appeared(hours, "custom_events")]
    late = [age for age in ages if age > HOUR]
    assert len(late) > DAYS
    assert min(ages) >= 0
    assert 10 * DAY < max(ages) <= 20 * DAY + HOUR


def test_features_are_back_filled_day_by_day(hours: list[tuple[int, Snapshot]]) -> None:
    """Matches of one feature, the newest day first and the day before it an hour later."""
    late = [one for one in appeared(hours, "feature_match_events") if one[0] - one[1]["date"] > DAY]
    days = {(now, one["featureId"], one["date"] // DAY) for now, one in late}
    assert all(now - one["date"] <= 20 * DAY + HOUR for now, one in late)
    assert sum((now + HOUR, feature, day - 1) in days for now, feature, day in days) > DAYS


def test_a_deleted_account_takes_its_users_with_it(hours: list[tuple[int, Snapshot]]) -> None:
    """Users are deleted alone, too."""
    gone = {now: account["id"] for now, account in deleted(hours, "accounts")}
    assert len(gone) == 10
    for now, snapshot in hours:
        for user in snapshot["users"].values():
            if "accountId" in user:
                assert user["accountId"] in snapshot["accounts"]
        if now in gone:
            assert gone[now] not in snapshot["accounts"]
    users = deleted(hours, "users")
    assert any(now not in gone for now, _ in users)
    assert any(user.get("accountId") == gone.get(now, "-") for now, user in users)


def test_half_of_the_users_and_accounts_stay() -> None:
    """However long a world lives."""
    clock = ManualClock(NOW)
    world = World.generated(replace(PLAN, live_per_minute=0, past_changes_per_day=50), clock)
    fewest = {"users": 80, "accounts": 20}
    for _ in range(100):
        clock.advance(days=1)
        fewest = {kind: min(few, world.count(kind)) for kind, few in fewest.items()}
    assert 40 <= fewest["users"] < 60
    assert fewest["accounts"] == 10


def test_settings_of_a_user_go_with_the_user() -> None:
    """Nobody has preferences who is not there."""
    clock = ManualClock(NOW)
    world = World.generated(PLAN, clock)
    clock.advance(days=DAYS)
    known = {user["identifyId"] for user in world.records("users")}
    for kind in ("user_preferences", "user_denylist"):
        assert {one["identifyId"] for one in world.stored(kind)} <= known


def test_a_deleted_user_comes_back_as_the_old_one_or_as_a_new_one(
    hours: list[tuple[int, Snapshot]],
) -> None:
    """Within seven days the same record, later another `aptrinsicId` for the same person."""
    gone = {user["identifyId"]: (now, user) for now, user in deleted(hours, "users")}
    same = other = 0
    for now, user in appeared(hours, "users"):
        gone_at, before = gone[user["identifyId"]]
        assert now - HOUR <= user["lastModifiedDate"] <= now
        if user["aptrinsicId"] == before["aptrinsicId"]:
            same += 1
            assert now - gone_at <= REVIVED_WITHIN_MS + HOUR
        else:
            other += 1
    assert same
    assert other


def test_nobody_is_there_twice(hours: list[tuple[int, Snapshot]]) -> None:
    """Whoever comes back is one user of its name at any time."""
    for _, snapshot in hours:
        names = [user["identifyId"] for user in snapshot["users"].values()]
        assert len(names) == len(set(names))


def test_the_past_is_the_same_however_often_it_is_looked_at() -> None:
    """A restarted sandbox has it too: everything follows from the plan and the clock."""
    clock = ManualClock(NOW)
    world = World.generated(PLAN, clock)
    for _ in range(13):
        clock.advance(seconds=86_399.5)
        world.count("users")
    fresh = World.generated(PLAN, ManualClock(clock.now_ms()))
    for kind in KINDS:
        assert list(world.bodies(kind)) == list(fresh.bodies(kind))


def test_the_past_stands_still_unless_asked_to_change() -> None:
    """And what happens in the present happens with or without: only who is seen may differ."""
    worlds = [World.generated(plan, ManualClock(NOW + 9 * DAY)) for plan in (QUIET, PLAN)]
    quiet, moving = ({one["eventId"] for one in world.records("custom_events")} for world in worlds)
    assert quiet < moving
    assert worlds[0].count("users") == 80


def test_the_past_changes_in_a_world_without_live_events() -> None:
    """One needs no other."""
    plan = replace(PLAN, live_per_minute=0)
    clock = ManualClock(NOW)
    world = World.generated(plan, clock)
    before = world.count("feature_match_events")
    clock.advance(days=3)
    assert world.count("feature_match_events") > before


def test_a_deleted_user_stays_deleted_by_the_test_too() -> None:
    """A test that deletes takes precedence over what was to come of the same record."""
    clock = ManualClock(NOW)
    world = World.generated(PLAN, clock)
    kept = [one["aptrinsicId"] for one in world.records("users")]
    for key in kept:
        world.delete("users", key)
    clock.advance(days=DAYS)
    assert not {one["aptrinsicId"] for one in world.records("users")} & set(kept)


def test_the_changes_are_seen_over_http() -> None:
    """As totals and as pages."""
    clock = ManualClock(NOW)
    world = World.generated(PLAN, clock)
    with SandboxServer(world) as sandbox:
        client = Client(sandbox)
        clock.advance(days=10)
        page = client.json("/v1/users", {"pageSize": 500})
    assert page["totalHits"] == world.count("users") < 80
    assert {one["aptrinsicId"] for one in page["users"]} == {
        one["aptrinsicId"] for one in world.records("users")
    }
