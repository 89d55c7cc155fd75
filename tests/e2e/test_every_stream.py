"""All streams and two event tables into Postgres, twice: every row by value, and deletions."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import KINDS, ManualClock, SandboxServer, World, WorldPlan
from tests.contract.facts import EVENT_STREAMS, STREAM_FACTS, fields_of
from tests.e2e.odd_values import ATTRIBUTE_TYPES
from tests.e2e.odd_worlds import MODELS
from tests.e2e.oracle import UNEXPECTED, Comparison
from tests.e2e.rows import announced, column_types, key_text, matched, truth, without
from tests.streams.rich import LISTED, now, rich_world
from tests.streams.sums import SUMS
from tests.streams.truth import DAY, asked_one_by_one, iso
from tests.tap.harness import sync
from tests.tap.worlds import NOW

if TYPE_CHECKING:
    from tests.e2e.loader import Json, Loader, Table

DAYS = 16
CHILDREN = ("survey_metadata", "user_preferences", "user_denylist")
# What the tap reads on from a bookmark: a row stays, whatever becomes of it in PX.
INCREMENTAL = {*EVENT_STREAMS, *SUMS, "users", "accounts", "engagement_collisions"}
EVENTS = {"plan": "custom_event_plan", "Ünï — twice": "custom_event_ünï_twice"}

# What a record gets from the tap: of whom it tells, and of which range.
ADDED: dict[str, Json] = {
    **{name: {"type": "string"} for name in ("engagementId", "featureId", "identifyId")},
    **{
        name: {"type": "string", "format": "date-time"}
        for name in ("dateRangeStart", "dateRangeEnd")
    },
}


def generated() -> World:
    """Make a world with something of every kind."""
    plan = WorldPlan(anchor_ms=now(), seed=11, days=DAYS, users=25, accounts=8, events=300)
    return World.generated(plan, ManualClock(NOW))


WORLDS = {
    "generated": (generated, (*STREAM_FACTS, *EVENTS.values())),
    # With holes in the records that sums are made of.
    "rich": (rich_world, (*(name for name in STREAM_FACTS if name not in SUMS), *EVENTS.values())),
}


def event(number: int, name: str, run: int, **attributes: Any) -> Json:
    """Make a custom event of a name that has a table."""
    date = NOW + run * DAY - DAY // 2 + number
    fields = {"eventName": name, "date": date, "attributes": attributes}
    return {"eventId": f"{name} {run} {number}", **fields}


def copies(world: World, key: str) -> dict[str, Json]:
    """Return a record of every kind that can be listed, with another key."""
    return {
        kind: {**truth(world, kind)[0], str(KINDS[kind].key): key}
        for kind in LISTED
        if KINDS[kind].key is not None and truth(world, kind)
    }


def before(world: World) -> None:
    """Add what will be gone after the first run, and events that have a table."""
    for kind, record in copies(world, "to be deleted").items():
        if kind not in INCREMENTAL:
            world.put(kind, record)
    for number, name in enumerate(EVENTS):
        world.put("custom_events", event(number, name, 0, seats=19, plan="a", tags=["x", None]))


def between(world: World) -> None:
    """Change, add and delete."""
    world.clock.advance(seconds=86_400)
    for kind, record in copies(world, "new").items():
        time = KINDS[kind].time
        world.put(kind, {**record, **({time: NOW + DAY // 2} if time else {})})
        if kind not in EVENT_STREAMS:
            text = next(name for name, fact in fields_of(kind).items() if fact["type"] == "string")
            field = text if text != KINDS[kind].key else "description"
            changed = truth(world, kind)[0]
            world.put(
                kind, {**changed, field: "changed", **({time: NOW + DAY // 2} if time else {})}
            )
        if kind not in INCREMENTAL:
            assert world.delete(kind, "to be deleted")
    for number, name in enumerate(EVENTS):
        world.put("custom_events", event(number, name, 1, seats="19.5", plan=5, late={"a": 1}))


def expected(world: World, stream: str, start: int) -> list[Json]:
    """Return what the server has of a stream; sums are added up from single records."""
    if stream in SUMS:
        sums = SUMS[stream](world, start, world.clock.now_ms())
        # Weeks that were over before there was such a thing are not read again.
        return [one for one in sums if "new" not in one.values() or one["dateRangeEnd"] > iso(NOW)]
    if stream in CHILDREN:
        # As they are in PX, whatever else is told there of how they leave the tap.
        return [without(one, UNEXPECTED) for one in asked_one_by_one(world, stream)]
    if stream in EVENTS.values():
        events = truth(world, "custom_events")
        return [one for one in events if EVENTS.get(one.get("eventName", "")) == stream]
    return truth(world, stream)


def facts_of(world: World, stream: str) -> dict[str, Json]:
    """Return what is known of each field of a stream."""
    documented = fields_of("custom_events" if stream in EVENTS.values() else stream)
    if stream in {*SUMS, *CHILDREN}:
        return {**ADDED, **documented}
    if stream not in MODELS:
        return documented
    attributes = {
        one["apiName"]: ATTRIBUTE_TYPES[one["type"]]
        for one in truth(world, MODELS[stream])
        if one.get("type") in ATTRIBUTE_TYPES and one.get("origin", "CUSTOM") == "CUSTOM"
    }
    return {**documented, "customAttributes": {"type": "object", "fields": attributes}}


def differences(
    facts: dict[str, Json], schema: Json, records: list[Json], rows: list[Json], table: Table
) -> list[str]:
    """Return how rows of a table differ from the truth; `schema` is the stream's message."""
    keys = [
        name for name in schema["key_properties"] if table.types[name] == "text" and name != "rowId"
    ]
    columns = column_types(announced(schema), table)

    def compared(record: Json, row: Json) -> list[str]:
        comparison = Comparison(record, without(row, "rowId"))
        copies = comparison.copies(record.get("attributes") or {}, columns, all_there=False)
        return [*comparison.fields(facts), *copies, *comparison.left()]

    by_key: dict[Any, tuple[list[Json], list[Json]]] = defaultdict(lambda: ([], []))
    for record in records:
        by_key[tuple(key_text(record.get(name)) for name in keys)][0].append(record)
    for row in rows:
        by_key[tuple(key_text(row[name]) for name in keys)][1].append(row)
    return [
        difference
        for own, landed in by_key.values()
        for difference in matched(own, landed, compared)
    ]


