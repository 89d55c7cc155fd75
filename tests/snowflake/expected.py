"""What has to be in the tables after two runs of the tap, and what is sent to get there.

Who calls this has two runs of the tap (`two_runs`) and what `tables` of `warehouse.py` returns
after both.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from px_sandbox import SandboxServer
from tests.streams.rich import now, rich_world
from tests.streams.test_event_tables import ATTRIBUTES, NAME, event
from tests.streams.truth import DAY, iso
from tests.tap.harness import Output, sync

if TYPE_CHECKING:
    from pathlib import Path

    from px_sandbox import World
    from tests.tap.harness import Json

KINDS = {
    "boolean": "BOOLEAN",
    "date-time": "TIMESTAMP_TZ",
    "integer": "NUMBER",
    "number": "FLOAT",
    "string": "TEXT",
}
"""The column that a field of one type and format gets; all others are VARIANT."""


def world() -> World:
    """Make a world with every variant of every kind of record, and an event to make a table of."""
    made = rich_world()
    for name in ("null", "bare"):
        made.delete("features", f"features {name}")
    for number, attributes in enumerate(ATTRIBUTES):
        made.put("custom_events", event(number, attributes))
    return made


def two_runs(**options: Any) -> tuple[Output, Output]:
    """Read everything, and an hour later again, when a segment and a feature are gone."""
    options |= {"custom_event_streams": [NAME], "start_date": iso(now() - 12 * DAY)}
    with SandboxServer(world()) as sandbox:
        first = sync(sandbox, **options)
        sandbox.world.delete("features", "features full")
        sandbox.world.delete("segments", "segments full")
        sandbox.world.clock.advance(seconds=3_600)
        second = sync(sandbox, state=first.state, **options)
    assert (first.error, second.error) == (None, None)
    return first, second


def files_in(folder: Path, encoding: str = "jsonl", *, size: int = 5) -> Json:
    """Return the setting that asks for BATCH files of so many records."""
    packed = {"format": encoding, "compression": "gzip"}
    return {"encoding": packed, "storage": {"root": folder.as_uri()}, "batch_size": size}


def kind_of(field: Json) -> str:
    """Return the column that a field gets."""
    kinds = field.get("type", [])
    one = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    return KINDS.get(field.get("format", one[0]), "VARIANT") if len(one) == 1 else "VARIANT"


def held(value: Any, kind: str) -> Any:
    """Return a value of a record, or one of a table, in the form in which the two are compared."""
    if value is None:
        return None
    if kind == "TIMESTAMP_TZ":
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    if kind == "FLOAT":
        return float(value)
    if kind == "VARIANT":
        return json.loads(json.dumps(value, default=float), parse_float=float)
    return value


def rows_of(table: Json, schema: Json) -> dict[tuple[Any, ...], Json]:
    """Return the rows of a table by their keys, as records."""
    fields = schema["schema"]["properties"]
    rows = {}
    for row in table["rows"]:
        record = {}
        for name in fields:
            kind, value = table["types"][name.upper()], row[name.upper()]
            record[name] = held(json.loads(value) if kind == "VARIANT" and value else value, kind)
        rows[tuple(record[key] for key in schema["key_properties"])] = record
    assert len(rows) == len(table["rows"]), "a key that stands in two rows"
    return rows


def records_of(stream: str, schema: Json, *runs: Output) -> dict[tuple[Any, ...], Json]:
    """Return the last record of each key, with null for what it lacks."""
    fields = schema["schema"]["properties"]
    kinds = {name: kind_of(field) for name, field in fields.items()}
    records = (
        {name: held(record.get(name), kind) for name, kind in kinds.items()}
        for run in runs
        for record in run.records(stream)
    )
    return {tuple(record[key] for key in schema["key_properties"]): record for record in records}


def table_of(tables: Json, stream: str) -> Json:
    """Return the table of a stream; the loader drops what is not ASCII from its name."""
    found: Json = tables[stream.encode("ascii", "ignore").decode().upper()]
    return found


def schemas_in(run: Output) -> dict[str, Json]:
    """Return the SCHEMA message of every stream."""
    return {message["stream"]: message for message in run.of("SCHEMA")}


def check_types(tables: Json, runs: tuple[Output, Output]) -> None:
    """Hold the columns against the schemas."""
    schemas = schemas_in(runs[1])
    assert len(tables) == len(schemas) == 33
    for stream, schema in schemas.items():
        fields = schema["schema"]["properties"]
        types = table_of(tables, stream)["types"]
        assert {name: types[name.upper()] for name in fields} == {
            name: kind_of(field) for name, field in fields.items()
        }, stream


def check_rows(tables: Json, runs: tuple[Output, Output]) -> None:
    """Hold each value against the last record of its key."""
    for stream, schema in schemas_in(runs[1]).items():
        found = rows_of(table_of(tables, stream), schema)
        assert found == records_of(stream, schema, *runs), stream


def check_marks(tables: Json, runs: tuple[Output, Output]) -> None:
    """Hold the marks of deletion against what the second run did not bring, in full tables."""
    first, second = runs
    marked_tables = set()
    for stream, schema in schemas_in(second).items():
        table = table_of(tables, stream)
        (key, *more) = schema["key_properties"]
        marked = {row[key.upper()] for row in table["rows"] if row["_SDC_DELETED_AT"]}
        gone = set(first.values(stream, key)) - set(second.values(stream, key))
        assert marked == (gone if stream in second.activated else set()), stream
        assert not (marked and more)
        if marked:
            marked_tables.add(stream)
    assert marked_tables == {"features", "features_extended", "segments"}
