"""Starts the tap, and turns what ends it early into one line and an exit code."""

from __future__ import annotations

import os
import sys

from tap_gainsight_px.errors import SettingsError, TapError
from tap_gainsight_px.tap import TapGainsightPx


def main() -> None:
    """Run the command line."""
    logger = TapGainsightPx.logger
    try:
        TapGainsightPx.cli()
    except SettingsError as error:
        for line in error.lines:
            logger.error("%s", line)  # noqa: TRY400 - a line, not a traceback
        sys.exit(error.exit_code)
    except TapError as error:
        logger.error("%s", error)  # noqa: TRY400
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The target has gone. Nothing is left to be said to it, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        logger.error("The target closed the pipe")  # noqa: TRY400
        sys.exit(1)


if __name__ == "__main__":
    main()
