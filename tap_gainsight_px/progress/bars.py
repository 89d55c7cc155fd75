"""Progress as bars on a terminal: the run, and the streams that are being read."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from tap_gainsight_px.progress.overview import Pace, duration, percent, waited

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from rich.console import RenderableType
    from rich.progress import Task

    from tap_gainsight_px.progress.overview import Overview

_MOST_STREAMS = 6
_RUN = "all streams"


class _Bars(Progress):
    """Bars with a line below them."""

    summary = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield what is shown."""
        yield self.make_tasks_table(self.tasks)
        yield Text(self.summary)


class _Plain(TextColumn):
    """A field of a task as it is: a name may look like markup."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields[self.text_format]), justify=self.justify, no_wrap=True)


class ProgressBars:
    """The bars, while they are shown. Lines of the log go above them."""

    def __init__(self, file: TextIO) -> None:
        """Show nothing yet.

        Args:
            file: The terminal.
        """
        self._pace = Pace()
        self._tasks: dict[str, TaskID] = {}
        self._bars = _Bars(
            _Plain("name"),
            BarColumn(bar_width=20),
            _Plain("percent", justify="right"),
            _Plain("records", justify="right"),
            console=Console(file=file, force_terminal=True),
            auto_refresh=False,
            transient=True,
            # Standard output belongs to the target.
            redirect_stdout=False,
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bars until the end of the block."""
        handlers = [
            one
            for one in logging.getLogger().handlers
            if isinstance(one, logging.StreamHandler) and one.stream is sys.stderr
        ]
        with self._bars:
            # A second Ctrl-C ends the program at once, and nobody would show the cursor again.
            self._bars.console.show_cursor(show=True)
            streams = [one.setStream(sys.stderr) for one in handlers]
            try:
                yield
            finally:
                for handler, stream in zip(handlers, streams, strict=True):
                    if stream is not None:
                        handler.setStream(stream)

    def show(self, view: Overview) -> None:
        """Draw the bars anew."""
        pace = self._pace.add(view)
        left = "" if view.left is None else f", about {duration(view.left)} left"
        waits = waited(view.waits)
        self._bars.summary = (
            f"{view.done} of {view.streams} streams done, {pace:,.0f} records/s{left}"
            f"{f'; workers waited {waits}' if waits else ''}"
        )
        shown = {_RUN: (view.share, view.records)}
        for one in view.running[:_MOST_STREAMS]:
            shown[one.name] = (one.share, one.records)
        for name in self._tasks.keys() - shown.keys():
            self._bars.remove_task(self._tasks.pop(name))
        for name, (share, records) in shown.items():
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task("", name="", percent="", records="")
            self._bars.update(
                self._tasks[name],
                total=None if share is None else 1.0,
                completed=share or 0.0,
                name=name,
                percent=percent(share),
                records=f"{records:,} records",
            )
        self._bars.refresh()
