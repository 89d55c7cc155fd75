"""The stream table refuses an entry that contradicts itself, its schema file or another entry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tap_gainsight_px.catalog.spec import (
    Granularity,
    Parent,
    SpecError,
    StreamSpec,
    TimeRange,
    check_table,
)
from tap_gainsight_px.catalog.streams import STREAMS

SPECS = {spec.name: spec for spec in STREAMS}
DATES = TimeRange("date")


@pytest.mark.parametrize(
    ("stream", "changes", "line"),
    [
        ("segments", {"primary_keys": ()}, "it has no primary key"),
        ("segments", {"page_size_max": None}, "paging page_number contradicts page_size_max None"),
        ("subscription", {"page_size_max": 5}, "paging single contradicts page_size_max 5"),
        ("segments", {"path": "/v1/segment/{id}"}, "has the placeholders ['id'], not []"),
        ("segments", {"row_id_of": ("name",)}, "rowId is a primary key exactly where"),
        (
            "feature_adoption",
            {"path": "/v1/feature/adoption/{id}"},
            "the path /v1/feature/adoption/{id} has the placeholders ['id'], not ['featureId']",
        ),
        ("feature_adoption", {"path": "/v1/feature"}, "has the placeholders [], not ['featureId']"),
        ("user_denylist", {"primary_keys": ("type",)}, "identifyId names the parent and must be"),
        ("users", {"replication_key": "date"}, "date is not the time range's lastModifiedDate"),
        ("users", {"time_range": None}, "lastModifiedDate is not the time range's None"),
        ("segments", {"time_range": DATES}, "replication_key None is not the time range's date"),
        ("lead_events", {"time_range": replace(DATES, time_formats=())}, "has no time format"),
        (
            "lead_events",
            {"time_range": replace(DATES, documented=False)},
            "set full_table_is_whole",
        ),
        (
            "lead_events",
            {"time_range": replace(DATES, granularity=Granularity.DAY)},
            "sums over a range need dateRangeStart as a primary key",
        ),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused_in_one_line(
    stream: str, changes: dict[str, Any], line: str
) -> None:
    """The line names the stream and the contradiction."""
    with pytest.raises(SpecError) as caught:
        replace(SPECS[stream], **changes)
    assert str(caught.value).startswith(f"stream table: {stream}: ")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("stream", "changes", "line"),
    [
        ("segments", {"name": "sigments"}, "sigments: there is no file schemas/sigments.json"),
        ("segments", {"primary_keys": ("key",)}, "segments: its schema file lacks key"),
        (
            "engagement_errors",
            {"row_id_of": ("property",)},
            "engagement_errors: its schema file lacks property",
        ),
        (
            "lead_events",
            {"time_range": TimeRange("when"), "replication_key": "when"},
            "lead_events: its schema file has no replication key when of date-time",
        ),
        (
            "lead_events",
            {"time_range": TimeRange("eventType"), "replication_key": "eventType"},
            "lead_events: its schema file has no replication key eventType of date-time",
        ),
        (
            "user_denylist",
            {"parent": Parent("people", "identifyId", "identifyId")},
            "user_denylist: its parent people is no stream",
        ),
        (
            "user_denylist",
            {"parent": Parent("user_preferences", "identifyId", "identifyId")},
            "user_denylist: its parent user_preferences has a parent itself",
        ),
        (
            "user_denylist",
            {"parent": Parent("users", "userId", "identifyId")},
            "user_denylist: the schema file of its parent users lacks userId",
        ),
        ("segments", {"name": "features"}, "features: two entries have this name"),
    ],
)
def test_an_entry_that_contradicts_the_files_or_the_table_is_refused(
    stream: str, changes: dict[str, Any], line: str
) -> None:
    """Before anything is read: the check is part of importing the table."""
    table = [replace(one, **changes) if one.name == stream else one for one in STREAMS]
    with pytest.raises(SpecError) as caught:
        check_table(table)
    assert str(caught.value) == f"stream table: {line}"


def test_the_table_itself_is_accepted_as_it_is() -> None:
    """The check changes nothing and leaves the order alone."""
    assert check_table(list(STREAMS)) == STREAMS
    assert all(isinstance(spec, StreamSpec) for spec in STREAMS)
