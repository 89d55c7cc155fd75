"""The records of a server and the rows of a table: which belong together."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.e2e.oracle import FACT_OF_COLUMN, FREE, UNEXPECTED, clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from px_sandbox import World
    from tests.e2e.loader import Json, Table


def truth(world: World, stream: str) -> list[Json]:
    """Return what the server shows of a stream, every number with its digits."""
    return [json.loads(body, parse_float=Decimal) for body in world.bodies(stream)]


def matched(
    records: list[Json], rows: list[Json], compared: Callable[[Json, Json], list[str]]
) -> Iterator[str]:
    """Yield what is left when each record has found a row that is like it.

    Records that are alike in all fields may share one.
    """
    if len(records) == len(rows) == 1:
        yield from compared(records[0], rows[0])
        return
    left = list(rows)
    for record in records:
        found = next((row for row in left if not compared(record, row)), None)
        if found is not None:
            left.remove(found)
        elif all(compared(record, row) for row in rows):
            yield f"no row is like {record}; there are {left}"
    yield from (f"a row that PX does not have: {row}" for row in left)


def identified(table: Table, key: str) -> dict[str, Json]:
    """Return the rows by their keys; a key too long for a database stands in `_unexpected`."""
    found = {}
    for row in table.rows:
        unexpected = dict(row.get(UNEXPECTED) or {})
        found[unexpected.pop(key, row[key])] = {**row, UNEXPECTED: unexpected}
    assert len(found) == len(table.rows), f"two rows for one key: {table.rows}"
    return found


def key_text(value: Any) -> str:
    """Return a key as the text that the column of keys has."""
    return str(clean(value))


def without(record: Json, name: str) -> Json:
    """Return a record without one of its fields."""
    return {one: value for one, value in record.items() if one != name}


def announced(schema: Json) -> dict[str, str]:
    """Return the columns of an event's attributes by attribute, as a SCHEMA message tells them."""
    found = {}
    for column, declared in schema["schema"]["properties"].items():
        text = declared.get("description", "")
        if text.startswith("Attribute ") and text.endswith(" of the event."):
            found[text[10:-14]] = column
    return found


def column_types(columns: Mapping[str, str], table: Table | None) -> dict[str, tuple[str, Json]]:
    """Return the columns that a table has, each with what it holds."""
    types = table.types if table else {}
    return {
        name: (column, FACT_OF_COLUMN.get(types[column], FREE))
        for name, column in columns.items()
        if column in types
    }
