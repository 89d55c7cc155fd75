"""What the schema does not say: nothing stops halfway, and nothing disappears."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from px_sandbox import SandboxServer, World
from tests.contract.facts import STREAM_FACTS, fields_of
from tests.streams.rich import KEYS, LISTED, TIMES, empty_world, now
from tests.streams.runs import properties_of, sync_each
from tests.streams.truth import DAY, exact, iso
from tests.tap.harness import discovered, sync

if TYPE_CHECKING:
    from tests.tap.harness import Output

RANGE: Any = {"start_date": iso(now() - 3 * DAY), "end_date": iso(now())}
ODD: dict[str, Any] = {
    "string": {"an": ["object"]},
    "integer": "many",
    "number": [1],
    "boolean": 7,
    "object": "text",
}
# A text takes every value, written as JSON, and so does a list of texts.
AS_TEXT = '{"an": ["object"]}'

WAYS = {"page by page": False, "record by record": True}

by_ways = pytest.mark.parametrize("by_sdk", WAYS.values(), ids=WAYS)
every_way = pytest.mark.parametrize("way", WAYS)


def plain(kind: str, number: int) -> dict[str, Any]:
    """Make a record of a kind with its keys and times only."""
    required = {name: fact for name, fact in fields_of(kind).items() if fact.get("required")}
    made: dict[str, Any] = {
        name: (now() - DAY + number)
        if fact.get("epoch_ms")
        else [f"{number}"]
        if fact["type"] == "array"
        else f"{name} {number}"
        for name, fact in required.items()
    }
    key = "engagementId" if kind == "engagement_collisions" else KEYS.get(kind, "id")
    made[key] = f"{number}"
    if kind in TIMES:
        made[TIMES[kind]] = now() - DAY + number
    return made


def takes_texts(fact: dict[str, Any]) -> bool:
    """Whether a field is a text that is no time, or a list of texts."""
    inner = fact.get("items", fact)
    return inner["type"] == "string" and "format" not in inner


def odd_fields(kind: str) -> dict[str, Any]:
    """Return a value of another type for every documented field that is not a key."""
    keys = {KEYS.get(kind, "id"), TIMES.get(kind), "engagementId", "eventId", "aptrinsicId", "id"}
    return {
        name: "no time" if fact.get("epoch_ms") else ODD[fact.get("items", fact)["type"]]
        for name, fact in fields_of(kind).items()
        # The sandbox itself compares this time.
        if name not in keys | {"lastSuccessfulLoginTimestamp"}
    }


def read(world: World, *streams: str, **settings: Any) -> Output:
    """Read some streams of a world."""
    with SandboxServer(world) as sandbox:
        return sync(sandbox, *streams, **RANGE, **settings)


@pytest.fixture(scope="module")
def odd_runs() -> dict[str, Output]:
    """Read in both ways a world in which one record of every kind has no field of its type."""
    world = empty_world()
    for kind in LISTED:
        world.put_many(kind, (plain(kind, number) for number in range(3)))
        world.put(kind, {**plain(kind, 3), **odd_fields(kind)})
    with SandboxServer(world) as sandbox:
        return {
            way: sync_each(sandbox, *LISTED, by_sdk=by_sdk, **RANGE) for way, by_sdk in WAYS.items()
        }


@every_way
@pytest.mark.parametrize("kind", LISTED)
def test_values_of_another_type_stop_nothing_and_are_kept(
    odd_runs: dict[str, Output], kind: str, way: str
) -> None:
    """In every field of every stream at once: text takes them, all else sets them aside."""
    run = odd_runs[way]
    assert len(run.records(kind)) == 4
    (message,) = run.of("SCHEMA", kind)
    for record in run.records(kind):
        jsonschema.Draft7Validator(message["schema"]).validate(record)
    (record,) = [one for one in run.records(kind) if "3" in one.values()]
    for name, value in odd_fields(kind).items():
        fact = fields_of(kind)[name]
        if takes_texts(fact):
            assert record[name] == ([AS_TEXT] if fact["type"] == "array" else AS_TEXT)
        else:
            assert record.get(name) is None
            assert exact(record["_unexpected"][name]) == exact(value)


def test_every_stream_has_a_place_for_values_of_another_type() -> None:
    """The column is there before it is needed, so that a load does not stop for it."""
    with SandboxServer(empty_world()) as sandbox:
        catalog = discovered(sandbox)
    for stream in STREAM_FACTS:
        field = properties_of(catalog, stream)["_unexpected"]
        assert field["type"] == ["object", "null"]
        assert field["description"]


@by_ways
def test_a_value_that_can_be_one_of_the_declared_type_becomes_one(*, by_sdk: bool) -> None:
    """Digits are numbers, a single value is a list of one, a number is text: nothing is lost."""
    world = empty_world()
    user: dict[str, Any] = {
        "score": "17",
        "numberOfVisits": Decimal("5.0"),
        "propertyKeys": "AP-1",
        "globalUnsubscribe": "true",
        "title": Decimal("1.10"),
        "location": {"postalCode": 80_331, "coordinates": {"latitude": "48.10"}},
        "channelMetricList": {"channel": "2"},
        "createDate": "2024-01-31T00:00:00Z",
    }
    world.put("users", {"aptrinsicId": "a", "identifyId": "i", **user})
    (record,) = read(world, "users", by_sdk=by_sdk).records("users")
    assert exact({name: record[name] for name in user}) == exact(
        {
            "score": 17,
            "numberOfVisits": 5,
            "propertyKeys": ["AP-1"],
            "globalUnsubscribe": True,
            "title": "1.10",
            "location": {"postalCode": "80331", "coordinates": {"latitude": Decimal("48.10")}},
            "channelMetricList": [{"channel": 2}],
            "createDate": "2024-01-31T00:00:00.000Z",
        }
    )
    assert "_unexpected" not in record


@by_ways
def test_a_nested_value_is_set_aside_under_its_path(*, by_sdk: bool) -> None:
    """And the rest of its object stays where it is."""
    world = empty_world()
    place = {"city": "Bern", "coordinates": {"latitude": "north", "longitude": 7}}
    metrics = [{"channel": 1}, {"channel": "two"}]
    users = {"identifyId": "i", "location": place, "channelMetricList": metrics}
    world.put("users", {"aptrinsicId": "a", **users})
    (record,) = read(world, "users", by_sdk=by_sdk).records("users")
    assert record["location"] == {"city": "Bern", "coordinates": {"latitude": None, "longitude": 7}}
    assert record["channelMetricList"] == [{"channel": 1}, {"channel": None}]
    assert record["_unexpected"] == {
        "location.coordinates.latitude": "north",
        "channelMetricList.1.channel": "two",
    }


@by_ways
def test_a_time_outside_the_calendar_is_set_aside(*, by_sdk: bool) -> None:
    """No timestamp can hold it, and no other record suffers."""
    world = empty_world()
    world.put("users", {"aptrinsicId": "a", "identifyId": "i", "createDate": 2**70})
    world.put("users", {"aptrinsicId": "b", "identifyId": "j", "createDate": 7})
    run = read(world, "users", by_sdk=by_sdk)
    first, second = sorted(run.records("users"), key=lambda one: str(one["aptrinsicId"]))
    assert (first["createDate"], first["_unexpected"]) == (None, {"createDate": 2**70})
    assert second["createDate"] == iso(7)


@by_ways
def test_drift_is_reported_once_by_stream_and_field(
    caplog: pytest.LogCaptureFixture, *, by_sdk: bool
) -> None:
    """A million odd records are one line a field; the report counts them."""
    world = empty_world()
    world.put_many("segments", ({"id": f"{n}", "name": "n", "new": 1} for n in range(20)))
    world.put_many(
        "integrations", ({"integrationSyncName": f"{n}", "currentStatus": "UP"} for n in range(9))
    )
    world.put_many(
        "kc_bots", ({"id": f"{n}", "priority": "high", "modifiedDate": "?"} for n in range(20))
    )
    read(world, "segments", "kc_bots", "integrations", unknown_fields="report", by_sdk=by_sdk)
    lines = sorted(one.getMessage() for one in caplog.records if "oddities" in one.name)
    assert [line.split(" not ")[0] for line in lines] == [
        "kc_bots: modifiedDate is",
        "kc_bots: priority is",
        "segments: new is",
    ]


@every_way
def test_an_unknown_field_is_passed_on_or_left_out_as_the_user_chooses(
    caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """Passing it on is the default; left out, it is named. So in every stream."""
    world = empty_world()
    more = {"brandNew": {"a": [2**70, Decimal("0.25")]}, "brandNewToo": None}
    for kind in LISTED:
        world.put(kind, {**plain(kind, 1), **more})
    passing = read(world, *LISTED, by_sdk=WAYS[way])
    reporting = read(world, *LISTED, by_sdk=WAYS[way], unknown_fields="report")
    for kind in LISTED:
        (passed,) = passing.records(kind)
        (left_out,) = reporting.records(kind)
        assert exact({name: passed[name] for name in more}) == exact(more)
        assert exact(passed.pop("_unexpected")) == exact({"brandNew": more["brandNew"]})
        assert left_out == {name: value for name, value in passed.items() if name not in more}
        for name in more:
            line = f"{kind}: {name} is not in the schema, so it is left out"
            assert caplog.messages.count(line) == 1
