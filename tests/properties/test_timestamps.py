"""Rules of the text that times are written as."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.timestamps import (
    _HOURS,
    _MOST_HOURS,
    floor_second,
    parse,
    to_iso,
    to_iso_seconds,
)

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


@pytest.mark.parametrize("time", [253_402_300_800_000, -62_135_596_800_001])
def test_times_beyond_the_calendar_are_refused(time: int) -> None:
    """No text of four year digits can name them."""
    with pytest.raises(ValueError, match="not a time"):
        to_iso(time)
