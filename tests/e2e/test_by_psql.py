"""First loads by psql: the rows are the loader's own, and it goes on with them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from px_sandbox import SandboxServer
from tests.e2e.by_psql import ByPsql, psql_env
from tests.e2e.loader import shipped
from tests.e2e.test_every_stream import EVENTS, WORLDS, before
from tests.streams.rich import now
from tests.streams.truth import iso
from tests.tap.harness import sync
from tests.tap.worlds import DAY, event, today, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.loader import Json, Loader, Table

OF_THE_MOMENT = (
    "_sdc_received_at",
    "_sdc_batched_at",
    "_sdc_sequence",
    "_sdc_sync_started_at",
)
ODD = ("\\N", "\\.", "\\", "a\tb\nc\rd", '{"a",}', "null", "", "\x01\x02\u2028😀", "x" * 9_999)


@pytest.fixture
def by_psql(loader: Loader, clean_env: dict[str, str], tmp_path: Path) -> ByPsql:
    """Set up the program as docs/loading.md says."""
    return ByPsql(loader, tmp_path, {**clean_env, **shipped()[1], **psql_env(loader.url)})


@pytest.fixture
def schemas(loader: Loader, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Return the names of two empty schemas."""
    names = (f"{request.node.name[:50]}_psql", f"{request.node.name[:50]}_loader")
    yield names
    for name in names:
        loader.drop(name)


