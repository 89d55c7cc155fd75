"""How long a test waits for what is sure to come."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

PATIENCE = 60.0
"""Seconds. No figure to meet: whoever waits goes on at once when it has come, so that only what
never comes takes so long, however slow the machine is."""


@contextmanager
def killed_if_it_hangs(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Kill a program that has not come to its end within the block by then."""
    watch = threading.Timer(PATIENCE, process.kill)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
