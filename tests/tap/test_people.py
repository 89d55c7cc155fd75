"""Users and accounts: whole at first, then what changed, whether the API can filter them or not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from px_sandbox import SandboxServer
from tests.tap.harness import by_key, doubled, milliseconds, sync
from tests.tap.worlds import DAY, SECOND, account, today, user, world_of

if TYPE_CHECKING:
    from px_sandbox import World

FILTERS = ("honoured", "refused", "ignored")


def people(*, users: int = 90, undated: int = 3) -> World:
    """Make a world with people who changed at different times, and some of whom nobody knows."""
    known = [
        user(f"u{n}", today() - n * 7 * DAY, customAttributes={"plan": f"p{n}"})
        for n in range(1, users + 1)
    ]
    unknown = [user(f"never{n}", None) for n in range(undated)]
    firms = [account(f"a{n}", today() - n * DAY) for n in range(1, 31)]
    return world_of(users=known + unknown, accounts=[*firms, account("no date", None)])


@pytest.mark.parametrize("last_modified_filter", FILTERS)
@pytest.mark.parametrize("page_size", [1_000, 7])
def test_a_first_sync_reads_everybody(last_modified_filter: str, page_size: int) -> None:
    """All fields of all records, each once, also of those without a lastModifiedDate."""
    with SandboxServer(people(), {"last_modified_filter": last_modified_filter}) as sandbox:
        output = sync(sandbox, "users", "accounts", page_size=page_size)
        for stream in ("users", "accounts"):
            assert doubled(output.keys(stream)) == []
            truth = by_key(stream, sandbox.world.records(stream))
            assert by_key(stream, output.records(stream)) == truth
    assert output.error is None


@pytest.mark.parametrize("last_modified_filter", FILTERS)
def test_a_first_sync_ignores_start_date(last_modified_filter: str) -> None:
    """Who has not changed for a year is still a user."""
    with SandboxServer(people(), {"last_modified_filter": last_modified_filter}) as sandbox:
        output = sync(sandbox, "users", start_date="2026-01-01T00:00:00Z")
        assert len(output.keys("users")) == sandbox.world.count("users")


@pytest.mark.parametrize("last_modified_filter", FILTERS)
def test_a_second_sync_reads_only_what_changed(last_modified_filter: str) -> None:
    """With those in it of whom no date tells whether they changed."""
    world = people(undated=2)
    with SandboxServer(world, {"last_modified_filter": last_modified_filter}) as sandbox:
        first = sync(sandbox, "users")
        read_to = milliseconds(first.bookmarks("users")[-1])
        # Who has no date is looked for once a day.
        world.clock.advance(days=1)
        world.put("users", user("u5", read_to - 60 * SECOND, title="promoted"))
        world.put("users", user("new", read_to - 30 * SECOND))
        second = sync(sandbox, "users", state=first.states[-1])
    assert sorted(second.keys("users")) == ["never0", "never1", "new", "u5"]
    assert by_key("users", second.records("users"))["u5"]["title"] == "promoted"
    assert second.bookmarks("users")[-1] >= first.bookmarks("users")[-1]


def test_a_filter_that_works_saves_reading_everybody() -> None:
    """The second sync of many users asks for a handful of pages only."""
    with SandboxServer(people(users=600, undated=0)) as sandbox:
        first = sync(sandbox, "users", page_size=20)
        sync(sandbox, "users", page_size=20, state=first.states[-1])
        assert sum(one.records for one in sandbox.requests) < 100


@pytest.mark.parametrize(
    ("last_modified_filter", "reason"),
    [("refused", "refuses a filter on lastModifiedDate"), ("ignored", "ignores a filter")],
)
def test_a_full_read_is_told_once_with_its_reason(
    last_modified_filter: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Users of the tap want to know why a sync takes so many requests."""
    with SandboxServer(people(), {"last_modified_filter": last_modified_filter}) as sandbox:
        sync(sandbox, "users", page_size=10)
    told = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert len(told) == 1
    assert told[0].startswith("users: ")
    assert reason in told[0]


@pytest.mark.parametrize("last_modified_filter", FILTERS)
@pytest.mark.parametrize("count", [1, 3])
def test_people_who_all_changed_in_one_second_are_read(
    count: int, last_modified_filter: str
) -> None:
    """A small account, or one loaded at one stroke, looks the same with a filter and without."""
    world = world_of(users=[user(f"u{n}", today() - DAY) for n in range(count)])
    with SandboxServer(world, {"last_modified_filter": last_modified_filter}) as sandbox:
        first = sync(sandbox, "users")
        second = sync(sandbox, "users", state=first.states[-1] if first.states else None)
    assert first.error is None
    assert len(first.keys("users")) == count
    assert second.error is None
    assert second.keys("users") == []


@pytest.mark.parametrize(
    "modified", [0, -1, -5_000, -(10**15), 10**15, 253_402_300_799_999, today() + 400 * DAY]
)
@pytest.mark.parametrize("last_modified_filter", FILTERS)
def test_no_date_is_too_odd_for_a_record_to_be_read(
    modified: int, last_modified_filter: str
) -> None:
    """A wrong clock in the product that sent the date must not cost the user."""
    world = world_of(users=[*(user(f"u{n}", today() - n * DAY) for n in range(5))])
    world.put("users", user("odd", modified))
    with SandboxServer(world, {"last_modified_filter": last_modified_filter}) as sandbox:
        output = sync(sandbox, "users")
    assert output.error is None
    assert sorted(output.keys("users")) == ["odd", "u0", "u1", "u2", "u3", "u4"]


def test_without_any_date_everybody_is_read_each_time() -> None:
    """Nothing can be filtered by a field that no record has."""
    world = world_of(users=[user(f"u{n}", None) for n in range(70)])
    with SandboxServer(world) as sandbox:
        first = sync(sandbox, "users", page_size=10)
        second = sync(sandbox, "users", page_size=10, state=first.states[-1])
    assert sorted(first.keys("users")) == sorted(second.keys("users"))
    assert len(second.keys("users")) == 70


def test_an_end_date_bounds_the_changes_that_are_read() -> None:
    """What changed later is left to a later run, and so is the bookmark."""
    end = today() - 100 * DAY
    with SandboxServer(people(undated=0)) as sandbox:
        output = sync(
            sandbox, "users", end_date=time.strftime("%Y-%m-%d", time.gmtime(end // 1000))
        )
        expected = [one for one in sandbox.world.records("users") if one["lastModifiedDate"] < end]
    assert sorted(output.keys("users")) == sorted(one["aptrinsicId"] for one in expected)
    assert milliseconds(output.bookmarks("users")[-1]) == end


def test_times_inside_records_become_text_and_keep_their_milliseconds() -> None:
    """Warehouses get real timestamps, also from nested fields."""
    world = world_of(users=[user("u", today() - DAY + 7, createDate=today() - 9 * DAY + 123)])
    with SandboxServer(world) as sandbox:
        (record,) = sync(sandbox, "users").records("users")
    assert milliseconds(record["lastModifiedDate"]) == today() - DAY + 7
    assert milliseconds(record["createDate"]) == today() - 9 * DAY + 123
    assert record["createDate"].endswith(".123Z")