def odd_event(number: int, text: str) -> Json:
    """Make an event with a text in every place that can hold one."""
    made = event(f"e{number}", today() - DAY + number * 60_000)
    return made | {
        "eventName": text,
        "attributes": {text: text, "n": 1.50, "list": [None, {"deep": text}]},
        "sessionId": {"not": text},
        "nobodyDeclared": text,
    }


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve events with odd texts, and one with nothing."""
    events = [odd_event(number, text) for number, text in enumerate(ODD)]
    events.append(event("bare", today() - DAY))
    with SandboxServer(world_of(custom_events=events)) as server:
        yield server


def content(table: Table) -> list[Json]:
    """Return the rows of a table in the order of what is in them, without times of loading."""
    rows = (
        {name: value for name, value in row.items() if name not in OF_THE_MOMENT}
        for row in table.rows
    )
    return sorted(rows, key=repr)


def record(output: str, **changes: Any) -> str:
    """Return the first RECORD message of an output with some fields changed."""
    line = next(line for line in output.split("\n") if line.startswith('{"type":"RECORD"'))
    message = json.loads(line)
    message["record"] |= changes
    return json.dumps(message, separators=(",", ":")) + "\n"


@pytest.mark.parametrize("name", WORLDS)
def test_each_table_is_the_one_that_the_loader_makes(
    loader: Loader, by_psql: ByPsql, schemas: tuple[str, str], name: str
) -> None:
    """Of all streams: columns, types, values and versions."""
    make, streams = WORLDS[name]
    world = make()
    before(world)
    settings: Any = {
        "start_date": iso(now() - 16 * DAY),
        "custom_event_streams": list(EVENTS),
        "retry_timeout_seconds": 1,
    }
    with SandboxServer(world) as server:
        output = sync(server, *streams, **settings)
    own, others = schemas
    states = by_psql.load(output.text, own)
    assert states[-1] == loader.load(output.text, others)

    found, expected = loader.tables(own), loader.tables(others)
    assert set(found) == set(expected) == set(streams)
    for stream in streams:
        assert found[stream].types == expected[stream].types
        assert content(found[stream]) == content(expected[stream])
        assert all(row[name] is not None for row in found[stream].rows for name in OF_THE_MOMENT)


def test_a_second_load_changes_nothing(
    loader: Loader, by_psql: ByPsql, sandbox: SandboxServer, schemas: tuple[str, str]
) -> None:
    """Odd texts land whole, and rows are updated by their keys."""
    own, others = schemas
    output = sync(sandbox, "custom_events")
    for _ in range(2):
        by_psql.load(output.text, own)
    loader.load(output.text, others)
    found = content(loader.tables(own)["custom_events"])
    assert found == content(loader.tables(others)["custom_events"])
    assert len(found) == len(ODD) + 1


def test_what_is_not_there_is_null(
    loader: Loader, by_psql: ByPsql, sandbox: SandboxServer, schemas: tuple[str, str]
) -> None:
    """In columns of objects too, where the loader puts the null of JSON."""
    schema, _ = schemas
    by_psql.load(sync(sandbox, "custom_events").text, schema)
    assert count(loader, schema, '"_unexpected" IS NULL') == 1
    assert count(loader, schema, "\"_unexpected\" = 'null'") == 0


def test_of_records_with_one_key_the_last_one_counts(
    loader: Loader, by_psql: ByPsql, sandbox: SandboxServer, schemas: tuple[str, str]
) -> None:
    """Postgres updates no row twice in one statement."""
    schema, _ = schemas
    output = sync(sandbox, "custom_events").text
    more = "".join(record(output, eventName=str(number)) for number in range(20))
    by_psql.load(output + more, schema)
    rows = loader.tables(schema)["custom_events"].by("eventId")
    assert len(rows) == len(ODD) + 1
    assert rows[json.loads(record(output))["record"]["eventId"]]["eventName"] == "19"


def test_what_was_loaded_before_a_failure_stays_and_its_state_is_told(
    loader: Loader, by_psql: ByPsql, sandbox: SandboxServer, schemas: tuple[str, str]
) -> None:
    """And nothing else: from that STATE the loader goes on to what is whole."""
    schema, others = schemas
    output = sync(sandbox, "custom_events", window_max_records=2)
    lines = output.text.split("\n")
    last = max(n for n, line in enumerate(lines) if line.startswith('{"type":"RECORD"'))
    cut = "\n".join([*lines[:last], lines[last][:100]])

    done = by_psql.run(cut, schema, MESSAGES_AT_ONCE="2")

    assert done.returncode != 0
    assert b"invalid input syntax for type json" in done.stderr
    states = [json.loads(line) for line in done.stdout.splitlines()]
    told = [state for state in output.states if state in states]
    assert states == told
    landed = len(loader.tables(schema)["custom_events"].rows)
    assert 0 < landed < len(ODD) + 1

    rest = sync(sandbox, "custom_events", state=states[-1], lookback_seconds=0, recheck_days=0)
    assert len(rest.records("custom_events")) < len(ODD) + 1
    loader.load(rest.text, schema)
    loader.load(output.text, others)
    found = content(loader.tables(schema)["custom_events"])
    extracted = "_sdc_extracted_at"
    assert [{**row, extracted: None} for row in found] == [
        {**row, extracted: None} for row in content(loader.tables(others)["custom_events"])
    ]


def test_files_are_refused(
    loader: Loader, by_psql: ByPsql, sandbox: SandboxServer, schemas: tuple[str, str]
) -> None:
    """Else their records would be missed by nobody."""
    schema, _ = schemas
    storage = {"root": by_psql.folder.as_uri()}
    encoding = {"format": "jsonl", "compression": "none"}
    files = {"encoding": encoding, "storage": storage}
    done = by_psql.run(sync(sandbox, "custom_events", batch_config=files).text, schema)
    assert done.returncode == 1
    assert b"cannot load this" in done.stderr
    assert not done.stdout
    assert loader.tables(schema)["custom_events"].rows == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"PGDATABASE": "elsewhere"}, b'database "elsewhere" does not exist'),
        ({"TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "elsewhere"}, b'"elsewhere" does not exist'),
    ],
    ids=["no database", "no table"],
)
def test_no_state_is_told_of_what_is_in_no_table(
    by_psql: ByPsql,
    sandbox: SandboxServer,
    schemas: tuple[str, str],
    broken: dict[str, str],
    said: bytes,
) -> None:
    """What psql says goes to standard error, and the run fails."""
    schema, _ = schemas
    done = by_psql.run(sync(sandbox, "custom_events").text, schema, **broken)
    assert done.returncode != 0
    assert said in done.stderr
    assert not done.stdout


def test_nothing_is_loaded_where_the_loader_could_not_make_the_tables(
    loader: Loader, by_psql: ByPsql, sandbox: SandboxServer, schemas: tuple[str, str]
) -> None:
    """The table may be there from earlier, without a column that the records have."""
    schema, _ = schemas
    output = sync(sandbox, "custom_events")
    tables = "".join(f"{line}\n" for line in output.text.split("\n") if '{"type":"SCHEMA"' in line)
    loader.load(tables, schema)
    elsewhere = loader.sqlalchemy_url.replace("/postgres?", "/elsewhere?")
    broken = ByPsql(replace(loader, sqlalchemy_url=elsewhere), by_psql.folder, by_psql.env)
    done = broken.run(output.text, schema)
    assert done.returncode != 0
    assert b'database "elsewhere" does not exist' in done.stderr
    assert not done.stdout
    assert count(loader, schema, "true") == 0


def test_psql_loads_nothing_of_messages_that_break_off(
    loader: Loader, by_psql: ByPsql, sandbox: SandboxServer, schemas: tuple[str, str]
) -> None:
    """Even between two lines: who has read them from the tap may have failed."""
    schema, _ = schemas
    output = sync(sandbox, "custom_events")
    by_psql.load(output.text, schema)
    lines = [record(output.text, eventName="changed"), '{"type":"STATE","value":{}}\n']
    told = [by_psql.run_psql(text, schema) for text in ("".join(lines), "".join([*lines, "END\n"]))]
    assert [(one.returncode, one.stdout) for one in told] == [(3, b""), (0, b"{}\n")]
    assert b"the messages broke off: none of these 2 is loaded" in told[0].stderr
    assert count(loader, schema, "\"eventName\" = 'changed'") == 1


def test_the_parts_of_the_loaders_address_serve_psql_too(
    loader: Loader, by_psql: ByPsql, sandbox: SandboxServer, schemas: tuple[str, str]
) -> None:
    """As Meltano hands them over; nothing else says where the database is."""
    schema, _ = schemas
    parts = {"HOST": "PGHOST", "USER": "PGUSER", "DATABASE": "PGDATABASE"}
    env = {f"TARGET_POSTGRES_{part}": by_psql.env[name] for part, name in parts.items()}
    env |= dict.fromkeys(parts.values(), "")
    by_psql.load(sync(sandbox, "custom_events").text, schema, **env)
    assert count(loader, schema, "true") == len(ODD) + 1


def count(loader: Loader, schema: str, condition: str) -> Any:
    """Count rows of custom events."""
    query = f'SELECT count(*) FROM "{schema}".custom_events WHERE {condition}'  # noqa: S608
    with psycopg.connect(loader.url) as connection:
        return connection.execute(query).fetchall()[0][0]
