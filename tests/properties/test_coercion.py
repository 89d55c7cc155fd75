"""A record that does not fit its schema is made to fit, and no value of it disappears."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.catalog.schemas import UNEXPECTED, with_unexpected
from tap_gainsight_px.records.coercion import Coercion
from tap_gainsight_px.records.oddities import Oddities
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.timestamps import parse, to_iso

SCHEMA: dict[str, Any] = with_unexpected(
    {
        "type": "object",
        "properties": {
            "text": {"type": ["string", "null"]},
            "time": {"type": ["string", "null"], "format": "date-time"},
            "whole": {"type": ["integer", "null"]},
            "number": {"type": ["number", "null"]},
            "flag": {"type": ["boolean", "null"]},
            "texts": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
            "free": {"type": ["object", "null"]},
            "place": {
                "type": ["object", "null"],
                "properties": {"zip": {"type": ["string", "null"]}, "lat": {"type": "number"}},
            },
        },
    }
)
NOT_SET = (0, "0", "", " ")
NAMES = [name for name in SCHEMA["properties"] if name != UNEXPECTED]

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["1", "-0", "1.50", "1e5", "NaN", "true", "2024-01-31"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
records = st.dictionaries(st.sampled_from([*NAMES, "undeclared"]), values)


def coerce(
    record: dict[str, Any], schema: dict[str, Any] = SCHEMA, **options: Any
) -> dict[str, Any]:
    """Mend a record in place, as the record path does."""
    coercion = Coercion(schema, Oddities("a_stream"), **options)
    coercion.finish(record, coercion.fit(record))
    return record


@given(record=records)
def test_a_coerced_record_fits_its_schema(record: dict[str, Any]) -> None:
    """What leaves the tap passes the validation of any target."""
    coerced = coerce(record)
    jsonschema.validate(coerced, SCHEMA)
    time = coerced.get("time")
    assert time is None or to_iso(parse(time)) == f"{time[:23]}Z"


@given(record=records)
def test_no_value_disappears(record: dict[str, Any]) -> None:
    """Each value is still in its field, as text or number of the same digits, or set apart.

    A date that is not set has none: 0, "0" and the empty text.
    """
    before = dict(record)
    coerced = coerce(record)
    for name, value in before.items():
        if name == "time" and not isinstance(value, bool) and value in NOT_SET:
            assert coerced[name] is None
        elif value is not None and (name == "undeclared" or coerced.get(name) is None):
            assert coerced[UNEXPECTED][name] is value


@given(record=records)
def test_mending_twice_changes_nothing(record: dict[str, Any]) -> None:
    """What fits is left alone."""
    once = coerce(record)
    once.pop(UNEXPECTED, None)
    once.pop("undeclared", None)
    kept = {**once}
    assert coerce(once) == kept


@pytest.mark.parametrize(
    ("name", "value", "coerced"),
    [
        ("text", 12345, "12345"),
        ("text", Decimal("1.10"), "1.10"),
        ("text", True, "true"),
        ("text", ["AP-1"], '["AP-1"]'),
        ("text", {"ü": Decimal("0.10")}, '{"ü": 0.10}'),
        ("whole", "42", 42),
        ("whole", Decimal("5.0"), 5),
        ("number", "1.50", Decimal("1.50")),
        ("flag", "TRUE", True),
        ("time", 1_706_699_096_789, "2024-01-31T11:04:56.789Z"),
        ("time", Decimal("1706699096789.0"), "2024-01-31T11:04:56.789Z"),
        ("time", "1706702400000", "2024-01-31T12:00:00.000Z"),
        ("time", "2024-01-31T12:34:56+05:30", "2024-01-31T07:04:56.000Z"),
        ("time", "2024-01-31 12:34:56 UTC", "2024-01-31T12:34:56.000Z"),
        ("time", "2024-01-31T12:34:56.1234567+05:30", "2024-01-31T07:04:56.123456Z"),
        ("time", "2024-01-31 12:34:56.12", "2024-01-31T12:34:56.120Z"),
        ("time", Decimal("0.0"), None),
        ("time", "0", None),
        ("time", " ", None),
        ("texts", "one", ["one"]),
        ("texts", [1, None], ["1", None]),
        ("place", {"zip": 22081}, {"zip": "22081"}),
    ],
)
def test_what_can_be_converted_without_loss_is(name: str, value: Any, coerced: Any) -> None:
    """Digits are a number and a number is text, as long as nothing is lost by it."""
    assert coerce({name: value}) == {name: coerced}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("whole", "many"),
        ("whole", Decimal("1.5")),
        ("whole", "007"),
        ("whole", Decimal("1e999999")),
        ("time", Decimal("1e999999")),
        ("number", "NaN"),
        ("number", "1e5"),
        ("whole", " 42"),
        ("number", "1e99999999999999999999"),
        ("whole", "1e99999999999999999999"),
        ("number", "[" * 100_000),
        ("number", "9" * 5_000),
        ("number", 7 * 10**900 + 1),
        ("whole", Decimal("1e999999999")),
        ("number", True),
        ("flag", 1),
        ("flag", "yes"),
        ("time", "yesterday"),
        ("time", 10**18),
        ("time", "0001-01-01T00:00:00+01:00"),
        ("time", "9999-12-31T23:59:59-05:00"),
        ("time", "01/02/2024"),
        ("time", "1706699096"),
        ("time", "2024"),
        ("time", False),
        ("time", True),
        ("free", "none"),
        ("place", ["x"]),
    ],
)
def test_what_cannot_be_converted_is_set_apart(name: str, value: Any) -> None:
    """The field has no value, and the value stands under its name in `_unexpected`."""
    coerced = coerce({name: value})
    assert coerced.pop(UNEXPECTED) == {name: value}
    assert coerced == ({} if name in {"free", "place", "texts"} else {name: None})


@pytest.mark.parametrize("name", ["free", "place", "texts"])
def test_an_object_of_null_is_left_out(name: str) -> None:
    """A loader would store it as JSON null, which is not the null that a query asks for."""
    assert coerce({name: None, "text": None}) == {"text": None}


@pytest.mark.parametrize("whole", [2**63, -(2**63) - 1, Decimal("1e20")])
def test_a_whole_number_past_64_bits_is_set_apart_with_its_digits(whole: Any) -> None:
    """No database column for whole numbers holds it, and a rounded one would be another number."""
    assert coerce({"whole": whole}) == {"whole": None, UNEXPECTED: {"whole": whole}}


@pytest.mark.parametrize("number", [2**53 + 1, 10**20 + 1, Decimal("0.12345678901234567890")])
def test_a_number_that_a_double_would_round_is_set_apart_with_its_digits(number: Any) -> None:
    """Loaders make doubles of numbers on their way into columns. Inside an object it may stay."""
    assert coerce({"number": number}) == {"number": None, UNEXPECTED: {"number": number}}
    nested = {"place": {"lat": number}}
    assert coerce({"place": {"lat": number}}) == nested
    flattened = coerce({"place": {"lat": number}}, flattened_levels=1)
    assert flattened == {"place": {"lat": None}, UNEXPECTED: {"place.lat": number}}


@pytest.mark.parametrize("number", [2**53, 10**22, Decimal("19.50"), Decimal("0.1"), -0])
def test_a_number_that_a_double_holds_stays(number: Any) -> None:
    """As it came, with the zeros at its end."""
    assert str(coerce({"number": number})["number"]) == str(number)


def test_what_px_calls_unexpected_is_kept_apart_from_what_the_tap_does() -> None:
    """A field of PX that has the name of the tap's own is one more that nobody declared."""
    coerced = coerce({UNEXPECTED: 5, "flag": "yes"})
    assert coerced[UNEXPECTED] == {UNEXPECTED: 5, "flag": "yes"}


