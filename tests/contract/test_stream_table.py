"""The stream table says of every endpoint what the API's description says of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.catalog.spec import ALL_FIELDS, Paging
from tap_gainsight_px.catalog.streams import STREAMS
from tests.contract.facts import STREAM_FACTS, schema_of

if TYPE_CHECKING:
    from tap_gainsight_px.catalog.spec import StreamSpec

SPECS = {spec.name: spec for spec in STREAMS}
PAGINGS = {
    "scroll": Paging.SCROLL,
    "page_number": Paging.PAGE_NUMBER,
    "none": Paging.SINGLE,
}

every_stream = pytest.mark.parametrize("spec", STREAMS, ids=lambda spec: spec.name)


def type_of(spec: StreamSpec, field: str) -> object:
    """Return the type that a stream's schema file gives one field."""
    return schema_of(spec.name)["properties"][field]["type"]


def test_the_table_has_the_readable_streams_each_once() -> None:
    """Whatever the API lets a customer read is a stream, and nothing else is."""
    assert sorted(spec.name for spec in STREAMS) == sorted(STREAM_FACTS)


@every_stream
def test_a_stream_asks_the_documented_path(spec: StreamSpec) -> None:
    """Two streams that differ in their path only would else hold each other's records."""
    assert spec.path == STREAM_FACTS[spec.name]["path"]


@every_stream
def test_records_are_looked_for_under_the_documented_key(spec: StreamSpec) -> None:
    """Also where the key seems to belong to another stream, as with segment matches."""
    assert spec.records_key == STREAM_FACTS[spec.name]["records_key"]


@every_stream
def test_pages_follow_one_another_as_documented(spec: StreamSpec) -> None:
    """By scroll, by page number, or not at all."""
    assert spec.paging is PAGINGS[STREAM_FACTS[spec.name]["paging"]]


@every_stream
def test_a_page_is_as_large_as_the_endpoint_allows(spec: StreamSpec) -> None:
    """A larger one would be refused, a smaller one would cost requests."""
    assert spec.page_size_max == STREAM_FACTS[spec.name]["page_size_max"]


@every_stream
def test_a_range_is_as_wide_as_the_endpoint_allows(spec: StreamSpec) -> None:
    """190, 180 or 7 days; None where no limit is stated."""
    longest = spec.time_range.max_days if spec.time_range else None
    assert longest == STREAM_FACTS[spec.name]["max_days"]


@every_stream
def test_keys_are_fields_that_are_never_null(spec: StreamSpec) -> None:
    """No database takes a null in a primary key."""
    assert spec.primary_keys
    assert {name: type_of(spec, name) for name in spec.primary_keys} == dict.fromkeys(
        spec.primary_keys, "string"
    )


@every_stream
def test_a_replication_key_is_a_time(spec: StreamSpec) -> None:
    """STATE compares it, and the range that is asked for is about it."""
    if spec.time_range is None:
        assert spec.replication_key is None
        return
    assert spec.replication_key == spec.time_range.field
    field = schema_of(spec.name)["properties"][spec.replication_key]
    assert field["format"] == "date-time"


@every_stream
def test_a_digest_is_made_of_fields_that_may_be_missing(spec: StreamSpec) -> None:
    """`rowId` stands in the key for fields that cannot, and only where there are any."""
    assert ("rowId" in spec.primary_keys) == bool(spec.row_id_of)
    for name in () if spec.row_id_of == ALL_FIELDS else spec.row_id_of:
        assert name not in spec.primary_keys
        assert "null" in str(type_of(spec, name))


@every_stream
def test_sums_are_told_apart_by_their_range(spec: StreamSpec) -> None:
    """The same sum over another range is another record."""
    if spec.time_range is None or spec.time_range.granularity is None:
        assert "dateRangeStart" not in schema_of(spec.name)["properties"]
        return
    assert "dateRangeStart" in spec.primary_keys
    assert schema_of(spec.name)["properties"]["dateRangeEnd"]["format"] == "date-time"


@every_stream
def test_a_child_names_a_parent_that_is_there(spec: StreamSpec) -> None:
    """The path's placeholder is the parent's name in the request, and part of the child's key."""
    placeholders = re.findall(r"\{(\w+)\}", spec.path)
    if spec.parent is None:
        assert placeholders == []
        return
    assert placeholders == ([spec.parent.name] if spec.parent.in_path else [])
    assert spec.parent.name in spec.primary_keys
    parent = SPECS[spec.parent.stream]
    assert parent.parent is None
    assert spec.parent.field in schema_of(parent.name)["properties"]


def test_only_the_streams_of_one_request_a_user_are_not_selected_by_default() -> None:
    """There may be a million users, and a million is what an account may ask in a day."""
    left_out = {spec.name for spec in STREAMS if not spec.selected_by_default}
    assert left_out == {spec.name for spec in STREAMS if spec.parent and spec.parent.many}
    assert left_out == {"user_preferences", "user_denylist"}


def test_custom_attributes_are_asked_where_the_attribute_streams_are_read() -> None:
    """Accounts by the attributes of accounts, users by those of users."""
    asked = {spec.name: spec.attributes_path for spec in STREAMS if spec.attributes_path}
    assert asked == {
        "accounts": STREAM_FACTS["account_attributes"]["path"],
        "users": STREAM_FACTS["user_attributes"]["path"],
    }
