"""BATCH as Parquet: the same records, in columns whose types do not depend on the values."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow.parquet
import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.errors import SettingsError
from tests.tap.harness import Json, Output, as_sent, discover, entry_of, root, sync
from tests.tap.worlds import DAY, event, events_at, today, world_of

if TYPE_CHECKING:
    from pathlib import Path

START = today() - 20 * DAY
# Fields that the first event lacks, attributes that change their type from event to event, and
# numbers that no column of numbers holds.
EVENTS = [
    event("e0", START),
    event("e1", START + 1) | {"attributes": {"a": 1, "b": None}, "url": "/ü"},
    event("e2", START + 2) | {"attributes": {"a": "one", "c": [True, {"d": 2**70}]}},
    event("e3", START + 3) | {"attributes": {}, "url": "/", "remoteHost": None},
]


def parquet(folder: Path, size: int = 1_000, compression: str = "none") -> Json:
    """Return the setting that asks for Parquet files of so many records."""
    return {
        "encoding": {"format": "parquet", "compression": compression},
        "storage": {"root": folder.as_uri()},
        "batch_size": size,
    }


def tables(output: Output, stream: str) -> list[pyarrow.Table]:
    """Read all files of a stream."""
    urls = [url for message in output.of("BATCH", stream) for url in message["manifest"]]
    return [pyarrow.parquet.read_table(urlsplit(url).path) for url in urls]


def without_nulls(record: Json) -> Json:
    """Leave out what is null: a column cannot tell it from what is missing."""
    return {name: value for name, value in record.items() if value is not None}


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_files_hold_what_record_lines_would(tmp_path: Path, size: int, compression: str) -> None:
    """Whatever the events have in them and however they are spread over files."""
    with SandboxServer(world_of(custom_events=EVENTS)) as sandbox:
        lines = sync(sandbox, "custom_events")
        files = sync(sandbox, "custom_events", batch_config=parquet(tmp_path, size, compression))
    found = tables(files, "custom_events")
    assert [len(table) for table in found] == {1: [1, 1, 1, 1], 3: [3, 1], 1_000: [4]}[size]
    records = [without_nulls(as_sent(row)) for table in found for row in table.to_pylist()]
    for record in records:
        if "attributes" in record:
            record["attributes"] = json.loads(record["attributes"], parse_float=Decimal)
    assert records == [without_nulls(record) for record in lines.records("custom_events")]


def test_a_column_has_the_type_that_the_schema_declares(tmp_path: Path) -> None:
    """A file in which a field is always null must not give it another type than the next file."""
    user: dict[str, Any] = {"aptrinsicId": "u", "lastModifiedDate": START, "numberOfVisits": None}
    users = [user, user | {"aptrinsicId": "v", "numberOfVisits": 7, "location": {"city": "Ulm"}}]
    with SandboxServer(world_of(users=users)) as sandbox:
        output = sync(sandbox, "users", batch_config=parquet(tmp_path, 1))
    first, second = tables(output, "users")
    (schema,) = output.of("SCHEMA", "users")
    assert first.schema == second.schema
    names = [name for name in first.column_names if not name.startswith("_sdc_")]
    assert names == list(schema["schema"]["properties"])
    kinds = {name: str(first.schema.field(name).type) for name in first.column_names}
    assert kinds["_sdc_table_version"] == kinds["_sdc_sequence"] == "int64"
    assert kinds["_sdc_deleted_at"] == kinds["_sdc_extracted_at"] == "string"
    assert str(first.schema.field("numberOfVisits").type) == "int64"
    assert second.to_pylist()[0]["numberOfVisits"] == 7
    assert json.loads(second.to_pylist()[0]["location"]) == {"city": "Ulm"}


@pytest.mark.parametrize(
    "settings",
    [
        {"flattening_enabled": True, "flattening_max_depth": 1},
        {"stream_maps": {"users": {"email": "md5(email)", "visits": "int(numberOfVisits) * 2"}}},
    ],
    ids=["flattened", "mapped"],
)
def test_columns_are_those_of_what_a_record_becomes(tmp_path: Path, settings: Json) -> None:
    """Flattened or mapped, as in RECORD lines."""
    more = {"email": "a@px.test", "numberOfVisits": 7, "location": {"city": "Ulm"}}
    users = [{"aptrinsicId": "u", "lastModifiedDate": START} | more]
    with SandboxServer(world_of(users=users)) as sandbox:
        lines = sync(sandbox, "users", **settings)
        files = sync(sandbox, "users", batch_config=parquet(tmp_path), **settings)
    (table,) = tables(files, "users")
    (row,) = map(as_sent, table.to_pylist())
    (record,) = lines.records("users")
    row["location"] = row.get("location") and json.loads(row["location"])
    assert without_nulls(row) == without_nulls(record)
    (schema,) = files.of("SCHEMA", "users")
    names = [name for name in table.column_names if not name.startswith("_sdc_")]
    assert names == list(schema["schema"]["properties"])


def test_a_deselected_field_has_no_column(tmp_path: Path) -> None:
    """What the user does not want to load may be what nobody is allowed to see."""
    with SandboxServer(world_of(custom_events=EVENTS)) as sandbox:
        catalog = discover(sandbox, "custom_events")
        root(entry_of(catalog, "custom_events"), "properties", "url")["selected"] = False
        output = sync(sandbox, catalog=catalog, batch_config=parquet(tmp_path))
    (table,) = tables(output, "custom_events")
    assert "url" not in table.column_names
    assert "attributes" in table.column_names


def test_a_number_that_is_no_double_is_kept_with_its_digits(tmp_path: Path) -> None:
    """A rounded number would be a wrong one, and one that ends the run would end every run."""
    accounts = [
        {"id": f"a{at}", "lastModifiedDate": START, "nps": nps}
        for at, nps in enumerate([2**70 + 1, 7, None])
    ]
    with SandboxServer(world_of(accounts=accounts)) as sandbox:
        output = sync(sandbox, "accounts", batch_config=parquet(tmp_path))
    assert output.error is None
    (table,) = tables(output, "accounts")
    found = {row["id"]: (row["nps"], row["_unexpected"]) for row in table.to_pylist()}
    digits = '{"nps":1180591620717411303425}'
    assert found == {"a0": (None, digits), "a1": (7.0, None), "a2": (None, None)}


def test_without_pyarrow_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not among what the tap installs by itself, so the message says how to get it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with SandboxServer(events_at([START])) as sandbox:
        with pytest.raises(SettingsError, match=r"pip install 'tap-gainsight-px\[parquet\]'"):
            sync(sandbox, "custom_events", batch_config=parquet(tmp_path))
        assert not sandbox.requests
