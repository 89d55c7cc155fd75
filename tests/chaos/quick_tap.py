"""The tap as a program whose waits take a fiftieth of their time, the rate limit's a tenth."""

from __future__ import annotations

from tap_gainsight_px import __main__
from tap_gainsight_px.api import rate_limit
from tap_gainsight_px.cancellation import Cancellation

_wait = Cancellation.wait


def _short(stop: Cancellation, seconds: float) -> None:
    _wait(stop, seconds / 50)


Cancellation.wait = _short  # type: ignore[method-assign,assignment]
# Else a limit that refusals have halved a few times holds a run up for half a minute.
rate_limit._INTERVAL_MS //= 10  # noqa: SLF001
rate_limit._FIRST_PAUSE_SECONDS /= 50  # noqa: SLF001
rate_limit._LONGEST_PAUSE_SECONDS /= 50  # noqa: SLF001
rate_limit._GROWS_AFTER_MS //= 50  # noqa: SLF001
rate_limit._GROWS_EVERY_MS //= 50  # noqa: SLF001

if __name__ == "__main__":
    __main__.main()
