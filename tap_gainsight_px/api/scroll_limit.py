"""How many scrolls are open at once: fewer after PX has refused to open another one.

An open scroll costs the server a context (Elasticsearch allows 500 a node by default) that a
client cannot close; it closes when its time is over.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tap_gainsight_px.tally import Wait, here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Workers that are refused together meet one limit; a minute without a refusal lets one more in.
_SECONDS_OF_ONE_REFUSAL = 5.0
_GROWS_EVERY_SECONDS = 60.0
# A scroll is open for seconds, so its end need not be noticed at once.
_LOOKS_EVERY_SECONDS = 0.25


class ScrollLimit:
    """Lets at most so many scrolls be open at once, of all threads together."""

    def __init__(
        self, most: int, *, clock: Callable[[], float], wait: Callable[[float], None]
    ) -> None:
        """Start with the most that are allowed.

        Args:
            most: How many are ever allowed.
            clock: Seconds on a clock that never goes back.
            wait: Waits that many seconds; may raise to give up.
        """
        self._most = most
        self._allowed = most
        self._open = 0
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._refused_at = -_SECONDS_OF_ONE_REFUSAL
        self._grows_at = 0.0

    @property
    def allowed(self) -> int:
        """How many scrolls may be open at present."""
        return self._allowed

    @contextmanager
    def scroll(self) -> Iterator[None]:
        """Wait until a scroll may be opened, and count it as open until the end of the block."""
        if not self._enter():
            began = self._clock()
            try:
                self._wait(_LOOKS_EVERY_SECONDS)
                while not self._enter():
                    self._wait(_LOOKS_EVERY_SECONDS)
            finally:
                here().note_wait(Wait.SCROLL_LIMIT, self._clock() - began)
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    def note_refusal(self) -> None:
        """Halve the number, because the server has too many scrolls open."""
        with self._lock:
            now = self._clock()
            self._grows_at = now + _GROWS_EVERY_SECONDS
            if now - self._refused_at >= _SECONDS_OF_ONE_REFUSAL:
                self._refused_at = now
                self._allowed = max(1, self._allowed // 2)

    def _enter(self) -> bool:
        with self._lock:
            now = self._clock()
            if self._allowed < self._most and now >= self._grows_at:
                self._allowed += 1
                self._grows_at = now + _GROWS_EVERY_SECONDS
            if self._open >= self._allowed:
                return False
            self._open += 1
            return True
