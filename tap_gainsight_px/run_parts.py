"""What a run is made of, put together from its settings."""

from __future__ import annotations

import logging
import time
from functools import cached_property
from typing import TYPE_CHECKING

from tap_gainsight_px.api.rate_limit import RateLimit
from tap_gainsight_px.api.shared_answers import SharedAnswers
from tap_gainsight_px.api.transport import Transport
from tap_gainsight_px.reading.run import Run, shared_paths, slice_pool
from tap_gainsight_px.run_clock import RunClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_gainsight_px.cancellation import Cancellation
    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.settings import Settings
    from tap_gainsight_px.tally import RunTally

logger = logging.getLogger(__name__)


class RunParts:
    """The parts of one run, each made when it is first needed: `--discover` may need none."""

    def __init__(
        self,
        settings: Settings,
        specs: Mapping[str, StreamSpec],
        *,
        cancellation: Cancellation,
        tally: RunTally,
        clock: Callable[[], int],
    ) -> None:
        """Make nothing yet.

        Args:
            settings: The settings of the run.
            specs: The stream table by name.
            cancellation: Ends the run early.
            tally: Counts what becomes of each stream.
            clock: This host's clock, epoch milliseconds.
        """
        self._settings = settings
        self._specs = specs
        self._cancellation = cancellation
        self._tally = tally
        self._clock = clock

    @cached_property
    def run(self) -> Run:
        """What the streams share."""
        settings, transport = self._settings, self.transport
        if settings.sends_key_in_the_clear:
            logger.warning("api_url is http: the API key is sent unencrypted")
        return Run(
            settings,
            SharedAnswers(transport.get, shared_paths(self._specs)),
            slice_pool(settings, self._cancellation, lambda: self._rate_limit.is_used_up),
            self._cancellation,
            self._specs,
            self._run_clock,
            scroll=transport.scrolls.scroll,
            tally=self._tally,
        )

    @cached_property
    def transport(self) -> Transport:
        """What sends the requests."""
        wait = self._cancellation.wait
        return Transport(self._settings, self._rate_limit, wait, run_clock=self._run_clock)

    @cached_property
    def _rate_limit(self) -> RateLimit:
        return RateLimit(
            self._settings.requests_per_second,
            clock=time.monotonic,
            wait=self._cancellation.wait,
        )

    @cached_property
    def _run_clock(self) -> RunClock:
        return RunClock(self._clock, self._settings.run_start)
