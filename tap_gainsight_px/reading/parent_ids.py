"""The ids of a parent stream's records, read once a run for all of its child streams."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tap_gainsight_px.reading.full_reader import FullReader
from tap_gainsight_px.reading.ordered_pool import in_turn

if TYPE_CHECKING:
    from tap_gainsight_px.reading.window_reader import WindowReader

logger = logging.getLogger(__name__)

# In a path they name another endpoint than the one that is meant.
_NO_PATHS = frozenset({"", ".", ".."})


@dataclass(frozen=True)
class Listing:
    """What is known of the parents."""

    ids: tuple[str, ...]
    """In order, each once."""
    missing: int
    """How many announced parents never arrived."""
    is_confirmed: bool
    """Whether a count or a second reading proves that these are all."""


class Parents(Protocol):
    """What knows the parents of a run: `ParentIds`, or what stands in for it."""

    def listing(self, child: str) -> Listing:
        """Return the ids; `child` is the stream that they are for."""


class ParentIds:
    """Reads the ids when the first child stream needs them. Threads may share it."""

    def __init__(self, reader: WindowReader, field: str) -> None:
        """Prepare without a request.

        Args:
            reader: Reads the parent stream.
            field: The field of its records that holds the id.
        """
        self._reader = reader
        self._field = field
        self._lock = threading.Lock()
        self._listing: Listing | None = None

    def listing(self, child: str) -> Listing:
        """Return the ids. While one thread reads them, others that need them wait.

        Args:
            child: The stream they are for: the one that an error is about, because the user may
                not have selected the parent.

        Raises:
            TapError: They could not be read. The next call tries again.
        """
        with self._lock:
            if self._listing is None:
                self._listing = self._read(child)
            return self._listing

    def _read(self, child: str) -> Listing:
        """Read the parents page by page, and keep their ids only."""
        ids: set[str] = set()
        missing, is_confirmed = 0, True
        reading = FullReader(self._reader, lambda _: True, None, child, needs_proof=True)
        for slice_ in in_turn([reading.next_page]):
            missing += slice_.missing
            is_confirmed = is_confirmed and slice_.is_confirmed
            records = [record for _, _, record in slice_.rows if isinstance(record, dict)]
            values = (record.get(self._field) for record in records)
            ids.update(str(value) for value in values if value is not None)
        if unfit := ids & _NO_PATHS:
            ids -= unfit
            logger.warning(
                "%s: %d records have an id that no path can hold; their child streams leave them "
                "out",
                self._reader.spec.name,
                len(unfit),
            )
        return Listing(tuple(sorted(ids)), missing, is_confirmed)
