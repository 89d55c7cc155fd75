"""Deletions: a full table is given a version, and what has an older one is not in PX any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.errors import StoppedError
from tests.contract.facts import EVENT_STREAMS, STREAM_FACTS
from tests.streams.rich import empty_world, named_world, now
from tests.streams.runs import select
from tests.streams.truth import DAY, iso
from tests.tap.harness import discovered, entry_of, root, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Json, Output

INCREMENTAL = {
    *EVENT_STREAMS,
    "users",
    "accounts",
    "engagement_collisions",
    "engagement_errors",
    "engagement_error_details",
    "feature_adoption",
}
FULL = sorted(set(STREAM_FACTS) - INCREMENTAL)
LISTINGS = [name for name in FULL if STREAM_FACTS[name]["paging"] == "page_number"]
RANGE: Any = {"start_date": iso(now() - 12 * DAY), "end_date": iso(now())}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve the hand-made world, in which every feature has a name."""
    with SandboxServer(named_world()) as server:
        yield server


def as_full_table(catalog: Json, stream: str) -> Json:
    """Let a stream be read as a full table, as a user does in the catalog."""
    entry = entry_of(select(catalog, stream), stream)
    root(entry)["replication-method"] = "FULL_TABLE"
    entry["replication_method"] = "FULL_TABLE"
    return catalog


def kinds_of(run: Output, stream: str) -> list[str]:
    """Return the types of a stream's messages in their order."""
    return [one["type"] for one in run.messages if one.get("stream") == stream]


@pytest.mark.parametrize("page_size", [1, 1_000])
@pytest.mark.parametrize("by_sdk", [False, True], ids=["page by page", "record by record"])
def test_every_full_table_is_activated_after_its_last_record(
    sandbox: SandboxServer, page_size: int, *, by_sdk: bool
) -> None:
    """Its records carry the version; of the other streams, users and accounts carry one too.

    One odd record sends its whole page through the SDK, so there are also pages of one.
    """
    run = sync(sandbox, by_sdk=by_sdk, page_size=page_size, **RANGE)
    assert run.error is None
    assert sorted(run.activated) == FULL
    for stream in FULL:
        kinds = kinds_of(run, stream)
        assert kinds == ["SCHEMA", *["RECORD"] * (len(kinds) - 2), "ACTIVATE_VERSION"]
        versions = {one["version"] for one in run.of("RECORD", stream)}
        assert versions == {run.activated[stream]}
    assert {
        one["stream"]
        for one in run.of("RECORD")
        if one["stream"] in INCREMENTAL and "version" in one
    } == {"users", "accounts"}


@pytest.mark.parametrize("by_sdk", [False, True], ids=["page by page", "record by record"])
def test_a_table_that_comes_back_empty_activates_nothing_and_is_told(
    caplog: pytest.LogCaptureFixture, *, by_sdk: bool
) -> None:
    """The loader would delete every row for what may be a fault. There is always a subscription."""
    emptied = [name for name in FULL if name != "subscription"]
    with SandboxServer(empty_world()) as sandbox:
        catalog = discovered(sandbox)
        for stream in ("users", "accounts"):
            as_full_table(catalog, stream)
        emptied += ["users", "accounts"]
        run = sync(sandbox, catalog=select(catalog, *emptied), by_sdk=by_sdk)
    assert run.error is None
    assert run.of("RECORD") == []
    assert run.activated == {}
    told = [line for line in caplog.messages if "delete them from the table yourself" in line]
    assert sorted(line.split(":")[0] for line in told) == sorted(emptied)


@pytest.mark.parametrize("answer", ["no_content", "records_null"])
@pytest.mark.parametrize("stream", [*LISTINGS, "subscription", "integrations"])
def test_an_endpoint_that_has_nothing_any_more_activates_nothing(
    sandbox: SandboxServer, stream: str, answer: str
) -> None:
    """204 and null alike, in the middle of an account that is used."""
    first = sync(sandbox, stream)
    rule = {"fault": answer, "path": STREAM_FACTS[stream]["path"], "times": None}
    sandbox.misbehave({"rules": [rule]})
    second = sync(sandbox, stream, state=first.state, retry_timeout_seconds=0)
    assert list(first.activated) == [stream]
    assert second.records(stream) == []
    assert second.activated == {}


