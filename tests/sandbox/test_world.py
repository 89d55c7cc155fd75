"""The world: shaped by tests, generated from a plan, growing with the clock."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from px_sandbox import (
    EVENT_KINDS,
    KINDS,
    ManualClock,
    SandboxServer,
    World,
    WorldPlan,
)
from px_sandbox.plan import SHARES
from px_sandbox.stores import Entry, Timeline
from tests.sandbox.client import CUSTOM, DAY, LAST_WEEK, NOW, Client, event, user

PLAN = WorldPlan(anchor_ms=NOW, events=1500, users=150, accounts=30)
LIVE = WorldPlan(anchor_ms=NOW, events=200, users=20, accounts=5, live_per_minute=60)


@pytest.fixture(scope="module")
def history() -> dict[str, list[dict[str, Any]]]:
    """Return all records of a generated world by kind."""
    world = World.generated(PLAN, ManualClock(NOW))
    return {kind: world.records(kind) for kind in KINDS}


def everything(plan: WorldPlan, now_ms: int) -> dict[str, list[bytes]]:
    """Return the visible records of a fresh world at ``now_ms``."""
    world = World.generated(plan, ManualClock(now_ms))
    return {kind: list(world.bodies(kind)) for kind in KINDS}


def test_records_are_served_as_they_were_put(world: World, client: Client) -> None:
    """Big integers, closing zeros and unknown fields arrive digit for digit."""
    text = b'{"eventId":"x","date":%d,"price":1.10,"big":123456789012345678901234567890}' % (
        NOW - 1
    )
    world.put("custom_events", text)
    assert text in client.get(CUSTOM).content


def test_a_put_replaces_an_entity_but_adds_an_event(world: World) -> None:
    """Users have one version; the API may hold an event twice."""
    for _ in range(2):
        world.put("users", user("a"))
        world.put("segments", {"id": "s", "name": "S"})
        world.put("custom_events", event("e"))
    assert [world.count(kind) for kind in ("users", "segments", "custom_events")] == [1, 1, 2]


def test_deleted_records_are_gone(world: World, client: Client) -> None:
    """Both copies of an event, and a user for the call by id as well."""
    for _ in range(2):
        world.put("custom_events", event("e"))
    world.put("custom_events", event("e2"))
    world.put("users", user("a"))
    assert world.delete("custom_events", "e")
    assert not world.delete("custom_events", "e")
    assert world.delete("users", "apt-a")
    assert client.ids(CUSTOM) == ["e2"]
    assert client.get("/v1/users/a@example.com").status_code == 404


def test_a_user_is_known_by_the_latest_identify_id(world: World, client: Client) -> None:
    """The former one is nobody's."""
    world.put("users", user("a"))
    world.put("users", user("a", identifyId="new@example.com"))
    assert client.get("/v1/users/a@example.com").status_code == 404
    assert client.json("/v1/users/new@example.com")["aptrinsicId"] == "apt-a"


@pytest.mark.parametrize(
    ("kind", "record", "problem"),
    [
        ("user", {}, "unknown kind"),
        ("users", {"identifyId": "a"}, "needs its key"),
        ("features_extended", {"id": "f"}, "view of 'features'"),
    ],
)
def test_impossible_records_are_refused(
    world: World, kind: str, record: dict[str, str], problem: str
) -> None:
    """A test that misspells a kind fails at once."""
    with pytest.raises(ValueError, match=problem):
        world.put(kind, record)


def test_a_record_without_a_key_is_kept_under_another(world: World, client: Client) -> None:
    """The API shows it as it is."""
    bare = {"date": event("a")["date"], "eventName": "nobody's"}
    world.put("custom_events", bare, key="bare")
    world.put("custom_events", event("e"))
    assert world.records("custom_events") == [bare, event("e")]
    assert client.json(CUSTOM)["totalHits"] == 2


