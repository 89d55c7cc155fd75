"""The report of a run tells what was read and what became of it, however the run ends."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from px_sandbox import Clock, SandboxServer
from tap_gainsight_px.report.facts import schema
from tests.tap.harness import config, discover, milliseconds
from tests.tap.worlds import DAY, account, event, iso, present_day, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Json, Program

START = present_day() - 30 * DAY
PATHS = {"/v1/accounts": "accounts", "/v1/users": "users", "/v1/events/custom": "custom_events"}
EVENTS = 60
# Half of the events are read before the API falls silent.
HALF = {"rules": [{"fault": "hang", "path": "/v1/events/*", "nth": 6, "times": None}]}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve two events a day, some users and accounts; one user is odd, one has no date."""
    odd = user("odd", START + 3 * DAY, score={"not": "a number"}, nobodyDeclared=1)
    world = world_of(
        Clock(),
        custom_events=[event(f"e{n}", START + n * DAY // 2) for n in range(EVENTS)],
        users=[odd, user("undated", None), *(user(f"u{n}", START + n * DAY) for n in range(8))],
        accounts=[account(f"a{n}", START + n * DAY) for n in range(5)],
    )
    with SandboxServer(world) as server:
        yield server


@pytest.fixture
def settings(sandbox: SandboxServer, tmp_path: Path) -> Json:
    """Return a configuration that names a file for the report."""
    return config(sandbox, start_date=iso(START), report_path=str(tmp_path / "report.json"))


@pytest.fixture
def catalog(sandbox: SandboxServer) -> Json:
    """Return a catalog of three streams."""
    found = discover(sandbox, *PATHS.values())
    sandbox.requests.clear()
    return found


def read(settings: Json) -> Json:
    """Return the report, having held it against its published schema."""
    report: Json = json.loads(Path(settings["report_path"]).read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(
        schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    validator.validate(report)
    return report


def by_stream(report: Json) -> dict[str, Any]:
    """Return what the report says of each stream."""
    return {one["stream"]: one for one in report["streams"]}


def test_a_whole_run(sandbox: SandboxServer, catalog: Json, settings: Json, tap: Program) -> None:
    """All figures are those of the server and of what was written."""
    output = tap.run(config=settings, catalog=catalog)
    report = read(settings)
    assert (report["outcome"], report["exit_code"], report["errors"]) == ("whole", 0, [])
    streams = by_stream(report)
    assert list(streams) == ["accounts", "custom_events", "users"]
    asked = Counter(PATHS.get(one.path, "users") for one in sandbox.requests)
    written = Counter(one["stream"] for one in output.of("RECORD"))
    for name, records in (("accounts", 5), ("users", 10), ("custom_events", EVENTS)):
        found = streams[name]
        counts = [found[one] for one in ("announced", "arrived", "written")]
        assert counts == [records, records, written[name]], name
        assert (found["outcome"], found["missing"], found["retries"]) == ("whole", 0, 0)
        assert found["first_request_at"] <= found["last_record_at"] <= report["ended_at"]
    assert report["requests"] == sum(one["requests"] for one in streams.values())
    assert report["requests"] == sum(asked.values())
    assert streams["custom_events"]["requests"] == asked["custom_events"]
    assert milliseconds(streams["custom_events"]["range"]["start"]) == START
    assert streams["users"]["range"]["start"] is None
    assert report["records"] == len(output.of("RECORD"))
    assert streams["users"]["unknown_fields"].keys() == {"nobodyDeclared"}
    assert streams["users"]["misfits"].keys() == {"score"}
    assert streams["users"]["slow_records"] > 0


def test_counts_that_px_does_not_tell_are_unknown_and_not_none(
    sandbox: SandboxServer, catalog: Json, settings: Json, tap: Program
) -> None:
    """A report that said 0 would read as if more had come than there is."""
    sandbox.misbehave({"faults": {"total_hits_missing": 1}})
    output = tap.run(config=settings, catalog=catalog)
    found = by_stream(read(settings))
    assert {name: one["announced"] for name, one in found.items()} == dict.fromkeys(found)
    assert "whole: " in output.log


def test_the_table_stands_behind_the_log_and_standard_output_is_singer_alone(
    catalog: Json, settings: Json, tap: Program
) -> None:
    """With what was unusual, and a line that sums up at its end."""
    output = tap.run(config=settings, catalog=catalog)
    table = output.log[output.log.index("\nstream ") :]
    assert "custom_events  " in table
    assert "not of the declared type: score " in table
    assert table.splitlines()[-1].startswith("whole: 75 records, ")
    assert table.splitlines()[-1].endswith("streams: 3 whole")
    assert all(json.loads(line)["type"] for line in output.text.splitlines())


def test_a_later_run_reads_from_the_bookmark_and_tells_of_the_recheck(
    sandbox: SandboxServer, catalog: Json, settings: Json, tap: Program
) -> None:
    """Its range is the new one; an event that was filled in is told with its day."""
    first = tap.run(config=settings, catalog=catalog)
    sandbox.world.put("custom_events", event("late", START + 20 * DAY + 1))
    tap.run(config=settings, catalog=catalog, state=first.state)
    # Nobody has changed, which PX says, too.
    people = by_stream(read(settings))["users"]
    assert (people["announced"], people["arrived"]) == (0, 0)
    found = by_stream(read(settings))["custom_events"]
    assert milliseconds(found["range"]["start"]) > START + 29 * DAY
    assert found["rechecked"]["days_changed"] == 1
    assert (found["rechecked"]["records_more"], found["rechecked"]["records_fewer"]) == (1, 0)
    assert found["written"] == found["arrived"] + found["rechecked"]["records_written"]


def test_faults_are_told_stream_by_stream(
    sandbox: SandboxServer, catalog: Json, settings: Json, tap: Program
) -> None:
    """One that is forbidden, one that lacks records, and one whose request was tried again."""
    sandbox.misbehave(
        {
            "forbidden_paths": ["/v1/accounts"],
            "rules": [
                {"fault": "http_500", "path": "/v1/users", "nth": 1, "times": 1},
                {"fault": "total_hits_too_high", "path": "/v1/events/*", "nth": 1, "times": None},
            ],
        }
    )
    output = tap.run(config={**settings, "skip_forbidden_streams": True}, catalog=catalog)
    report = read(settings)
    streams = by_stream(report)
    assert (output.exit_code, report["exit_code"], report["outcome"]) == (1, 1, "incomplete")
    assert {name: one["outcome"] for name, one in streams.items()} == {
        "accounts": "skipped",
        "users": "whole",
        "custom_events": "incomplete",
    }
    assert streams["users"]["retries"] == 1
    assert streams["users"]["waited_seconds"]["retry"] > 0
    events = streams["custom_events"]
    assert events["missing"] == events["announced"] - events["arrived"] > 0
    assert events["read_again"] > 0
    assert "never arrived" in events["errors"][0]
    assert "announced, and never arrived" in output.log
    # The lines that count come last, as ever.
    assert report["errors"][-1] in output.log.splitlines()[-1]


def test_a_stream_that_fails_has_its_line(
    sandbox: SandboxServer, catalog: Json, settings: Json, tap: Program
) -> None:
    """And the others are whole."""
    sandbox.misbehave({"forbidden_paths": ["/v1/accounts"]})
    tap.run(config=settings, catalog=catalog)
    report = read(settings)
    streams = by_stream(report)
    assert report["outcome"] == "failed"
    assert streams["accounts"]["errors"] == report["errors"]
    assert "HTTP 403" in report["errors"][0]
    assert [one["outcome"] for one in streams.values()] == ["failed", "whole", "whole"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
def test_a_run_that_is_stopped_or_killed(
    sandbox: SandboxServer, settings: Json, tap: Program, tmp_path: Path, number: signal.Signals
) -> None:
    """A stopped one tells how far it came; of a killed one, the file says that it was running."""
    catalog = discover(sandbox, "custom_events")
    sandbox.misbehave(HALF)
    slow = {**settings, "window_max_records": 4, "page_size": 4, "max_workers": 1}
    run = tap.start(config=slow, catalog=catalog)
    run.read_states(3)
    run.send(number)
    output = run.end()
    report = read(settings)
    assert list(tmp_path.glob("*.part")) == []
    if number is signal.SIGKILL:
        assert (report["outcome"], report["exit_code"]) == ("running", None)
        return
    assert (report["outcome"], report["exit_code"]) == ("stopped", 143)
    events = by_stream(report)["custom_events"]
    assert events["outcome"] == "stopped"
    assert events["written"] == len(output.keys("custom_events"))
    assert events["requests"] > 0


def test_a_run_that_fails_before_the_first_stream(
    settings: Json, sandbox: SandboxServer, tap: Program
) -> None:
    """As discovery does with a wrong key: the error alone is known, and the key is not in it."""
    tap.run(config={**settings, "api_key": "not-the-key-of-anybody"})
    report = read(settings)
    assert (report["outcome"], report["streams"]) == ("failed", [])
    assert "HTTP 401" in report["errors"][0]
    assert "not-the-key" not in json.dumps(report)
    assert report["requests"] == len(sandbox.requests) > 0


@pytest.mark.parametrize("path", ["{folder}/no/such/report.json", "{folder}", "/dev/null"])
def test_a_path_that_cannot_be_written_is_refused_before_the_first_request(
    sandbox: SandboxServer, settings: Json, tap: Program, tmp_path: Path, path: str
) -> None:
    """In one line that names the setting, and nothing is left behind."""
    given = path.format(folder=tmp_path)
    output = tap.run(config={**settings, "report_path": given})
    (line,) = [line for line in output.log.splitlines() if "| ERROR" in line]
    assert f"report_path: {given} cannot be written (" in line
    assert output.exit_code == 1
    assert list(sandbox.requests) == []
    assert [one.name for one in tmp_path.iterdir()] == ["config.json"]


def test_a_log_of_another_form_takes_the_table_line_by_line(
    catalog: Json, settings: Json, tap: Program, tmp_path: Path
) -> None:
    """So that each line is JSON where a runner, such as Meltano, reads it as that."""
    log_config = tmp_path / "log.json"
    log_config.write_text(
        json.dumps(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "formatters": {"json": {"()": "singer_sdk.logging.StructuredFormatter"}},
                "handlers": {
                    "console": {
                        "class": "logging.StreamHandler",
                        "formatter": "json",
                        "stream": "ext://sys.stderr",
                    }
                },
                "root": {"handlers": ["console"], "level": "INFO"},
            }
        ),
        encoding="utf-8",
    )
    output = tap.run(
        config=settings, catalog=catalog, env={"SINGER_SDK_LOG_CONFIG": str(log_config)}
    )
    lines = [json.loads(line)["message"] for line in output.log.splitlines()]
    assert lines[-1].startswith("whole: 75 records, ")
    assert all(lines)


def test_who_wants_warnings_alone_gets_no_table(
    catalog: Json, settings: Json, tap: Program
) -> None:
    """The level of the log holds for it as well."""
    output = tap.run(config=settings, catalog=catalog, env={"LOGLEVEL": "WARNING"})
    assert "streams: 3 whole" not in output.log
    assert read(settings)["outcome"] == "whole"
