"""Reading the times that clients send: epoch milliseconds or ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_INTEGER = re.compile(r"-?\d{1,18}\Z")
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?"
    r"(Z|[+-]\d{2}:?\d{2})?)?\Z",
    re.IGNORECASE,
)


def parse_time(text: str) -> int | None:
    """Return the epoch milliseconds that ``text`` names, or None if it names no instant.

    Whole numbers are epoch milliseconds; everything else has to be an ISO 8601 date or date-time,
    which is UTC unless it carries an offset.
    """
    if _INTEGER.match(text):
        return int(text)
    match = _ISO.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=timezone.utc,
        )
        instant = moment - _offset(offset)
    except (ValueError, OverflowError):
        return None
    return to_ms(instant) + int((fraction or "0").ljust(3, "0")[:3])


def to_ms(moment: datetime) -> int:
    """Return whole epoch milliseconds of an aware ``moment``."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_iso(milliseconds: int) -> str:
    """Return ``milliseconds`` since the epoch as ISO 8601 in UTC."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _offset(text: str | None) -> timedelta:
    if text is None or text in "zZ":
        return timedelta()
    sign = -1 if text[0] == "-" else 1
    return sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