def test_a_view_shows_values_as_they_were_put(world: World) -> None:
    """Numbers keep their digits, and half of a surrogate pair stays what it is."""
    odd = {
        "id": "e",
        "name": "a\ud800b",
        "\udfff": [Decimal("1.10"), 2**70, None],
        "mappedElements": 1,
    }
    world.put("features", odd)
    (body,) = world.bodies("features")
    shown = {name: value for name, value in odd.items() if name != "mappedElements"}
    assert json.loads(body, parse_float=Decimal) == shown
    assert b"1.10" in body


def test_a_late_record_keeps_its_date_but_appears_later(
    world: World, clock: ManualClock, client: Client
) -> None:
    """Until its time has come, not even the total knows of it."""
    world.put("custom_events", event("on time"))
    world.put("custom_events", event("late", NOW - 5000), visible_from_ms=NOW + 60_000)
    clock.advance(seconds=59)
    assert client.json(CUSTOM, {"filter": LAST_WEEK})["totalHits"] == 1
    clock.advance(seconds=1)
    assert client.ids(CUSTOM, {"filter": LAST_WEEK}) == ["late", "on time"]


def test_a_record_still_to_come_can_be_deleted(world: World, clock: ManualClock) -> None:
    """It then never appears."""
    world.put("custom_events", event("late"), visible_from_ms=NOW + 1000)
    assert world.delete("custom_events", "late")
    clock.advance(seconds=2)
    assert world.count("custom_events") == 0


def test_the_clock_only_moves_forward(clock: ManualClock) -> None:
    """What has become visible cannot vanish again."""
    with pytest.raises(ValueError, match="forward"):
        clock.advance(seconds=-1)


@given(
    st.lists(
        st.tuples(st.sampled_from(["load", "late"]), st.lists(st.integers(0, 9), max_size=400)),
        max_size=6,
    )
)
def test_a_timeline_is_always_in_order_of_time_and_arrival(
    batches: list[tuple[str, list[int]]],
) -> None:
    """Whatever comes in whatever batches: ranges are exact, equal times keep their order."""
    timeline = Timeline(None, unique=False)
    arrived: list[Entry] = []
    for how, times in batches:
        entries = [Entry(time, None, b"%d" % (len(arrived) + i)) for i, time in enumerate(times)]
        arrived += entries
        if how == "load":
            timeline.load(entries)
        else:
            for entry in entries:
                timeline.waiting.add(entry, 1)
            timeline.settle(1)
    ordered = sorted(arrived, key=lambda entry: entry.time_ms)
    assert list(timeline.all()) == [entry.body for entry in ordered]
    assert list(timeline.between(3, 7)) == [e.body for e in ordered if 3 <= e.time_ms < 7]


def test_the_same_plan_makes_the_same_world() -> None:
    """Byte for byte, every kind; another seed makes another one."""
    assert everything(PLAN, NOW) == everything(PLAN, NOW)
    other = WorldPlan(anchor_ms=NOW, events=1500, users=150, accounts=30, seed=2)
    assert everything(PLAN, NOW)["custom_events"] != everything(other, NOW)["custom_events"]


def test_the_plan_decides_the_sizes(history: dict[str, list[dict[str, Any]]]) -> None:
    """Events in total, users, accounts, and those without a date of modification."""
    assert sum(len(history[kind]) for kind in EVENT_KINDS) == PLAN.events
    assert all(history[kind] for kind in KINDS)
    assert (len(history["users"]), len(history["accounts"])) == (150, 30)
    lacking = [row for row in history["users"] if "lastModifiedDate" not in row]
    assert len(lacking) == PLAN.users_without_last_modified


def test_the_number_of_custom_events_can_be_set_apart() -> None:
    """For benchmarks: many of one kind, few of the others."""
    world = World.generated(
        WorldPlan(anchor_ms=NOW, events=100, custom_events=777), ManualClock(NOW)
    )
    assert world.count("custom_events") == 777
    assert world.count("page_view_events") < 100


