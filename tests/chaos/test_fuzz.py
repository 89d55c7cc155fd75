"""Whatever bytes a server sends or a STATE file holds: understood, or refused as what it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_gainsight_px.api.responses import decoded
from tap_gainsight_px.catalog.schemas import load_schema, with_unexpected
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.errors import AnswerLostError, StateError
from tap_gainsight_px.given.state import checked_state
from tap_gainsight_px.output.state import read_bookmark
from tap_gainsight_px.records.attribute_list import attribute_fields, decode_attributes
from tap_gainsight_px.records.decoder import PageDecoder
from tap_gainsight_px.records.page import Page
from tap_gainsight_px.records.typed import MessageFormat

# By name, because Hypothesis prints what it draws from, and a decoder prints all that it knows.
DECODERS = {
    f"{spec.name}, {'as messages' if way else 'as records'}": (
        spec,
        PageDecoder(spec, with_unexpected(load_schema(spec.schema_name)), message_format=way),
    )
    for spec in STREAMS
    for way in (None, MessageFormat("events"))
}
FIELDS = sorted({name for spec in STREAMS for name in load_schema(spec.schema_name)["properties"]})
NAMES = ["totalHits", "scrollId", "isLastPage", "apiName", "type", "origin", *FIELDS]

texts = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(
    ["2024-01-01T00:00:00Z", "9999999999999999999", "-1", "٣", "0001-01-01", "NaN", "\ud800"]
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """Draw bytes: of any kind, or JSON that is cut off, or has something strange put into it."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=60))
    key = draw(st.sampled_from(["results", "users", "accounts", "customEvents", "x"]))
    body = json.dumps({key: draw(anything), "totalHits": draw(anything)}).encode()
    at = draw(st.integers(0, len(body)))
    return body[:at] + draw(st.binary(max_size=3)) + (body[at:] if draw(st.booleans()) else b"")


def assert_a_page_or_refused(decode: PageDecoder, body: bytes) -> None:
    """Decode it."""
    try:
        page = decode(body)
    except ValueError:
        return
    assert isinstance(page, Page)


@settings(max_examples=300)
@given(which=st.sampled_from(sorted(DECODERS)), body=torn())
def test_arbitrary_bytes_are_a_page_or_refused(which: str, body: bytes) -> None:
    """Of every stream, on the fast way and the slow one: a ValueError, and no other error."""
    assert_a_page_or_refused(DECODERS[which][1], body)


@settings(max_examples=300)
@given(
    which=st.sampled_from(sorted(DECODERS)),
    records=st.lists(st.dictionaries(st.sampled_from(FIELDS), anything, max_size=4), max_size=3),
    total=anything,
    scroll=anything,
)
def test_arbitrary_json_in_the_right_place_is_a_page_or_refused(
    which: str, records: list[Any], total: Any, scroll: Any
) -> None:
    """Where the records are expected, with any value in any field and any count."""
    spec, decode = DECODERS[which]
    answer: Any = {spec.records_key or "x": records, "totalHits": total, "scrollId": scroll}
    assert_a_page_or_refused(decode, json.dumps(answer).encode())


@settings(max_examples=60)
@given(which=st.sampled_from(sorted(DECODERS)), depth=st.integers(500, 200_000))
def test_a_deep_answer_is_refused(which: str, depth: int) -> None:
    """Brackets without end exhaust no stack: whoever asked takes the answer for a lost one."""
    for body in (b"[" * depth, b"[" * depth + b"]" * depth + b"}]}"):
        with pytest.raises(AnswerLostError):
            decoded("/v1/any", 200, b'{"results":[{"x":' + body + b"!", DECODERS[which][1])


@settings(max_examples=300)
@given(torn() | anything.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bytes_are_attributes_or_refused(body: bytes) -> None:
    """What is understood as attributes also leads to fields."""
    try:
        attributes = decode_attributes(body)
    except ValueError:
        return
    assert all(field["type"] for field in attribute_fields(attributes).values())


@settings(max_examples=300)
@given(anything)
def test_an_arbitrary_state_is_understood_or_refused(state: Any) -> None:
    """A StateError of one line, whatever the file holds."""
    for one in (state, {"bookmarks": state}, {"bookmarks": {"users": state}}):
        line = "understood"
        try:
            checked_state(one)
        except StateError as error:
            line = str(error)
        assert len(line.splitlines()) == 1


@settings(max_examples=300)
@given(value=anything, key=st.just("date") | anything)
def test_an_arbitrary_bookmark_is_a_time_or_refused(value: Any, key: Any) -> None:
    """A StateError of one line, whatever stands where the time should be."""
    state = {"replication_key": key, "replication_key_value": value}
    line = "understood"
    try:
        time = read_bookmark("users", state, "date")
        assert time is None or isinstance(time, int)
    except StateError as error:
        line = str(error)
    assert len(line.splitlines()) == 1
