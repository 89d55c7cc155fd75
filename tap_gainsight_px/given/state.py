"""STATE given with `--state`: of a shape that can be read, or a line for what is wrong.

The bookmarks in it are read by `output.state`.
"""

from __future__ import annotations

from typing import Any

from tap_gainsight_px.errors import StateError
from tap_gainsight_px.output.state import START_OVER


def checked_state(state: Any) -> dict[str, Any]:
    """Return a STATE that has the shape of Singer bookmarks.

    Args:
        state: The value of a STATE message, the whole message, or what `meltano state get` prints.

    Raises:
        StateError: It has another shape, with the place that is wrong.
    """
    if isinstance(state, dict) and state.get("type") == "STATE":
        state = state.get("value")
    elif isinstance(state, dict) and state.keys() == {"singer_state"}:
        state = state["singer_state"]
    if not isinstance(state, dict):
        message = f"STATE must be an object, not {_kind(state)}; {START_OVER}"
        raise StateError(message)
    if state and not state.keys() & {"bookmarks", "currently_syncing"}:
        names = ", ".join(sorted(str(name) for name in state)[:3])
        message = f"STATE has no bookmarks, but {names}: is it another file? Else {START_OVER}"
        raise StateError(message)
    bookmarks = state.get("bookmarks", {})
    if not isinstance(bookmarks, dict):
        message = f"STATE: bookmarks must be an object, not {_kind(bookmarks)}; {START_OVER}"
        raise StateError(message)
    for stream, bookmark in bookmarks.items():
        if not isinstance(bookmark, dict):
            message = (
                f"STATE: the bookmark of {stream} must be an object, not {_kind(bookmark)}; "
                f"{START_OVER}"
            )
            raise StateError(message)
    return state


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
