"""Two things that go wrong at once: the count that would tell of a gap is itself wrong or missing.

A record may be late then, and a run may fail, but no run may end well without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.cancellation import Cancellation
from tests.tap.harness import KEYS, sync
from tests.tap.worlds import DAY, events_at, iso, today, user, world_of

if TYPE_CHECKING:
    from px_sandbox import World

START = today() - 100 * DAY
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waits take a fiftieth of their time."""
    wait = Cancellation.wait
    monkeypatch.setattr(Cancellation, "wait", lambda stop, seconds: wait(stop, seconds / 50))


def strike(path: str, fault: str, **how: Any) -> Json:
    """Return a rule."""
    return {"fault": fault, "path": path, **how}


def event(fault: str, **how: Any) -> Json:
    """Return a rule for events."""
    return strike("/v1/events/*", fault, **how)


def users(fault: str, **how: Any) -> Json:
    """Return a rule for users."""
    return strike("/v1/users", fault, **how)


NO_COUNT: Json = {"total_hits_missing": 1}
CAPPED: Json = {"total_hits_capped": {"rate": 1, "cap": 60}}
TOO_LOW: Json = {"total_hits_too_low": {"rate": 1, "by": 45}}
FULL: Json = {"last_modified_filter": "refused"}

OF_EVENTS: dict[str, Json] = {
    "count too low, scroll moved on after a torn answer": {
        "faults": TOO_LOW,
        "rules": [event("truncated_json", page=2, moves_on=True)],
    },
    "count too low, empty page in between": {
        "faults": TOO_LOW,
        "rules": [event("empty_page", page=6)],
    },
    "no count, empty page in between": {
        "faults": NO_COUNT,
        "rules": [event("empty_page", page=3)],
    },
    "no count, empty first page": {"faults": NO_COUNT, "rules": [event("empty_page")]},
    "records twice on one page, others left out of the next": {
        "rules": [
            event("duplicate_records", page=2, times=None),
            event("lost_records", page=3, times=None),
        ]
    },
}
OF_USERS: dict[str, Json] = {
    "no count, empty first page": {
        "rules": [users("total_hits_missing"), users("empty_page")],
    },
    "read whole, no count, empty page in between": {
        **FULL,
        "faults": NO_COUNT,
        "rules": [users("empty_page", page=4)],
    },
    "read whole, count cut off, scroll moved on": {
        **FULL,
        "faults": CAPPED,
        "rules": [users("truncated_json", page=4, moves_on=True)],
    },
    "no date and count cut off": {"faults": {**CAPPED, "unsorted": 1}},
    "no date and filter ignored where the dated are counted": {
        "rules": [users("filter_ignored", nth=3)],
    },
}


def test_one_answer_outside_the_range_costs_one_reading() -> None:
    """What came from outside is forgotten, so that the next reading can be whole."""
    dates = [START + number * DAY for number in range(90)]
    rules = [event("filter_ignored", nth=2, times=1)]
    with SandboxServer(events_at(dates), {"rules": rules}) as sandbox:
        output = sync(sandbox, "custom_events", start_date=iso(START))
        assert [name for one in sandbox.requests for name in one.faults] == ["filter_ignored"]
    assert output.error is None
    assert len(output.keys("custom_events")) == 90


def assert_no_silent_loss(world: World, misbehaviour: Json, stream: str, **settings: Any) -> None:
    """Run once; what is missing must be told, and must not lie before the bookmark."""
    with SandboxServer(world, misbehaviour) as sandbox:
        output = sync(sandbox, stream, **settings)
        truth = {record[KEYS[stream]] for record in sandbox.world.records(stream)}
    missing = truth - set(output.keys(stream))
    assert not missing or output.exit_code != 0, f"{len(missing)} of {len(truth)} lost"


@pytest.mark.parametrize("faults", OF_EVENTS)
def test_no_run_without_all_events_ends_well(faults: str) -> None:
    """A wrong count may cost another reading, but never a record."""
    assert_no_silent_loss(
        events_at([START + number * DAY // 4 for number in range(400)]),
        OF_EVENTS[faults],
        "custom_events",
        start_date=iso(START),
        page_size=20,
        window_max_records=150,
    )


@pytest.mark.parametrize("faults", OF_USERS)
def test_no_run_without_all_users_ends_well(faults: str) -> None:
    """Neither those with a date nor those without one."""
    dates = [None if number % 10 == 0 else today() - number * DAY for number in range(200)]
    people = [user(f"u{number}", date) for number, date in enumerate(dates)]
    whole = faults.startswith("read whole")
    assert_no_silent_loss(
        world_of(users=people),
        OF_USERS[faults],
        "users",
        page_size=20 if whole else 100,
    )
