"""The tap as a program whose waits take a fiftieth of their time, the rate limit's a tenth.

Its clock may be ahead: `CHAOS_AHEAD_MS` says by how many milliseconds.
"""

from __future__ import annotations

import os

from tap_gainsight_px import __main__, timestamps
from tap_gainsight_px.api import arrivals, rate_limit
from tap_gainsight_px.cancellation import Cancellation
from tap_gainsight_px.tap import TapGainsightPx

_AHEAD_MS = int(os.environ.get("CHAOS_AHEAD_MS", "0"))
_wait = Cancellation.wait


def _short(stop: Cancellation, seconds: float) -> None:
    _wait(stop, seconds / 50)


def _later() -> int:
    return timestamps.now() + _AHEAD_MS


TapGainsightPx.__init__.__kwdefaults__["clock"] = _later  # type: ignore[index]
Cancellation.wait = _short  # type: ignore[method-assign,assignment]
# Else a limit that refusals have halved a few times holds a run up for half a minute.
arrivals._INTERVAL_SECONDS /= 10  # noqa: SLF001
rate_limit._FIRST_PAUSE_SECONDS /= 50  # noqa: SLF001
rate_limit._LONGEST_PAUSE_SECONDS /= 50  # noqa: SLF001
rate_limit._GROWS_AFTER_SECONDS /= 50  # noqa: SLF001
rate_limit._GROWS_EVERY_SECONDS /= 50  # noqa: SLF001

if __name__ == "__main__":
    __main__.main()
