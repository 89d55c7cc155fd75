"""The metrics of the Singer SDK, told by what is counted of a stream.

The SDK measures around the writing of a stream. Here streams are read ahead, so that by then most
of it is done: its clock would show an instant, and it would see no request at all.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_gainsight_px.tally import StreamTally


class SyncTimer(metrics.Timer):
    """`sync_duration`: seconds from a stream's first request to its last record."""

    def __init__(self, tally: StreamTally) -> None:
        """Take what is counted of the stream."""
        super().__init__(metrics.Metric.SYNC_DURATION, {metrics.Tag.STREAM: tally.name})
        self._tally = tally

    def elapsed(self) -> float:
        """Return the seconds; without a record those up to now, without a request none."""
        first, last = self._tally.first_request, self._tally.last_record
        if first is None:
            return 0.0
        return max(0.0, (self._tally.clock() if last is None else last) - first)


class RequestMeters:
    """`http_request_count`, and `http_request_duration`: the mean of as many requests, in seconds.

    Both are told at the end of a stream and each minute before it, for what has come since the
    last time. So counts add up, and a count times its duration is the time of all.
    """

    def __init__(self, tally: StreamTally, endpoint: str) -> None:
        """Take what is counted of the stream, and the path that names its endpoint."""
        self._tally = tally
        self._tags: dict[str, Any] = {
            metrics.Tag.STREAM: tally.name,
            metrics.Tag.ENDPOINT: endpoint,
            metrics.Tag.PID: os.getpid(),
        }
        self._told_at = tally.clock()
        self._requests = 0
        self._seconds = 0.0

    def close(self) -> None:
        """Tell what has not been told yet, at the end of a stream or of its past."""
        self._tell()

    def update(self) -> None:
        """Tell what has come, if a minute has gone by."""
        if self._tally.clock() - self._told_at >= metrics.DEFAULT_LOG_INTERVAL:
            self._tell()

    def _tell(self) -> None:
        requests, seconds = self._tally.requests, self._tally.request_seconds
        count, time = requests - self._requests, seconds - self._seconds
        self._requests, self._seconds = requests, seconds
        self._told_at = self._tally.clock()
        _log("counter", metrics.Metric.HTTP_REQUEST_COUNT, count, self._tags)
        if count:
            _log("timer", metrics.Metric.HTTP_REQUEST_DURATION, time / count, self._tags)


def _log(kind: str, metric: metrics.Metric, value: float, tags: Mapping[str, Any]) -> None:
    metrics.log(metrics.get_metrics_logger(), metrics.Point(kind, metric, value, dict(tags)))
