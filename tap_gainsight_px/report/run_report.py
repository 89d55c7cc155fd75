"""Makes the report of a run, however it ends: a file, and a table on standard error."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.report.facts import report_of
from tap_gainsight_px.report.report_file import write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_gainsight_px.report.facts import Circumstances
    from tap_gainsight_px.tally import StreamTally

# Of a log file, in which nothing cuts lines.
_WIDTH_OF_A_FILE = 120


class RunReport:
    """The report of one run."""

    def __init__(
        self,
        path: str | None,
        logger: logging.Logger,
        *,
        circumstances: Callable[[], Circumstances],
        streams: Callable[[], Sequence[StreamTally]],
    ) -> None:
        """Write nothing yet.

        Args:
            path: The file that it goes into, if any.
            logger: Takes the table, where the user has set up the log by a file of their own.
            circumstances: Tells of the run as it is now.
            streams: Gives what was counted of each stream that is read.
        """
        self._path = path
        self._logger = logger
        self._circumstances = circumstances
        self._streams = streams

    @contextmanager
    def around_the_run(self) -> Iterator[None]:
        """Write a report before the run, which says that it is running, and one behind it.

        Raises:
            SettingsError: Its file cannot be written. Nothing has been asked then.
        """
        self._write(None, is_over=False)
        try:
            yield
        except BaseException as error:
            self._end(error)
            raise
        self._end(None)

    def cut_off(self, error: BaseException) -> None:
        """Write the file, and no table, where the program ends at once.

        Safe in the handler of a signal: no lock is taken that the main thread may hold.
        """
        with suppress(SettingsError):
            self._write(error, is_over=True)

    def _end(self, error: BaseException | None) -> None:
        try:
            self._write(error, is_over=True)
        except SettingsError as unwritten:
            self._logger.error("%s", unwritten)  # noqa: TRY400 - a line, not a traceback
        self._show(error)

    def _write(self, error: BaseException | None, *, is_over: bool) -> None:
        if self._path:
            run = replace(self._circumstances(), error=error, is_over=is_over)
            write_report(self._path, report_of(run, self._streams()))

    def _show(self, error: BaseException | None) -> None:
        """Show the table on standard error: as it is, or line by line in a log of another form."""
        run = replace(self._circumstances(), error=error, is_over=True)
        if not (run.requests and self._logger.isEnabledFor(logging.INFO)):
            return
        # Importing it takes a tenth of a second, which no longer matters now.
        from tap_gainsight_px.report.table import as_table  # noqa: PLC0415

        report = report_of(run, self._streams())
        if "SINGER_SDK_LOG_CONFIG" in os.environ:
            for line in filter(None, as_table(report, width=_WIDTH_OF_A_FILE).splitlines()):
                self._logger.info("%s", line)
            return
        with suppress(OSError, ValueError, AttributeError):  # nobody listens
            is_terminal = sys.stderr.isatty()
            width = shutil.get_terminal_size().columns if is_terminal else _WIDTH_OF_A_FILE
            text = as_table(report, width=width, is_terminal=is_terminal)
            sys.stderr.write(f"\n{text}\n")
            sys.stderr.flush()