def test_history_lies_between_its_start_and_the_anchor(
    history: dict[str, list[dict[str, Any]]],
) -> None:
    """In order, all of it, and over most of the time."""
    for kind in EVENT_KINDS:
        dates = [row["date"] for row in history[kind]]
        assert dates == sorted(dates)
        assert PLAN.start_ms <= dates[0]
        assert dates[-1] < NOW
    assert len({row["date"] // DAY for row in history["page_view_events"]}) > 40


def test_there_are_bursts_equal_instants_and_quiet_weekends(
    history: dict[str, list[dict[str, Any]]],
) -> None:
    """What a real week looks like."""
    dates = [row["date"] for row in history["page_view_events"]]
    assert max(Counter(date // 60_000 for date in dates).values()) >= 20
    assert max(Counter(dates).values()) >= 2
    # 1970-01-01 was a Thursday.
    weekdays = Counter((date // DAY + 3) % 7 for date in dates)
    assert weekdays[5] + weekdays[6] < weekdays[1]


def test_events_refer_to_what_exists(history: dict[str, list[dict[str, Any]]]) -> None:
    """Users, accounts, sessions, features, segments and engagements are all there."""
    known = {
        "identifyId": {row["identifyId"] for row in history["users"]},
        "accountId": {row["id"] for row in history["accounts"]},
        "sessionId": {row["sessionId"] for row in history["session_events"]},
        "featureId": {row["id"] for row in history["features"]},
        "segmentId": {row["id"] for row in history["segments"]},
        "engagementId": {row["id"] for row in history["engagements"]},
    }
    seen: Counter[str] = Counter()
    for kind in (*EVENT_KINDS, "users"):
        for row in history[kind]:
            for field in known.keys() & row.keys():
                assert row[field] in known[field]
                seen[field] += 1
    assert seen.keys() == known.keys()


def test_event_ids_are_unique(history: dict[str, list[dict[str, Any]]]) -> None:
    """Over all kinds."""
    ids = [row["eventId"] for kind in EVENT_KINDS for row in history[kind]]
    assert len(ids) == len(set(ids))


def test_values_are_as_awkward_as_real_ones(history: dict[str, list[dict[str, Any]]]) -> None:
    """Beyond ASCII, nulls, missing fields, nesting, large integers and decimals."""
    world = World.generated(PLAN, ManualClock(NOW))
    custom = b"".join(world.bodies("custom_events")).decode()
    assert "Суперсобытие" in custom
    assert '"attributes":null' in custom
    assert '"items":[{' in custom
    attributes = [row["attributes"] or {} for row in history["custom_events"]]
    assert any(values.get("orderNumber", 0) > 2**64 for values in attributes)
    assert any(isinstance(values.get("amount"), float) for values in attributes)
    assert {"email" in row and row["email"] is None for row in history["users"]} == {True, False}


def test_custom_attributes_have_the_types_that_their_definitions_say(
    history: dict[str, list[dict[str, Any]]],
) -> None:
    """Disabled and deleted definitions exist as well."""
    types: dict[str, Any] = {
        "STRING": str,
        "NUMBER": (int, float),
        "BOOLEAN": bool,
        "DATE_TIME": int,
    }
    for model in ("user", "account"):
        defined = {row["apiName"]: row["type"] for row in history[f"{model}_attributes"]}
        states = {row["state"] for row in history[f"{model}_attributes"]}
        assert states == {"ENABLED", "DISABLED", "DELETED"}
        used = set()
        for row in history[f"{model}s"]:
            for name, value in row["customAttributes"].items():
                assert value is None or isinstance(value, types[defined[name]])
                used.add(defined[name])
        assert used == set(types)


def test_live_events_arrive_at_the_planned_rate() -> None:
    """One an instant, spread over the kinds, all dated after the anchor."""
    clock = ManualClock(NOW)
    world = World.generated(LIVE, clock)
    before = {kind: world.count(kind) for kind in EVENT_KINDS}
    clock.advance(seconds=600)
    arrived = {kind: world.records(kind)[before[kind] :] for kind in EVENT_KINDS}
    assert 599 <= sum(map(len, arrived.values())) <= 601
    assert all(arrived[kind] for kind in SHARES)
    assert len(arrived["custom_events"]) == 150
    for rows in arrived.values():
        assert all(NOW <= row["date"] <= NOW + 600_000 for row in rows)


def test_users_and_accounts_change_as_time_goes_on() -> None:
    """Modified ones move to the present; nobody is added or lost."""
    clock = ManualClock(NOW)
    world = World.generated(LIVE, clock)
    clock.advance(seconds=600)
    for kind, count in (("users", 20), ("accounts", 5)):
        rows = world.records(kind)
        assert len(rows) == count
        assert any(row.get("lastModifiedDate", 0) > NOW for row in rows)
        assert all(row.get("lastModifiedDate", 0) <= clock.now_ms() for row in rows)


def test_changes_of_one_user_add_up() -> None:
    """Each change counts one more visit, on top of the ones before."""
    clock = ManualClock(NOW)
    world = World.generated(LIVE, clock)

    def visits() -> int:
        return sum(row["numberOfVisits"] for row in world.records("users"))

    before = visits()
    clock.advance(seconds=600)
    assert 59 <= visits() - before <= 61


def test_live_events_belong_to_live_sessions() -> None:
    """After a while no event refers to a session of history any more."""
    clock = ManualClock(NOW)
    world = World.generated(LIVE, clock)
    clock.advance(seconds=600)
    live = {row["sessionId"] for row in world.records("session_events") if row["date"] >= NOW}
    late = [row for row in world.records("custom_events") if row["date"] >= NOW + 120_000]
    assert late
    assert len(live) > 10
    assert {row["sessionId"] for row in late} <= live


def test_a_deleted_user_is_not_brought_back_by_growth() -> None:
    """A test that deletes wants it deleted."""
    clock = ManualClock(NOW)
    world = World.generated(LIVE, clock)
    for index in range(20):
        assert world.delete("users", f"apt-1-{index:06}")
    clock.advance(seconds=3600)
    assert world.count("users") == 0


def test_a_restart_gives_the_same_world_plus_what_time_has_added() -> None:
    """However often the first one was looked at in between."""
    clock = ManualClock(NOW)
    world = World.generated(LIVE, clock)
    for _ in range(7):
        clock.advance(seconds=41.5)
        world.count("custom_events")
    grown = {kind: list(world.bodies(kind)) for kind in KINDS}
    assert grown == everything(LIVE, clock.now_ms())
    assert set(everything(LIVE, NOW)["custom_events"]) < set(grown["custom_events"])


def test_a_share_of_the_events_is_late() -> None:
    """At the anchor some of the last minutes are missing; later all are there."""
    plan = WorldPlan(
        anchor_ms=NOW, events=2000, days=1, late_share=0.5, late_delay_ms=DAY, live_per_minute=0
    )
    clock = ManualClock(NOW)
    world = World.generated(plan, clock)

    def visible() -> int:
        return sum(world.count(kind) for kind in EVENT_KINDS)

    assert 1200 < visible() < 1900
    clock.advance(days=1)
    assert visible() == 2000


def test_an_anchor_too_far_back_for_its_growth_is_refused() -> None:
    """Rather than filling the memory."""
    with pytest.raises(ValueError, match="later anchor"):
        World.generated(LIVE, ManualClock(NOW + 100_000 * DAY)).count("users")


def test_growth_is_seen_over_http(clock: ManualClock) -> None:
    """The truth that the world tells and what the API serves are one."""
    world = World.generated(LIVE, clock)
    with SandboxServer(world) as sandbox:
        client = Client(sandbox)
        clock.advance(seconds=300)
        params = {"filter": f"date>={NOW - 100 * DAY}", "pageSize": 1000}
        assert client.json(CUSTOM, params)["customEvents"] == world.records("custom_events")
