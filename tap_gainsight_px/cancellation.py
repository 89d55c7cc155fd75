"""The one way to end a run early, and waits that it cuts short.

A signal handler runs inside whatever the main thread was doing, and that may be holding a lock:
one of `threading.Event`, for instance, which the handler would then wait for without end. So
nothing here has a lock. Asking for the end assigns one attribute, and every wait looks at it ten
times a second.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_UP_SECONDS = 0.1

# A target that does not read keeps the tap from writing, and so from ending. After a signal it
# ends all the same: what was not written out is not in STATE either.
_SECONDS_TO_END = 4.0


class Cancellation:
    """Set once, by a signal, by an error or when its time is over; seen by every thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start not set.

        Args:
            clock: Seconds on a clock that never goes back.
        """
        self._clock = clock
        self._began = clock()
        self._most_seconds: int | None = None
        self._reason: tuple[str, int] | None = None
        self._is_interrupted = False
        self.last_words: Callable[[StoppedError], None] = _say_nothing
        """Called where a signal ends the program at once, in its handler: it must wait for no lock
        that the main thread may hold."""

    def __call__(self, message: str, exit_code: int = 1) -> None:
        """Ask everything to end. Safe in a signal handler; the first reason stays."""
        if self._reason is None:
            self._reason = message, exit_code

    def by_signal(self, signum: int) -> None:
        """End in good order after a signal, with exit code 128 + its number; a second one ends now.

        To be called in a signal handler. It starts no thread either (nor `threading.Timer`), for
        that takes a lock.
        """
        exit_code = 128 + signum
        if self._is_interrupted:
            self._end_now(exit_code)
        self._is_interrupted = True
        if hasattr(signal, "setitimer"):  # Windows has none
            signal.signal(signal.SIGALRM, lambda *_: self._end_now(exit_code))
            signal.setitimer(signal.ITIMER_REAL, _SECONDS_TO_END)
        name = signal.Signals(signum).name
        self(f"stopped by {name}; run again with the last STATE to continue", exit_code)

    def _end_now(self, exit_code: int) -> None:
        try:
            if self._reason is not None:
                self.last_words(StoppedError(*self._reason))
        finally:
            os._exit(exit_code)

    def end_after(self, seconds: int | None) -> None:
        """End in good order so many seconds after this object was made; None: never by itself."""
        self._most_seconds = seconds

    @property
    def is_set(self) -> bool:
        """Whether the run is to end."""
        most = self._most_seconds
        if self._reason is None and most is not None and self._clock() - self._began >= most:
            self(
                f"stopped after max_run_seconds ({most}); what was written out is in STATE, "
                "run again to continue from there"
            )
        return self._reason is not None

    def check(self) -> None:
        """Raise `StoppedError` when the run is to end."""
        if self.is_set and self._reason is not None:
            # A new one each time: each reader adds what it was reading.
            raise StoppedError(*self._reason)

    def wait(self, seconds: float) -> None:
        """Wait `seconds`; raise `StoppedError` a tenth of a second after the run is to end."""
        until = time.monotonic() + seconds
        self.check()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_UP_SECONDS))
            self.check()


def _say_nothing(_: StoppedError) -> None:
    pass