@pytest.mark.parametrize(
    ("name", "hard_delete"),
    [("generated", True), ("rich", False)],
    ids=["a generated world, rows removed", "a rich world, rows marked"],
)
def test_every_row_is_what_px_has(loader: Loader, name: str, *, hard_delete: bool) -> None:
    """All streams, then once more after much has changed: each value, and what is gone."""
    make, streams = WORLDS[name]
    world, schema = make(), f"every_{name}_{hard_delete}"
    start = now() - DAYS * DAY
    settings: Any = {"start_date": iso(start), "custom_event_streams": list(EVENTS)}
    state: Json | None = None
    gone: dict[str, list[Json]] = {}
    before(world)
    with SandboxServer(world) as sandbox:
        for run in range(2):
            if run:
                earlier = {stream: expected(world, stream, start) for stream in streams}
                between(world)
                gone = {
                    stream: [one for one in earlier[stream] if "to be deleted" in one.values()]
                    for stream in streams
                }
            output = sync(sandbox, *streams, state=state, retry_timeout_seconds=1, **settings)
            assert output.error is None, output.error
            state = loader.load(output.text, schema, hard_delete=hard_delete)
            tables = loader.tables(schema)
            assert set(tables) == set(streams)
            for stream in streams:
                table, facts = tables[stream], facts_of(world, stream)
                (message,) = output.of("SCHEMA", stream)
                marked = [row for row in table.rows if row["_sdc_deleted_at"] is not None]
                kept = [row for row in table.rows if row["_sdc_deleted_at"] is None]
                records = expected(world, stream, start)
                if stream in INCREMENTAL:
                    records += gone.get(stream, [])
                    assert not marked, stream
                elif not hard_delete:
                    assert not differences(facts, message, gone.get(stream, []), marked, table)
                assert not differences(facts, message, records, kept, table)
