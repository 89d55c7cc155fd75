"""The fast and the slow way of the record path lead to the same records, digit for digit."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.singerlib.json import serialize_json
from typing_extensions import Self

from tap_gainsight_px.catalog.event_tables import EventColumns
from tap_gainsight_px.catalog.schemas import UNEXPECTED, load_schema, with_unexpected
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.page import Lines
from tap_gainsight_px.records.selection import Deselected
from tap_gainsight_px.records.typed import MessageFormat

if TYPE_CHECKING:
    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.records.page import Page

# All streams that can take the fast way.
FAST = [spec for spec in STREAMS if spec.records_key and not (spec.row_id_of or spec.parent)]

texts = st.text(max_size=12)
wholes = st.integers() | st.sampled_from([0, 2**63, -(2**63) - 1, 10**30, 1_700_000_000_000])
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal("1E+3"), Decimal("-0.0"), Decimal("1.10"), Decimal("0.1234567890123456789")]
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | wholes | decimals | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def fitting(field: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Draw values of the type that a schema declares."""
    declared = field.get("type") or [""]
    kind = next((one for one in [declared, declared[0]] if isinstance(one, str)), "")
    if field.get("format") == "date-time":
        return st.none() | st.integers(0, 4_000_000_000_000)
    if kind == "object":
        if "properties" not in field:
            return st.none() | st.dictionaries(texts, anything, max_size=3)
        return st.none() | records(field)
    if kind == "array":
        return st.none() | st.lists(fitting(field.get("items", {})), max_size=3)
    scalars: dict[str, st.SearchStrategy[Any]] = {
        "string": texts,
        "integer": wholes,
        "number": decimals | wholes,
        "boolean": st.booleans(),
    }
    return st.none() | scalars.get(kind, anything)


