"""Pages: as large as an endpoint allows, counted from 0, and the last one by what the API says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer, World
from tests.contract.facts import STREAM_FACTS
from tests.streams.rich import KEYS, TIMES, VIEWS, empty_world, now
from tests.streams.runs import select
from tests.streams.truth import DAY, iso
from tests.tap.harness import discovered, sync

if TYPE_CHECKING:
    from collections.abc import Iterable

    from px_sandbox.request_log import LoggedRequest
    from tests.tap.harness import Output

RANGE: Any = {"start_date": iso(now() - DAY), "end_date": iso(now())}

NUMBERED = {
    name: fact["page_size_max"]
    for name, fact in STREAM_FACTS.items()
    if fact["paging"] == "page_number"
}
PAGED = {
    name: fact["page_size_max"] for name, fact in STREAM_FACTS.items() if fact["page_size_max"]
}
SINGLE = ("account_attributes", "user_attributes", "subscription", "integrations")
STORED_AS = {view: kind for kind, view in VIEWS.items()}


def fill(world: World, stream: str, count: int) -> None:
    """Put so many records of one stream into a world."""
    kind = STORED_AS.get(stream, stream)
    if stream == "engagement_errors":
        kind = "engagement_error_occurrences"
    for number in range(count):
        record: dict[str, Any] = {KEYS.get(kind, "id"): f"{number:05}"}
        date = now() - DAY + number
        if kind in TIMES:
            record[TIMES[kind]] = date
        if "engagement_" in kind:
            record |= {"engagementId": f"{number:05}", "date": date, "propertyKey": "AP"}
        if kind in {"users", "accounts"}:
            record["lastModifiedDate"] = date
        world.put(kind, record)


def world_with(stream: str, count: int) -> World:
    """Make a world with so many records of one stream."""
    world = empty_world()
    fill(world, stream, count)
    return world


@pytest.fixture(scope="module")
def read_by_size() -> dict[tuple[int, str], tuple[Output, list[LoggedRequest]]]:
    """Read three records of every paged stream, in the usual page size and in a small one."""
    world = empty_world()
    for stream in PAGED:
        fill(world, stream, 3)
    found = {}
    with SandboxServer(world) as sandbox:
        catalog = discovered(sandbox)
        for page_size in (1_000, 2):
            for stream in PAGED:
                chosen = select(catalog, stream)
                run = sync(sandbox, catalog=chosen, page_size=page_size, **RANGE)
                found[page_size, stream] = (run, list(sandbox.requests))
    return found


def pages_of(sandbox: SandboxServer, stream: str) -> list[LoggedRequest]:
    """Return the requests for pages of a stream, in their order."""
    path = STREAM_FACTS[stream]["path"]
    return [request for request in sandbox.requests if request.path == path]


def numbers_by_size(sandbox: SandboxServer, stream: str) -> list[list[int]]:
    """Return the page numbers that were asked for, by page size: one list for each reading."""
    found: dict[str, list[int]] = {}
    for request in pages_of(sandbox, stream):
        number = int(str(request.params["pageNumber"]))
        found.setdefault(str(request.params["pageSize"]), []).append(number)
    return list(found.values())


def sizes_in(requests: Iterable[LoggedRequest], stream: str) -> set[int]:
    """Return the page sizes that a stream was asked in."""
    path = STREAM_FACTS[stream]["path"]
    return {int(str(one.params["pageSize"])) for one in requests if one.path == path}


@pytest.mark.parametrize("stream", PAGED)
def test_a_page_is_asked_for_in_the_largest_size_that_is_allowed(
    read_by_size: dict[tuple[int, str], tuple[Output, list[LoggedRequest]]], stream: str
) -> None:
    """One more would be refused; the sandbox is strict about it, as the API is."""
    run, requests = read_by_size[1_000, stream]
    assert max(sizes_in(requests, stream)) == PAGED[stream]
    assert {one.status for one in requests} == {200}
    assert len(run.records(stream)) == 3


@pytest.mark.parametrize("stream", PAGED)
def test_a_smaller_page_size_is_kept(
    read_by_size: dict[tuple[int, str], tuple[Output, list[LoggedRequest]]], stream: str
) -> None:
    """A user with large records can ask for fewer of them at a time."""
    run, requests = read_by_size[2, stream]
    assert max(sizes_in(requests, stream)) == 2
    assert len(run.records(stream)) == 3


@pytest.mark.parametrize("stream", NUMBERED)
def test_page_numbers_begin_at_0_and_go_on_until_the_last_page(stream: str) -> None:
    """One record more than fits on a page makes a second page, and no third; read twice."""
    size = NUMBERED[stream]
    with SandboxServer(world_with(stream, size + 1)) as sandbox:
        run = sync(sandbox, stream)
        assert numbers_by_size(sandbox, stream) == [[0, 1], [0, 1]]
    assert sorted(run.values(stream, "id")) == [f"{number:05}" for number in range(size + 1)]


@pytest.mark.parametrize("stream", NUMBERED)
def test_a_full_page_that_says_it_is_the_last_ends_the_reading(stream: str) -> None:
    """`isLastPage` tells, not the number of records."""
    with SandboxServer(world_with(stream, 4)) as sandbox:
        run = sync(sandbox, stream, page_size=2, emit_activate_version_messages=False)
        assert numbers_by_size(sandbox, stream) == [[0, 1]]
    assert len(run.records(stream)) == 4


@pytest.mark.parametrize("stream", NUMBERED)
def test_a_short_page_that_is_not_the_last_does_not_end_the_reading(stream: str) -> None:
    """A page without a record in the middle is a page; the second reading shows what it lacked."""
    rule = {"fault": "empty_page", "path": STREAM_FACTS[stream]["path"], "nth": 2, "times": 1}
    with SandboxServer(world_with(stream, 6), {"rules": [rule]}) as sandbox:
        run = sync(sandbox, stream, page_size=2)
        assert numbers_by_size(sandbox, stream)[0] == [0, 1, 2]
    assert len(run.records(stream)) == 6
    assert run.activated


@pytest.mark.parametrize("stream", SINGLE)
def test_a_single_answer_costs_one_request_without_parameters(stream: str) -> None:
    """Bare lists, single objects and lists that have no pages."""
    with SandboxServer(world_with(stream, 1 if stream == "subscription" else 3)) as sandbox:
        run = sync(sandbox, stream)
        (request,) = pages_of(sandbox, stream)
        assert request.params == {}
    assert len(run.records(stream)) == (1 if stream == "subscription" else 3)


def test_every_subscription_user_is_listed_whenever_they_were_seen_last() -> None:
    """The call lists who was not seen after a time, so the time asked about is far off."""
    world = empty_world()
    seen = {"never": None, "long ago": 0, "now": now() + DAY, "in 2099": 4_070_908_800_000}
    for identity, time in seen.items():
        world.put("subscription_users", {"id": identity, "lastSuccessfulLoginTimestamp": time})
    with SandboxServer(world) as sandbox:
        run = sync(sandbox, "subscription_users")
    assert set(run.values("subscription_users", "id")) == set(seen)
