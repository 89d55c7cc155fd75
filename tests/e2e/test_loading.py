"""What docs/loading.md says of target-postgres, with the settings that `meltano.yml` ships."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.e2e.conftest import PROJECT, built, open_folder
from tests.e2e.loader import LoaderError, kept_loader
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo import services
    from tests.e2e.loader import Json, Loader

PROPERTIES = {
    "id": {"type": ["string"]},
    "date": {"type": ["string", "null"], "format": "date-time"},
    "text": {"type": ["string", "null"]},
    "seats": {"type": ["number", "null"]},
    "isPilot": {"type": ["boolean", "null"]},
    "tags": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
    "parts": {"type": ["array", "null"], "items": {"type": ["object", "null"]}},
    "_unexpected": {"type": ["object", "null"]},
}
ODD_TEXTS = [
    "",
    "\\N",
    "\\.",
    "\\",
    "a\tb\nc\rd",
    '{"a",}',
    "NULL",
    "null",
    "\x01\u2028😀",
    "x" * 9999,
]
POOLED = {
    "application_name",
    "client_encoding",
    "datestyle",
    "standard_conforming_strings",
    "timezone",
}
"""What PgBouncer takes beside user and database, since it can give it to each server connection."""
SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


@pytest.fixture(scope="module")
def loader(postgres: services.Postgres, clean_env: dict[str, str]) -> Iterator[Loader]:
    """Start the real loader once; the database is not in UTC."""
    python = built("target-postgres/bin/python")
    url = postgres.sqlalchemy_url
    with (
        open_folder() as folder,
        kept_loader(python, folder, clean_env, url=postgres.url, sqlalchemy_url=url) as started,
    ):
        yield started


@pytest.fixture
def schema(loader: Loader, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the name of an empty schema."""
    name = request.node.name[:60]
    yield name
    loader.drop(name)


def messages(*records: Json, version: int | None = None) -> str:
    """Return what a tap writes of one table."""
    table = {"stream": "t", "version": version}
    schema = {"type": "object", "properties": PROPERTIES}
    lines: list[Json] = [
        {"type": "SCHEMA", "stream": "t", "schema": schema, "key_properties": ["id"]},
        *({"type": "RECORD", **table, "record": record} for record in records),
        {"type": "STATE", "value": {}},
    ]
    if version is not None:
        lines.insert(-1, {"type": "ACTIVATE_VERSION", **table})
    return "".join(json.dumps(line) + "\n" for line in lines)


@contextmanager
def pooler() -> Iterator[tuple[str, dict[str, str]]]:
    """Serve one client: note what it asks for when it connects, and send it away.

    Yields the address, and what the client asked for.
    """
    asked: dict[str, str] = {}

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            while not asked:
                length, code = struct.unpack("!II", stream.read(8))
                if code in (SSL_REQUEST, GSS_REQUEST):
                    connection.sendall(b"N")
                    continue
                texts = stream.read(length - 8).decode().split("\0")
                asked.update(zip(texts[::2], texts[1::2], strict=False))
                asked.pop("", None)  # the end
            error = b"SFATAL\0C08004\0Menough\0\0"
            connection.sendall(b"E" + struct.pack("!I", len(error) + 4) + error)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        yield f"postgresql+psycopg://someone:secret@127.0.0.1:{port}/px", asked
        thread.join()


def test_what_is_special_to_copy_lands_as_it_was_sent(loader: Loader, schema: str) -> None:
    """COPY has its own signs for null, for the end and for what separates."""
    sent = [
        {
            "id": str(number),
            "text": text,
            "tags": [text, None, text],
            "parts": [{text: text}, {"deep": [None, {"t": text}]}],
            "_unexpected": {"t": text, text: [text]},
        }
        for number, text in enumerate(ODD_TEXTS)
    ]
    loader.load(messages(*sent), schema)
    rows = loader.tables(schema)["t"].by("id")
    assert [{name: rows[one["id"]][name] for name in one} for one in sent] == sent


@pytest.mark.parametrize("use_copy", [True, False])
def test_what_is_not_there_is_null_in_columns_of_every_type(
    loader: Loader,
    schema: str,
    use_copy: bool,  # noqa: FBT001
) -> None:
    """Whether the field is null or left out. In jsonb it is the null of JSON: docs/loading.md."""
    given = {"id": "1", "text": None, "seats": None, "parts": None, "_unexpected": None}
    loader.load(messages(given, {"id": "2"}), schema, use_copy=use_copy)
    with psycopg.connect(loader.url) as connection:
        columns = " AND ".join(f'"{name}" IS NULL' for name in list(PROPERTIES)[1:-1])
        found = connection.execute(
            f"SELECT {columns}, _unexpected = 'null' FROM \"{schema}\".t"  # noqa: S608
        ).fetchall()
    assert found == [(True, True), (True, True)]


