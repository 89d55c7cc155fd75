"""BATCH files: how they are named and packed, and what is in a column."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet
import pytest
from singer_sdk.helpers._batch import BatchConfig

from tap_gainsight_px.errors import BatchFileError, TapError
from tap_gainsight_px.output.batch_files import BatchFiles
from tap_gainsight_px.run_clock import RunClock

NOON = 1_709_208_000_000


def batch_files(config: BatchConfig, **fields: Any) -> BatchFiles:
    """Return what writes files of records with some fields."""
    clock = RunClock(lambda: NOON, NOON)
    return BatchFiles("tap", "things", config, {"properties": fields}, version=17, clock=clock)


def files(folder: Path, size: int = 10, **encoding: str) -> BatchConfig:
    """Return a configuration for files in a folder."""
    config = {"encoding": encoding, "storage": {"root": folder.as_uri()}, "batch_size": size}
    return BatchConfig.from_dict(config)


def written(folder: Path, *records: dict[str, Any] | bytes, **fields: Any) -> pyarrow.Table:
    """Write records of some fields to one file, and read it."""
    config = files(folder, format="parquet")
    (url,) = batch_files(config, **fields).write(records)
    table = pyarrow.parquet.read_table(urlsplit(url).path)
    return table.drop([name for name in table.column_names if name.startswith("_sdc_")])


@pytest.mark.parametrize(
    ("compression", "ending", "told"),
    [(None, ".json.gz", "gzip"), ("gzip", ".json.gz", "gzip"), ("none", ".json", "none")],
)
def test_lines_are_packed_as_the_message_says(
    tmp_path: Path, compression: str | None, ending: str, told: str
) -> None:
    """Whoever loads a file unpacks it only if the message says that it is packed."""
    config = files(tmp_path, format="jsonl")
    config.encoding.compression = compression
    batch = batch_files(config)
    (url,) = batch.write([{"a": "ü"}, {"a": Decimal("1.10")}])
    assert url.endswith(ending)
    assert batch.encoding.compression == told
    content = Path(urlsplit(url).path).read_bytes()
    lines = (gzip.decompress(content) if told == "gzip" else content).splitlines()
    assert [line[: line.index(b',"_sdc_')] for line in lines] == [b'{"a":"\\u00fc"', b'{"a":1.10']


def test_no_file_takes_the_place_of_another(tmp_path: Path) -> None:
    """Neither within a run, nor those of a run the ones that an earlier run has left behind."""
    urls: list[str] = []
    for _ in range(2):
        batch = batch_files(files(tmp_path, size=2, format="jsonl"))
        for count in (3, 2):
            urls += batch.write([{"a": 1}] * count)
    assert len(set(urls)) == len(urls) == len(list(tmp_path.iterdir())) == 6


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """The line says which setting to change."""
    (tmp_path / "file").write_text("in the way")
    batch = batch_files(files(tmp_path / "file", format="jsonl"))
    with pytest.raises(BatchFileError, match=r"batch_config\.storage\.root file://") as caught:
        list(batch.write([{"a": 1}]))
    # The files of all streams are written there: nothing is read in vain for them.
    assert caught.value.ends_run


def test_half_a_character_becomes_the_sign_for_a_lost_one(tmp_path: Path) -> None:
    """JSON may name it, UTF-8 cannot hold it, and the rest of the text is still worth having."""
    text = {"type": "string"}
    table = written(tmp_path, {"a": "x\ud800y", "b": "ü😀"}, a=text, b=text)
    assert table.to_pylist() == [{"a": "x\ufffdy", "b": "ü😀"}]


@pytest.mark.parametrize(
    ("kind", "value", "held"),
    [
        ("number", Decimal("1.10"), 1.1),
        ("number", 2**53, 2.0**53),
        ("number", 0.1 + 0.2, 0.1 + 0.2),
        ("number", Decimal("-1e300"), -1e300),
        ("integer", 2**63 - 1, 2**63 - 1),
        ("integer", Decimal("3.0"), 3),
        ("boolean", False, False),
        ("string", "", ""),
        ("object", {"a": Decimal("1.10")}, '{"a":1.10}'),
        ("array", ["ü"], '["\\u00fc"]'),
    ],
)
def test_a_value_is_in_its_column_with_its_digits(
    tmp_path: Path, kind: str, value: object, held: object
) -> None:
    """And what is missing or null is null."""
    table = written(tmp_path, {"a": value}, {"a": None}, {}, a={"type": ["null", kind]})
    assert [row["a"] for row in table.to_pylist()] == [held, None, None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", 2**53 + 1),
        ("number", Decimal("0.12345678901234567890123")),
        ("number", Decimal("1e400")),
        ("number", 10**400),
        ("integer", 2**63),
        ("integer", Decimal("3.5")),
        ("integer", "three"),
        ("integer", True),
        ("number", {"a": 1}),
        ("boolean", "yes"),
    ],
)
def test_a_value_that_its_column_would_change_ends_the_run(
    tmp_path: Path, kind: str, value: object
) -> None:
    """A rounded number is a wrong one, and nobody would notice."""
    with pytest.raises(TapError, match="things: a value of a does not fit a Parquet column"):
        written(tmp_path, {"a": value}, a={"type": kind})


def test_a_name_with_half_a_character_is_mended_like_a_text(tmp_path: Path) -> None:
    """Undeclared fields may be called anything."""
    assert written(tmp_path, {"x\ud800": 1}).to_pylist() == [{"x\ufffd": "1"}]


def test_fields_that_the_schema_does_not_know_are_kept_as_json(tmp_path: Path) -> None:
    """The API may add fields at any time, with values of any type."""
    known = {"type": ["null", "boolean"]}
    table = written(tmp_path, {"known": True, "new": 1}, {"new": "1"}, known=known)
    assert table.to_pylist() == [{"known": True, "new": "1"}, {"known": None, "new": '"1"'}]


def test_columns_stand_in_the_order_of_the_schema(tmp_path: Path) -> None:
    """Whatever the records have of them, all files of a stream look the same."""
    number = {"type": "integer"}
    table = written(tmp_path, {"a": 1}, {"z": 0, "b": 2}, b=number, a=number, c=number)
    assert table.column_names == ["b", "a", "c", "z"]
    assert str(table.schema.field("c").type) == "int64"


def test_lines_and_dicts_stand_in_one_column_in_their_order(tmp_path: Path) -> None:
    """On a page with something odd most records are lines, and the odd ones are dicts."""
    table = written(
        tmp_path,
        b'{"a":"x","b":1}\n',
        {"a": Decimal("1.10"), "new": True},
        b'{"a":1.10,"b":null}\n',
        b'{"new":[1, 2],"a":null}\n',
        a={"type": ["string", "number", "null"]},
        b={"type": "integer"},
    )
    assert table.to_pydict() == {
        "a": ["x", "1.10", "1.10", None],
        "b": [1, None, None, None],
        "new": [None, "true", None, "[1, 2]"],
    }
