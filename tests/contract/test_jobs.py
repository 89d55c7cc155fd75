"""The jobs of `meltano.yml` read every stream, once, and can run side by side."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml

from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.settings import SETTINGS_SCHEMA
from tests.contract.facts import PROJECT

PROJECT_FILE: dict[str, Any] = yaml.safe_load((PROJECT / "meltano.yml").read_text("utf-8"))
JOBS: dict[str, list[str]] = {job["name"]: job["tasks"] for job in PROJECT_FILE["jobs"]}
SCHEDULES: list[dict[str, Any]] = PROJECT_FILE["schedules"]
HEIRS: dict[str, dict[str, Any]] = {
    one["name"]: one for one in PROJECT_FILE["plugins"]["extractors"] if "inherit_from" in one
}


def selected(extractor: str) -> list[str]:
    """Return the streams that an extractor selects."""
    patterns = [pattern.removesuffix(".*") for pattern in HEIRS[extractor]["select"]]
    return [spec.name for spec in STREAMS if any(fnmatch(spec.name, one) for one in patterns)]


def test_the_jobs_read_every_stream_once() -> None:
    """Two loaders that write to one table would undo each other's work.

    What takes one request for each user is left to those who choose it.
    """
    read = Counter(stream for extractor in HEIRS for stream in selected(extractor))
    assert read == Counter(spec.name for spec in STREAMS if spec.selected_by_default)


def test_every_pattern_of_a_selection_selects_something() -> None:
    """All but that of custom events with streams of their own, which only some accounts have."""
    names = [spec.name for spec in STREAMS] + ["custom_event_login"]
    for extractor in HEIRS.values():
        for pattern in extractor["select"]:
            assert any(fnmatch(name, pattern.removesuffix(".*")) for name in names), pattern


def test_no_scheduled_jobs_share_an_extractor() -> None:
    """It has one catalog, which two runs at once would write over each other: docs/production.md.

    A job of its own STATE has an extractor of its own; schedules of one job take turns by that.
    """
    scheduled = {schedule["job"] for schedule in SCHEDULES}
    first = Counter(task.split()[0] for job in scheduled for task in JOBS[job])
    assert set(first.values()) == {1}
    assert set(first) == set(HEIRS)


def test_all_jobs_at_once_stay_below_the_limit_of_the_account() -> None:
    """The extractors know nothing of one another, and PX counts what all of them send."""
    limits = [extractor["config"]["requests_per_second"] for extractor in HEIRS.values()]
    assert sum(limits) < SETTINGS_SCHEMA["properties"]["requests_per_second"]["maximum"]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda one: str(one["name"]))
def test_a_schedule_sets_settings_that_there_are(schedule: dict[str, Any]) -> None:
    """Meltano says nothing of a variable that it does not know."""
    (extractor,) = {task.split()[0] for task in JOBS[schedule["job"]]}
    prefix = f"{extractor}_".replace("-", "_").upper()
    for variable in schedule.get("env", {}):
        assert variable.startswith(prefix)
        assert variable.removeprefix(prefix).lower() in SETTINGS_SCHEMA["properties"]


def test_all_is_read_by_the_weekly_job_and_if_it_fails_a_day_later() -> None:
    """The hourly job has its `full_read_days` between one and two days above a week."""
    assert HEIRS["tap-gainsight-px-entities"]["config"]["full_read_days"] == 8
    (weekly,) = [one for one in SCHEDULES if one.get("env")]
    assert weekly["job"] == "gainsight-px-entities"
    assert weekly["interval"].endswith(" * * 0")
    assert weekly["env"] == {"TAP_GAINSIGHT_PX_ENTITIES_FULL_READ_DAYS": "1"}