def test_a_field_named_like_a_column_of_the_loaders_is_only_set_apart() -> None:
    """`_sdc_deleted_at` marks a row as deleted: PX must not be able to say so."""
    assert coerce({"_sdc_deleted_at": "now"}) == {UNEXPECTED: {"_sdc_deleted_at": "now"}}


@pytest.mark.parametrize(
    ("types", "value", "coerced"),
    [
        (["string", "integer"], 5, 5),
        (["string", "integer"], "five", "five"),
        (["string", "integer"], [5], "[5]"),
        (["string", "integer"], {"a": 5}, '{"a": 5}'),
        (["object", "array"], [5], [5]),
    ],
)
def test_a_field_of_several_types_takes_values_of_all_of_them(
    types: list[str], value: Any, coerced: Any
) -> None:
    """Who declares it so in a catalog wants them as they are, and others as text."""
    several = {"properties": {"a": {"type": [*types, "null"]}}}
    assert coerce({"a": value}, several) == {"a": coerced}


@pytest.mark.parametrize(
    ("form", "fitting", "other"),
    [
        ("date", "2024-01-31", "2024-01-31T12:00:00Z"),
        ("time", "12:34:56", "noon"),
        ("uuid", "6f1e2a34-0000-4000-8000-000000000001", "6f1e"),
    ],
)
def test_text_of_another_form_than_its_column_takes_is_set_apart(
    form: str, fitting: str, other: str
) -> None:
    """A user may pin such a type in the catalog, and a database refuses all other text there."""
    schema = {"properties": {"a": {"type": ["string", "null"], "format": form}}}
    assert coerce({"a": fitting}, schema) == {"a": fitting}
    assert coerce({"a": other}, schema) == {"a": None, UNEXPECTED: {"a": other}}


