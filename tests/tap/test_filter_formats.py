"""How times are written in a filter, and whether users can be sorted: found out, not assumed."""

from __future__ import annotations

from typing import Any

import pytest

from px_sandbox import SandboxServer
from tests.tap.harness import sync
from tests.tap.worlds import DAY, NOW, SECOND, event, iso, today, user, world_of

HOUR = 3_600 * SECOND
START = today() - 30 * DAY
EVENTS = [START + number * 6 * HOUR for number in range(100)]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was warned of."""
    return [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]


@pytest.mark.parametrize("form", ["iso", "epoch"])
@pytest.mark.parametrize("other", ["refused", "ignored"])
@pytest.mark.parametrize("stream", ["page_view_events", "survey_responses"])
def test_the_form_of_time_that_an_endpoint_takes_is_found_out(
    caplog: pytest.LogCaptureFixture, stream: str, form: str, other: str
) -> None:
    """The other one is refused with 400, or gives records from outside the range."""
    some = [event(f"e{number}", date) for number, date in enumerate(EVENTS)]
    world = world_of(None, **{stream: some})
    with SandboxServer(world, {"date_form": form, "other_date_form": other}) as sandbox:
        output = sync(sandbox, stream, start_date=iso(START), window_days=10)
        sent = [(one.path, *sorted(one.params.items())) for one in sandbox.requests]
    assert output.error is None
    assert len({one["eventId"] for one in output.records(stream)}) == len(EVENTS)
    assert len(set(sent)) == len(sent)
    told = [line for line in warnings(caplog) if "a filter with times as" in line]
    preferred = "epoch" if stream == "survey_responses" else "iso"
    assert len(told) == (form != preferred)


@pytest.mark.parametrize("filters", ["refused", "ignored"])
def test_changed_users_are_read_sorted_where_no_filter_works(
    caplog: pytest.LogCaptureFixture, filters: str
) -> None:
    """A sync costs the pages that hold changes, and not all pages there are."""
    people = [user(f"u{number}", START + number * HOUR) for number in range(400)]
    misbehaviour: dict[str, Any] = {"last_modified_filter": filters}
    with SandboxServer(world_of(users=people), misbehaviour) as sandbox:
        first = sync(sandbox, "users", page_size=20)
        changed = [user(f"u{number}", NOW - number * SECOND) for number in range(30)]
        for one in changed:
            sandbox.world.put("users", one)
        sandbox.requests.clear()
        second = sync(sandbox, "users", state=first.state, page_size=20)
        pages = [one for one in sandbox.requests if "sort" in one.params]
    assert second.error is None
    assert set(second.keys("users")) >= {one["aptrinsicId"] for one in changed}
    assert len(second.keys("users")) < 40
    assert 2 <= len(pages) <= 4
    assert any("reading it sorted, newest first" in line for line in warnings(caplog))


@pytest.mark.parametrize("sorts", ["refused", "ignored"])
def test_an_api_that_does_not_sort_has_all_users_read(
    caplog: pytest.LogCaptureFixture, sorts: str
) -> None:
    """The order is verified on every page, so the early stop loses nobody."""
    people = [user(f"u{number}", START + number * HOUR) for number in range(100)]
    misbehaviour: dict[str, Any] = {
        "last_modified_filter": "ignored",
        "last_modified_sort": sorts,
    }
    with SandboxServer(world_of(users=people), misbehaviour) as sandbox:
        first = sync(sandbox, "users", page_size=20)
        sandbox.world.put("users", user("u3", NOW - SECOND))
        second = sync(sandbox, "users", state=first.state, page_size=20)
    assert second.error is None
    assert "u3" in second.keys("users")
    assert any("sort" in line and "reading all records" in line for line in warnings(caplog))


def test_an_order_that_only_looks_sorted_is_not_believed() -> None:
    """Users that come newest first by themselves look sorted, until an old one changes."""
    dates = [NOW - (number + 2) * HOUR for number in range(60)]
    people = [user(f"u{number}", date, createDate=date) for number, date in enumerate(dates)]
    ignored = {"last_modified_filter": "ignored", "last_modified_sort": "by_creation"}
    with SandboxServer(world_of(users=people), ignored) as sandbox:
        first = sync(sandbox, "users", page_size=20)
        sandbox.world.put("users", user("u50", NOW - SECOND, createDate=dates[50]))
        second = sync(sandbox, "users", state=first.state, page_size=20)
    assert second.error is None
    assert "u50" in second.keys("users")


def test_one_record_at_the_top_proves_no_order() -> None:
    """With pages of one record, each page would be in order, whatever the order is."""
    people = [user(f"u{number}", NOW - (number + 2) * HOUR) for number in range(12)]
    settings: dict[str, Any] = {"page_size": 1}
    misbehaviour: dict[str, Any] = {"last_modified_filter": "refused"}
    shuffled = {"path": "/v1/users", "fault": "unsorted", "times": None}
    with SandboxServer(world_of(users=people), misbehaviour) as sandbox:
        first = sync(sandbox, "users", **settings)
        sandbox.world.put("users", user("u7", NOW - SECOND))
        sandbox.misbehave(misbehaviour | {"rules": [shuffled]})
        second = sync(sandbox, "users", state=first.state, **settings)
    assert second.error is None
    assert "u7" in second.keys("users")
