"""A Parquet file is the same whichever way through the record path its records have come."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tap_gainsight_px.catalog.schemas import declared_type
from tap_gainsight_px.output.parquet_columns import ParquetColumns
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.typed import MessageFormat
from tests.properties.test_record_path import pages

if TYPE_CHECKING:
    import pyarrow as pa

    from tap_gainsight_px.catalog.spec import StreamSpec

SCALARS = {"string", "integer", "number", "boolean"}


def rows(table: pa.Table, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table, with what is JSON text in it read as such."""
    return [
        {
            name: value
            if value is None or declared_type(fields.get(name, {})) in SCALARS
            else json.loads(value, parse_float=Decimal)
            for name, value in row.items()
        }
        for row in table.to_pylist()
    ]


@settings(max_examples=200)
@given(drawn=pages(), beside=st.sampled_from([{}, {"_sdc_sequence": 7}]))
def test_lines_and_dicts_become_the_same_table(
    drawn: tuple[StreamSpec, dict[str, Any], bytes], beside: dict[str, Any]
) -> None:
    """Column by column: type, order and every value."""
    spec, schema, body = drawn
    fields = {**schema["properties"], **{name: {"type": "integer"} for name in beside}}
    bare = MessageFormat(spec.name, is_bare=True)
    columns = ParquetColumns(spec.name, fields)
    slow = [record for _, _, record in PageDecoder(spec, schema)(body).rows]
    decode = PageDecoder(spec, schema, message_format=bare)
    of_dicts = columns.table(slow, beside)
    # Once more with what has been learnt the first time.
    for _ in range(2):
        fast = [record for _, _, record in decode(body).rows]
        of_both = columns.table(fast, beside)
        assert of_both.schema == of_dicts.schema
        assert rows(of_both, fields) == rows(of_dicts, fields)
