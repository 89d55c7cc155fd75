"""The one way to end a run early, and waits that it cuts short."""

from __future__ import annotations

import threading

from tap_gainsight_px.errors import StoppedError


class Cancellation:
    """Set once, by a signal or by the end of the run; seen by every thread."""

    def __init__(self) -> None:
        """Start not set."""
        self._event = threading.Event()
        self._error = StoppedError("the run is over")

    def __call__(self, message: str, exit_code: int = 1) -> None:
        """Ask everything to end. Safe in a signal handler: it only sets a flag."""
        self._error = StoppedError(message, exit_code)
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether the run is to end."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `StoppedError` when the run is to end."""
        if self._event.is_set():
            raise self._error

    def wait(self, seconds: float) -> None:
        """Wait `seconds`; raise `StoppedError` at once when the run is to end."""
        if self._event.wait(seconds):
            raise self._error
