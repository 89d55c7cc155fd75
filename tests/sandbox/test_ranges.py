"""How far back one call reaches, and what it takes without a range."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from px_sandbox import EVENT_KINDS, World
from px_sandbox.endpoints import ENDPOINTS
from tests.sandbox.client import CUSTOM, DAY, NOW, Client, event, rows

KINDS_BY_PATH = {one.path: one.kind for one in ENDPOINTS if one.kind in EVENT_KINDS}
DAYS_AGO = (0.5, 2, 100, 189, 191)


@pytest.fixture
def dated(world: World) -> World:
    """Return a world with one event of each kind at each of some ages."""
    for kind in EVENT_KINDS:
        for days in DAYS_AGO:
            world.put(kind, event(days, NOW - int(days * DAY)))
    return world


@pytest.mark.parametrize("path", KINDS_BY_PATH)
@pytest.mark.usefixtures("dated")
def test_without_a_range_only_the_last_day_is_returned(client: Client, path: str) -> None:
    """Everything older stays unseen, without a word."""
    assert client.ids(path) == ["0.5"]


@pytest.mark.parametrize("path", KINDS_BY_PATH)
@pytest.mark.usefixtures("dated")
def test_a_lower_bound_alone_reaches_until_now(client: Client, path: str) -> None:
    """The end of an open range is the present."""
    got = client.ids(path, {"filter": f"date>={NOW - 190 * DAY}"})
    assert got == ["189", "100", "2", "0.5"]


@pytest.mark.parametrize("path", KINDS_BY_PATH)
def test_more_than_190_days_are_refused_in_the_words_of_the_api(client: Client, path: str) -> None:
    """190 days are fine, a millisecond more is not, nor is a range without a beginning."""
    for good in (f"date>={NOW - 190 * DAY};date<{NOW}", f"date>={NOW - 190 * DAY};date<={NOW}"):
        assert client.get(path, {"filter": good}).status_code == 200
    for wide in (f"date>={NOW - 190 * DAY - 1};date<{NOW}", f"date<{NOW}"):
        assert client.refused(path, {"filter": wide}) == "Exceeded date range190days"


def test_one_too_wide_alternative_refuses_the_whole_request(client: Client) -> None:
    """Each filter parameter is checked for itself."""
    filters = [f"date>={NOW - DAY}", f"date>={NOW - 200 * DAY};date<{NOW}"]
    assert "190days" in client.refused(CUSTOM, {"filter": filters})


@pytest.mark.usefixtures("dated")
def test_an_alternative_without_dates_covers_the_last_day(client: Client) -> None:
    """The default range holds for each filter parameter that names no date."""
    filters = ["eventName==login", f"date>={NOW - 3 * DAY};date<{NOW - DAY};eventName==nope"]
    assert client.ids(CUSTOM, {"filter": filters}) == ["0.5"]


@pytest.mark.parametrize(
    ("terms", "wanted"),
    [
        ("date>={b};date<{d}", "bc"),
        ("date>{b};date<={d}", "cd"),
        ("date=={c}", "c"),
        ("date>={b};date!={c};date<={d}", "bd"),
        ("date>={a};date>={c};date<{d};date<={d}", "c"),
        ("date>={d};date<{a}", ""),
    ],
)
@pytest.mark.parametrize("form", ["epoch", "iso"])
def test_bounds_are_exact_to_the_millisecond(
    world: World, client: Client, terms: str, wanted: str, form: str
) -> None:
    """Each comparison takes or leaves its own instant, written in either form."""
    instants = {name: NOW - 10 + index for index, name in enumerate("abcd")}
    for name, date_ms in instants.items():
        world.put("custom_events", event(name, date_ms))
    iso = {name: _iso(date_ms) for name, date_ms in instants.items()}
    text = terms.format_map(iso if form == "iso" else instants)
    assert client.ids(CUSTOM, {"filter": text}) == list(wanted)


@pytest.mark.usefixtures("dated")
def test_custom_events_also_take_a_range_as_parameters(client: Client) -> None:
    """Epoch milliseconds as strings; alone, with an open end, and 190 days at most."""
    start = {"dateRangeStart": str(NOW - 150 * DAY)}
    assert client.ids(CUSTOM, {**start, "dateRangeEnd": str(NOW - DAY)}) == ["100", "2"]
    assert client.ids(CUSTOM, start) == ["100", "2", "0.5"]
    assert "190days" in client.refused(CUSTOM, {"dateRangeStart": str(NOW - 191 * DAY)})
    assert "whole number" in client.refused(CUSTOM, {"dateRangeStart": "2024-01-01"})


@pytest.mark.usefixtures("dated")
def test_filter_and_parameters_both_apply(client: Client) -> None:
    """What both let through is returned; agreeing ranges change nothing."""
    both = {"filter": f"date>={NOW - 150 * DAY};date<{NOW}", "dateRangeStart": str(NOW - 3 * DAY)}
    assert client.ids(CUSTOM, both) == ["2", "0.5"]


@pytest.mark.parametrize(
    ("path", "kind", "time"),
    [
        ("engagement_collisions", "engagement_collisions", "triggeredDate"),
        ("engagement_errors", "engagement_error_occurrences", "date"),
    ],
)
def test_monitoring_reaches_180_days(
    world: World, client: Client, path: str, kind: str, time: str
) -> None:
    """Ranges are parameters here, and a day more is refused."""
    for days in (0.5, 100):
        world.put(kind, {"engagementId": f"e{days}", time: NOW - int(days * DAY)})
    path = f"/v1/admin/monitoring/{path}"
    assert len(rows(client.json(path))) == 1
    assert len(rows(client.json(path, {"dateRangeStart": NOW - 180 * DAY}))) == 2
    wide = {"dateRangeStart": NOW - 181 * DAY, "dateRangeEnd": NOW}
    assert client.refused(path, wide) == "Exceeded date range180days"


def test_feature_adoption_reaches_seven_days(world: World, client: Client) -> None:
    """A week is fine, and the end is now unless given."""
    world.put("features", {"id": "f", "name": "F", "type": "FEATURE", "propertyKey": "AP-1"})
    path = "/v1/feature/adoption/f"
    answer = client.json(path, {"dateRangeStart": NOW - 7 * DAY})
    assert (answer["dateRangeStart"], answer["dateRangeEnd"]) == (NOW - 7 * DAY, NOW)
    assert "7days" in client.refused(path, {"dateRangeStart": NOW - 7 * DAY - 1})


def _iso(date_ms: int) -> str:
    moment = datetime.fromtimestamp(date_ms / 1000, tz=timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