def test_of_equal_keys_the_last_one_stays(loader: Loader, schema: str) -> None:
    """Within a batch, from batch to batch and from load to load."""
    loads = [["a", "b", "a", "a", "c"], ["b", "a", "b"]]
    for number, keys in enumerate(loads):
        records = [{"id": key, "seats": 10 * number + n} for n, key in enumerate(keys)]
        loader.load(messages(*records), schema, batch_size_rows=2)
    seats = {row["id"]: row["seats"] for row in loader.tables(schema)["t"].rows}
    assert seats == {"a": 11, "b": 12, "c": 4}


def test_a_deletion_is_noted_in_utc_too(loader: Loader, schema: str) -> None:
    """The loader writes it by UPDATE: there the zone of the session counts, which PGTZ sets."""
    loader.load(messages({"id": "gone"}, {"id": "stays"}, version=1), schema)
    loader.load(messages({"id": "stays"}, version=2), schema)
    rows = loader.tables(schema)["t"].by("id")
    assert rows["stays"]["_sdc_deleted_at"] is None
    # COPY does not look at the zone.
    loaded = datetime.fromisoformat(rows["stays"]["_sdc_batched_at"])
    deleted = datetime.fromisoformat(rows["gone"]["_sdc_deleted_at"])
    assert abs(deleted - loaded) < timedelta(minutes=10)


def test_deleted_rows_go_where_hard_delete_is_set(loader: Loader, schema: str) -> None:
    """Instead of being marked."""
    loader.load(messages({"id": "gone"}, {"id": "stays"}, version=1), schema)
    loader.load(messages({"id": "stays"}, version=2), schema, hard_delete=True)
    assert list(loader.tables(schema)["t"].by("id")) == ["stays"]


def test_nothing_is_asked_of_the_connection_that_a_pooler_refuses(loader: Loader) -> None:
    """PgBouncer in transaction mode ends a connection that sets anything else, as PGOPTIONS do."""
    with pooler() as (url, asked), pytest.raises(LoaderError, match="enough"):
        loader.load(messages({"id": "1"}), "anything", sqlalchemy_url=url)
    assert asked["timezone"] == "UTC"
    names = {name.lower() for name in asked} - {"user", "database"}
    assert names <= POOLED


def test_with_the_other_trigger_of_the_documents_no_row_is_written_twice(
    loader: Loader, schema: str
) -> None:
    """And what has changed is updated as before."""
    document = (PROJECT / "docs" / "loading.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"```sql\n(CREATE TRIGGER only_changes.*?)```", document, re.DOTALL)
    loader.load(messages(), schema)
    with psycopg.connect(loader.url) as connection:
        connection.execute(statement.replace("gainsight_px.custom_events", f'"{schema}".t'))

    loader.load(messages({"id": "a", "seats": 1}, {"id": "b", "seats": 1}), schema)
    with psycopg.connect(loader.url) as connection:
        places = connection.execute(f'SELECT ctid::text FROM "{schema}".t ORDER BY ctid')  # noqa: S608
        assert places.fetchall() == [("(0,1)",), ("(0,2)",)]

    loader.load(messages({"id": "a", "seats": 2}), schema)
    rows = loader.tables(schema)["t"].by("id")
    assert (rows["a"]["seats"], rows["b"]["seats"]) == (2, 1)


def test_the_trigger_of_the_documents_makes_null_of_the_null_of_json(
    loader: Loader, schema: str
) -> None:
    """And of nothing else; in columns that come later, too."""
    document = (PROJECT / "docs" / "loading.md").read_text(encoding="utf-8")
    (statements,) = re.findall(r"```sql\n(CREATE FUNCTION.*?)```", document, re.DOTALL)
    statements = statements.replace("gainsight_px.users", f'"{schema}".t')
    loader.load(messages({"id": "1"}), schema)
    with psycopg.connect(loader.url) as connection:
        connection.execute(statements.replace("gainsight_px.", f'"{schema}".'))

    kept = {"text": "null", "_unexpected": {"a": None}, "parts": [{"b": None}], "seats": 2}
    loader.load(messages({"id": "1"}, {"id": "2", **kept}), schema)

    rows = loader.tables(schema)["t"].by("id")
    assert {name: rows["2"][name] for name in kept} == kept
    with psycopg.connect(loader.url) as connection:
        query = f'SELECT id FROM "{schema}".t WHERE _unexpected IS NULL'  # noqa: S608
        assert connection.execute(query).fetchall() == [("1",)]
