"""The check is careful: few requests, slow ones, never two alike, and none but to PX."""

from __future__ import annotations

from typing import Any

import pytest
from singer_sdk.singerlib import Catalog

from px_sandbox import SandboxServer
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.check.runner import selected
from tests.check.checks import EVENTS, PEOPLE, Checked, catalog_of, check
from tests.tap.worlds import lively_world

MOST = 25
ALL = tuple(spec.name for spec in STREAMS)

WORST: dict[str, dict[str, Any]] = {
    "well": {},
    "filters ignored": {"faults": {"filter_ignored": 1}},
    "forms refused": {"date_form": "epoch", "last_modified_filter": "refused"},
    "refused": {"faults": {"bad_request": 1}},
    "limited": {"requests_per_second": 1},
    "broken": {"faults": {"http_500": 0.5}},
    "duplicates refused": {"duplicate_window_ms": 60_000, "duplicate_status": 400},
}


def requests_of(sandbox: SandboxServer) -> list[str]:
    """Return what was asked, each with its parameters."""
    return [f"{one.path} {sorted(one.params.items())}" for one in sandbox.requests]


@pytest.mark.parametrize("streams", [(), PEOPLE, EVENTS, ALL], ids=["-", "people", "events", "all"])
@pytest.mark.parametrize("manners", WORST.values(), ids=WORST)
def test_requests_are_few_slow_and_never_alike(
    manners: dict[str, Any], streams: tuple[str, ...]
) -> None:
    """Whatever PX answers, and whatever is selected."""
    with SandboxServer(lively_world(), manners) as sandbox:
        found = check(sandbox, *streams)
        sent = requests_of(sandbox)
        statuses = [one.status for one in sandbox.requests]
    assert len(sent) == len(set(sent)) == found.report.requests
    assert 1 <= len(sent) <= MOST
    assert len(found.waits) == len(sent) - 1
    assert min(found.waits, default=1.0) >= 1.0
    if "duplicate_window_ms" in manners:
        assert set(statuses) <= {200, 400}
        assert statuses.count(400) <= 1  # the one that is meant to be refused


def test_every_stream_is_asked_about_or_named_as_not_asked() -> None:
    """Where the requests do not suffice, the report says for what."""
    with SandboxServer(lively_world()) as sandbox:
        found = check(sandbox, *ALL)
    told = found.findings("permission")
    readable = next(one["details"]["readable"] for one in told if one["level"] == "ok")
    unasked = next(one["details"]["not_asked"] for one in told if one["level"] == "unknown")
    assert sorted([*readable, *unasked]) == sorted(ALL)
    assert all(name in found.text for name in unasked)
    # However many streams there are, some requests are left for what concerns all of them.
    assert found.levels("error_shape") == found.levels("oldest_event") == {"ok"}


def test_a_small_catalog_is_asked_about_as_a_whole() -> None:
    """Children too, by an id of their parents."""
    few = (
        "users",
        "features",
        "engagements",
        "feature_adoption",
        "survey_metadata",
        "engagement_error_details",
        "user_preferences",
        "user_denylist",
        "subscription",
    )
    with SandboxServer(lively_world()) as sandbox:
        found = check(sandbox, *few)
    [told] = found.findings("permission")
    assert set(told["details"]["readable"]) == set(few)


def test_a_child_brings_its_parent() -> None:
    """A sync of a child reads the parents as well, so their permission counts."""
    with SandboxServer(lively_world(), {"forbidden_paths": ["/v1/feature"]}) as sandbox:
        found = check(sandbox, "feature_adoption")
    assert found.says("permission", "problem", "may not read features")
    assert found.says("permission", "unknown", "not asked: feature_adoption")


def test_two_checks_in_a_row_ask_differently() -> None:
    """PX refuses what equals a request of a moment ago, so the size of a page differs."""
    with SandboxServer(lively_world()) as sandbox:
        check(sandbox, *PEOPLE)
        first = set(requests_of(sandbox))
        sandbox.requests.clear()
        sandbox.world.clock.advance(seconds=7)
        check(sandbox, *PEOPLE)
        second = set(requests_of(sandbox))
    both = first & second
    assert {one.split()[0] for one in both} == {"/v1/users"}
    assert len(both) == 2  # the largest page, and what is meant to be refused


def test_max_requests_is_kept() -> None:
    """The setting bounds the check as it bounds a sync."""
    with SandboxServer(lively_world()) as sandbox:
        found = check(sandbox, max_requests=4)
        assert len(sandbox.requests) == 4
    assert found.report.requests == 4


def test_nothing_selected_is_nothing_asked() -> None:
    """An empty catalog is told, and is no error."""
    with SandboxServer(lively_world()) as sandbox:
        found: Checked = check(sandbox, catalog={"streams": []})
        assert len(sandbox.requests) == 0
    assert found.says("permission", "unknown", "no stream is selected")
    assert found.report.exit_code == 0


def test_the_smallest_pages_suffice() -> None:
    """`page_size` 1 leads to no larger page and to no error."""
    with SandboxServer(lively_world()) as sandbox:
        found = check(sandbox, *PEOPLE, *EVENTS, page_size=1)
        sizes = {one.params.get("pageSize") for one in sandbox.requests}
    assert sizes <= {"1", "none"}
    assert found.report.exit_code == 0


def test_a_stream_that_the_catalog_deselects_is_not_asked_about() -> None:
    """Nor one that the catalog does not hold; without a catalog the default holds."""
    content = catalog_of("users", "accounts")
    content["streams"][1]["metadata"][0]["metadata"]["selected"] = False
    chosen = selected(STREAMS, Catalog.from_dict(content))
    assert [spec.name for spec in chosen] == ["users"]
    by_default = {spec.name for spec in selected(STREAMS, None)}
    assert set(ALL) - by_default == {"user_preferences", "user_denylist"}
