"""Starts the tap, and turns what ends it early into one line and an exit code."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys

_M_ARENA_MAX = -8
"""From glibc's malloc.h."""


def main() -> None:
    """Run the command line."""
    try:
        _run()
    except KeyboardInterrupt:
        # Before there was a tap that could have ended in good order.
        sys.exit(130)
    finally:
        # The exit code is decided. While Python shuts down, an interrupt (a runner's second, to the
        # whole group) would change it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _share_memory() -> None:
    """Let the threads take their memory from two places, where glibc would give each its own.

    Memory that one of them frees then serves the next: a quarter less at the peak, at no cost, as
    Python runs one thread at a time anyway. `MALLOC_ARENA_MAX`, where it is set, stays in force.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _run() -> None:
    _share_memory()
    gc.disable()  # importing leaves no garbage to collect
    from tap_gainsight_px.errors import (  # noqa: PLC0415
        OutputError,
        SettingsError,
        StreamsError,
        TapError,
    )
    from tap_gainsight_px.given.environment import check_log_level  # noqa: PLC0415 - see `main`
    from tap_gainsight_px.tap import TapGainsightPx  # noqa: PLC0415

    # Nor do modules ever become garbage: looking at all of them again and again, while records
    # come and go, took a tenth of the CPU.
    gc.freeze()
    gc.enable()

    logger = TapGainsightPx.logger
    try:
        check_log_level(TapGainsightPx._env_var_prefix)  # noqa: SLF001
        try:
            command = TapGainsightPx.cli  # sets up the log
        except Exception as error:
            if "SINGER_SDK_LOG_CONFIG" not in os.environ:
                raise
            message = f"the file that SINGER_SDK_LOG_CONFIG names cannot be used: {error}"
            raise SettingsError(message) from error
        command()
    except TapError as error:
        errors = error.errors if isinstance(error, StreamsError) else (error,)
        if any(isinstance(one, OutputError) for one in errors):
            # What Python still holds can be written nowhere, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        for line in error.lines:
            logger.error("%s", line)  # noqa: TRY400 - a line, not a traceback
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