def records(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw records that fit a schema, with some of the fields missing."""
    fields = {
        name: fitting(field)
        for name, field in schema["properties"].items()
        if name not in {UNEXPECTED, "rowId"}
    }
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def pages(draw: st.DrawFn) -> tuple[StreamSpec, dict[str, Any], bytes]:
    """Draw a page of one stream: as a rule fitting, sometimes with something odd in it."""
    spec = draw(st.sampled_from(FAST))
    schema = with_unexpected(load_schema(spec.schema_name))
    drawn = draw(st.lists(records(schema), max_size=4))
    key = spec.primary_keys[0]
    for number, record in enumerate(drawn):
        if draw(st.integers(0, 9)):
            record[key] = f"key {number}"
        if not draw(st.integers(0, 4)):
            odd = ["undeclared", "_sdc_x", 'a "name"', "", "ünï"]
            record[draw(st.sampled_from([*schema["properties"], *odd]))] = draw(anything)
    answer = {spec.records_key: drawn, "totalHits": len(drawn), "scrollId": draw(texts)}
    indent = draw(st.sampled_from([None, None, None, 1]))
    text = json.dumps(answer, default=Digits, indent=indent, ensure_ascii=draw(st.booleans()))
    return spec, schema, text.encode("utf-8", "surrogatepass")


TYPES: dict[str, dict[str, Any]] = {
    "plan": {"type": ["string", "null"]},
    "seats": {"type": ["number", "null"]},
    "ok": {"type": ["boolean", "null"]},
    "when": {"type": ["string", "null"], "format": "date-time"},
    "day": {"type": ["string", "null"], "format": "date"},
    "cart": {"type": ["object", "null"], "additionalProperties": True},
    "tags": {"type": ["array", "null"]},
    "mixed": {"type": ["string", "number", "null"]},
}


@st.composite
def event_pages(draw: st.DrawFn) -> bytes:
    """Draw a page of events of one name, with attributes that fit their columns as a rule."""
    values = {name: fitting(field) for name, field in TYPES.items() if name != "day"}
    odd = st.dictionaries(st.sampled_from([*TYPES, "new", "ünï", 'a "name"']), anything)
    attributes = st.fixed_dictionaries({}, optional=values)
    events = [
        {
            "eventId": f"e{number}",
            "date": number,
            "eventName": draw(st.sampled_from(["Paid"] * 4 + ["PAID"])),
            "attributes": draw(st.one_of(*[attributes] * 4, odd, anything)),
            **draw(st.dictionaries(st.sampled_from(["url", "undeclared", "seats"]), anything)),
        }
        for number in range(draw(st.integers(0, 4)))
    ]
    return json.dumps({"customEvents": events}, default=Digits).encode("utf-8", "surrogatepass")


class Digits(float):
    """A decimal that the standard library writes digit for digit."""

    def __new__(cls, value: Decimal) -> Self:
        """Keep the digits beside the number."""
        made = super().__new__(cls, value)
        made.text = str(value)
        return made

    text: str

    def __repr__(self) -> str:
        """Write the digits."""
        return self.text


def custom_events() -> tuple[StreamSpec, dict[str, Any]]:
    """Return a stream and its schema."""
    spec = next(spec for spec in FAST if spec.name == "custom_events")
    return spec, with_unexpected(load_schema(spec.name))


def meaning(page: Page) -> list[Any]:
    """Return the records of a page as JSON means them, every number with its digits."""
    texts = [
        record.decode() if isinstance(record, bytes) else f'{{"record":{serialize_json(record)}}}'
        for _, _, record in page.rows
    ]
    return [json.loads(text, parse_float=_digits, parse_int=_digits)["record"] for text in texts]


def _digits(text: str) -> object:
    return Decimal(text).as_tuple()


@st.composite
def choices(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a user may choose, as a rule nothing."""
    names = ["undeclared", "_sdc_x", "_unexpected", "url", "userType", "attributes", "location"]
    paths = st.sampled_from([*((name,) for name in names), ("location", "city")])
    return {
        "drop_unknown": draw(st.sampled_from([False, False, True])),
        "deselected": Deselected(draw(st.frozensets(paths, max_size=2))),
    }


@settings(max_examples=300)
@given(drawn=pages(), options=choices())
def test_both_ways_give_the_same_records(
    drawn: tuple[StreamSpec, dict[str, Any], bytes], options: dict[str, Any]
) -> None:
    """Whatever is on a page, how it was decoded never shows in what leaves the tap."""
    spec, schema, body = drawn
    decode = PageDecoder(spec, schema, message_format=MessageFormat(spec.name), **options)
    slow = PageDecoder(spec, schema, **options)(body)
    # Once more with what has been learnt the first time.
    for fast in (decode(body), decode(body)):
        assert meaning(fast) == meaning(slow)
        assert [row[:2] for row in fast.rows] == [row[:2] for row in slow.rows]
        assert (fast.total_hits, fast.scroll_id) == (slow.total_hits, slow.scroll_id)


@settings(max_examples=200)
@given(body=event_pages(), options=choices())
def test_both_ways_give_the_same_events_with_columns(body: bytes, options: dict[str, Any]) -> None:
    """The columns of a table of events, and what is noted of attributes without one."""
    spec, schema = custom_events()
    spec = replace(spec, event_name="Paid")
    schema = {**schema, "properties": {**schema["properties"], **TYPES}}
    hidden = options["deselected"].paths

    def decoder(message_format: MessageFormat | None) -> tuple[PageDecoder, EventColumns]:
        columns = EventColumns({name: name for name in TYPES}, fields=schema["properties"])
        columns.hide(hidden)
        decode = PageDecoder(
            spec, schema, message_format=message_format, columns=columns, **options
        )
        return decode, columns

    decode, noted = decoder(MessageFormat(spec.name))
    decode_slowly, noted_slowly = decoder(None)
    slow = decode_slowly(body)
    for fast in (decode(body), decode(body)):
        assert meaning(fast) == meaning(slow)
    assert noted.without_column() == noted_slowly.without_column()


def test_events_with_columns_take_the_fast_way_and_learn_attributes() -> None:
    """An attribute that has no column yet costs the first page alone."""
    spec, schema = custom_events()
    schema = {**schema, "properties": {**schema["properties"], **TYPES}}
    columns = EventColumns({name: name for name in TYPES}, fields=schema["properties"])
    decode = PageDecoder(
        replace(spec, event_name="Paid"),
        schema,
        message_format=MessageFormat(spec.name),
        columns=columns,
    )
    attributes = {"plan": "a", "seats": 5, "ok": True, "when": 7, "cart": {}, "tags": [], "new": 1}
    body = json.dumps(
        {"customEvents": [{"eventId": "1", "eventName": "Paid", "attributes": attributes}]}
    ).encode()
    assert slow_of_each(decode, body) == [1, 1]
    (record,) = meaning(decode(body))
    assert (record["plan"], record["when"]) == ("a", "1970-01-01T00:00:00.007Z")
    assert columns.without_column()[0] == {"new": "number"}


@pytest.mark.parametrize("spec", FAST, ids=lambda spec: spec.name)
def test_a_page_as_documented_takes_the_fast_way(spec: StreamSpec) -> None:
    """The fast way is the usual one: without this, everything above could be slow twice."""
    schema = with_unexpected(load_schema(spec.schema_name))
    record = {spec.primary_keys[0]: "key", **dict.fromkeys(schema["properties"])}
    record[spec.primary_keys[0]] = "key"
    del record[UNEXPECTED]
    body = json.dumps({spec.records_key: [record, record], "totalHits": 2}).encode()
    decode = PageDecoder(spec, schema, message_format=MessageFormat(spec.name))
    assert is_in_one_piece(decode(body))
    assert not decode.oddities.slow


def is_in_one_piece(page: Page) -> bool:
    """Whether the messages of a page are still in one piece, so that nobody cuts them up."""
    return isinstance(page.rows, Lines) and len(page.rows.texts) == 1


def slow_of_each(decode: PageDecoder, body: bytes) -> list[int]:
    """Decode a page twice; return how many records were slow by then."""
    found = []
    for _ in range(2):
        decode(body)
        found.append(decode.oddities.slow)
    return found


def slow_beside_another(record: bytes) -> int:
    """Decode an ordinary record and one more; return how many were slow, once nothing is lost."""
    spec, schema = custom_events()
    body = b'{"totalHits": 2, "customEvents": [{"eventId": "0"}, ' + record + b"]}"
    decode = PageDecoder(spec, schema, message_format=MessageFormat(spec.name))
    page = decode(body)
    assert is_in_one_piece(page)
    assert meaning(page) == meaning(PageDecoder(spec, schema)(body))
    return decode.oddities.slow


ODD = {
    "an undeclared field": b'{"eventId": "1", "undeclared": 1}',
    "a value of another type": b'{"eventId": "1", "userType": 5}',
    "no key": b'{"userType": "USER"}',
    "a time beyond the calendar": b'{"eventId": "1", "date": 999999999999999999}',
    "no UTF-8 in a free-form object": b'{"eventId": "1", "attributes": {"a": "\xff"}}',
    "a time as text": b'{"eventId": "1", "date": "2024-01-31T00:00:00Z"}',
}


@pytest.mark.parametrize("record", ODD.values(), ids=ODD)
def test_an_odd_record_takes_the_slow_way_alone_and_loses_nothing(record: bytes) -> None:
    """It is slower, and that is all; the others of its page are as fast as ever."""
    assert slow_beside_another(record) == 1


MENDED = {
    "text where an object belongs": b'{"eventId": "1", "attributes": "none"}',
    "a lone surrogate": b'{"eventId": "1", "userType": "\\ud800"}',
    "a null character": b'{"eventId": "1", "userType": "\\u0000", "attributes": {"\\u0000": 1}}',
    "bytes that are no UTF-8": b'{"eventId": "1", "userType": "\xff"}',
    "line breaks": b'{"eventId": "1",\n "userType": "USER", "attributes": {\r\n "a": 1.10}}',
}


@pytest.mark.parametrize("record", MENDED.values(), ids=MENDED)
def test_a_page_whose_bytes_can_be_mended_takes_the_fast_way(record: bytes) -> None:
    """What has to be replaced in the text is no reason to look at single records."""
    assert slow_beside_another(record) == 0


def test_a_field_that_nobody_declared_is_learnt() -> None:
    """PX adds fields: the first page with one is slower, and no other."""
    spec, schema = custom_events()
    decode = PageDecoder(spec, schema, message_format=MessageFormat(spec.name))
    body = b'{"customEvents": [{"eventId": "1", "new": {"a": 1.10}}, {"eventId": "2"}]}'
    assert slow_of_each(decode, body) == [1, 1]
    first, second = meaning(decode(body))
    assert first["new"] == first[UNEXPECTED]["new"] == {"a": _digits("1.10")}
    assert second == {"eventId": "2"}


def test_it_is_said_how_many_records_were_slow_and_why(caplog: pytest.LogCaptureFixture) -> None:
    """Who finds a sync slow sees which field it is."""
    spec, schema = custom_events()
    decode = PageDecoder(spec, schema, message_format=MessageFormat(spec.name))
    events = [{"eventId": f"{n}", "userType": 5 if n % 10 == 0 else "USER"} for n in range(100)]
    with caplog.at_level(logging.DEBUG):
        decode(json.dumps({"customEvents": events}).encode())
        decode.oddities.sum_up()
    (line,) = caplog.messages
    assert line.startswith("custom_events: 10 records took the slow way")
    assert line.endswith("$.userType` (10)")


def test_names_that_are_data_are_not_learnt() -> None:
    """A field for each of a million customers would be a type of a million fields."""
    spec, schema = custom_events()
    decode = PageDecoder(spec, schema, message_format=MessageFormat(spec.name))
    body = json.dumps({"customEvents": [{"eventId": "1", f"f{n}": n} for n in range(60)]}).encode()
    assert slow_of_each(decode, body) == [60, 120]


def test_fields_that_are_left_out_are_not_in_the_records() -> None:
    """A deselected field costs nothing and does not leave the tap."""
    spec, schema = custom_events()
    body = b'{"customEvents": [{"eventId": "1", "url": "u", "attributes": {"a": 1.10}}]}'
    deselected = Deselected(frozenset({("url",), ("attributes",), ("unknown",)}))
    message_format = MessageFormat("custom_events")
    decode = PageDecoder(spec, schema, message_format=message_format, deselected=deselected)
    assert meaning(decode(body)) == [{"eventId": "1"}]
    assert not decode.oddities.slow


@pytest.mark.parametrize("version", [None, 1_700_000_000])
def test_a_line_is_a_whole_record_message(version: int | None) -> None:
    """Named as the user has named the stream, with a version only where rows are to be deleted."""
    spec, schema = custom_events()
    decode = PageDecoder(spec, schema, message_format=MessageFormat('a "name"', version))
    ((_, _, line),) = decode(b'{"customEvents": [{"eventId": "1", "date": 0}]}').rows
    assert isinstance(line, bytes)
    assert line.endswith(b"}\n")
    message = json.loads(line)
    assert datetime.fromisoformat(message.pop("time_extracted")).utcoffset() == timedelta(0)
    assert message.pop("version", None) == version
    record = {"eventId": "1", "date": "1970-01-01T00:00:00.000Z"}
    assert message == {"type": "RECORD", "stream": 'a "name"', "record": record}
