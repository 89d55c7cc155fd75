"""A key, a region or an address that is not the right one: one clear screen, exit code 1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.check.runner import run_check
from tap_gainsight_px.settings import CUSTOM, SETTINGS_SCHEMA, Settings
from tests.check.checks import catalog_of, check
from tests.ports import taken_port
from tests.tap.harness import Program, config
from tests.tap.worlds import NOW, lively_world

if TYPE_CHECKING:
    from pathlib import Path

    from tap_gainsight_px.check.report import Report

KEY = "k3y-0f-n0b0dy-else"
USERS = [spec for spec in STREAMS if spec.name == "users"]


@pytest.fixture
def tap(tmp_path: Path) -> Program:
    """Return the tap as a program."""
    return Program(tmp_path)


def run(address: str, region: str, regions: dict[str, str]) -> tuple[Report, list[float]]:
    """Check one address as if it were a region of PX's."""
    defaults = {name: one.get("default") for name, one in SETTINGS_SCHEMA["properties"].items()}
    given = {"api_key": KEY, "api_url": address}
    waits: list[float] = []
    report = run_check(
        Settings.from_config({**defaults, **given}, run_start=NOW),
        USERS,
        region=region,
        wait=waits.append,
        clock=lambda: NOW,
        regions=regions,
    )
    return report, waits


@pytest.mark.parametrize("home", ["EU", "US2"])
def test_a_key_of_another_region_is_told_with_its_region(home: str) -> None:
    """The other regions are asked once each, until one of them knows the key."""
    world = lively_world()
    with (
        SandboxServer(world) as us,
        SandboxServer(world, api_key=KEY if home == "EU" else "other") as eu,
        SandboxServer(world, api_key=KEY if home == "US2" else "other") as us2,
    ):
        report, waits = run(us.url, "US", {"US": us.url, "EU": eu.url, "US2": us2.url})
        asked = [len(one.requests) for one in (us, eu, us2)]
    [problem] = report.problems
    assert problem.topic == "region"
    assert problem.advice == f"Set region to {home}"
    assert f"US does not know the key (HTTP 401), {home} does" in report.as_text()
    assert asked == ([1, 1, 0] if home == "EU" else [1, 1, 1])
    assert report.requests == sum(asked)
    assert report.exit_code == 1
    assert [wait for wait in waits if wait] == [1.0] * (sum(asked) - 1)


def test_a_key_that_no_region_knows() -> None:
    """All regions are asked, and the line says that none knows it."""
    with SandboxServer(lively_world()) as us, SandboxServer(lively_world()) as eu:
        report, _ = run(us.url, "US", {"US": us.url, "EU": eu.url})
    [problem] = report.problems
    assert "does not accept the API key (HTTP 401), and no other region does" in problem.text
    assert report.exit_code == 1


def test_a_key_is_sent_nowhere_else_where_api_url_is_set() -> None:
    """Whoever names an address has said where the key may go."""
    with SandboxServer(lively_world()) as given, SandboxServer(lively_world(), api_key=KEY) as eu:
        report, _ = run(given.url, CUSTOM, {"US": eu.url, "EU": eu.url})
        assert len(eu.requests) == 0
    assert [one.topic for one in report.problems] == ["key"]
    assert "check api_url" in report.as_text()


def test_a_key_that_works_is_sent_nowhere_else() -> None:
    """Only a region that does not know the key is a reason to ask another."""
    world = lively_world()
    with SandboxServer(world, api_key=KEY) as us, SandboxServer(world, api_key=KEY) as eu:
        report, _ = run(us.url, "US", {"US": us.url, "EU": eu.url})
        assert len(eu.requests) == 0
    assert report.exit_code == 0
    assert "the key belongs to US" in report.as_text()


def test_an_address_where_px_is_not() -> None:
    """404 wherever one asks is about the address."""
    with SandboxServer(lively_world()) as sandbox:
        found = check(sandbox, api_url=f"{sandbox.url}/elsewhere")
    assert found.says("region", "problem", "PX is not found at this address", "Check api_url")
    assert found.report.requests == 2
    assert found.report.exit_code == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("redirect", "redirect"),
        ("edge_forbidden", "firewall or edge"),
        ("html", "the first answer cannot be used (HTTP 200)"),
        ("http_503", "the first answer cannot be used (HTTP 503)"),
        ("reset_before", "no answer from PX"),
    ],
)
def test_what_ends_the_check_at_once(fault: str, words: str) -> None:
    """One request tells it; nothing more is asked."""
    with SandboxServer(lively_world(), {"faults": {fault: 1}}) as sandbox:
        found = check(sandbox)
    assert found.says("connection", "problem", words)
    assert found.report.requests == 1
    assert found.report.exit_code == 1


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("fails", ["key", "nobody"])
def test_the_program_prints_one_screen(tap: Program, style: str, fails: str) -> None:
    """No traceback, no Singer message; the report is all there is on standard output."""
    with SandboxServer(lively_world()) as sandbox, taken_port() as port:
        settings: dict[str, Any] = config(sandbox, api_key=KEY)
        if fails == "nobody":
            settings["api_url"] = f"http://127.0.0.1:{port.getsockname()[1]}"
        options = ("--check", "--format", "json") if style == "json" else ("--check",)
        output = tap.run(*options, config=settings, catalog=catalog_of("users"))
    assert output.exit_code == 1
    assert "Traceback" not in output.log + output.text
    assert KEY not in output.log + output.text
    assert "127.0.0.1" not in output.text
    if style == "json":
        report = json.loads(output.text)
        assert report["works"] is False
        assert [one["topic"] for one in report["findings"] if one["level"] == "problem"]
    else:
        assert "A sync would not work. Problems: 1" in output.text
        assert len(output.text.splitlines()) < 25
    told = "does not accept the API key" if fails == "key" else "no answer from PX: connection"
    assert told in " ".join(output.text.split())


def test_the_program_ends_with_0_where_a_sync_would_work(tap: Program) -> None:
    """The smallest check there is takes one request."""
    with SandboxServer(lively_world()) as sandbox:
        output = tap.run("--check", config=config(sandbox), catalog=catalog_of("subscription"))
        assert [one.path for one in sandbox.requests] == ["/v1/admin/subscription"]
    assert output.exit_code == 0
    assert output.text.endswith("A sync would work.\n")
    assert output.messages == []


def test_a_wrong_setting_is_told_before_anything_is_asked(tap: Program) -> None:
    """As with a sync: one line for each setting, and no request."""
    with SandboxServer(lively_world()) as sandbox:
        output = tap.run("--check", config=config(sandbox, page_size=0))
        assert len(sandbox.requests) == 0
    assert output.exit_code == 1
    assert "page_size must be at least 1, not 0" in output.log
