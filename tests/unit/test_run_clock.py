"""What a run may claim to have read is bounded by the earlier of two clocks."""

from __future__ import annotations

import logging
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.run_clock import RunClock
from tap_gainsight_px.timestamps import DAY, SECOND

NOON = 1_709_208_000_000
HOUR = 3_600 * SECOND


def clock_told(*dates: str | None, host: int = NOON) -> RunClock:
    """Return the clock of a run that has had answers with these `Date` headers."""
    clock = RunClock(lambda: host, host)
    for date in dates:
        clock.note(date, host)
    return clock


def http_date(time: int) -> str:
    """Write a time as the header does."""
    return formatdate(time / 1_000, usegmt=True)


@given(told=st.lists(st.integers(NOON - 9 * DAY, NOON + 9 * DAY).map(lambda at: at // 1000 * 1000)))
def test_the_end_is_the_earliest_of_all_clocks(told: list[int]) -> None:
    """Whatever the order of the answers."""
    assert clock_told(*map(http_date, told)).end == min([NOON, *told])


@given(date=st.none() | st.text() | st.text("0123456789 :,-+GMTFebThu"))
def test_a_header_that_is_no_date_changes_nothing(date: str | None) -> None:
    """A proxy may write anything, or leave it out."""
    clock = clock_told(date)
    assert clock.end <= NOON
    assert clock.is_future(NOON + 1)


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "soon",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +1400",
        "Fri, 31 Dec 9999 23:59:59 -1400",
        "Thu, 99 Feb 2024 12:00:00 GMT",
    ],
    ids=repr,
)
def test_without_a_date_of_px_the_host_is_believed(date: str | None) -> None:
    """There is nothing better to go by."""
    clock = clock_told(date)
    assert (clock.end, clock.px_now) == (NOON, NOON)
    assert not clock.is_future(NOON)


def test_a_bookmark_after_the_present_of_px_is_in_the_future() -> None:
    """But not one that is seconds ahead: not all servers of PX show the same second."""
    clock = clock_told(http_date(NOON - 3 * HOUR))
    assert clock.px_now == NOON - 3 * HOUR
    assert clock.is_future(NOON - 2 * HOUR)
    assert not clock.is_future(NOON - 3 * HOUR + 60 * SECOND)


def test_nobody_goes_back_by_a_date_that_is_days_old() -> None:
    """It bounds what is claimed, and that is all."""
    clock = clock_told(http_date(NOON - 3 * DAY))
    assert clock.end == NOON - 3 * DAY
    assert not clock.is_future(NOON)


def test_a_slow_answer_is_no_difference(caplog: pytest.LogCaptureFixture) -> None:
    """The server may write the time when it begins or when it ends."""
    clock = RunClock(lambda: NOON + 200 * SECOND, NOON)
    with caplog.at_level(logging.WARNING):
        for seconds in (0, 100, 200):
            clock.note(http_date(NOON + seconds * SECOND), NOON)
        assert caplog.messages == []
        clock.note(http_date(NOON + 261 * SECOND), NOON)
        clock.note(http_date(NOON - 61 * SECOND), NOON)
    assert len(caplog.messages) == 1
