"""A scroll that skips, repeats, ends early or miscounts costs no record of a whole sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import Clock, SandboxServer
from tests.tap.harness import by_key, config, discover, doubled, sync
from tests.tap.worlds import DAY, NOW, event, events_at, iso, present_day, today, user, world_of

if TYPE_CHECKING:
    from tests.tap.harness import Program

START = today() - 100 * DAY
DATES = [START + n * DAY // 4 for n in range(400)]
SETTINGS: dict[str, Any] = {"start_date": iso(START), "page_size": 20, "window_max_records": 150}


def rule(fault: str, **how: Any) -> dict[str, Any]:
    """Let one request of a scroll go wrong."""
    return {"rules": [{"fault": fault, "page": 2, "path": "/v1/events/*", **how}]}


ONCE = {
    "scroll expired": rule("scroll_expired"),
    "records left out": rule("lost_records"),
    "moved on after a torn answer": rule("truncated_json", moves_on=True),
    "moved on after a reset": rule("reset_midway", moves_on=True),
    "moved on after HTML": rule("html", moves_on=True),
    "empty page in between": rule("empty_page"),
    "records of the page before": rule("repeated_records"),
    "records twice on a page": rule("duplicate_records"),
    "filter ignored": rule("filter_ignored", page=1),
    "wrong content type": rule("wrong_content_type", times=None),
    "slow down": rule("too_many_requests", retry_after=0),
    "gateway error": rule("http_502"),
}
ALWAYS: dict[str, dict[str, Any]] = {
    "no order": {"faults": {"unsorted": 1}},
    "same scrollId on every page": {"scroll_ids": "fixed"},
    "totalHits too low": {"faults": {"total_hits_too_low": {"rate": 1, "by": 45}}},
    "totalHits cut off": {"faults": {"total_hits_capped": {"rate": 1, "cap": 60}}},
    "no totalHits": {"faults": {"total_hits_missing": 1}},
    "totalHits grows": {"faults": {"total_hits_growing": {"rate": 1, "by": 3}}},
    "records repeated on every page": {"faults": {"repeated_records": 1}},
    "old scrollId gives the same page": {"stale_scroll_id": "same_page"},
}


@pytest.mark.parametrize("fault", [*ONCE, *ALWAYS])
def test_nothing_is_lost_and_nothing_doubled(fault: str) -> None:
    """What comes out is the truth, in order, whatever happens on the way."""
    with SandboxServer(events_at(DATES), {**ONCE, **ALWAYS}[fault]) as sandbox:
        output = sync(sandbox, "custom_events", **SETTINGS)
        truth = by_key("custom_events", sandbox.world.records("custom_events"))
        struck = [name for one in sandbox.requests for name in one.faults]
    assert output.error is None
    assert doubled(output.keys("custom_events")) == []
    assert by_key("custom_events", output.records("custom_events")) == truth
    dates = [one["date"] for one in output.records("custom_events")]
    assert dates == sorted(dates)
    assert struck or fault in {"same scrollId on every page", "old scrollId gives the same page"}


@pytest.mark.parametrize("fault", ["lost_records", "scroll_expired", "duplicate_records"])
@pytest.mark.parametrize("last_modified_filter", ["honoured", "refused"])
def test_users_suffer_no_loss_either(fault: str, last_modified_filter: str) -> None:
    """Also where all are read page by page, because the filter does not work."""
    world = world_of(users=[user(f"u{n}", today() - n * DAY) for n in range(200)])
    misbehaviour = {
        "last_modified_filter": last_modified_filter,
        "rules": [{"fault": fault, "page": 3, "path": "/v1/users"}],
    }
    with SandboxServer(world, misbehaviour) as sandbox:
        output = sync(sandbox, "users", page_size=20)
        assert [name for one in sandbox.requests for name in one.faults] == [fault]
    assert output.error is None
    assert doubled(output.keys("users")) == []
    assert len(output.keys("users")) == 200


def test_events_that_come_in_during_the_run_wait_for_the_next() -> None:
    """The range of a run ends where it began; nothing is read half."""
    world = events_at(DATES)
    with SandboxServer(world) as sandbox:
        # Visible at once, and dated after the start of the run that follows.
        world.put("custom_events", event("soon", NOW + 60_000))
        first = sync(sandbox, "custom_events", **SETTINGS)
    assert "soon" not in first.keys("custom_events")
    assert len(first.keys("custom_events")) == 400


KEY = "s3cr3t-k3y-that-nobody-may-see"


@pytest.mark.parametrize(
    ("misbehaviour", "exit_code"),
    [
        ({}, 0),
        ({"rules": [{"fault": "reset_midway"}, {"fault": "html", "nth": 3}]}, 0),
        ({"rules": [{"fault": "redirect", "times": None}]}, 1),
        ({"rules": [{"fault": "key_revoked", "times": None}]}, 1),
    ],
    ids=["all well", "lost answers", "redirect", "revoked"],
)
def test_the_key_appears_nowhere_even_at_debug(
    tap: Program, misbehaviour: dict[str, Any], exit_code: int
) -> None:
    """Neither in a message nor in a log line of the tap, the SDK or the HTTP library."""
    dates = [present_day() - n * DAY for n in range(50)]
    with SandboxServer(events_at(dates, Clock()), misbehaviour, api_key=KEY) as sandbox:
        catalog = discover_elsewhere()
        output = tap.run(
            config=config(sandbox),
            catalog=catalog,
            env={"TAP_GAINSIGHT_PX_LOGLEVEL": "DEBUG", "LOGLEVEL": "DEBUG"},
        )
    assert output.exit_code == exit_code, output.log
    assert "DEBUG" in output.log
    assert "/v1/events/custom" in output.log
    assert KEY not in output.text
    assert KEY not in output.log


def test_the_key_in_a_traceback_is_hidden_too() -> None:
    """Whoever prints the tap, its settings or its error does not print the key."""
    with SandboxServer(events_at([]), {"faults": {"key_revoked": 1}}, api_key=KEY) as sandbox:
        catalog = discover_elsewhere()
        output = sync(sandbox, catalog=catalog)
    assert output.error is not None
    assert KEY not in repr(output.error) + str(output.error) + repr(vars(output.error))


def discover_elsewhere() -> dict[str, Any]:
    """Return a catalog from a sandbox that behaves."""
    with SandboxServer(events_at([])) as sandbox:
        return discover(sandbox, "custom_events")
