"""Times: ISO-8601 text ⇄ epoch milliseconds, all in UTC.

Inside the tap a time is an `int` of epoch milliseconds. In records and STATE it is RFC 3339 text
of one fixed width with milliseconds (`2024-02-29T12:00:00.000Z`), because state is compared as
text and texts of one width sort like the times they stand for.
"""

from __future__ import annotations

from calendar import timegm
from datetime import date, datetime, timedelta, timezone

import pendulum

SECOND = 1_000
DAY = 86_400 * SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
EARLIEST = -62_135_596_800_000
"""0001-01-01, the first moment that text of this form can name, in epoch milliseconds."""
_LATEST = 253_402_300_799_999  # the last millisecond of 9999


def now() -> int:
    """Return the current time in epoch milliseconds."""
    return int(pendulum.now("UTC").timestamp() * 1_000)


def floor_second(milliseconds: int) -> int:
    """Return the start of the second that `milliseconds` lies in."""
    return milliseconds // SECOND * SECOND


class _Hours(dict[int, str]):
    """The text of an hour since 1970, such as `2024-02-29T12:`, made when it is first asked for."""

    def __missing__(self, hour: int) -> str:
        if not EARLIEST // _HOUR <= hour <= _LATEST // _HOUR:
            message = f"{hour} hours from 1970 are not a time between the years 1 and 9999"
            raise ValueError(message)
        if len(self) >= _MOST_HOURS:
            self.clear()
        text = self[hour] = (_EPOCH + timedelta(hours=hour)).isoformat()[:14]
        return text


# Every record has a time or more, so its text is put together from pieces made once.
_HOUR = 3_600 * SECOND
_MOST_HOURS = 16_384
_HOURS = _Hours()
_SECONDS = [f"{second // 60:02d}:{second % 60:02d}." for second in range(3_600)]
_MILLISECONDS = [f"{millisecond:03d}Z" for millisecond in range(1_000)]


def to_iso(milliseconds: int) -> str:
    """Return epoch milliseconds as RFC 3339 text in UTC, always 24 characters wide.

    Raises:
        ValueError: The time lies outside the years 1 to 9999.
    """
    hour, rest = divmod(milliseconds, _HOUR)
    return f"{_HOURS[hour]}{_SECONDS[rest // SECOND]}{_MILLISECONDS[rest % SECOND]}"


def to_iso_seconds(milliseconds: int) -> str:
    """Return epoch milliseconds as RFC 3339 text in UTC, cut to whole seconds."""
    return f"{to_iso(milliseconds)[:19]}Z"


def parse(text: str) -> int:
    """Return ISO-8601 text as epoch milliseconds; a time without offset counts as UTC.

    Raises:
        ValueError: The text is not an ISO-8601 date or date-time.
    """
    try:
        # Only what begins with a year is a date: pendulum would take "now", too.
        is_date = text.strip()[:4].isdecimal()
        parsed: object = pendulum.parse(text.strip(), tz="UTC", exact=True) if is_date else None
    except Exception as error:  # pendulum raises several unrelated types for bad text
        message = f"{text!r} is not an ISO-8601 date or date-time"
        raise ValueError(message) from error
    if isinstance(parsed, datetime):
        return timegm(parsed.utctimetuple()) * SECOND + parsed.microsecond // 1_000
    if isinstance(parsed, date):
        return (parsed.toordinal() - _EPOCH.toordinal()) * DAY
    message = f"{text!r} is not an ISO-8601 date or date-time"
    raise ValueError(message)
