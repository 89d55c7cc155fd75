"""Names of columns and streams: whatever PX has, each loader takes them, and they stay.

What loaders make of a name is asked of the Singer SDK's own code, which most of them run.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.helpers._flattening import FlatteningOptions, flatten_schema
from singer_sdk.sql.sink import SQLSink

from tap_gainsight_px.catalog.event_tables import column_names, event_table_specs
from tap_gainsight_px.catalog.flattening import with_own_column
from tap_gainsight_px.catalog.names import MOST_COLUMNS, is_loadable
from tap_gainsight_px.catalog.schemas import load_schema
from tap_gainsight_px.catalog.streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterable

FIELDS = ("eventId", "date", "attributes", "_unexpected")
CUSTOM_EVENTS = next(spec for spec in STREAMS if spec.name == "custom_events")

# Names that are likely to meet, beside arbitrary ones.
near = st.text('aAäÄ1b._- %"東\t!', max_size=4)
special = st.sampled_from(
    ["", *FIELDS, "DATE", "eventid", "_sdc_deleted_at", "_SDC_x", " _sdc_y", "x" * 63, "é" * 40]
)
names = st.one_of(near, special, st.text(max_size=80))


def by_sdk(name: str) -> str:
    """Return what the SDK makes of a name; nothing is left of one without an ASCII letter."""
    conform: Any = SQLSink.conform_name
    try:
        return str(conform(None, name))
    except IndexError:  # as it goes for an empty name
        return ""


def shared(columns: Iterable[str]) -> list[str]:
    """Return the names that several columns come to, for the SDK or by their case alone."""
    for fold in (by_sdk, str.lower, str.upper):
        counts = Counter(fold(column) for column in columns)
        if twice := [name for name, times in counts.items() if times > 1 and name]:
            return twice
    return []


@given(st.sets(names, max_size=12))
def test_each_attribute_has_a_column_that_every_loader_takes(attributes: set[str]) -> None:
    """At most 63 bytes, not empty, no other one however it is folded, none of the loader itself."""
    columns = column_names(attributes, kept={}, fields=FIELDS)
    assert columns.keys() == attributes
    assert shared([*columns.values(), *FIELDS]) == []
    for column in columns.values():
        assert 0 < len(column.encode()) <= 63
        assert not set('%"\t') & set(column)
        assert not by_sdk(column).startswith("_sdc_")
        assert not column.lower().startswith("_sdc_")


@given(st.lists(names, max_size=12, unique=True), st.randoms(use_true_random=False))
def test_columns_do_not_depend_on_the_order_of_the_sample(
    attributes: list[str], chance: Any
) -> None:
    """Two runs that see the same attributes name the same columns."""
    other = list(attributes)
    chance.shuffle(other)
    assert column_names(other, kept={}, fields=FIELDS) == column_names(
        attributes, kept={}, fields=FIELDS
    )


@given(st.sets(names, max_size=8), st.sets(names, max_size=8))
def test_a_column_keeps_its_name_when_others_come(before: set[str], later: set[str]) -> None:
    """A newcomer of nearly the same name takes no column away."""
    first = column_names(before, kept={}, fields=FIELDS)
    second = column_names(before | later, kept=first, fields=FIELDS)
    assert {name: second[name] for name in before} == first
    assert shared([*second.values(), *FIELDS]) == []


@given(st.lists(names.filter(lambda name: ";" not in name), max_size=8))
def test_each_event_name_has_a_stream_that_every_loader_takes(event_names: list[str]) -> None:
    """The same rules; a name that is there twice is one stream."""
    specs = event_table_specs(CUSTOM_EVENTS, event_names)
    assert [spec.event_name for spec in specs] == list(dict.fromkeys(event_names))
    streams = [spec.name for spec in specs]
    assert all(is_loadable(stream) for stream in streams)
    assert shared([*streams, *(spec.name for spec in STREAMS)]) == []


@pytest.mark.parametrize(
    "name", ["plan", "Plan name", "Größe", "東京", "a.b", "1st", "_", "x" * 63, "it's (ok): 5/6?"]
)
def test_a_name_that_every_loader_takes_is_the_column(name: str) -> None:
    """Letters of all scripts are among them."""
    assert column_names([name], kept={}, fields=FIELDS) == {name: name}


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("date", "date_attribute"),
        ("Date", "Date_attribute"),
        ("_unexpected", "_unexpected_attribute"),
        ("_sdc_deleted_at", "attribute_sdc_deleted_at"),
        ("", "attribute_1271cf25"),
        ("100%", "100__33055e99"),
        ("ctid", "ctid_045f85c6"),
        ("x" * 64, "x" * 54 + "_488b40a8"),
    ],
)
def test_other_names_are_changed_in_the_same_way_for_ever(name: str, column: str) -> None:
    """Tables outlive versions of the tap."""
    assert column_names([name], kept={}, fields=FIELDS) == {name: column}


def test_a_table_has_room_for_its_columns() -> None:
    """Postgres refuses more than 1,600, and rows too wide; the rest stays in `attributes`."""
    many = [f"a{number}" for number in range(MOST_COLUMNS + 50)]
    kept = column_names(["kept"], kept={}, fields=FIELDS)
    columns = column_names(many, kept=kept, fields=FIELDS)
    assert len(columns) == MOST_COLUMNS
    assert columns["kept"] == "kept"


@given(st.sets(names, max_size=12), st.sampled_from([1, 2]), st.sampled_from(["__", "_", "."]))
def test_flattening_gives_columns_that_every_loader_takes(
    attributes: set[str], depth: int, separator: str
) -> None:
    """The SDK ends the run where two fields come to one name; so those are not declared."""
    options = FlatteningOptions(enabled=True, max_level=depth, separator=separator)
    users = load_schema("users")
    kept = with_own_column(users, "customAttributes", sorted(attributes), options)
    field = users["properties"]["customAttributes"]
    field["properties"] = {name: {"type": ["string", "null"]} for name in kept}
    columns = flatten_schema(users, depth, separator)["properties"]
    assert shared(columns) == []
    for column in columns:
        assert 0 < len(column.encode()) <= 63
        assert not set('%"\t') & set(column)


def test_attributes_that_were_announced_come_first_to_a_column() -> None:
    """Whoever calls a second one nearly the same takes no column away."""
    options = FlatteningOptions(enabled=True, max_level=1)
    users = load_schema("users")
    for order in (["seats", "Seats"], ["Seats", "seats"]):
        assert with_own_column(users, "customAttributes", order, options) == order[:1]
