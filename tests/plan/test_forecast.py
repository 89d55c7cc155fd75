"""What a plan says comes true in the sync that follows: its requests and its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.plan import runner
from tap_gainsight_px.timestamps import DAY, to_iso
from tests.plan.plans import NOW, plan_and_sync, world
from tests.tap.harness import sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Json

START = to_iso(NOW - 60 * DAY)
EVENTS = ("custom_events", "page_view_events", "session_events")
DATED = (*EVENTS, "users", "accounts")
# Pages and windows so small that a small world takes many of them.
SMALL: Json = {"page_size": 20, "window_max_records": 200}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve three years of events."""
    with SandboxServer(world(days=1_096, events=6_000, users=150, accounts=40)) as server:
        yield server


def assert_near(forecast: int, taken: int, share: float = 0.1) -> None:
    """Check that a forecast is right but for a share of what came."""
    assert abs(forecast - taken) <= max(2, share * taken), (forecast, taken)


def test_a_first_sync_of_every_stream(sandbox: SandboxServer) -> None:
    """With the children of users, features and engagements, for which PX tells no count."""
    planned, output, taken = plan_and_sync(sandbox, start_date=START)
    assert_near(planned.report.total_requests, taken)
    for row in planned.report.rows:
        if row.records is not None:
            assert row.records == len(output.records(row.stream)), row.stream
    assert planned.report.exit_code == 0


@pytest.mark.parametrize("first_sync", ["oldest_first", "newest_first"])
def test_three_years_in_split_windows(sandbox: SandboxServer, first_sync: str) -> None:
    """How windows are split follows from counts of half a year; the rest is the tap's own way."""
    planned, output, taken = plan_and_sync(sandbox, *DATED, first_sync=first_sync, **SMALL)
    assert_near(planned.report.total_requests, taken)
    assert planned.report.total_records == len(output.of("RECORD"))
    assert planned.requests < taken / 4


def test_events_that_lie_in_a_small_part_of_the_range() -> None:
    """As in a young account: the fullest stretches are counted in halves."""
    with SandboxServer(world(days=40, events=6_000)) as sandbox:
        planned, _, taken = plan_and_sync(sandbox, *EVENTS, **SMALL)
    assert_near(planned.report.total_requests, taken)
    assert planned.requests < taken / 2


def test_a_share_of_the_records_stands_for_many(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the plan of an account with millions of them takes no longer."""
    monkeypatch.setattr(runner, "_MOST_ROWS", 600)
    monkeypatch.setattr(runner, "_FEWEST_ROWS_A_PAGE", 5)
    settings: Json = {"page_size": 50, "window_max_records": 500}
    planned, output, taken = plan_and_sync(sandbox, *DATED, **settings)
    assert_near(planned.report.total_requests, taken, 0.15)
    assert_near(planned.report.total_records, len(output.of("RECORD")), 0.02)


@pytest.mark.parametrize("days", [1, 8], ids=["a day later", "a full reading is due"])
def test_a_sync_that_goes_on(days: int) -> None:
    """From its bookmarks, with the recheck of the past; users and accounts whole now and then."""
    made = world(days=90, events=3_000, live_per_minute=0.2)
    with SandboxServer(made) as sandbox:
        first = sync(sandbox, *DATED)
        made.clock.advance(days=days)
        planned, output, taken = plan_and_sync(sandbox, *DATED, state=first.state)
    assert_near(planned.report.total_requests, taken)
    assert_near(planned.report.total_records, len(output.of("RECORD")), 0.02)
    is_whole = days > 7
    assert ("to find what is gone" in planned.row("users")["reads"]) is is_whole
    compared = 31 - days  # that lie before the bookmark
    words = f"on from the bookmark; {compared} past days compared by counts"
    assert words in planned.row("page_view_events")["reads"]


@pytest.mark.parametrize("filters", ["refused", "ignored"])
@pytest.mark.parametrize(
    ("sorts", "words"),
    [("honoured", "read sorted by it"), ("refused", "read whole"), ("ignored", "read whole")],
)
def test_people_whom_no_filter_finds(filters: str, sorts: str, words: str) -> None:
    """Sorted pages with an early stop where PX sorts, else all of them."""
    made = world(days=90, events=500, users=1_000, users_without_last_modified=0)
    manners = {"last_modified_filter": filters, "last_modified_sort": sorts}
    with SandboxServer(made, manners) as sandbox:
        first, _, taken_first = plan_and_sync(sandbox, "users", page_size=20)
        state = sync(sandbox, "users", page_size=20).state
        made.clock.advance(days=1)
        planned, output, taken = plan_and_sync(sandbox, "users", page_size=20, state=state)
    assert_near(first.report.total_requests, taken_first)
    assert_near(planned.report.total_requests, taken, 0.2)
    assert words in planned.row("users")["note"]
    if sorts == "honoured":
        assert_near(planned.row("users")["records"], len(output.records("users")), 0.2)
        assert taken < 20
    else:
        # Nothing tells how many have changed.
        assert planned.row("users")["records"] is None


def test_a_past_that_has_changed_is_counted_in() -> None:
    """The counts of the recheck differ, so days are read again; which ones, nobody can know yet."""
    made = world(days=60, events=2_000, past_changes_per_day=6)
    with SandboxServer(made) as sandbox:
        first = sync(sandbox, *EVENTS)
        made.clock.advance(days=5)
        planned, _, taken = plan_and_sync(sandbox, *EVENTS, state=first.state)
    assert abs(planned.report.total_requests - taken) <= 15
