"""Custom events as tables: a stream for each name, with the attributes as typed columns."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from px_sandbox import SandboxServer, World
from tap_gainsight_px.errors import SettingsError
from tests.contract.facts import STREAM_FACTS
from tests.streams.rich import empty_world, now
from tests.streams.runs import names_of, properties_of
from tests.streams.truth import DAY, exact, iso
from tests.tap.harness import discovered, entry_of, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "Report exported — 東京"
STREAM = "custom_event_report_exported_東京"
HUGE = 2**70
# A column with `%` in its name cannot be added to a table.
ODD = "weird key: 100%"
ODD_COLUMN = "weird key: 100__378ab41f"

ATTRIBUTES: tuple[Any, ...] = (
    {"plan": "pro", "seats": 5, "price": Decimal("1.10"), "ok": True, "cart": {"a": [1]}},
    {"plan": None, "seats": HUGE, "price": 3, "ok": False, "tags": ["a", None], "mixed": 1},
    {"mixed": "one", "never": None, "date": "2024-01-31", "url": 5, ODD: "x"},
    {"mixed": [1], "attributes": "inside"},
    None,
    {},
)
TYPES = {
    "plan": "string",
    "seats": "number",
    "price": "number",
    "ok": "boolean",
    "cart": "object",
    "tags": "array",
    "mixed": "string",
    "never": "string",
    "date_attribute": "string",
    "url_attribute": "number",
    ODD_COLUMN: "string",
    "attributes_attribute": "string",
}

LONG_LOOKBACK: dict[str, Any] = {"lookback_seconds": 5 * 86_400}

by_ways = pytest.mark.parametrize("by_sdk", [False, True], ids=["page by page", "record by record"])


def event(number: int, attributes: Any, **fields: Any) -> dict[str, Any]:
    """Make a custom event of the name that is to be a table."""
    return {
        "eventId": f"e{number}",
        "eventName": NAME,
        "identifyId": "ada",
        "propertyKey": "AP",
        "userType": "USER",
        "date": now() - 2 * DAY + number,
        "url": "https://app.example.com",
        "attributes": attributes,
        **fields,
    }


def a_world() -> World:
    """Make a world with events of that name, and others."""
    world = empty_world()
    world.put_many("custom_events", (event(n, one) for n, one in enumerate(ATTRIBUTES)))
    world.put("custom_events", event(90, {"plan": 5}, eventName="something else"))
    world.put("custom_events", event(91, {"other": 5}, eventName=f"{NAME} twice"))
    return world


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve that world."""
    with SandboxServer(a_world()) as server:
        yield server


def test_a_name_becomes_a_stream_with_typed_columns(sandbox: SandboxServer) -> None:
    """Types come from real events; what is of several types, or of none, is text."""
    catalog = discovered(sandbox, custom_event_streams=[NAME])
    assert sorted(names_of(catalog)) == sorted([*STREAM_FACTS, STREAM])
    properties = properties_of(catalog, STREAM)
    assert {name: properties[name]["type"] for name in TYPES} == {
        name: [kind, "null"] for name, kind in TYPES.items()
    }
    assert all(properties[name]["description"] for name in TYPES)


def test_fields_of_the_event_stay_what_they_are(sandbox: SandboxServer) -> None:
    """An attribute named like one of them gets a column of another name."""
    catalog = discovered(sandbox, custom_event_streams=[NAME])
    properties = properties_of(catalog, STREAM)
    assert properties["date"]["format"] == "date-time"
    usual = properties_of(catalog, "custom_events")
    assert {name: properties[name] for name in usual} == usual
    entry = entry_of(catalog, STREAM)
    assert (entry["key_properties"], entry["replication_key"]) == (["eventId"], "date")


@by_ways
def test_its_records_are_the_events_of_that_name_with_attributes_as_fields(
    sandbox: SandboxServer, *, by_sdk: bool
) -> None:
    """They are copies: `attributes` stays whole. All fits the schema, and no number is rounded."""
    run = sync(sandbox, STREAM, custom_event_streams=[NAME], by_sdk=by_sdk)
    records = {one["eventId"]: one for one in run.records(STREAM)}
    assert list(records) == [f"e{number}" for number in range(len(ATTRIBUTES))]
    assert exact([one.get("attributes") for one in records.values()]) == exact(list(ATTRIBUTES))
    first, second, third, fourth, *_ = records.values()
    assert exact({name: first[name] for name in ATTRIBUTES[0]}) == exact(ATTRIBUTES[0])
    assert exact((second["seats"], second["_unexpected"]["seats"])) == exact((None, HUGE))
    assert [one.get("mixed") for one in records.values()][1:4] == ["1", "one", "[1]"]
    assert third["date"] == iso(now() - 2 * DAY + 2)
    assert third["url"] == "https://app.example.com"
    assert (third["date_attribute"], third["url_attribute"]) == ("2024-01-31", 5)
    assert third[ODD_COLUMN] == "x"
    assert fourth["attributes_attribute"] == "inside"
    (message,) = run.of("SCHEMA", STREAM)
    for record in records.values():
        jsonschema.Draft7Validator(message["schema"]).validate(record)


