"""From the bytes of an answer to records: nothing guessed, nothing lost, and no odd byte fatal."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.catalog.spec import Paging, Parent, StreamSpec, TimeRange
from tap_gainsight_px.errors import TooLargeError
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.page import Page, has_key
from tap_gainsight_px.records.typed import MessageFormat

NOON = 1_709_208_000_123
NOON_TEXT = "2024-02-29T12:00:00.123Z"
EVENTS = StreamSpec(
    name="events",
    path="/v1/events",
    records_key="events",
    paging=Paging.SCROLL,
    page_size_max=1_000,
    primary_keys=("id",),
    replication_key="date",
    time_range=TimeRange("date"),
)
TIME = {"type": ["string", "null"], "format": "date-time"}
TEXT = {"type": ["string", "null"]}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": True,
    "properties": {
        "id": TEXT,
        "date": TIME,
        "name": TEXT,
        "count": {"type": ["integer", "null"]},
        "ratio": {"type": ["number", "null"]},
        "tags": {"type": ["array", "null"], "items": TEXT},
        "place": {"type": ["object", "null"], "properties": {"since": TIME, "city": TEXT}},
        "free": {"type": ["object", "null"], "additionalProperties": True},
    },
}

ONE = replace(EVENTS, records_key=None, paging=Paging.SINGLE, page_size_max=None)
CHILD = replace(
    ONE, path="/v1/things/{thing}", primary_keys=("thing",), parent=Parent("things", "id", "thing")
)
ERRORS = [
    '{"externalapierror": {"status": "NOT_FOUND", "message": "no"}}',
    '{"errorMessage": "no"}',
    '{"error": "no", "path": "/v1/events"}',
    '{"Message": "no"}',
]

both_ways = pytest.mark.parametrize("fast", [True, False], ids=["page by page", "one by one"])


def decode(body: bytes | str, *, fast: bool = False, spec: StreamSpec = EVENTS) -> Page:
    """Decode an answer, on the path of whole pages or on that of single records."""
    decoder = PageDecoder(spec, SCHEMA, message_format=MessageFormat("events") if fast else None)
    return decoder(body.encode() if isinstance(body, str) else body)


def answer(*records: dict[str, Any], **facts: Any) -> bytes:
    """Write an answer as the API does."""
    text = json.dumps({"events": records, **facts}, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def record_of(one: dict[str, Any] | bytes) -> dict[str, Any]:
    """Return a record, or the one in a RECORD message."""
    return one if isinstance(one, dict) else json.loads(one)["record"]


def records_of(page: Page) -> list[dict[str, Any]]:
    """Return the records of a page as dicts, whatever form they have."""
    return [record_of(one) for _, _, one in page.rows]


@both_ways
def test_dates_become_text_and_the_rest_stays_as_it_is(fast: bool) -> None:  # noqa: FBT001
    """Epoch milliseconds where the schema says so, also inside objects."""
    record = {
        "id": "1",
        "date": NOON,
        "name": '李 \u2028 \\ " 😀',
        "count": 7,
        "ratio": 0.5,
        "tags": ["a", None],
        "place": {"since": NOON, "city": None},
        "free": {"date": NOON, "deep": [{"x": []}]},
    }
    page = decode(answer(record, totalHits=1), fast=fast)
    assert page.rows[0][:2] == (NOON, "1")
    assert records_of(page) == [
        record | {"date": NOON_TEXT, "place": {"since": NOON_TEXT, "city": None}}
    ]


@both_ways
@pytest.mark.parametrize("zero", ["0", "0.0", "-0", '"0"', '""', "null"])
def test_a_date_that_is_not_set_is_null(fast: bool, zero: str) -> None:  # noqa: FBT001
    """PX sends 0 or an empty text for "never", and 1970 would be a lie."""
    body = f'{{"events":[{{"id":"1","place":{{"since":{zero},"city":"Turku"}}}}]}}'
    assert records_of(decode(body, fast=fast)) == [
        {"id": "1", "place": {"since": None, "city": "Turku"}}
    ]


@both_ways
@pytest.mark.parametrize("zero", ["0", "0.0"])
def test_zero_in_the_replication_key_is_the_epoch(fast: bool, zero: str) -> None:  # noqa: FBT001
    """An event has a time, and a filter finds it there."""
    page = decode(f'{{"events":[{{"id":"1","date":{zero}}}]}}', fast=fast)
    assert page.rows[0][0] == 0
    assert records_of(page) == [{"id": "1", "date": "1970-01-01T00:00:00.000Z"}]


@both_ways
def test_dates_of_text_are_utc_of_one_width(fast: bool) -> None:  # noqa: FBT001
    """A loader's column without time zone would drop the offset and keep the hour."""
    record = {"id": "1", "date": "2024-02-29 17:30:00.123+05:30", "place": {"since": "2024-02-29"}}
    page = decode(answer(record), fast=fast)
    assert page.rows[0][0] == NOON
    (found,) = records_of(page)
    assert found == {
        "id": "1",
        "date": NOON_TEXT,
        "place": {"since": "2024-02-29T00:00:00.000Z"},
    }


