"""A clock of this host that is wrong costs requests, but never a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import ManualClock, SandboxServer
from tests.tap.harness import milliseconds, sync
from tests.tap.test_bookmarks import bookmark, times
from tests.tap.worlds import DAY, NOW, SECOND, event, user, world_of

if TYPE_CHECKING:
    from tests.tap.harness import Output

HOUR = 3_600 * SECOND
STREAMS = ("custom_events", "users")
MOMENTS = [NOW - 60 * SECOND + HOUR * number // 2 for number in range(-1, 5)]


def hourly_runs(ahead: int, count: int = 3, state: dict[str, Any] | None = None) -> list[Output]:
    """Run every hour on a host whose clock is so far ahead; events and users come in between."""
    clock = ManualClock(NOW)
    outputs = []
    moments = MOMENTS[: 2 * count]
    visible = [event(f"e{at}", at) for at in moments], [user(f"u{at}", at) for at in moments]
    for _ in range(count):
        now = clock.now_ms()
        events, users = ([one for one in some if _moment(one) <= now] for some in visible)
        world = world_of(custom_events=events, users=users, clock=clock)
        with SandboxServer(world) as sandbox:
            outputs.append(
                sync(sandbox, *STREAMS, state=state, clock=lambda: clock.now_ms() + ahead)
            )
        state = outputs[-1].states[-1]
        clock.advance(seconds=3_600)
    return outputs


def _moment(record: dict[str, Any]) -> int:
    moment: int = record.get("date") or record["lastModifiedDate"]
    return moment


def read_by(outputs: list[Output], stream: str) -> set[str]:
    """Return the keys of all records that some runs have written."""
    return {key for output in outputs for key in output.keys(stream)}


@pytest.mark.parametrize("ahead", [3 * HOUR, 3 * DAY, 0, -3 * HOUR, -3 * DAY], ids=str)
def test_hourly_runs_lose_nothing_whatever_the_clock_of_the_host(ahead: int) -> None:
    """Ahead, a bookmark would pass over what has not happened yet, and behind it goes back."""
    outputs = hourly_runs(ahead)
    if ahead < 0:
        # What is later than this host's clock is left to a run that has come so far.
        outputs += hourly_runs(0, 3, outputs[-1].states[-1])
    assert read_by(outputs, "custom_events") == {f"e{at}" for at in MOMENTS}
    assert read_by(outputs, "users") == {f"u{at}" for at in MOMENTS}
    assert all(output.exit_code == 0 for output in outputs)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("ahead", [-3 * HOUR, 0, 3 * HOUR], ids=str)
def test_a_bookmark_is_never_later_than_the_earlier_clock(stream: str, ahead: int) -> None:
    """Nobody can have read what was still to come, by the host's clock or by PX's."""
    for hour, output in enumerate(hourly_runs(ahead)):
        earlier = (NOW + hour * HOUR + min(ahead, 0)) // SECOND * SECOND
        read_to = times(output, stream)[-1]
        # Without anything new, that of users stays where a record was last.
        assert read_to == earlier or (stream == "users" and read_to < earlier)


@pytest.mark.parametrize("difference", [-61, 61])
def test_a_difference_is_told_once_a_run_with_both_times(
    difference: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever can set the clock has to know of it."""
    with SandboxServer(world_of(custom_events=[event("e", NOW - HOUR)])) as sandbox:
        sync(sandbox, *STREAMS, clock=lambda: NOW + difference * SECOND)
    (line,) = [one for one in caplog.messages if "clock says" in one]
    told = f"2026-06-10T06:{12 if difference < 0 else 14}:{19 if difference < 0 else 21}Z"
    assert f"This host's clock says {told} and PX's says 2026-06-10T06:13:20Z" in line


def test_a_small_difference_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """Seconds are within the lookback, and come from the network too."""
    with SandboxServer(world_of(custom_events=[event("e", NOW - HOUR)])) as sandbox:
        sync(sandbox, *STREAMS, clock=lambda: NOW + 59 * SECOND)
    assert "clock says" not in caplog.text


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("lookback", [0, 3_600])
def test_a_bookmark_ahead_of_px_is_taken_back_while_the_host_is_ahead_too(
    stream: str, lookback: int, caplog: pytest.LogCaptureFixture
) -> None:
    """An earlier version went by the host's clock alone: what has come since is read."""
    world = world_of(
        custom_events=[event("new", NOW - 5 * SECOND)], users=[user("new", NOW - 5 * SECOND)]
    )
    with SandboxServer(world) as sandbox:
        output = sync(
            sandbox,
            stream,
            state=bookmark(stream, NOW + 3 * HOUR),
            clock=lambda: NOW + 4 * HOUR,
            lookback_seconds=max(lookback, 10),
        )
    assert output.keys(stream) == ["new"]
    assert times(output, stream)[-1] == NOW // SECOND * SECOND
    assert "lies in the future; starting from now (2026-06-10T06:13:20.000Z)" in caplog.text


def test_an_answer_that_is_days_old_moves_no_bookmark_back() -> None:
    """A cache on the way may answer: it is no clock to read everything again by."""
    at = NOW - HOUR
    world = world_of(custom_events=[event("e", at)], clock=ManualClock(NOW - 30 * DAY))
    with SandboxServer(world) as sandbox:
        output = sync(
            sandbox, "custom_events", state=bookmark("custom_events", at), clock=lambda: NOW
        )
    found = [milliseconds(one) for one in output.bookmarks("custom_events")]
    assert set(found) == {at}
    assert output.exit_code == 0