def test_a_value_of_none_of_several_types_is_set_apart() -> None:
    """Where text is not among them, there is no other way to keep it."""
    schema = {"properties": {"a": {"type": ["integer", "boolean", "null"]}}}
    assert coerce({"a": "x"}, schema) == {"a": None, UNEXPECTED: {"a": "x"}}


@pytest.mark.parametrize("zero", [0, Decimal("0.0")])
def test_zero_is_a_time_in_the_replication_key_alone(zero: Any) -> None:
    """An event says when it was, and the epoch is a time; elsewhere 0 is "never"."""
    record = coerce({"time": zero}, replication_key="time")
    assert record == {"time": "1970-01-01T00:00:00.000Z"}
    assert coerce({"time": zero}) == {"time": None}


def test_a_value_inside_an_object_is_set_apart_under_its_full_name() -> None:
    """The name leads to the place that the value has come from."""
    coerced = coerce({"place": {"lat": "north", "zip": "1"}})
    assert coerced == {"place": {"lat": None, "zip": "1"}, UNEXPECTED: {"place.lat": "north"}}


def test_an_unknown_field_stays_and_is_set_apart_or_left_out_as_the_user_chooses() -> None:
    """Loaders drop what has no column, so a field that nobody declared stands in `_unexpected`."""
    assert coerce({"undeclared": 1}) == {"undeclared": 1, UNEXPECTED: {"undeclared": 1}}
    assert coerce({"undeclared": None}) == {"undeclared": None}
    assert coerce({"undeclared": 1, "text": "x"}, drop_unknown=True) == {"text": "x"}


def test_an_undeclared_field_of_an_object_is_set_apart_where_objects_become_columns() -> None:
    """Flattened, it has no column either; what lies deeper stays where it is."""
    record = {"place": {"zip": "1", "floor": 2, "door": None}, "free": {"a": 1}}
    assert coerce(dict(record)) == record
    flattened = coerce(dict(record), flattened_levels=1)
    assert flattened == {**record, UNEXPECTED: {"place.floor": 2}}


def test_nothing_deselected_is_left_anywhere() -> None:
    """Neither in its field, nor in `_unexpected` for being of another type or undeclared."""
    record = {
        "flag": "yes",
        "free": "none",
        "undeclared": 1,
        "place": {"lat": "north", "zip": "1"},
        "text": "x",
    }
    paths = [("flag",), ("free",), ("undeclared",), ("place", "lat")]
    deselected = Deselected(frozenset(paths))
    assert coerce(dict(record), deselected=deselected) == {"place": {"zip": "1"}, "text": "x"}
    without = Deselected(frozenset({(UNEXPECTED,)}))
    assert UNEXPECTED not in coerce(dict(record), deselected=without)


@pytest.mark.parametrize(
    ("place", "left"),
    [
        ([{"lat": 1, "zip": "1"}, [{"lat": 2}]], [{"zip": "1"}, [{}]]),
        ('{"lat": 1, "zip": 1.50}', '{"zip": 1.50}'),
        ('{"zip":1.50}', '{"zip":1.50}'),
        ("somewhere", "somewhere"),
    ],
)
def test_nothing_deselected_is_left_in_an_object_of_another_type(place: Any, left: Any) -> None:
    """A list of what was expected, or JSON as text, holds the deselected field as well."""
    deselected = Deselected(frozenset({("place", "lat")}))
    assert coerce({"place": place}, deselected=deselected) == {UNEXPECTED: {"place": left}}


def test_each_field_is_told_once_and_all_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A million odd records are one line in the log; their number is in the report."""
    oddities = Oddities("a_stream")
    coercion = Coercion(SCHEMA, oddities)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            coercion.fit({"undeclared": 1, "text": "x"})
        oddities.sum_up()
    (line,) = caplog.messages
    assert line.startswith("a_stream: undeclared is not in the schema")
    assert oddities.fields["undeclared"] == {"undeclared": 3}
