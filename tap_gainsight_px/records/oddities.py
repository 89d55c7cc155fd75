"""What is odd about the records of one stream: told once by name, counted until its end."""

from __future__ import annotations

import enum
import logging
from collections import Counter
from threading import RLock
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.schemas import UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

logger = logging.getLogger(__name__)

# Of each kind. A stream may have thousands of names, and a log line each helps nobody.
_MOST_NAMES = 20
_OTHER_REASONS = "other reasons"


class Oddity(enum.Enum):
    """How a record differs from what its schema says, in the words of the log."""

    MISFIT = f"not of the declared type, so the value is in {UNEXPECTED}"
    UNDECLARED = f"not in the schema, so loaders have it in {UNEXPECTED} alone"
    LEFT_OUT = "not in the schema, so it is left out"
    NO_KEY = "missing though it is the key, so a digest of the record stands for it"
    LONG_KEY = f"too long for a key, so it is shortened, and whole in {UNEXPECTED}"


class Oddities:
    """Counts by kind and field. Pages are decoded by several threads."""

    def __init__(self, stream_name: str) -> None:
        """Start with nothing odd.

        Args:
            stream_name: Name of the stream, for the log.
        """
        self._stream_name = stream_name
        self._counts: dict[Oddity, Counter[str]] = {oddity: Counter() for oddity in Oddity}
        self._slow: Counter[str] = Counter()
        # The handler of a signal may want to report, in the middle of anything.
        self._lock = RLock()

    def add_slow(self, reasons: Mapping[str, int]) -> None:
        """Count records that had to be decoded one by one, by the reason."""
        with self._lock:
            for reason, records in (+Counter(reasons)).items():
                is_told = reason in self._slow or len(self._slow) < _MOST_NAMES
                self._slow[reason if is_told else _OTHER_REASONS] += records

    @property
    def slow(self) -> int:
        """How many records had to be decoded one by one."""
        with self._lock:
            return self._slow.total()

    @property
    def fields(self) -> dict[str, dict[str, int]]:
        """How often each field was odd, by the name of the kind."""
        with self._lock:
            return {oddity.name.lower(): dict(one) for oddity, one in self._counts.items()}

    def add(self, oddity: Oddity, names: Iterable[str], records: int = 1) -> None:
        """Count records that are odd in these fields; the first of each field is a warning."""
        for name in names if records else ():
            with self._lock:
                counts = self._counts[oddity]
                is_new = not counts[name] and len(counts) <= _MOST_NAMES
                counts[name] += records
            if is_new:
                logger.warning("%s: %s is %s", self._stream_name, name, oddity.value)

    def sum_up(self) -> None:
        """Say how many records took the slow way; how often fields were odd says the report."""
        if total := self.slow:
            reasons = [f"{reason} ({count:,})" for reason, count in self._slow.most_common(3)]
            logger.debug(
                "%s: %s records took the slow way through the tap, mostly for: %s",
                self._stream_name,
                f"{total:,}",
                "; ".join(reasons),
            )
