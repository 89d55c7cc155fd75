"""The sandbox's time: one object for all parts, so that tests can move it."""

from __future__ import annotations

import time


class Clock:
    """Wall clock in epoch milliseconds, which can be moved forward."""

    def __init__(self, *, behind_seconds: float = 0) -> None:
        """Start in step with the wall clock, or behind it: for a client whose clock is ahead."""
        self._offset_ms = -round(behind_seconds * 1000)

    def now_ms(self) -> int:
        """Return the present in epoch milliseconds (UTC)."""
        return time.time_ns() // 1_000_000 + self._offset_ms

    def advance(self, *, seconds: float = 0, days: float = 0) -> None:
        """Move forward by ``seconds`` plus ``days``.

        Backwards is refused: what has become visible in a world stays visible.
        """
        step_ms = round((seconds + days * 86_400) * 1000)
        if step_ms < 0:
            msg = "the clock of a sandbox only moves forward"
            raise ValueError(msg)
        self._move(step_ms)

    def _move(self, step_ms: int) -> None:
        self._offset_ms += step_ms


class ManualClock(Clock):
    """A clock that stands still until it is advanced."""

    def __init__(self, start_ms: int) -> None:
        """Stand at ``start_ms`` (epoch milliseconds)."""
        super().__init__()
        self._now_ms = start_ms

    def now_ms(self) -> int:
        """Return the instant the clock stands at, in epoch milliseconds."""
        return self._now_ms

    def _move(self, step_ms: int) -> None:
        self._now_ms += step_ms