@both_ways
def test_a_page_has_its_records_in_the_order_of_dates(fast: bool) -> None:  # noqa: FBT001
    """The API may give the newest first, and many at the same moment."""
    dates = {"a": NOON + 1, "b": NOON, "c": NOON + 2, "d": NOON}
    page = decode(answer(*({"id": key, "date": date} for key, date in dates.items())), fast=fast)
    assert [row[:2] for row in page.rows] == [(dates[key], key) for key in "bdac"]
    assert [record["id"] for record in records_of(page)] == list("bdac")


@both_ways
def test_absent_and_null_are_not_the_same(fast: bool) -> None:  # noqa: FBT001
    """A field that the API leaves out is not made up."""
    page = decode(answer({"id": "1", "name": None}), fast=fast)
    assert records_of(page) == [{"id": "1", "name": None}]
    assert page.rows[0][0] is None


@both_ways
@pytest.mark.parametrize(
    "number", ["1.10", "12345678901234567890123", "1e2", "-0.0", "0.1000000000000000055511151231"]
)
def test_numbers_keep_their_digits(fast: bool, number: str) -> None:  # noqa: FBT001
    """Money and long ids are not what floats are for, so what one would round is set apart."""
    (row,) = decode(f'{{"events":[{{"id":"1","ratio":{number}}}]}}', fast=fast).rows
    record = row[2]
    if isinstance(record, bytes):
        record = json.loads(record, parse_float=str)["record"]
    given = record["ratio"]
    if given is None:
        given = record["_unexpected"]["ratio"]
    assert float(given) == float(number)
    assert len(str(given)) >= len(number.rstrip("0")) - 1


@both_ways
def test_a_field_nobody_declared_is_passed_on(fast: bool) -> None:  # noqa: FBT001
    """A later version of PX must not need a later version of the tap."""
    record = {"id": "1", "brandNew": {"a": [1]}}
    passed = {**record, "_unexpected": {"brandNew": {"a": [1]}}}
    assert records_of(decode(answer(record), fast=fast)) == [passed]


@both_ways
def test_text_that_no_database_takes_becomes_the_replacement_character(
    fast: bool,  # noqa: FBT001
) -> None:
    """A NUL or half a surrogate pair, in values and names, typed or free; whole pairs stay."""
    text = r"a\u0000\u0000b\ud800c\ud83d\ude00d\uDC00"
    body = f'{{"events": [{{"id": "1", "name": "{text}", "free": {{"{text}": ["{text}"]}}}}]}}'
    clean = "a\\u0000\ufffdb\ufffdc\U0001f600d\ufffd"
    expected = {"id": "1", "name": clean, "free": {clean: [clean]}}
    assert records_of(decode(body.replace(r"a\u0000", r"a\\u0000"), fast=fast)) == [expected]


