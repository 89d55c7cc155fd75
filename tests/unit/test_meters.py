"""The metrics of the SDK tell what was counted of a stream, not what its own clock has seen."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.output.meters import RequestMeters, SyncTimer
from tap_gainsight_px.tally import RunTally

if TYPE_CHECKING:
    import pytest


class Watch:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        """Start at a moment that is not zero."""
        self.seconds = 50.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds


def points(caplog: pytest.LogCaptureFixture, metric: str) -> list[Any]:
    """Return the values that were told of one metric."""
    lines = [one for one in caplog.messages if one.startswith("METRIC: ")]
    told = [json.loads(one.removeprefix("METRIC: ")) for one in lines]
    return [one["value"] for one in told if one["metric"] == metric]


def test_a_stream_that_was_read_ahead_took_as_long_as_its_reading() -> None:
    """From its first request to its last record, however short the writing was."""
    watch = Watch()
    tally = RunTally(watch).of("users")
    timer = SyncTimer(tally)
    assert timer.elapsed() == 0
    watch.seconds = 60
    tally.note_request()
    watch.seconds = 100
    assert timer.elapsed() == 40
    with timer:
        tally.note_written(5)
        watch.seconds = 300
    assert timer.elapsed() == 40


def test_what_was_asked_ahead_counts_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """The stream began long before anybody wrote it."""
    tally = RunTally(Watch()).of("users")
    for seconds in (1.0, 3.0):
        tally.note_request()
        tally.note_answer(seconds)
    meters = RequestMeters(tally, "/v1/users")
    with caplog.at_level(logging.INFO):
        meters.close()
    assert points(caplog, "http_request_count") == [2]
    assert points(caplog, "http_request_duration") == [2.0]
    assert '"endpoint":"/v1/users"' in caplog.text


def test_each_minute_tells_what_has_come_since_the_last(caplog: pytest.LogCaptureFixture) -> None:
    """So that whoever adds the counts up has them all, each once."""
    watch = Watch()
    tally = RunTally(watch).of("users")
    meters = RequestMeters(tally, "/v1/users")
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            tally.note_request()
            tally.note_answer(0.5)
            watch.seconds += 25
            meters.update()
        meters.close()
    assert points(caplog, "http_request_count") == [3, 2]
    assert points(caplog, "http_request_duration") == [0.5, 0.5]


def test_what_was_told_is_not_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """A stream whose past is filled in has two ends."""
    tally = RunTally(Watch()).of("users")
    meters = RequestMeters(tally, "/v1/users")
    with caplog.at_level(logging.INFO):
        for requests in (3, 2):
            for _ in range(requests):
                tally.note_request()
            meters.close()
    assert points(caplog, "http_request_count") == [3, 2]


def test_a_stream_without_a_request_has_no_mean_of_them(caplog: pytest.LogCaptureFixture) -> None:
    """Another one has asked for the same."""
    with caplog.at_level(logging.INFO):
        RequestMeters(RunTally(Watch()).of("features"), "/v1/feature").close()
    assert points(caplog, "http_request_count") == [0]
    assert points(caplog, "http_request_duration") == []
