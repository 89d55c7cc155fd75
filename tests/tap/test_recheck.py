"""The past of events is compared with PX at each run, and what has changed there is read again."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import ManualClock, SandboxServer, World
from tests.contract.facts import EVENT_STREAMS
from tests.tap.harness import Output, discover, doubled, milliseconds, sync
from tests.tap.test_bookmarks import bookmark
from tests.tap.worlds import (
    DAY,
    NOW,
    SECOND,
    event,
    iso,
    lively_world,
    today,
    user,
    world_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Json

HOUR = 3_600 * SECOND
PATH = "/v1/events/custom"
MATCHES = "/v1/events/feature_match"
EACH = 40
"""Events a day: with `PAGE` records on a page, no stretch but a day is read at a glance."""
PAGE = 15
FIRST = today() - 35 * DAY


class Past:
    """A customer whose events are read every hour, with what PX holds of them."""

    def __init__(self, each: int = EACH, **settings: Any) -> None:
        """Make a world with so many events a day; settings are those of all runs."""
        self.clock = ManualClock(NOW)
        dates = range(FIRST, NOW - 2 * HOUR, DAY // each)
        self.world: World = world_of(
            self.clock, custom_events=[event(f"e{at}", at) for at in dates]
        )
        self.settings: Json = {"page_size": PAGE, "start_date": iso(FIRST - DAY), **settings}
        self.state: Json | None = None
        self.sandbox = SandboxServer(self.world)

    @contextmanager
    def served(self) -> Iterator[Past]:
        """Let a server answer, and read all for the first time."""
        with self.sandbox:
            self.run()
            yield self

    def run(self, *, by_sdk: bool = False, **settings: Any) -> Output:
        """Run the tap, an hour after the run before."""
        if self.state is not None:
            self.clock.advance(seconds=3_600)
        output = sync(
            self.sandbox,
            catalog=_catalog(),
            state=self.state,
            by_sdk=by_sdk,
            **{**self.settings, **settings},
        )
        self.state = output.state or self.state
        return output

    @property
    def counts(self) -> Json:
        """What STATE holds of the past."""
        assert self.state is not None
        found: Json = self.state["bookmarks"]["custom_events"]["day_counts"]
        return found

    def asked(self) -> list[tuple[int, int, str]]:
        """Return what the last run asked for: start, end and page size of each first page."""
        return [
            (
                int(str(one.params["dateRangeStart"])),
                int(str(one.params["dateRangeEnd"])),
                str(one.params["pageSize"]),
            )
            for one in self.sandbox.requests
            if "scrollId" not in one.params
        ]


@cache
def _catalog() -> Json:
    with SandboxServer(world_of()) as sandbox:
        return discover(sandbox, "custom_events")


@pytest.fixture
def past() -> Iterator[Past]:
    """Return a past that has been read once."""
    with Past().served() as read:
        yield read


def bookmark_of(output: Output) -> str:
    """Return the bookmark in the last STATE."""
    value: str = output.bookmark("custom_events")["replication_key_value"]
    return value


def test_a_quiet_month_costs_one_request_a_stream() -> None:
    """A page of one record, with the count of the whole stretch."""
    world = world_of(
        ManualClock(NOW),
        custom_events=[event(f"e{at}", at) for at in range(today() - 40 * DAY, NOW, DAY)],
        feature_match_events=[
            {"eventId": f"m{day}", "date": today() - day * DAY} for day in (3, 9)
        ],
        users=[user("ada", today())],
    )
    with SandboxServer(world) as sandbox:
        catalog = discover(sandbox, "custom_events", "feature_match_events")
        state = sync(sandbox, catalog=catalog).state
        world.clock.advance(seconds=3_600)
        sync(sandbox, catalog=catalog, state=state)
        with_recheck = [one.path for one in sandbox.requests]
        sync(sandbox, catalog=catalog, state=state, recheck_days=0)
        without = [one.path for one in sandbox.requests]
    assert sorted(with_recheck) == sorted([*without, PATH, MATCHES])


def test_all_streams_of_events_are_rechecked_and_no_others() -> None:
    """Sums have ranges of their own, people full readings, and collisions no key of their own."""
    world = lively_world(ManualClock(NOW), events=200)
    with SandboxServer(world) as sandbox:
        catalog = discover(sandbox, everything=True)
        output = sync(sandbox, catalog=catalog, start_date=iso(today() - 20 * DAY))
    bookmarks = output.state["bookmarks"]
    assert sorted(name for name, one in bookmarks.items() if "day_counts" in one) == EVENT_STREAMS


def test_events_of_other_names_are_counted_as_px_counts_them() -> None:
    """Its filter does not tell upper from lower case, and the stream of a name does."""
    settings: Json = {"custom_event_streams": ["Saved"], "start_date": iso(FIRST)}
    stream = "custom_event_saved"
    names = ["Saved", "saved", "SAVED"] * 20
    world = world_of(
        ManualClock(NOW),
        custom_events=[
            {**event(f"e{day}", today() - day * DAY // 2), "eventName": name}
            for day, name in enumerate(names, start=1)
        ],
    )
    with SandboxServer(world) as sandbox:
        catalog = discover(sandbox, stream, **settings)
        first = sync(sandbox, catalog=catalog, **settings)
        world.clock.advance(seconds=3_600)
        quiet = sync(sandbox, catalog=catalog, state=first.state, **settings)
        requests = [one.params.get("pageSize") for one in sandbox.requests]
        late = {**event("late", today() - 9 * DAY), "eventName": "Saved"}
        world.put("custom_events", late)
        changed = sync(sandbox, catalog=catalog, state=quiet.state, **settings)
    assert quiet.records(stream) == []
    assert requests.count("1") == 1
    assert "late" in changed.values(stream, "eventId")
    assert set(changed.values(stream, "eventName")) == {"Saved"}


def test_the_stretch_that_is_compared_ends_where_the_run_begins_to_read(past: Past) -> None:
    """So no event is counted twice, and none is left out; and it goes back so many days."""
    past.run(max_workers=1)
    new, compared = past.asked()
    assert compared == (today() - 30 * DAY, NOW - HOUR, "1")
    assert new[0] == compared[1]


@pytest.mark.parametrize("day", [0, 11, 29, 30], ids="day {}".format)
def test_a_late_event_costs_ten_requests_at_most_and_brings_its_day_alone(
    past: Past, day: int
) -> None:
    """Wherever it lies; the bookmark moves as it would without it."""
    at = today() - 30 * DAY + day * DAY + HOUR
    past.world.put("custom_events", event("late", at + 7))
    output = past.run()
    assert "late" in output.keys("custom_events")
    days = {milliseconds(one["date"]) // DAY for one in output.records("custom_events")}
    assert days == {at // DAY}
    # One for what is new, one for the whole, five halves, perhaps the day, and its three pages.
    assert len(past.sandbox.requests) <= 1 + 1 + 5 + 1 + 3
    assert milliseconds(bookmark_of(output)) == NOW + HOUR
    assert past.run().keys("custom_events") == []
    assert len(past.sandbox.requests) == 2


def test_of_a_small_stream_all_is_read_at_once_and_the_changed_day_leaves_the_tap() -> None:
    """Where a page holds the whole stretch, to look for the day would take longer."""
    with Past(each=4, page_size=1_000).served() as past:
        past.world.put("custom_events", event("late", today() - 9 * DAY + 5))
        output = past.run()
        assert len(past.sandbox.requests) == 3
    assert len(output.keys("custom_events")) == 4 + 1
    assert "late" in output.keys("custom_events")


def test_days_that_px_fills_in_for_weeks_are_read_as_they_change(past: Past) -> None:
    """Each change once, by the run that comes after it."""
    for day in range(1, 6):
        past.world.put("custom_events", event(f"late{day}", today() - 4 * day * DAY + 11))
        output = past.run()
        late = {key for key in output.keys("custom_events") if key.startswith("late")}
        assert late == {f"late{day}"}


def test_a_day_that_has_shrunk_is_told_with_its_number(
    past: Past, caplog: pytest.LogCaptureFixture
) -> None:
    """It is read again, and then counts as it is: no record takes a row back."""
    at = today() - 12 * DAY
    for key in (f"e{at}", f"e{at + DAY // EACH}"):
        assert past.world.delete("custom_events", key)
    with caplog.at_level(logging.INFO):
        output = past.run()
        past.run()
    assert len(output.keys("custom_events")) == EACH - 2
    (gone,) = [one for one in caplog.messages if "gone" in one]
    assert gone == (
        "custom_events: 2 records that were read are gone from PX (2026-05-29: 2). The loader "
        "keeps their rows: no record can take them back"
    )
    changed, unchanged = [one for one in caplog.messages if "rechecked" in one]
    assert changed == (
        "custom_events: rechecked 2026-05-11T00:00:00Z to 2026-06-10T05:13:20Z: days that have "
        "changed: 1 (0 records more, 2 fewer); records read again: 38"
    )
    assert unchanged == (
        "custom_events: rechecked 2026-05-11T00:00:00Z to 2026-06-10T06:13:20Z: nothing has changed"
    )


def test_a_kill_at_any_state_loses_nothing_and_moves_no_bookmark(past: Past) -> None:
    """A day counts as read when all its records have been written, and not before."""
    late = [event(f"late{day}", today() - day * DAY + 3) for day in (2, 9, 25)]
    past.world.put_many("custom_events", late)
    before = past.state
    output = past.run(window_max_records=10)
    done = bookmark_of(output)
    stops = [(before, Output([])), *output.up_to_each_state()]
    assert len(stops) > 4
    for state, written in stops:
        past.state = state
        rest = past.run()
        assert bookmark_of(rest) >= done
        keys = {*written.keys("custom_events"), *rest.keys("custom_events")}
        assert keys >= {one["eventId"] for one in late}


def test_an_interrupted_run_does_not_let_the_next_one_write_events_twice(past: Past) -> None:
    """What the lookback has brought already is not part of a day that is read again."""
    output = past.run()
    assert past.state is not None
    until = milliseconds(bookmark_of(output)) - 5 * HOUR
    # As if the run had ended five hours earlier: it was to go on, so it has counted up to there.
    entry = past.state["bookmarks"]["custom_events"]
    entry["replication_key_value"] = iso(until)
    days = entry["day_counts"]["days"]
    last = until // DAY * DAY
    entry["day_counts"] |= {"to": iso(until)}
    kept = [one for one in past.world.records("custom_events") if last <= one["date"] < until]
    entry["day_counts"]["days"] = [*days[:-1], len(kept)]
    past.world.put("custom_events", event("late", until - HOUR // 2))
    keys = past.run().keys("custom_events")
    assert "late" in keys
    assert doubled(keys) == []


def test_a_run_that_ends_early_goes_on_with_the_past_later(past: Past) -> None:
    """What is new comes first: a budget of requests is not used up by the past."""
    past.world.put("custom_events", event("late", today() - 20 * DAY))
    past.world.put("custom_events", event("new", NOW + HOUR // 2))
    output = past.run(max_requests=3, max_workers=1)
    assert output.error is not None
    assert output.keys("custom_events") == ["new"]
    assert milliseconds(bookmark_of(output)) == NOW + HOUR
    assert "late" in past.run().keys("custom_events")


def test_state_of_before_counts_as_read_and_what_comes_later_is_found(
    past: Past, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is read again, one line says so, and from the next run on all is as it should be."""
    assert past.state is not None
    past.state["bookmarks"] = bookmark("custom_events", NOW)["bookmarks"]
    with caplog.at_level(logging.INFO):
        output = past.run()
    assert output.keys("custom_events") == []
    assert len([one for one in caplog.messages if "STATE has no counts of the past" in one]) == 1
    assert len(past.sandbox.requests) <= 2 + 1 + 31
    past.world.put("custom_events", event("late", today() - 20 * DAY))
    assert "late" in past.run().keys("custom_events")


