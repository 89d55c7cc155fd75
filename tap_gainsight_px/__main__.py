"""Starts the tap, and turns what ends it early into one line and an exit code."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line."""
    try:
        _run()
    except KeyboardInterrupt:
        # So early that the tap was not yet there to end in good order.
        sys.exit(130)


def _run() -> None:
    gc.disable()  # importing leaves no garbage to collect
    from tap_gainsight_px.errors import OutputError, SettingsError, TapError  # noqa: PLC0415
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
        if isinstance(error, OutputError):
            # What Python still holds can be written nowhere, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        for line in error.lines:
            logger.error("%s", line)  # noqa: TRY400 - a line, not a traceback
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