def test_a_page_with_a_nul_still_takes_the_fast_way() -> None:
    """It is no reason to look at each record."""
    page = decode(r'{"events": [{"id": "1", "name": "a\u0000"}]}', fast=True)
    assert [type(record) for _, _, record in page.rows] == [bytes]
    assert records_of(page) == [{"id": "1", "name": "a\ufffd"}]


@both_ways
@pytest.mark.parametrize("key", [{}, {"id": None}, {"id": ""}], ids=["absent", "null", "empty"])
def test_a_record_without_its_key_gets_a_digest_for_it(
    fast: bool,  # noqa: FBT001
    key: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No loader takes a record without; the digest is the same in every run, and it is told."""
    records = [{**key, "name": "a"}, {**key, "name": "b"}]
    first, second = records_of(decode(answer(*records), fast=fast))
    assert (first["name"], second["name"]) == ("a", "b")
    assert len(first["id"]) == len(second["id"]) == 32
    assert first["id"] != second["id"]
    assert records_of(decode(answer(*records), fast=fast)) == [first, second]
    assert any("events: id is missing though it is the key" in line for line in caplog.messages)


@both_ways
@pytest.mark.parametrize("text", ["x" * 3_000, "語" * 450])
def test_a_key_too_long_for_an_index_is_shortened_and_kept(
    fast: bool,  # noqa: FBT001
    text: str,
) -> None:
    """Postgres refuses 2,700 bytes, be they of one key or two; keys that begin alike stay two."""
    long = [text + end for end in "ab"]
    found = records_of(decode(answer(*({"id": key} for key in long)), fast=fast))
    assert [record["_unexpected"]["id"] for record in found] == long
    assert len({record["id"] for record in found}) == 2
    assert all(len(record["id"].encode()) < 1_300 for record in found)


@both_ways
def test_an_object_or_list_of_null_is_left_out(fast: bool) -> None:  # noqa: FBT001
    """Loaders store JSON null for it, which no query for null finds; inside objects it stays."""
    record = {"id": "1", "tags": None, "place": None, "free": None, "name": None}
    other = {"id": "2", "place": {"city": None}, "free": {"a": None}}
    found = records_of(decode(answer(record, other), fast=fast))
    assert found == [{"id": "1", "name": None}, other]


@both_ways
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"totalHits": 5}, (5, None, None)),
        ({"totalHits": "5"}, (None, None, None)),
        ({"totalHits": None}, (None, None, None)),
        ({"scrollId": "abc"}, (None, "abc", None)),
        ({"scrollId": None}, (None, None, None)),
        ({"scrollId": ""}, (None, None, None)),
        ({"isLastPage": False}, (None, None, False)),
        ({"isLastPage": "no"}, (None, None, None)),
        ({"more": {"of": "this"}}, (None, None, None)),
    ],
)
def test_the_facts_of_a_page_are_taken_only_as_what_they_are(
    fast: bool,  # noqa: FBT001
    facts: dict[str, Any],
    expected: tuple[object, ...],
) -> None:
    """A count that is no number is no count."""
    page = decode(answer({"id": "1"}, **facts), fast=fast)
    assert (page.total_hits, page.scroll_id, page.is_last) == expected


@both_ways
@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "null",
        '"text"',
        "{}",
        '{"results": []}',
        '{"events": null}',
        '{"events": {}}',
        '{"events": [1]}',
        '{"events": [null]}',
        '{"events": [{"id": "1"}',
        '[{"events": []}]',
        "<html></html>",
        b"\xff\xfe",
    ],
    ids=repr,
)
def test_an_answer_of_another_shape_is_a_value_error(
    fast: bool,  # noqa: FBT001
    body: bytes | str,
) -> None:
    """So that it is asked for again, and never taken for an empty page."""
    with pytest.raises(ValueError, match=r"\w"):
        decode(body, fast=fast)


@both_ways
def test_no_records_at_all_are_an_empty_page(fast: bool) -> None:  # noqa: FBT001
    """With a count of 0 the list itself may be missing."""
    for body in ('{"events":[]}', '{"events":null,"totalHits":0}', '{"totalHits":0}'):
        assert list(decode(body, fast=fast).rows) == []


@both_ways
@pytest.mark.parametrize(
    "record",
    [
        {"name": "without a key"},
        {"id": None, "name": "with a null key"},
        {"id": ["a", "list"]},
        {"id": {"an": "object"}},
        {"id": "1", "date": "no time"},
        {"id": "1", "date": [NOON]},
        {"id": "1", "date": 10**30},
        {"id": "1", "date": -(10**15)},
        {"id": "1", "date": True},
        {"id": "1", "place": "a text"},
        {"id": "1", "tags": "a text"},
        {"id": 1},
    ],
    ids=repr,
)
def test_an_odd_record_is_read_like_any_other(
    fast: bool,  # noqa: FBT001
    record: dict[str, Any],
) -> None:
    """It has something by which it can be told apart, and none of its values disappears."""
    body = json.dumps({"events": [record, {"id": "next"}]}).encode()
    page = decode(body, fast=fast)
    assert len({key for _, key, _ in page.rows}) == 2
    written = json.dumps(records_of(page)[0], default=str)
    for value in record.values():
        # As it is, or as text where the schema says text.
        text = json.dumps(value)
        assert text in written or json.dumps(text) in written


@both_ways
def test_records_without_a_key_are_told_apart_by_all_they_hold(fast: bool) -> None:  # noqa: FBT001
    """Two that differ are two; the same one seen twice is one."""
    page = decode(answer({"name": "a"}, {"name": "b"}, {"name": "a"}), fast=fast)
    first, second, third = (row[1] for row in page.rows)
    assert first != second
    assert first == third
    assert not has_key(page.rows[0])


@both_ways
@pytest.mark.parametrize("text", [b"caf\xe9", b"\xf0\x9f", b"\x80"], ids=repr)
def test_bytes_that_are_no_utf8_cost_a_character_and_not_the_window(
    fast: bool,  # noqa: FBT001
    text: bytes,
) -> None:
    """Otherwise one wrong byte in one text would keep a window from ever being read."""
    page = decode(b'{"events":[{"id":"1","name":"' + text + b'"}]}', fast=fast)
    assert "\ufffd" in records_of(page)[0]["name"]


@both_ways
@pytest.mark.parametrize("control", ["\x01", "\x1b", "\t", "\n"], ids=repr)
@pytest.mark.parametrize("field", ["name", "free"])
def test_a_raw_control_character_does_not_cost_the_window(
    fast: bool,  # noqa: FBT001
    control: str,
    field: str,
) -> None:
    """JSON demands an escape for it, but not every server knows."""
    value = f'"a{control}b"' if field == "name" else f'{{"x":"a{control}b"}}'
    page = decode(f'{{"events":[{{"id":"1","{field}":{value}}}]}}', fast=fast)
    (record,) = records_of(page)
    assert record[field] in (f"a{control}b", {"x": f"a{control}b"})


@pytest.mark.parametrize(
    ("field", "number"),
    [("count", "1e99999999999999999999"), ("ratio", "9" * 5_000), ("name", "-" + "1" * 5_000)],
)
def test_a_number_beyond_all_bounds_is_kept_as_text(field: str, number: str) -> None:
    """Python has no number for it, and the others of its page have done nothing wrong."""
    page = decode(f'{{"events":[{{"id":"1","{field}":{number}}},{{"id":"2","count":3}}]}}')
    first, second = records_of(page)
    assert second == {"id": "2", "count": 3}
    assert number in (first[field], first.get("_unexpected", {}).get(field))


@both_ways
@pytest.mark.parametrize("value", [b"{}", b"[]", b"0", b'{"id":""}'], ids=repr)
def test_an_answer_of_too_many_values_is_refused_before_it_fills_the_memory(
    fast: bool,  # noqa: FBT001
    value: bytes,
) -> None:
    """Ten megabytes of `{}` took a gigabyte as records."""
    body = b'{"events":[' + b",".join([value] * (12_000_000 // (len(value) + 1))) + b"]}"
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="many more values than a page can"):
        decode(body, fast=fast)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@both_ways
def test_a_large_page_of_ordinary_records_is_read(fast: bool) -> None:  # noqa: FBT001
    """A thousand records of twelve kilobytes each, with commas and braces in their texts."""
    record = {
        "id": "1",
        "name": '{"key": "a value", "other": "one"}, ' * 350,
        "free": {"x": [1, 2, 3]},
    }
    assert len(decode(answer(*[record] * 1_000), fast=fast).rows) == 1_000


@both_ways
def test_a_pretty_printed_answer_gives_records_of_one_line(fast: bool) -> None:  # noqa: FBT001
    """A line break inside a record would tear a Singer message in two."""
    record = {"id": "1", "free": {"a": [1, {"b": None}]}, "ratio": 1.5}
    page = decode(json.dumps({"events": [record]}, indent=2), fast=fast)
    assert records_of(page) == [record]
    assert all(b"\n" not in one[:-1] for _, _, one in page.rows if isinstance(one, bytes))


def test_an_answer_may_be_the_one_record_or_a_bare_list() -> None:
    """Single calls answer without a key around it."""
    spec = replace(EVENTS, records_key=None, paging=Paging.SINGLE, page_size_max=None)
    assert records_of(decode('{"id":"1"}', spec=spec)) == [{"id": "1"}]
    assert records_of(decode('[{"id":"1"},{"id":"2"}]', spec=spec)) == [{"id": "1"}, {"id": "2"}]


@given(body=st.binary(max_size=80), fast=st.booleans())
def test_arbitrary_bytes_are_a_page_or_a_value_error(
    body: bytes,
    fast: bool,  # noqa: FBT001
) -> None:
    """Nothing a server sends may end in a traceback."""
    for text in (body, b'{"events":[' + body + b"]}", b'{"events":[{"id":"1","free":' + body):
        try:
            page = decode(text, fast=fast)
        except ValueError:
            continue
        assert isinstance(page, Page)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "date", "place", "since", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    records=st.lists(
        st.dictionaries(st.sampled_from([*SCHEMA["properties"], "x"]), json_values, max_size=5),
        max_size=3,
    )
)
def test_both_paths_give_the_same_records(records: list[dict[str, Any]]) -> None:
    """Whatever the API sends, in whatever field: only the speed differs."""
    body = json.dumps({"events": records}).encode()
    fast, slow = decode(body, fast=True), decode(body, fast=False)
    assert [(row[0], has_key(row)) for row in fast.rows] == [
        (row[0], has_key(row)) for row in slow.rows
    ]
    assert as_text(fast) == as_text(slow)


def as_text(page: Page) -> list[Any]:
    """Return the records with numbers as floats, in which form both paths can be compared."""
    texts = (json.dumps(record_of(one), default=float) for _, _, one in page.rows)
    return [json.dumps(json.loads(text, parse_int=float), sort_keys=True) for text in texts]


@pytest.mark.parametrize("spec", [ONE, CHILD], ids=["the one record", "the record of a parent"])
@pytest.mark.parametrize("body", ERRORS)
def test_an_error_under_status_200_is_no_record(spec: StreamSpec, body: str) -> None:
    """It would move the bookmark and stand in the table."""
    with pytest.raises(ValueError, match=r"has no id|an error"):
        PageDecoder(spec, SCHEMA)(body.encode(), {"thing": "1"} if spec is CHILD else None)


@pytest.mark.parametrize("body", ['{"anything": 1}', '{"name": "a", "message": "b"}', "{}"])
def test_the_record_of_a_parent_may_have_any_shape(body: str) -> None:
    """The shape of survey metadata is not documented, and preferences may all be unset."""
    page = PageDecoder(CHILD, SCHEMA)(body.encode(), {"thing": "1"})
    assert [row[1] for row in page.rows] == ["1"]
