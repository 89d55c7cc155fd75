"""Reads the bookmark of one stream from STATE, and refuses STATE that makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_gainsight_px.errors import StateError
from tap_gainsight_px.timestamps import parse, to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_NUMBER = 20
_START_OVER = "run without --state to start over, or correct it"


def checked_state(state: Any) -> dict[str, Any]:
    """Return a STATE that has the shape of Singer bookmarks.

    Args:
        state: The value of a STATE message, or the whole message.

    Raises:
        StateError: It has another shape, with the place that is wrong.
    """
    if isinstance(state, dict) and state.get("type") == "STATE":
        state = state.get("value")
    if not isinstance(state, dict):
        message = f"STATE must be an object, not {_kind(state)}; {_START_OVER}"
        raise StateError(message)
    if state and not state.keys() & {"bookmarks", "currently_syncing"}:
        names = ", ".join(sorted(str(name) for name in state)[:3])
        message = f"STATE has no bookmarks, but {names}: is it another file? Else {_START_OVER}"
        raise StateError(message)
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        message = f"STATE: bookmarks must be an object, not {_kind(bookmarks)}; {_START_OVER}"
        raise StateError(message)
    for stream, bookmark in bookmarks.items():
        if not isinstance(bookmark, dict):
            message = (
                f"STATE: the bookmark of {stream} must be an object, not {_kind(bookmark)}; "
                f"{_START_OVER}"
            )
            raise StateError(message)
    return state


def read_bookmark(
    stream_name: str, stream_state: Mapping[str, Any], replication_key: str
) -> int | None:
    """Return the bookmark of a stream in epoch milliseconds.

    Understands RFC 3339 text, as this tap writes it, and epoch milliseconds as a number or as
    text, as the earlier public tap for this API writes them.

    Returns:
        None when there is no bookmark, or one of another replication key.

    Raises:
        StateError: The bookmark is not a time.
    """
    value = stream_state.get("replication_key_value")
    if value is None or stream_state.get("replication_key", replication_key) != replication_key:
        return None
    time = _read_time(value)
    if time is None:
        message = (
            f"STATE: the bookmark of {stream_name} is not a time: {str(value)[:60]!r}; "
            f"{_START_OVER}"
        )
        raise StateError(message)
    return time


def _read_time(value: Any) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        is_number = text.removeprefix("-").isdecimal() and len(text) < _LONGEST_NUMBER
        try:
            return _read_time(int(text)) if is_number else parse(text)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        time = int(value)
        to_iso(time)
    except (ValueError, OverflowError):
        return None
    return time


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
