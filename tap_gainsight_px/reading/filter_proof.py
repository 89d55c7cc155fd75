"""The proof that a filter works, kept in STATE for a day, so that not every run looks for it.

What proves a filter costs half a dozen requests: a sample, the second of one of its records, and
counts on both sides of it. In STATE stands `filter_proof`: the form of a time that worked, and
when. What is damaged, old or from the future proves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tap_gainsight_px.catalog.spec import TimeFormat
from tap_gainsight_px.timestamps import DAY, SECOND, parse, to_iso

if TYPE_CHECKING:
    from tap_gainsight_px.output.state import StreamState

_NAME = "filter_proof"
# Runs that start at the same time each day start some seconds earlier on one than on another.
_TOLERANCE = 15 * 60 * SECOND


class Proof(NamedTuple):
    """A form of a time that works, and when (epoch milliseconds) that was found."""

    time_format: TimeFormat
    found_at: int

    @property
    def facts(self) -> dict[str, Any]:
        """What to note in STATE."""
        return {_NAME: {"format": self.time_format.value, "at": to_iso(self.found_at)}}


NO_PROOF: dict[str, Any] = {_NAME: None}
"""What to note in STATE where nothing is proved."""


def read_proof(state: StreamState, now: int) -> Proof | None:
    """Return the proof that still holds; None if the filter has to be tried.

    Args:
        state: The stream's part of STATE.
        now: The start of the run, epoch milliseconds.
    """
    known = state.known(_NAME)
    if not isinstance(known, dict):
        return None
    try:
        proof = Proof(TimeFormat(known.get("format")), parse(known["at"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return proof if 0 <= now - proof.found_at < DAY - _TOLERANCE else None
