"""Parquet files: what goes into a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow.parquet
from singer_sdk.helpers._batch import BatchConfig

from tap_gainsight_px.parquet import ParquetBatcher

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, *records: dict[str, Any], **fields: Any) -> pyarrow.Table:
    """Write records of some fields to one file, and read it."""
    config = BatchConfig.from_dict(
        {"encoding": {"format": "parquet"}, "storage": {"root": folder.as_uri()}}
    )
    batcher = ParquetBatcher("tap", "things", config, {"properties": fields})
    ((url,),) = batcher.get_batches(iter(records))
    return pyarrow.parquet.read_table(urlsplit(url).path)


def test_half_a_character_becomes_the_sign_for_a_lost_one(tmp_path: Path) -> None:
    """JSON may name it, UTF-8 cannot hold it, and the rest of the text is still worth having."""
    text = {"type": "string"}
    table = written(tmp_path, {"a": "x\ud800y", "b": "ü😀"}, a=text, b=text)
    assert table.to_pylist() == [{"a": "x\ufffdy", "b": "ü😀"}]


def test_fields_that_the_schema_does_not_know_are_kept_as_json(tmp_path: Path) -> None:
    """The API may add fields at any time, with values of any type."""
    known = {"type": ["null", "boolean"]}
    table = written(tmp_path, {"known": True, "new": 1}, {"new": "1"}, known=known)
    assert table.to_pylist() == [{"known": True, "new": "1"}, {"known": None, "new": '"1"'}]


def test_columns_stand_in_the_order_of_the_schema(tmp_path: Path) -> None:
    """Whatever the order of the fields in the records, files of one stream look the same."""
    number = {"type": "integer"}
    table = written(tmp_path, {"a": 1}, {"z": 0, "b": 2}, b=number, a=number)
    assert table.column_names == ["b", "a", "z"]
