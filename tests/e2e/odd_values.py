"""Draws what PX may send: values of the documented types, values of others, and odd names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.contract.facts import DEFINITIONS
from tests.e2e.oracle import clean
from tests.tap.worlds import DAY, NOW

Fact = dict[str, Any]

# Each has broken some loader: what SQL, COPY, arrays, JSON and format strings take for their own.
_PIECES = (
    "", " ", "a", "Z", "0", "\0", "\ud800", "\udfff", "'", '"', "\\", "\\N", "\\.", "\t", "\n",
    "\r", "\x1f", "\x7f", "\u0085", "\u2028", "\ufeff", "\ufffe", "é", "e\u0301", "\u0131", "東京",
    "😀", "\u202eabc", "\u200b", "{", "}", ",", "{}", "[]", "null", "NULL", "true", "%", "%s",
    "%(a)s", ":a", "$1", ";--", "/*",
)  # fmt: skip
pieces = st.sampled_from(_PIECES)
texts = st.lists(pieces, max_size=4).map("".join) | st.text(max_size=6) | st.just("x" * 3_000)

_WHOLES = (
    0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30, 1_700_000_000_000,
)  # fmt: skip
wholes = st.sampled_from(_WHOLES) | st.integers(-100, 100) | st.just(7 * 10**250 + 1)
_DECIMALS = (
    "0.1", "1.10", "19.5", "-0", "-0.0", "1.0", "1e3", "1e300", "-1e-300", "1E+400",
    "0.30000000000000004", "12345678901234567890.123456789012345678901234567890",
    "3." + "14159" * 200,
)  # fmt: skip
decimals = st.sampled_from(_DECIMALS).map(Decimal)
numbers = wholes | decimals

_TIMES = (
    0, 1, -1, NOW, NOW - 400 * DAY + 7, 1_700_000_000, 253_402_300_799_999, 253_402_300_800_000,
    -62_135_596_800_000, -62_135_596_800_001, 10**18,
)  # fmt: skip
_TIME_TEXTS = (
    "", "0", "2024-02-29T12:00:00.5Z", "2024-02-29T12:00:00+05:30", "2024-02-30T00:00:00Z",
    "2024-02-29", "1700000000000", "never", "2024-02-29T12:00:00.123456Z",
)  # fmt: skip
times = st.sampled_from(_TIMES) | st.sampled_from(_TIME_TEXTS)

# What clashes in a table: with other names, with the loaders' columns, with Postgres' own.
_NAMES = (
    "", " ", "a", "A", "Id", "ID", "id_", "x" * 63, "x" * 64, "x" * 65, "ä" * 40, "ä" * 41,
    "_sdc_deleted_at", "_sdc_table_version", "_SDC_BATCHED_AT", "_unexpected", "attributes",
    "attributes_attribute", "eventid", "eventId", "date", "Date", "url", "customAttributes", "name",
    "location.city", "a.b", "a__b", "customAttributes__a", "customAttributes.a", "ctid", "xmin",
    "tableoid", "select", "user", "1", "-", "100%", "%s", "%(a)s", ":a", "a:b", "a(b)", "a[0]",
    "a'b", 'a"b', "a\\b", "a\0b", "\ud83d", "a\nb", "a\tb", "a,b", "東京", "😀", "é", "e\u0301",
    "$a", "a$b", "rowId", "type",
)  # fmt: skip
names = st.sampled_from(_NAMES)


def objects(
    named: st.SearchStrategy[str], values: st.SearchStrategy[Any], size: int
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw objects no two names of which are one once what no database takes is replaced."""
    pairs = st.lists(st.tuples(named, values), max_size=size, unique_by=lambda one: clean(one[0]))
    return pairs.map(dict)


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | objects(names, inner, 3),
    max_leaves=5,
)


def of_fact(fact: Fact) -> st.SearchStrategy[Any]:
    """Draw values of a documented type, now and then null, and now and then anything else."""
    return st.one_of(*[_fitting(fact)] * 4, st.none(), anything)


def _fitting(fact: Fact) -> st.SearchStrategy[Any]:
    if fact.get("epoch_ms") or fact.get("format") == "date-time":
        return times
    if "ref" in fact:
        return some_of(DEFINITIONS[fact["ref"]])
    if "additionalProperties" in fact:
        return objects(names, of_fact(fact["additionalProperties"]), 3)
    if fact["type"] == "array":
        return st.lists(of_fact(fact["items"]), max_size=3)
    by_type: dict[str, st.SearchStrategy[Any]] = {
        "string": texts,
        "integer": wholes,
        "number": numbers,
        "boolean": st.booleans(),
        "object": objects(names, anything, 4),
    }
    return by_type[fact["type"]]


@st.composite
def some_of(draw: st.DrawFn, fields: dict[str, Fact]) -> dict[str, Any]:
    """Draw an object with a few of its documented fields, and now and then with others."""
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), max_size=5, unique=True))
    others = draw(st.one_of(*[st.just({})] * 3, objects(names, anything, 2)))
    return {**others, **{name: draw(of_fact(fields[name])) for name in chosen}}


ATTRIBUTE_TYPES: dict[str, Fact] = {
    "STRING": {"type": "string"},
    "NUMBER": {"type": "number"},
    "BOOLEAN": {"type": "boolean"},
    "DATE_TIME": {"type": "integer", "epoch_ms": True},
}