@pytest.mark.parametrize(
    "damage",
    ["nothing", None, [], {"from": "x"}, {"days": [1]}, {"days": ["a"]}, {"to": "2026-06-09"}],
    ids=str,
)
def test_damaged_counts_are_made_anew_by_reading_that_stretch_once(
    past: Past, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """So what was late before is not lost with them."""
    assert past.state is not None
    past.world.put("custom_events", event("late", today() - 20 * DAY))
    counts = {**past.counts, **damage} if isinstance(damage, dict) else damage
    past.state["bookmarks"]["custom_events"]["day_counts"] = counts
    with caplog.at_level(logging.INFO):
        output = past.run()
    assert output.error is None
    assert "late" in output.keys("custom_events")
    assert len(set(output.keys("custom_events"))) == len(output.keys("custom_events"))
    assert any("its counts are not known" in one for one in caplog.messages)
    assert past.run().keys("custom_events") == []
    assert sum(past.counts["days"]) > 29 * EACH


def test_more_days_than_before_are_read_once_and_fewer_are_forgotten(past: Past) -> None:
    """Their counts are not known until then."""
    past.world.put("custom_events", event("late", today() - 33 * DAY))
    more = past.run(recheck_days=34)
    assert "late" in more.keys("custom_events")
    dates = [milliseconds(one["date"]) for one in more.records("custom_events")]
    assert max(dates) < today() - 30 * DAY
    assert len(past.counts["days"]) == 35
    assert past.run(recheck_days=34).keys("custom_events") == []
    assert past.run(recheck_days=5).keys("custom_events") == []
    assert len(past.counts["days"]) == 6


def test_without_recheck_nothing_is_asked_and_nothing_is_kept(past: Past) -> None:
    """And who turns it on again later starts from what PX has then."""
    past.run(recheck_days=0)
    assert "day_counts" not in json.dumps(past.state)
    assert [size for _, _, size in past.asked()] == [str(PAGE)] * len(past.asked())
    past.run()
    past.world.put("custom_events", event("late", today() - 20 * DAY))
    assert "late" in past.run().keys("custom_events")


def test_a_month_of_counts_is_short_and_can_be_read(past: Past) -> None:
    """Below a kilobyte for a stream, with the days from when to when."""
    assert len(json.dumps(past.counts)) < 400
    assert past.counts == {
        "from": "2026-05-11T00:00:00.000Z",
        "to": "2026-06-10T05:13:20.000Z",
        "days": [*[EACH] * 30, 8],
    }


def test_nothing_before_the_start_date_and_nothing_after_the_end_date_is_asked_for(
    past: Past,
) -> None:
    """Those are the user's, whatever was counted before."""
    past.world.put("custom_events", event("before", today() - 20 * DAY))
    past.world.put("custom_events", event("after", today() - 9 * DAY))
    start = today() - 15 * DAY
    assert "after" in past.run(start_date=iso(start)).keys("custom_events")
    assert min(since for since, _, _ in past.asked()) == start
    past.world.put("custom_events", event("again", today() - 9 * DAY + 1))
    assert past.run(end_date=iso(today() - 5 * DAY)).keys("custom_events") == []
    assert past.asked() == []
    both = past.run().keys("custom_events")
    assert {"before", "again"} <= set(both)


@pytest.mark.parametrize("by_sdk", [False, True], ids=["page by page", "record by record"])
@pytest.mark.parametrize("odd", [False, True], ids=["all the same", "with an odd one"])
def test_what_is_late_comes_by_every_way_through_the_tap(*, by_sdk: bool, odd: bool) -> None:
    """Lines of whole pages are cut up where only some of their days leave the tap."""
    with Past(each=4, page_size=1_000).served() as past:
        late = event("late", today() - 9 * DAY + 5)
        past.world.put("custom_events", {**late, "sessionId": 5} if odd else late)
        output = past.run(by_sdk=by_sdk)
    assert sorted(output.keys("custom_events")) == sorted(
        ["late", *(f"e{today() - 9 * DAY + part * DAY // 4}" for part in range(4))]
    )


def test_days_are_filled_in_backwards_where_the_newest_were_read_first() -> None:
    """The counts reach as far back as what was read, and no further than `recheck_days`."""
    with Past(first_sync="newest_first").served() as past:
        assert past.counts["from"] == "2026-05-11T00:00:00.000Z"
        assert past.counts["days"] == [*[EACH] * 30, 8]
        past.world.put("custom_events", event("late", today() - 20 * DAY))
        assert "late" in past.run().keys("custom_events")


def test_records_that_a_day_announces_and_never_gives_are_told_and_asked_for_again(
    past: Past,
) -> None:
    """The day stays as it was in STATE; with `accept_missing_records` PX's count is believed."""
    past.world.put("custom_events", event("late", today() - 20 * DAY))
    bookmark_before = past.state
    fault = {"total_hits_too_high": {"rate": 1, "by": 2}}
    past.sandbox.misbehave({"faults": fault})
    output = past.run(page_size=1_000)
    assert output.error is not None
    assert "announced records never arrived" in str(output.error)
    past.sandbox.misbehave({})
    past.state = bookmark_before
    again = past.run()
    assert again.error is None
    assert "late" in again.keys("custom_events")


def test_a_count_that_px_does_not_give_is_said_once_and_is_no_error(
    past: Past, caplog: pytest.LogCaptureFixture
) -> None:
    """Then nothing of the past can be noticed, and what is new is read as ever."""
    past.sandbox.misbehave({"faults": {"total_hits_missing": 1}})
    past.world.put("custom_events", event("new", NOW + HOUR // 2))
    output = past.run()
    assert output.error is None
    assert output.keys("custom_events") == ["new"]
    told = [one for one in caplog.messages if "changes of the past go unnoticed" in one]
    assert len(told) == 1


def test_counts_that_are_cut_off_are_said_and_lead_to_no_storm(
    past: Past, caplog: pytest.LogCaptureFixture
) -> None:
    """Elasticsearch counts to 10,000 unless told otherwise; here it stops earlier."""
    past.sandbox.misbehave({"faults": {"total_hits_capped": {"rate": 1, "cap": 100}}})
    past.world.put("custom_events", event("late", today() - 20 * DAY))
    first = past.run()
    assert first.error is None
    assert "late" in first.keys("custom_events")
    assert len(first.keys("custom_events")) == EACH + 1
    assert len(past.sandbox.requests) <= 2 + 9 + 31 + 4
    assert len([one for one in caplog.messages if "do not add up" in one]) == 1
    for _ in range(3):
        assert past.run().keys("custom_events") == []
        assert len(past.sandbox.requests) == 2
    past.sandbox.misbehave({})
    assert past.run().keys("custom_events") == []
    assert len(past.sandbox.requests) == 2


def test_a_refused_count_fails_no_stream(past: Past, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody has seen PX give pages of one record."""
    rule = {"fault": "bad_request", "path": PATH, "nth": 2, "times": None}
    past.sandbox.misbehave({"rules": [rule]})
    output = past.run(max_workers=1)
    assert output.error is None
    assert any("PX refuses to count" in one for one in caplog.messages)


def test_no_request_of_a_recheck_equals_another_one(past: Past) -> None:
    """PX refuses a request that it has had a moment before."""
    past.sandbox.misbehave({"duplicate_window_ms": 60_000})
    past.world.put("custom_events", event("late", today() - 20 * DAY))
    output = past.run()
    assert "late" in output.keys("custom_events")
    assert {one.status for one in past.sandbox.requests} == {200}
