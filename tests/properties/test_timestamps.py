"""Rules of the text that times are written as."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.timestamps import (
    _HOURS,
    _MOST_HOURS,
    floor_second,
    parse,
    parse_value,
    to_iso,
    to_iso_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable

times = st.integers(min_value=-62_135_596_800_000, max_value=253_402_300_799_999)


@given(time=times)
def test_a_time_survives_being_written_and_read(time: int) -> None:
    """Text holds every millisecond of a time."""
    assert parse(to_iso(time)) == time


@given(one=times, other=times)
def test_texts_sort_like_the_times_they_stand_for(one: int, other: int) -> None:
    """STATE is compared as text, so text and time must agree about what comes first."""
    assert (one < other) == (to_iso(one) < to_iso(other))
    assert len(to_iso(one)) == len("2024-02-29T12:00:00.000Z")


def test_the_texts_of_hours_that_are_kept_are_bounded() -> None:
    """Times of all centuries in one run must not fill the memory."""
    texts = {to_iso(hour * 3_600_000) for hour in range(2 * _MOST_HOURS)}
    assert len(texts) == 2 * _MOST_HOURS
    assert len(_HOURS) <= _MOST_HOURS


@given(time=times)
def test_whole_seconds_are_cut_never_rounded_up(time: int) -> None:
    """A time cut to its second never lies after it."""
    assert parse(to_iso_seconds(time)) == floor_second(time) <= time


@given(moment=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)))  # noqa: DTZ001
def test_a_time_without_offset_is_utc(moment: datetime) -> None:
    """Hours do not move with the machine's time zone."""
    whole = moment.replace(microsecond=0)
    expected = int(whole.replace(tzinfo=timezone.utc).timestamp()) * 1_000
    assert parse(whole.isoformat()) == expected


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-01-31", "2024-01-31T00:00:00.000Z"),
        ("2024-01-31T10:00:00+05:30", "2024-01-31T04:30:00.000Z"),
        ("2024-01-31T10:00:00.123456Z", "2024-01-31T10:00:00.123Z"),
    ],
)
def test_dates_and_offsets_are_understood(text: str, iso: str) -> None:
    """The usual ways of writing a date in a configuration all work."""
    assert to_iso(parse(text)) == iso


@pytest.mark.parametrize(
    "text", ["", "now", "yesterday", "2024-13-01", "12:30", "P1D", "2024-01-01/P1D"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    """A typing error in a date is an error, not another date."""
    with pytest.raises(ValueError, match="not an ISO-8601 date"):
        parse(text)


OFFSETS = ["", "Z", "+00:00", "+14:00", "-12:00", "+0530", "-05", " UTC", "+99:99", "-23:59"]
moments = st.datetimes().map(lambda moment: moment.isoformat()) | st.sampled_from(
    ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "0000-01-01", "9999-12-31"]
)
odd_texts = (
    st.text()
    | st.text("0123456789-:+/.,TZWP ", max_size=30)
    | st.builds("{}{}".format, moments, st.sampled_from(OFFSETS))
    | st.integers().map(str)
)


@given(text=odd_texts, read=st.sampled_from([parse, parse_value]))
def test_any_text_is_a_time_or_a_value_error(text: str, read: Callable[[str], int]) -> None:
    """No text leads to another exception, nor to a time that no text can name."""
    try:
        time = read(text)
    except ValueError:
        return
    assert parse(to_iso(time)) == time


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00+01:00", "0001-01-01T00:59:59+01:00", "9999-12-31T23:59:59-05:00"],
)
def test_an_offset_that_leads_out_of_the_calendar_is_refused(text: str) -> None:
    """It is a date on the wall of some place, but no time in UTC that text can name."""
    for read in (parse, parse_value):
        with pytest.raises(ValueError, match="not a time between the years 1 and 9999"):
            read(text)


@given(
    moment=st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),  # noqa: DTZ001
    offset=st.integers(-1_439, 1_439),
)
def test_an_offset_is_subtracted(moment: datetime, offset: int) -> None:
    """The same moment, whatever offset it is written with."""
    zone = timezone(timedelta(minutes=offset))
    text = moment.replace(microsecond=0, tzinfo=zone).isoformat()
    expected = moment.replace(microsecond=0, tzinfo=timezone.utc) - timedelta(minutes=offset)
    assert to_iso(parse_value(text))[:19] == expected.isoformat()[:19]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-01-31", "2024-01-31T00:00:00.000Z"),
        ("2024/01/31", "2024-01-31T00:00:00.000Z"),
        ("2024-01-31T12:00", "2024-01-31T12:00:00.000Z"),
        ("2024-01-31 12:00:00", "2024-01-31T12:00:00.000Z"),
        ("2024-01-31 12:00:00 UTC", "2024-01-31T12:00:00.000Z"),
        ("2024-01-31 12:00:00 +0530", "2024-01-31T06:30:00.000Z"),
        ("2024-01-31T12:00:00.5+01:00[Europe/Paris]", "2024-01-31T11:00:00.500Z"),
        ("2024-01-31T12:00:00.123456789Z", "2024-01-31T12:00:00.123Z"),
        ("2024-01-31t12:00:00z", "2024-01-31T12:00:00.000Z"),
        (" 1706702400000 ", "2024-01-31T12:00:00.000Z"),
    ],
)
def test_dates_as_customers_write_them_are_understood(text: str, iso: str) -> None:
    """PX passes on the text that it was sent."""
    assert to_iso(parse_value(text)) == iso


@pytest.mark.parametrize(
    "text",
    [
        "31/01/2024",
        "01-02-2024",
        "2024",
        "2024-01",
        "20240131",
        "202401311200",
        "1706702400",
        "-1706702400000",
        "2024-02-30",
        "0000-00-00",
        "2024-01/31",
        "2024-W05",
        "12:00",
        "2024-01-31T12",
        "2024-01-31T12:00:00 EST",
        "2024-01-31T12:00:00[Europe/Paris]",
        "Jan 31, 2024",
    ],
)
def test_what_can_be_read_in_two_ways_is_no_date(text: str) -> None:
    """A wrong date in the table is worse than a value that is set apart."""
    with pytest.raises(ValueError, match="not a"):
        parse_value(text)


@pytest.mark.parametrize("time", [253_402_300_800_000, -62_135_596_800_001])
def test_times_beyond_the_calendar_are_refused(time: int) -> None:
    """No text of four year digits can name them."""
    with pytest.raises(ValueError, match="not a time"):
        to_iso(time)
