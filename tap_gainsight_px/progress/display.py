"""Shows the progress of a run in the way that suits where it runs."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from tap_gainsight_px.progress.lines import ProgressLines
from tap_gainsight_px.progress.overview import overview

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Sequence

    from tap_gainsight_px.progress.overview import Overview
    from tap_gainsight_px.tally import StreamTally

AUTO, BAR, LOG, NONE = "auto", "bar", "log", "none"

# A run that is over in a moment shows nothing.
_FIRST_LOOK_SECONDS = 1.0
_LINES_EVERY_SECONDS = 1.0
_BARS_EVERY_SECONDS = 0.25
_SECONDS_TO_END = 1.0


def way_of(setting: str) -> str:
    """Return how progress is to be shown here: `bar`, `log` or `none`.

    Bars need a terminal on standard error. By themselves they come where nothing else writes onto
    it: messages do where standard output is the same terminal, and a log of another form is not
    made for eyes.
    """
    if setting in {LOG, NONE} or not _is_terminal(sys.stderr):
        return NONE if setting == NONE else LOG
    if setting == BAR:
        return BAR
    is_shared = _is_terminal(sys.stdout) or "SINGER_SDK_LOG_CONFIG" in os.environ
    return LOG if is_shared or os.environ.get("TERM") == "dumb" else BAR


def _is_terminal(file: object) -> bool:
    with suppress(AttributeError, ValueError):  # closed, or none at all
        return bool(file.isatty())  # type: ignore[attr-defined]
    return False


class ProgressDisplay:
    """Looks at the tallies of a run now and then.

    It does so in a thread of its own, because the main thread may wait for the target.
    """

    def __init__(
        self,
        setting: str,
        logger: logging.Logger,
        *,
        streams: Callable[[], Sequence[StreamTally]],
        elapsed: Callable[[], float],
    ) -> None:
        """Show nothing yet.

        Args:
            setting: `auto`, `bar`, `log` or `none`.
            logger: Takes the lines.
            streams: Gives what was counted of each stream that is read.
            elapsed: Seconds since the run began.
        """
        self._setting = setting
        self._logger = logger
        self._streams = streams
        self._elapsed = elapsed
        self._is_over = threading.Event()

    @contextmanager
    def around_the_run(self) -> Iterator[None]:
        """Show progress until the end of the block."""
        way = way_of(self._setting)
        if way == NONE:
            yield
            return
        show = self._show_bars if way == BAR else self._write_lines
        thread = threading.Thread(target=show, name="progress", daemon=True)
        with suppress(RuntimeError):  # no more threads: the run is worth more than its progress
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            if thread.is_alive():
                thread.join(_SECONDS_TO_END)

    def _view(self) -> Overview:
        return overview(self._streams(), self._elapsed())

    def _write_lines(self) -> None:
        lines = ProgressLines()
        while not self._is_over.wait(_LINES_EVERY_SECONDS):
            if line := lines.look(self._view()):
                self._logger.info("%s", line)

    def _show_bars(self) -> None:
        if self._is_over.wait(_FIRST_LOOK_SECONDS):
            return
        # Importing it takes a tenth of a second, in which the first answers come.
        from tap_gainsight_px.progress.bars import ProgressBars  # noqa: PLC0415

        bars = ProgressBars(sys.stderr)
        with ExitStack() as stack, suppress(OSError, ValueError):  # the terminal has gone
            stack.enter_context(bars.shown())
            while not self._is_over.wait(_BARS_EVERY_SECONDS):
                bars.show(self._view())