def test_deleted_rows_are_those_that_the_new_version_does_not_have(
    sandbox: SandboxServer,
) -> None:
    """What a loader with hard delete holds after two runs is what PX has."""
    first = sync(sandbox, "features")
    sandbox.world.delete("features", "features full")
    second = sync(sandbox, "features", state=first.state)
    assert "features full" in first.values("features", "id")
    assert set(first.values("features", "id")) - set(second.values("features", "id")) == {
        "features full"
    }
    assert second.activated["features"] >= first.activated["features"]


@pytest.mark.parametrize("stream", LISTINGS)
def test_a_run_that_ended_early_activates_nothing(sandbox: SandboxServer, stream: str) -> None:
    """What was not reached is not deleted."""
    run = sync(sandbox, "segments", stream, page_size=2, max_requests=2)
    assert isinstance(run.error, StoppedError)
    assert run.activated == {}


@pytest.mark.parametrize("stream", LISTINGS)
def test_a_page_that_cannot_be_had_activates_nothing(sandbox: SandboxServer, stream: str) -> None:
    """Whatever the API answers instead."""
    path = STREAM_FACTS[stream]["path"]
    sandbox.misbehave(
        {"rules": [{"fault": "scroll_expired", "path": path, "nth": 2, "times": None}]}
    )
    run = sync(sandbox, stream, page_size=2)
    assert run.error is not None
    assert run.activated == {}


def test_the_setting_turns_versions_off(sandbox: SandboxServer) -> None:
    """For loaders that do not know them, and for users who keep deleted rows."""
    run = sync(sandbox, *FULL, emit_activate_version_messages=False)
    assert run.streams == set(FULL)
    assert run.activated == {}
    assert all("version" not in one for one in run.of("RECORD"))


@pytest.mark.parametrize("stream", ["users", "accounts"])
def test_people_read_as_a_full_table_are_activated(sandbox: SandboxServer, stream: str) -> None:
    """Who wants to see deleted users asks for all of them, each time."""
    catalog = as_full_table(discovered(sandbox), stream)
    run = sync(sandbox, catalog=catalog)
    assert list(run.activated) == [stream]
    assert len(run.records(stream)) == sandbox.world.count(stream)


@pytest.mark.parametrize("last_modified_filter", ["honoured", "refused"])
def test_a_count_that_falls_short_activates_nothing(
    sandbox: SandboxServer, last_modified_filter: str
) -> None:
    """Announced records that never arrived are not deleted ones."""
    faults = {"total_hits_too_high": {"rate": 1, "by": 2}}
    sandbox.misbehave({"faults": faults, "last_modified_filter": last_modified_filter})
    run = sync(sandbox, catalog=as_full_table(discovered(sandbox), "accounts"), page_size=3)
    assert run.activated == {}
    assert run.error is not None
    assert "announced" in str(run.error)


def test_people_up_to_an_end_date_are_no_full_table(sandbox: SandboxServer) -> None:
    """Who changed later was not read, and is not deleted either."""
    catalog = as_full_table(discovered(sandbox), "users")
    run = sync(sandbox, catalog=catalog, end_date=iso(now() - 100 * DAY))
    unread = sandbox.world.count("users") - len(run.records("users"))
    assert unread == 0 or run.activated == {}


def test_who_changes_during_the_run_is_not_deleted_by_it(sandbox: SandboxServer) -> None:
    """The clock of the API may also be ahead of the tap's by some seconds."""
    changed: dict[str, Any] = {"aptrinsicId": "new", "identifyId": "new"}
    sandbox.world.put("users", {**changed, "lastModifiedDate": now() + DAY + 3_600_000})
    catalog = as_full_table(discovered(sandbox), "users")
    run = sync(sandbox, catalog=catalog)
    assert "new" in run.values("users", "aptrinsicId") or run.activated == {}


def test_a_range_of_events_is_never_activated(sandbox: SandboxServer) -> None:
    """Events before the range are older, not deleted, whatever the catalog says."""
    catalog = discovered(sandbox)
    for stream in EVENT_STREAMS:
        as_full_table(catalog, stream)
    run = sync(sandbox, catalog=select(catalog, *EVENT_STREAMS), **RANGE)
    assert run.streams == set(EVENT_STREAMS)
    assert run.activated == {}
