"""Every number in the marts is that of the server."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.transform import truth
from tests.transform.world import GONE_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.transform.truth import Event, Json
    from tests.transform.warehouses import Warehouse


@pytest.fixture(scope="module")
def active(warehouse: Warehouse) -> list[Event]:
    """Return the events that mean that a user was active."""
    return truth.activity(warehouse.world)


def by(rows: Iterable[Json], *keys: str) -> dict[Any, Json]:
    """Return rows by one column or several, which have to tell one from the other."""
    rows = list(rows)
    found = {tuple(row[key] for key in keys) if keys[1:] else row[keys[0]]: row for row in rows}
    assert len(found) == len(rows)
    return found


def only(rows: Mapping[Any, Json], *names: str) -> dict[Any, Json]:
    """Return some columns of rows."""
    return {key: {name: row[name] for name in names} for key, row in rows.items()}


def test_accounts_are_those_that_px_has_now(warehouse: Warehouse, active: list[Event]) -> None:
    """Without the one that is gone; 0 and "" for "not set" are null; their users are counted."""
    mart = by(warehouse.rows("accounts"), "account_id")
    records = {one["id"]: one for one in warehouse.world.records("accounts")}
    assert GONE_ACCOUNT not in records
    assert mart.keys() == records.keys()
    people = warehouse.world.records("users")
    since = max(one.day for one in active) - timedelta(days=28)
    for key, record in records.items():
        row = mart[key]
        theirs = [one for one in active if one.account == key]
        recent = [one for one in theirs if one.day > since]
        assert row["industry"] == (record["industry"] or None)
        assert row["health_score"] == (record.get("healthScore") or None)
        assert row["country_name"] == (record["location"]["countryName"] or None)
        assert row["last_seen_at"] == (
            truth.moment(record["lastSeenDate"]) if record["lastSeenDate"] else None
        )
        assert row["users"] == sum(one.get("accountId") == key for one in people)
        assert row["events"] == len(theirs)
        assert row["events_in_four_weeks"] == len(recent)
        assert row["active_users_in_four_weeks"] == len(truth.users(recent))
        assert row["active_days_in_four_weeks"] == len({one.day for one in recent})
        assert row["first_active_day"] == min((one.day for one in theirs), default=None)
        assert row["last_active_day"] == max((one.day for one in theirs), default=None)


def test_users_are_those_that_px_has_now(warehouse: Warehouse, active: list[Event]) -> None:
    """Those of the account that is gone are left out as well."""
    mart = by(warehouse.rows("users"), "user_id")
    records = {one["aptrinsicId"]: one for one in warehouse.world.records("users")}
    assert mart.keys() == records.keys()
    names = {one["id"]: one["name"] for one in warehouse.world.records("accounts")}
    theirs = truth.grouped(active, lambda one: one.user)
    for key, record in records.items():
        row, done = mart[key], theirs.get(record["identifyId"], [])
        gender = record["gender"]
        assert row["gender"] == (None if gender == "EMPTY_GENDER" else gender)
        assert row["email"] == (record["email"] or None)
        assert row["account_name"] == names.get(record.get("accountId"))
        assert row["events"] == len(done)
        assert row["last_active_day"] == max((one.day for one in done), default=None)


def test_the_day_of_a_user(warehouse: Warehouse, active: list[Event]) -> None:
    """One row for each day, user and account, also of those who are gone."""
    groups = truth.grouped(active, lambda one: (one.day, one.user, one.account))
    expected = {key: truth.counts(found) for key, found in groups.items()}
    mart = by(warehouse.rows("user_daily_activity"), "day", "identify_id", "account_id")
    assert only(mart, *next(iter(expected.values()))) == expected


def test_the_day_of_an_account(warehouse: Warehouse, active: list[Event]) -> None:
    """One row for each day and account."""
    groups = truth.grouped(active, lambda one: one.account and (one.day, one.account))
    expected = {
        key: {**truth.counts(found), "active_users": len(truth.users(found))}
        for key, found in groups.items()
    }
    mart = by(warehouse.rows("account_daily_activity"), "day", "account_id")
    assert any(account == GONE_ACCOUNT for _, account in mart)
    assert only(mart, *next(iter(expected.values()))) == expected


def test_daily_weekly_and_monthly_active_users_and_accounts(
    warehouse: Warehouse, active: list[Event]
) -> None:
    """Of every day, and of the 7 and 28 days up to it."""
    mart = by(warehouse.rows("daily_active"), "day")
    assert sorted(mart) == truth.days(active)
    for day, row in mart.items():
        sizes = {"daily": 1, "weekly": 7, "monthly": 28}
        for name, size in sizes.items():
            found = [one for one in active if day - timedelta(days=size) < one.day <= day]
            assert row[f"{name}_active_users"] == len(truth.users(found))
            assert row[f"{name}_active_accounts"] == len(truth.accounts(found))
        share = row["daily_active_users"] / row["monthly_active_users"]
        assert float(row["stickiness"]) == pytest.approx(share)


@pytest.mark.parametrize("period", ["week", "month"])
def test_active_users_and_accounts_of_a_week_or_month(
    warehouse: Warehouse, active: list[Event], period: str
) -> None:
    """All of them, those never seen before, and those who were there in the one before."""

    def start(day: date) -> date:
        return truth.monday(day) if period == "week" else day.replace(day=1)

    mart = by(warehouse.rows(f"{period}ly_active"), period)
    assert mart.keys() == {start(day) for day in truth.days(active)}
    for who, members in (("users", truth.users), ("accounts", truth.accounts)):
        periods = {
            key: members(one for one in active if start(one.day) == key) for key in sorted(mart)
        }
        seen: set[str] = set()
        previous: set[str] = set()
        for key, there in periods.items():
            row = mart[key]
            assert row[f"active_{who}"] == len(there)
            assert row[f"new_{who}"] == len(there - seen)
            assert row[f"kept_{who}"] == len(there & previous)
            seen |= there
            previous = there


def test_sessions_last_to_their_last_event(warehouse: Warehouse) -> None:
    """What names a session counts for it, views of engagements as well."""
    streams = (*truth.ACTIVITY, "engagement_view_events", "survey_responses")
    found = truth.grouped(truth.events(warehouse.world, *streams), lambda one: one.session)
    mart = by(warehouse.rows("sessions"), "session_id")
    starts = truth.events(warehouse.world, "session_events")
    assert mart.keys() == {one.session for one in starts}
    for start in starts:
        row = mart[start.session]
        others = [one for one in found[start.session] if one.stream != "session_events"]
        last = max([start.date, *(one.date for one in others)])
        assert (row["identify_id"], row["account_id"]) == (start.user, start.account)
        assert (row["started_at"], row["day"]) == (truth.moment(start.date), start.day)
        assert row["last_event_at"] == truth.moment(last)
        assert abs(row["seconds"] - (last - start.date) / 1_000) <= 1
        assert row["events"] == len(others)
        assert row["page_views"] == sum(one.stream == "page_view_events" for one in others)


def test_adoption_of_features_by_name(warehouse: Warehouse, active: list[Event]) -> None:
    """Modules are none; a feature that nobody used has zeros."""
    uses = truth.grouped(
        truth.events(warehouse.world, "feature_match_events"), lambda one: one.record["featureId"]
    )
    listed = {one["id"]: one for one in warehouse.world.records("features")}
    mart = by(warehouse.rows("feature_adoption"), "feature_id")
    assert mart.keys() == {key for key, one in listed.items() if one["type"] == "FEATURE"}
    since = max(one.day for one in active) - timedelta(days=28)
    everybody = truth.users(one for one in active if one.day > since)
    for key, row in mart.items():
        found = uses.get(key, [])
        recent = [one for one in found if one.day > since]
        assert row["feature_name"] == listed[key]["name"]
        assert row["module_name"] == listed[listed[key]["parentFeatureId"]]["name"]
        assert (row["uses"], row["uses_in_four_weeks"]) == (len(found), len(recent))
        assert row["users"] == len(truth.users(found))
        assert row["accounts"] == len(truth.accounts(found))
        assert row["users_in_four_weeks"] == len(truth.users(recent))
        share = len(truth.users(recent)) / len(everybody)
        assert float(row["share_of_active_users"]) == pytest.approx(share)


def test_adoption_of_features_by_week(warehouse: Warehouse, active: list[Event]) -> None:
    """Only weeks in which a feature was used have a row."""
    groups = truth.grouped(
        truth.events(warehouse.world, "feature_match_events"),
        lambda one: (truth.monday(one.day), one.record["featureId"]),
    )
    weeks = truth.grouped(active, lambda one: truth.monday(one.day))
    mart = by(warehouse.rows("feature_adoption_weekly"), "week", "feature_id")
    assert mart.keys() == groups.keys()
    for (week, feature), found in groups.items():
        row = mart[week, feature]
        assert (row["uses"], row["users"]) == (len(found), len(truth.users(found)))
        assert row["accounts"] == len(truth.accounts(found))
        share = len(truth.users(found)) / len(truth.users(weeks[week]))
        assert float(row["share_of_active_users"]) == pytest.approx(share)


def test_nps_by_month(warehouse: Warehouse) -> None:
    """One answer for each showing of a survey; who only saw it has not given a 0."""
    found = [
        one for one in truth.answers(warehouse.world) if one.record["contentType"] == truth.NPS
    ]
    months = truth.grouped(found, lambda one: one.day.replace(day=1))
    mart = by(warehouse.rows("nps_monthly"), "month")
    assert {key: (row["responses"], float(row["nps"])) for key, row in mart.items()} == {
        key: (len(answers), truth.nps(answers)) for key, answers in months.items()
    }
    assert sum(row["respondents"] for row in mart.values()) == sum(
        len(truth.users(answers)) for answers in months.values()
    )


def test_answers_to_surveys(warehouse: Warehouse) -> None:
    """Each with its score and comment; an empty comment is none."""
    mart = by(warehouse.rows("survey_responses"), "response_id")
    assert only(mart, "score", "comment", "is_nps", "identify_id") == {
        one.record["eventId"]: {
            "score": one.record["score"],
            "comment": one.record.get("comment") or None,
            "is_nps": one.record["contentType"] == truth.NPS,
            "identify_id": one.user,
        }
        for one in truth.answers(warehouse.world)
    }


def test_results_of_engagements(warehouse: Warehouse) -> None:
    """Views, clicks, emails and answers of each."""
    world = warehouse.world

    def engagement(one: Event) -> Any:
        return one.record["engagementId"]

    views = truth.grouped(truth.events(world, "engagement_view_events"), engagement)
    emails = truth.grouped(truth.events(world, "email_events"), engagement)
    answers = truth.grouped(truth.answers(world), engagement)
    mart = by(warehouse.rows("engagement_results"), "engagement_id")
    assert mart.keys() == {one["id"] for one in world.records("engagements")}
    for key, row in mart.items():
        by_track = truth.grouped(
            views.get(key, []), lambda one: one.record["engagementTrackType"].removeprefix("ENG")
        )
        viewed, clicked = by_track["AGEMENT_VIEW"], by_track["AGEMENT_CLICK"]
        assert (row["views"], row["clicks"]) == (len(viewed), len(clicked))
        assert row["viewers"] == len(truth.users(viewed))
        assert row["clickers"] == len(truth.users(clicked))
        states = ("guideState", "carouselState", "surveyState")
        assert row["completers"] == len(
            truth.users(
                one
                for one in views.get(key, [])
                if "COMPLETED" in [one.record.get(state) for state in states]
            )
        )
        sent = truth.grouped(emails.get(key, []), lambda one: one.record["emailTrackType"])
        for track, column in (
            ("DELIVERED", "delivered"),
            ("OPEN", "opened"),
            ("BOUNCE", "bounced"),
        ):
            found = {one.record["email"] for one in sent[f"EMAIL_TRACK_{track}"]}
            assert row[f"emails_{column}"] == len(found)
        given = answers.get(key, [])
        assert row["survey_responses"] == len(given)
        assert row["nps"] == truth.nps(given) or float(row["nps"]) == truth.nps(given)


def test_the_funnel_of_an_account(warehouse: Warehouse) -> None:
    """A step counts from the moment at which the one before it was taken."""
    mart = by(warehouse.rows("account_funnel"), "account_id", "step_number")
    steps = [
        truth.grouped(truth.events(warehouse.world, stream), lambda one: one.account)
        for stream in ("session_events", "feature_match_events", "custom_events")
    ]
    expected = {}
    for account in warehouse.world.records("accounts"):
        reached: int | None = 0
        for number, step in enumerate(steps, 1):
            later = [
                one.date
                for one in step.get(account["id"], [])
                if reached is not None and one.date >= reached
            ]
            reached = min(later, default=None)
            expected[account["id"], number] = None if reached is None else truth.moment(reached)
    assert {key: row["reached_at"] for key, row in mart.items()} == expected
    assert all(row["is_reached"] == (row["reached_at"] is not None) for row in mart.values())


def test_custom_events_of_a_day(warehouse: Warehouse) -> None:
    """By name."""
    found = truth.events(warehouse.world, "custom_events")
    groups = truth.grouped(found, lambda one: (one.day, one.record["eventName"]))
    mart = by(warehouse.rows("custom_events_daily"), "day", "event_name")
    assert only(mart, "events", "users", "accounts") == {
        key: {
            "events": len(found),
            "users": len(truth.users(found)),
            "accounts": len(truth.accounts(found)),
        }
        for key, found in groups.items()
    }
    events = by(warehouse.rows("custom_events"), "event_id")
    assert len(events) == len(found)
    assert all(
        events[one.record["eventId"]]["attributes"] is None
        for one in found
        if one.record["attributes"] is None
    )
