"""Times: ISO-8601 text ⇄ epoch milliseconds, all in UTC.

Inside the tap a time is an `int` of epoch milliseconds. In records and STATE it is RFC 3339 text
of one fixed width with milliseconds (`2024-02-29T12:00:00.000Z`), because state is compared as
text and texts of one width sort like the times they stand for.
"""

from __future__ import annotations

import re
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
        ValueError: The text is not an ISO-8601 date or date-time, or its offset leads out of the
            years 1 to 9999. Nothing else is raised, whatever the text.
    """
    try:
        # Only what begins with a year is a date: pendulum would take "now", too.
        is_date = text.strip()[:4].isdecimal()
        parsed: object = pendulum.parse(text.strip(), tz="UTC", exact=True) if is_date else None
    except Exception as error:  # pendulum raises several unrelated types for bad text
        message = f"{text!r} is not an ISO-8601 date or date-time"
        raise ValueError(message) from error
    if isinstance(parsed, datetime):
        # In whole numbers: at the edge of the calendar Python has no datetime for it in UTC.
        days = parsed.toordinal() - _EPOCH.toordinal()
        seconds = (parsed.hour * 60 + parsed.minute) * 60 + parsed.second
        offset = parsed.utcoffset() or timedelta()
        time = days * DAY + seconds * SECOND + parsed.microsecond // 1_000
        time -= offset // timedelta(milliseconds=1)
        if not EARLIEST <= time <= _LATEST:
            message = f"{text!r} is not a time between the years 1 and 9999"
            raise ValueError(message)
        return time
    if isinstance(parsed, date):
        return (parsed.toordinal() - _EPOCH.toordinal()) * DAY
    message = f"{text!r} is not an ISO-8601 date or date-time"
    raise ValueError(message)


# A year first, so that day and month cannot be mistaken for one another. Times as databases
# ("2024-01-31 12:00:00 UTC"), Java ("…+0000", "…+01:00[Europe/Paris]") and ISO-8601 write them.
_DATE_TEXT = re.compile(
    r"(\d{4})([-/])(\d{2})\2(\d{2})"
    r"(?:[Tt ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)"
    r"(?: ?(?:(Z|UTC|GMT)|([+-]\d{2}(?::?\d{2})?))(?:\[[\w/+-]+\])?)?)?",
    re.ASCII | re.IGNORECASE,
)
# Of thirteen digits: 2001 to 2286. Fewer may be seconds, or a date written without dashes.
_EPOCH_TEXT = re.compile(r"\d{13}", re.ASCII)


# The microseconds of a time of day, beyond its milliseconds.
_MICROSECONDS = re.compile(r":\d{2}[.,]\d{3}(\d{1,3})", re.ASCII)


def text_to_iso(text: str) -> str:
    """Return the text of a date field as RFC 3339 text in UTC, with microseconds if it has any.

    Raises:
        ValueError: The text is no date, or its time lies outside the years 1 to 9999.
    """
    iso = to_iso(parse_value(text))
    found = _MICROSECONDS.search(text)
    more = f"{found[1]:0<3}" if found else "000"
    return iso if more == "000" else f"{iso[:-1]}{more}Z"


def parse_value(text: str) -> int:
    """Return the text of a date field as epoch milliseconds; without offset it counts as UTC.

    PX passes on what its customers have sent. What can be read in one way only is understood: a
    full date, year first, with or without a time and an offset, and epoch milliseconds of 13
    digits. Unlike in a setting, "2024" is no date here.

    Raises:
        ValueError: The text is something else. Nothing else is raised, whatever the text.
    """
    stripped = text.strip()
    if _EPOCH_TEXT.fullmatch(stripped):
        return int(stripped)
    found = _DATE_TEXT.fullmatch(stripped)
    if found is None:
        message = f"{text!r} is not a date"
        raise ValueError(message)
    year, _, month, day, time, zone, offset = found.groups()
    clock = "" if time is None else f"T{time}{'Z' if zone else offset or ''}"
    return parse(f"{year}-{month}-{day}{clock}")
