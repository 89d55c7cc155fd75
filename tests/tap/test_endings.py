"""However a run ends, what it wrote and what the next run writes hold every record."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from px_sandbox import Clock, SandboxServer
from tap_gainsight_px.errors import RefusedError, StoppedError
from tap_gainsight_px.reading import run as reading
from tap_gainsight_px.tap import TapGainsightPx
from tests.idle import wait_until_idle
from tests.patience import PATIENCE
from tests.tap.harness import PROJECT, Output, config, discover, environment, sync
from tests.tap.worlds import DAY, events_at, iso, present_day

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.tap.harness import Json, Program

START = present_day() - 300 * DAY
STREAM = "custom_events"
EVENTS = 900
# Half of the events are read before the API falls silent, so a run can only be broken off.
HALF = {"rules": [{"fault": "hang", "path": "/v1/events/*", "nth": 35, "times": None}]}
SETTINGS: Json = {
    "start_date": iso(START),
    "window_max_records": 40,
    "page_size": 20,
    "max_workers": 2,
}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve three events a day, but not to the end."""
    dates = [START + n * DAY // 3 for n in range(EVENTS)]
    with SandboxServer(events_at(dates, Clock()), HALF) as server:
        yield server


@pytest.fixture
def catalog(sandbox: SandboxServer) -> Json:
    """Return a catalog of the events only."""
    return discover(sandbox, "custom_events")


@pytest.fixture(autouse=True)
def _signals_kept() -> Iterator[None]:
    """Take back the handlers and the timer that a tap within this process installs."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    handlers = {number: signal.getsignal(number) for number in numbers}
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def assert_nothing_lost(sandbox: SandboxServer, broken_off: Output) -> None:
    """Run again from the last STATE and check that both runs together have every event."""
    assert 0 < len(broken_off.keys("custom_events")) < EVENTS
    sandbox.misbehave()
    state = broken_off.states[-1]
    rest = sync(sandbox, "custom_events", state=state, start_date=iso(START))
    assert rest.error is None
    assert len({*broken_off.keys("custom_events"), *rest.keys("custom_events")}) == EVENTS
    # The STATE was of use: the second run did not start over.
    assert len(rest.keys("custom_events")) < EVENTS


def error_lines(output: Output) -> list[str]:
    """Return the lines of the log that report an error, having checked for tracebacks."""
    assert "Traceback" not in output.log, output.log
    return [line for line in output.log.splitlines() if "| ERROR" in line]


@pytest.mark.parametrize("states", [1, 9])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_ends_the_run_in_good_order(
    sandbox: SandboxServer, catalog: Json, tap: Program, number: int, states: int
) -> None:
    """Although the API hangs for minutes: with one line, the right exit code and STATE."""
    run = tap.start(config=config(sandbox, **SETTINGS), catalog=catalog)
    run.read_states(states)
    run.send(number)
    # The request that hangs would be given up after two minutes, and then be tried again.
    output = run.end()
    assert output.exit_code == {signal.SIGTERM: 143, signal.SIGINT: 130}[signal.Signals(number)]
    (line,) = error_lines(output)
    assert f"stopped by {signal.Signals(number).name}" in line
    assert output.text.endswith("\n")
    assert_nothing_lost(sandbox, output)


def test_a_second_signal_is_no_success(sandbox: SandboxServer, catalog: Json, tap: Program) -> None:
    """Who presses Ctrl-C twice must not be told that all went well."""
    run = tap.start(config=config(sandbox, **SETTINGS), catalog=catalog)
    run.read_states(1)
    run.send(signal.SIGINT)
    run.send(signal.SIGTERM)
    output = run.end()
    assert output.exit_code in {130, 143}
    assert "Traceback" not in output.log


def test_a_signal_ends_a_run_whose_target_does_not_read(
    sandbox: SandboxServer, catalog: Json, tap: Program
) -> None:
    """A full pipe keeps the tap from writing, not from ending with a report."""
    sandbox.misbehave()
    path = tap.folder / "report.json"
    settings = config(sandbox, report_path=str(path), **SETTINGS)
    run = tap.start(config=settings, catalog=catalog)
    run.read_states(1)
    with pytest.raises(subprocess.TimeoutExpired):
        run.process.wait(timeout=1.5)
    run.send(signal.SIGTERM)
    assert run.process.wait(PATIENCE) == 143
    report = json.loads(path.read_text(encoding="utf-8"))
    assert (report["outcome"], report["exit_code"]) == ("stopped", 143)
    assert [one["outcome"] for one in report["streams"]] == ["stopped"]
    assert_nothing_lost(sandbox, run.end())


@pytest.mark.parametrize("states", [1, 9])
def test_a_killed_run_loses_nothing(
    sandbox: SandboxServer, catalog: Json, tap: Program, states: int
) -> None:
    """SIGKILL leaves no time for anything; the STATE lines written before are enough."""
    run = tap.start(config=config(sandbox, **SETTINGS), catalog=catalog)
    run.read_states(states)
    run.send(signal.SIGKILL)
    output = run.end()
    assert output.exit_code == -signal.SIGKILL
    assert_nothing_lost(sandbox, output)


def test_a_target_that_closes_the_pipe_is_no_reason_for_a_traceback(
    sandbox: SandboxServer, catalog: Json, tap: Program
) -> None:
    """The target has said why it died; the tap ends quietly, but not as a success."""
    sandbox.misbehave()
    run = tap.start(config=config(sandbox, **SETTINGS), catalog=catalog)
    run.read_states(2)
    run.close_pipe()
    output = run.end()
    assert output.exit_code == 1
    (line,) = error_lines(output)
    assert "the target has closed the pipe" in line
    assert_nothing_lost(sandbox, output)


@pytest.mark.parametrize("options", [(), ("--discover",)], ids=["sync", "discover"])
def test_a_full_disk_is_one_line(
    sandbox: SandboxServer, catalog: Json, tap: Program, options: tuple[str, ...]
) -> None:
    """Output into a file that has no room left is nobody's bug."""
    files = {"config": config(sandbox, **SETTINGS), "catalog": None if options else catalog}
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(  # noqa: S603 - our own program
            tap.command(*options, **files),
            check=False,
            cwd=PROJECT,
            encoding="utf-8",
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
        )
    (line,) = error_lines(Output([], None, done.stderr))
    assert "standard output cannot be written: No space left on device" in line
    assert done.returncode == 1


def test_other_errors_of_the_system_are_not_blamed_on_the_target(
    sandbox: SandboxServer, tap: Program, tmp_path: Path
) -> None:
    """They say where they come from: here, a folder where a file is expected."""
    output = tap.run(config=config(sandbox), env={"SINGER_SDK_LOG_CONFIG": str(tmp_path)})
    assert output.exit_code == 1
    assert (
        f"SINGER_SDK_LOG_CONFIG names cannot be used: [Errno 21] Is a directory: '{tmp_path}'"
        in (output.log)
    )
    assert "the target" not in output.log


@pytest.mark.parametrize(
    ("misbehaviour", "words"),
    [
        ({"requests_per_day": 20}, ("HTTP 429", "requests of the day are used up")),
        (
            {"rules": [{"fault": "key_revoked", "nth": 20, "times": None}]},
            ("HTTP 401", "Check api_key"),
        ),
        (
            {"rules": [{"fault": "forbidden", "nth": 20, "times": None}]},
            ("HTTP 403", "Read permission"),
        ),
    ],
    ids=["daily limit", "key revoked", "permission withdrawn"],
)
def test_what_the_api_refuses_half_way_ends_in_good_order(
    sandbox: SandboxServer,
    catalog: Json,
    tap: Program,
    misbehaviour: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    """What was read before is written out and in STATE; the line says what to do."""
    sandbox.misbehave(misbehaviour)
    output = tap.run(config=config(sandbox, **SETTINGS), catalog=catalog)
    assert output.exit_code == 1
    (line,) = error_lines(output)
    for word in ("custom_events", *words):
        assert word in line
    assert_nothing_lost(sandbox, output)


def test_a_shortfall_is_told_and_read_again_by_the_next_run(
    sandbox: SandboxServer, catalog: Json, tap: Program
) -> None:
    """Records that were announced but never came: by stream, number and range, with exit code 1."""
    end = START + 30 * DAY
    sandbox.misbehave({"faults": {"total_hits_too_high": {"rate": 1, "by": 10}}})
    given = config(sandbox, start_date=iso(START), end_date=iso(end))
    output = tap.run(config=given, catalog=catalog)
    assert output.exit_code == 1
    assert len(output.keys("custom_events")) == 90
    line = error_lines(output)[-1]
    for word in ("custom_events", "10 announced records", iso(START), iso(end)):
        assert word in line
    # The bookmark stays in front of the gap.
    assert output.bookmarks("custom_events") == []
    sandbox.misbehave()
    again = sync(sandbox, "custom_events", start_date=iso(START), end_date=iso(end))
    assert len(again.keys("custom_events")) == 90
    assert again.error is None


def test_a_record_that_is_never_rendered_can_be_passed_over_in_plain_sight(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """By a setting: the bookmark moves on, STATE notes the gap, and each later run warns of it."""
    sandbox.misbehave({"faults": {"total_hits_too_high": {"rate": 1, "by": 1}}})
    given: Json = {"start_date": iso(START), "end_date": iso(START + 30 * DAY)}
    refused = sync(sandbox, "custom_events", **given)
    assert "accept_missing_records" in str(refused.error)
    accepted = sync(sandbox, "custom_events", **given, accept_missing_records=True)
    assert accepted.error is None
    assert accepted.bookmarks("custom_events")[-1] == f"{iso(START + 30 * DAY)[:-1]}.000Z"
    (gap, *_) = accepted.state["bookmarks"]["custom_events"]["gaps"]
    assert gap["missing"] == 1
    sandbox.misbehave()
    later = sync(sandbox, "custom_events", state=accepted.state, start_date=iso(START))
    assert later.error is None
    assert "accepted as missing" in caplog.text


def test_a_count_that_is_far_too_high_does_not_cut_the_time_into_seconds(
    sandbox: SandboxServer, catalog: Json
) -> None:
    """A short page shows how little there is, whatever the API announces."""
    sandbox.misbehave({"faults": {"total_hits_too_high": {"rate": 1, "by": 50_000}}})
    end = START + DAY
    output = sync(
        sandbox,
        catalog=catalog,
        start_date=iso(START),
        end_date=iso(end),
        max_requests=200,
    )
    assert len(sandbox.requests) < 100
    assert sorted(output.keys("custom_events")) == ["e0", "e1", "e2"]


def test_an_error_that_ends_the_run_stops_the_workers(sandbox: SandboxServer) -> None:
    """Nobody takes what they read any more, and each of their requests costs the account one."""
    catalog = discover(sandbox, "custom_events", "users")
    sandbox.misbehave({"rules": [{"fault": "key_revoked", "path": "/v1/users", "times": None}]})
    before = set(threading.enumerate())
    tap = TapGainsightPx(config=config(sandbox, **SETTINGS), catalog=catalog)
    with redirect_stdout(io.StringIO()), pytest.raises(RefusedError):
        tap.sync_all()
    workers = set(threading.enumerate()) - before
    for worker in workers:
        worker.join(PATIENCE)
    assert not [worker for worker in workers if worker.is_alive()]


def test_a_signal_handler_takes_no_lock(sandbox: SandboxServer) -> None:
    """It may interrupt the main thread while that starts a worker, which takes one."""
    tap = TapGainsightPx(config=config(sandbox))
    with threading._active_limbo_lock:  # type: ignore[attr-defined] # noqa: SLF001
        signal.raise_signal(signal.SIGTERM)
    # However long the main thread cannot write, the process ends by then.
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 4
    with redirect_stdout(io.StringIO()), pytest.raises(StoppedError, match="stopped by SIGTERM"):
        tap.sync_all()


def test_what_is_read_ahead_of_a_slow_target_is_bounded(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the bytes that it takes, however much there is to read; here a twentieth."""
    monkeypatch.setattr(reading, "_MOST_BYTES_HELD", EVENTS * 600 // 20)
    monkeypatch.setattr(reading, "_USUAL_BYTES", SETTINGS["page_size"] * 600)
    sandbox.misbehave()
    tap = TapGainsightPx(config=config(sandbox, **SETTINGS), catalog=discover(sandbox, STREAM))
    sandbox.requests.clear()
    records = tap.streams[STREAM].get_records(None)
    with redirect_stdout(io.StringIO()), closing(cast("Generator[Any, None, None]", records)):
        next(iter(records))
        wait_until_idle(tap._run.pool)  # noqa: SLF001
        assert len(sandbox.requests) < EVENTS / SETTINGS["page_size"] / 3
    tap.finish()


def test_python_can_import_the_program_without_running_it() -> None:
    """`python -m` and the console script share one `main`."""
    code = "import tap_gainsight_px.__main__ as m; print(callable(m.main))"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, check=True, cwd=PROJECT, text=True
    )
    assert done.stdout == "True\n"
