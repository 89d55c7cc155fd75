"""The one way to end a run early, and waits that it cuts short.

A signal handler runs inside whatever the main thread was doing, and that may be holding a lock:
one of `threading.Event`, for instance, which the handler would then wait for without end. So
nothing here has a lock. Asking for the end assigns one attribute, and whoever waits looks at it
ten times a second.
"""

from __future__ import annotations

import time

from tap_gainsight_px.errors import StoppedError

_LOOK_UP_SECONDS = 0.1


class Cancellation:
    """Set once, by a signal or by an error that ends the run; seen by every thread."""

    def __init__(self) -> None:
        """Start not set."""
        self._reason: tuple[str, int] | None = None

    def __call__(self, message: str, exit_code: int = 1) -> None:
        """Ask everything to end. Safe in a signal handler; the first reason stays."""
        if self._reason is None:
            self._reason = message, exit_code

    @property
    def is_set(self) -> bool:
        """Whether the run is to end."""
        return self._reason is not None

    def check(self) -> None:
        """Raise `StoppedError` when the run is to end."""
        if self._reason is not None:
            # A new one each time: whoever catches it adds what it was reading.
            raise StoppedError(*self._reason)

    def wait(self, seconds: float) -> None:
        """Wait `seconds`; raise `StoppedError` a tenth of a second after the run is to end."""
        until = time.monotonic() + seconds
        self.check()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_UP_SECONDS))
            self.check()
