"""The README's table of streams is the stream table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.catalog.streams import STREAMS
from tests.contract.facts import names_in, readme_rows

if TYPE_CHECKING:
    from tap_gainsight_px.catalog.spec import StreamSpec

every_stream = pytest.mark.parametrize("spec", STREAMS, ids=lambda spec: spec.name)


def row_of(spec: StreamSpec) -> list[str]:
    """Return the row of one stream; there is one."""
    (row,) = [row for row in readme_rows("Streams") if names_in(row[0])[:1] == [spec.name]]
    return row


@every_stream
def test_the_readme_names_endpoint_and_keys(spec: StreamSpec) -> None:
    """Who loads a table has to know what it is merged by."""
    _, path, keys, *_ = row_of(spec)
    assert names_in(path) == [spec.path]
    assert tuple(names_in(keys)) == spec.primary_keys


@every_stream
def test_the_readme_says_how_a_stream_is_read(spec: StreamSpec) -> None:
    """By its replication key, or whole; and whether it has to be selected first."""
    row = row_of(spec)
    told = row[3]
    assert len(row) == 4
    assert (spec.replication_key in names_in(told)) == (spec.replication_key is not None)
    assert ("full table" in told.lower()) == (spec.replication_key is None)
    assert ("not selected by default" in " ".join(row).lower()) != spec.selected_by_default


def test_the_readme_names_no_stream_that_is_not_there() -> None:
    """Every stream once, and nothing else in the table."""
    told = [names_in(row[0])[0] for row in readme_rows("Streams")]
    assert sorted(told) == sorted(spec.name for spec in STREAMS)
