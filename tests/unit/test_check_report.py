"""The report of the check: one dataclass, as a screen of text and as JSON."""

from __future__ import annotations

import json

import pytest

from tap_gainsight_px.check.report import Finding, Level, Report


def report(*findings: Finding) -> Report:
    """Return a report of these findings."""
    return Report("1.2.3", "EU", "2026-06-10T06:13:20Z", len(findings), findings)


LINES = [
    Finding("key", Level.OK, "PX knows the key"),
    Finding("date_form", Level.NOTE, "ISO text refused", "The tap finds this out"),
    Finding("permission", Level.PROBLEM, "the key may not read users", "Give it the permission"),
    Finding("region", Level.PROBLEM, "not found"),
]


@pytest.mark.parametrize("level", list(Level))
def test_only_a_problem_keeps_a_sync_from_working(level: Level) -> None:
    """Whatever else was found, the exit code is 0."""
    found = report(LINES[0], Finding("limits", level, "something"))
    assert found.works is (level is not Level.PROBLEM)
    assert found.exit_code == (1 if level is Level.PROBLEM else 0)
    assert json.loads(found.as_json())["works"] is found.works


def test_the_text_ends_with_a_line_for_each_problem() -> None:
    """The advice for a problem stands there; that for the rest beside the finding."""
    text = report(*LINES).as_text()
    assert text.splitlines()[0] == (
        "tap-gainsight-px 1.2.3 --check, region EU, 2026-06-10T06:13:20Z, requests: 4"
    )
    assert "date form            note    ISO text refused. The tap finds this out" in text
    assert text.endswith(
        "A sync would not work. Problems: 2\n"
        "1. the key may not read users. Give it the permission\n"
        "2. not found"
    )
    assert report(LINES[0]).as_text().endswith("\n\nA sync would work.")


def test_a_long_finding_is_wrapped_in_its_column() -> None:
    """No line is wider than a screen."""
    text = report(Finding("permission", Level.UNKNOWN, "stream_name, " * 30)).as_text()
    assert max(map(len, text.splitlines())) <= 100
    assert "\n                             stream_name" in text


def test_json_has_what_the_text_has() -> None:
    """Each finding with its topic, level, text and advice, and with details for machines."""
    content = json.loads(report(*LINES).as_json())
    assert content["region"] == "EU"
    assert [one["topic"] for one in content["findings"]] == [one.topic for one in LINES]
    assert content["findings"][1] == {
        "topic": "date_form",
        "level": "note",
        "text": "ISO text refused",
        "advice": "The tap finds this out",
        "details": {},
    }
