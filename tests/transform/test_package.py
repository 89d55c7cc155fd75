"""The package by itself: what may be switched off and set, freshness and documentation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.transform import truth

if TYPE_CHECKING:
    from tests.transform.warehouses import Warehouse

EVENTS = (*truth.ACTIVITY, "engagement_view_events", "email_events", "survey_responses")
FEW = [name for name in (*EVENTS, "engagements", "features") if name != "custom_events"]
"""What somebody does not load who loads custom events alone."""
NUMBERS = (int, float)  # a boolean is neither
ALWAYS = {
    "account_daily_activity",
    "accounts",
    "daily_active",
    "monthly_active",
    "user_daily_activity",
    "users",
    "weekly_active",
}


def test_a_customer_who_loads_custom_events_alone_has_marts(warehouse: Warehouse) -> None:
    """The models about other streams are switched off, the rest do without; all tests pass."""
    warehouse.dbt("build", into="few", not_loaded=FEW)
    assert warehouse.tables("few") == ALWAYS | {
        "account_funnel",
        "custom_events",
        "custom_events_daily",
    }
    found = truth.events(warehouse.world, "custom_events")
    rows = {
        row["day"]: row["daily_active_users"]
        for row in warehouse.rows("daily_active", schema="few")
    }
    assert {day: number for day, number in rows.items() if number} == {
        day: len(truth.users(events))
        for day, events in truth.grouped(found, lambda one: one.day).items()
    }


@pytest.mark.parametrize("stream", [*EVENTS, "engagements", "features"])
def test_any_one_stream_may_be_missing(warehouse: Warehouse, stream: str) -> None:
    """No model refers to what is switched off."""
    output = warehouse.dbt("compile", into=f"no_{stream}", not_loaded=[stream])
    assert "disabled" not in output


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"activity_streams": ["custom_event"]}, "custom_event is not one of the streams custom"),
        ({"funnel": [{"name": "seen", "stream": "users"}]}, "users is not one of the streams"),
        ({"not_loaded": EVENTS}, "no stream of activity is loaded"),
        (
            {"activity_streams": ["session_events"], "not_loaded": ["session_events"]},
            "no stream of activity is loaded",
        ),
    ],
    ids=["activity", "funnel", "nothing", "no activity"],
)
def test_a_mistake_in_a_variable_is_told(
    warehouse: Warehouse, variables: dict[str, Any], told: str
) -> None:
    """It ends the run, instead of marts that are empty without a word."""
    output = warehouse.dbt("compile", into="mistake", succeeds=False, **variables)
    assert told in output


def test_days_begin_where_the_user_says(warehouse: Warehouse) -> None:
    """Days are those of another time zone; attributes become columns of their types."""
    zone = "America/New_York"
    warehouse.dbt(
        "build",
        into="elsewhere",
        timezone=zone,
        account_attributes=[
            {"name": "tier", "column": "tier"},
            {"name": "discount", "column": "discount", "type": "numeric"},
            {"name": "seatCount", "column": "seat_count", "type": "numeric"},
        ],
        custom_event_attributes=[{"name": "ok", "column": "is_ok", "type": "boolean"}],
    )
    found = truth.grouped(truth.activity(warehouse.world, zone), lambda one: one.day)
    rows = {row["day"]: row for row in warehouse.rows("daily_active", schema="elsewhere")}
    assert {day: row["daily_active_users"] for day, row in rows.items() if day in found} == {
        day: len(truth.users(events)) for day, events in found.items()
    }
    told = {one["id"]: one["customAttributes"] for one in warehouse.world.records("accounts")}
    for row in warehouse.rows("accounts", schema="elsewhere"):
        attributes = told[row["account_id"]]
        assert row["tier"] == (attributes.get("tier") or None)
        discount = row["discount"]
        assert (None if discount is None else float(discount)) == attributes.get("discount")
        # Numbers, booleans and texts in one attribute: what is no number is null.
        seats, is_number = attributes.get("seatCount"), type(attributes.get("seatCount")) in NUMBERS
        assert row["seat_count"] == (seats if is_number else None)
    events = {one["eventId"]: one for one in warehouse.world.records("custom_events")}
    for row in warehouse.rows("custom_events", schema="elsewhere"):
        assert row["is_ok"] == (events[row["event_id"]]["attributes"] or {}).get("ok")


def test_dbt_documents_every_model_and_source(warehouse: Warehouse) -> None:
    """`dbt docs generate` makes its site; each model and key has a description."""
    warehouse.dbt("docs", "generate", not_loaded=warehouse.not_loaded)
    target = warehouse.folder / "target" / "marts"
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    assert (target / "index.html").exists()
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    described = [one for one in nodes if one["resource_type"] in ("model", "source")]
    assert len(described) > 40
    assert [one["name"] for one in described if not one["description"]] == []


def test_sources_that_were_loaded_just_now_are_fresh(warehouse: Warehouse) -> None:
    """Freshness is asked of every table that is loaded."""
    output = warehouse.dbt("source", "freshness", not_loaded=warehouse.not_loaded)
    assert output.count("PASS freshness") == 12
    assert "WARN freshness" not in output


def test_a_field_that_is_not_loaded_is_null(warehouse: Warehouse) -> None:
    """What is deselected has no column, and the marts go without it."""
    warehouse.execute("CREATE SCHEMA narrow")
    for table in ("accounts", "users", "custom_events"):
        loaded = f"SELECT * FROM gainsight_px.{table}"  # noqa: S608 - our own names
        warehouse.execute(f"CREATE TABLE narrow.{table} AS {loaded}")
    for table, field in (
        ("users", "email"),
        ("users", "accountId"),
        ("custom_events", "attributes"),
    ):
        warehouse.execute(f"ALTER TABLE narrow.{table} DROP COLUMN {warehouse.column(field)}")
    warehouse.dbt("build", into="without", schema="narrow", not_loaded=FEW)
    rows = warehouse.rows("users", schema="without")
    assert len(rows) == warehouse.world.count("users")
    assert {(row["email"], row["account_id"]) for row in rows} == {(None, None)}