def test_custom_events_stay_as_they_are(sandbox: SandboxServer) -> None:
    """With all events, and the attributes in one field."""
    plain = sync(sandbox, "custom_events")
    beside = sync(sandbox, "custom_events", STREAM, custom_event_streams=[NAME])
    assert exact(beside.records("custom_events")) == exact(plain.records("custom_events"))
    assert len(plain.records("custom_events")) == len(ATTRIBUTES) + 2


def test_a_table_of_events_is_incremental(sandbox: SandboxServer) -> None:
    """The second run asks for what is new since the bookmark, and for nothing before."""
    settings: dict[str, Any] = {"custom_event_streams": [NAME], "lookback_seconds": 0}
    first = sync(sandbox, STREAM, end_date=iso(now()), **settings)
    sandbox.world.put("custom_events", event(50, {"seats": 1}, date=now()))
    second = sync(sandbox, STREAM, state=first.state, **settings)
    assert first.bookmarks(STREAM)[-1] == iso(now())
    assert second.values(STREAM, "eventId") == ["e50"]


def test_a_value_of_another_type_than_in_the_sample_is_kept(sandbox: SandboxServer) -> None:
    """A column has one type for good; what is of another one is in the row all the same."""
    first = sync(sandbox, STREAM, custom_event_streams=[NAME])
    sandbox.world.put("custom_events", event(50, {"seats": "many"}, date=now()))
    run = sync(sandbox, STREAM, state=first.state, custom_event_streams=[NAME], **LONG_LOOKBACK)
    late = next(one for one in run.records(STREAM) if one["eventId"] == "e50")
    assert late["seats"] is None
    assert late["_unexpected"] == {"seats": "many"}
    assert late["attributes"] == {"seats": "many"}


def test_a_name_without_events_has_the_fields_of_every_event(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Who names an event before it first happens gets an empty table and a warning, no error."""
    catalog = discovered(sandbox, custom_event_streams=["not yet"])
    assert "PX has no custom event named 'not yet' since 2023-06-10T06:13:20Z" in caplog.text
    assert properties_of(catalog, "custom_event_not_yet") == properties_of(catalog, "custom_events")
    run = sync(sandbox, "custom_event_not_yet", custom_event_streams=["not yet"])
    assert run.error is None
    assert run.records("custom_event_not_yet") == []


def test_only_events_of_exactly_that_name_are_in_the_table(sandbox: SandboxServer) -> None:
    """Filters of the API are blind to case; a table named after one event is not."""
    sandbox.world.put("custom_events", event(60, {"plan": "x"}, eventName=NAME.upper()))
    run = sync(sandbox, STREAM, custom_event_streams=[NAME])
    assert set(run.values(STREAM, "eventName")) == {NAME}
    assert run.error is None


def test_two_attributes_never_share_a_column(sandbox: SandboxServer) -> None:
    """One named like an event field, and one named like the column that this leads to."""
    values = {"date": "monday", "date_attribute": "tuesday"}
    sandbox.world.put("custom_events", event(61, values, eventName="clash"))
    run = sync(sandbox, "custom_event_clash", custom_event_streams=["clash"])
    (record,) = run.records("custom_event_clash")
    assert {"monday", "tuesday"} <= {value for value in record.values() if isinstance(value, str)}


@pytest.mark.parametrize(
    ("names", "streams"),
    [
        (["login", "Login"], ["custom_event_login", "custom_event_login_a25b4975"]),
        (["seat added", "seat-added"], ["custom_event_seat_added", "custom_event_seat_added_"]),
        (["東京", "大阪"], ["custom_event_東京", "custom_event_大阪_"]),
        (["a", "a"], ["custom_event_a"]),
        (["!?"], ["custom_event_"]),
        (["x" * 80], ["custom_event_" + "x" * 41 + "_"]),
        (["東" * 30], ["custom_event_" + "東" * 13 + "_"]),
    ],
)
def test_each_event_name_has_a_stream_of_its_own(
    sandbox: SandboxServer, names: list[str], streams: list[str]
) -> None:
    """Whatever a database makes of its name: too long, or another one's, it ends in a digest."""
    catalog = discovered(sandbox, custom_event_streams=names)
    found = [name for name in names_of(catalog) if name not in STREAM_FACTS]
    assert len(found) == len(streams)
    for stream in streams:
        assert [one for one in found if one.startswith(stream)]
    assert all(len(name.encode()) <= 63 for name in found)
    assert found == [
        name
        for name in names_of(discovered(sandbox, custom_event_streams=names))
        if name not in STREAM_FACTS
    ]


def test_a_name_that_no_filter_can_hold_is_a_settings_error(sandbox: SandboxServer) -> None:
    """Said in one line, before anything is read."""
    with pytest.raises(SettingsError, match="custom_event_streams"):
        discovered(sandbox, custom_event_streams=["semi;colon"])
