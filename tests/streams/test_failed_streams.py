"""A stream that cannot be read fails alone: the others are read, and each failure has its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.errors import DailyLimitError, RefusedError, StoppedError, StreamsError
from tap_gainsight_px.tap import TapGainsightPx
from tests.contract.facts import STREAM_FACTS
from tests.streams.rich import named_world, now
from tests.streams.runs import select
from tests.streams.truth import DAY, iso
from tests.tap.harness import config, discovered, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RANGE: Any = {"start_date": iso(now() - 3 * DAY), "end_date": iso(now())}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve the hand-made world, in which every feature has a name."""
    with SandboxServer(named_world()) as server:
        yield server


def refuse(sandbox: SandboxServer, *streams: str, fault: str = "bad_request") -> None:
    """Let the endpoints of these streams refuse every request."""
    rules = [
        {"fault": fault, "path": STREAM_FACTS[stream]["path"], "times": None} for stream in streams
    ]
    sandbox.misbehave({"rules": rules})


@pytest.mark.parametrize("by_sdk", [False, True], ids=["page by page", "record by record"])
@pytest.mark.parametrize("fault", ["bad_request", "forbidden", "scroll_expired"])
def test_a_refused_stream_keeps_no_other_stream_from_being_read(
    sandbox: SandboxServer, fault: str, *, by_sdk: bool
) -> None:
    """Those behind it in the alphabet as well; it has neither a bookmark nor a new version."""
    others = ("accounts", "segments", "session_events", "users")
    whole = sync(sandbox, *others, by_sdk=by_sdk, **RANGE)
    refuse(sandbox, "page_view_events", "articles", fault=fault)
    run = sync(sandbox, *others, "page_view_events", "articles", by_sdk=by_sdk, **RANGE)
    for stream in others:
        assert run.records(stream) == whole.records(stream)
        assert run.bookmark(stream) == whole.bookmark(stream)
    assert run.activated.keys() == {"segments"}
    assert run.bookmark("page_view_events") == {}


def test_batch_files_of_other_streams_are_written_as_well(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    """The third way of writing fails no other than the first two."""
    storage = {"encoding": {"format": "jsonl"}, "storage": {"root": tmp_path.as_uri()}}
    refuse(sandbox, "articles")
    run = sync(sandbox, "articles", "segments", batch_config=storage)
    assert isinstance(run.error, RefusedError)
    assert [one["stream"] for one in run.of("BATCH")] == ["segments"]
    assert run.activated.keys() == {"segments"}


def test_each_failed_stream_has_a_line_of_its_own_at_the_end(sandbox: SandboxServer) -> None:
    """In the order of the streams, with path, status and the API's own words."""
    refuse(sandbox, "segments", "articles")
    run = sync(sandbox, "articles", "features", "segments")
    assert isinstance(run.error, StreamsError)
    assert run.error.exit_code == 1
    first, second = run.error.lines
    assert first.startswith(
        "articles: GET /v1/articles: HTTP 400 (The request cannot be understood)"
    )
    assert second.startswith("segments: GET /v1/segment: HTTP 400")


def test_a_failed_stream_keeps_its_bookmark(sandbox: SandboxServer) -> None:
    """The next run reads what this one could not."""
    first = sync(sandbox, "session_events", "users", start_date=RANGE["start_date"])
    refuse(sandbox, "session_events")
    second = sync(sandbox, "session_events", "users", state=first.state)
    assert first.bookmark("session_events")
    assert second.bookmark("session_events") == first.bookmark("session_events")
    assert (
        second.bookmark("users")["replication_key_value"]
        >= (first.bookmark("users")["replication_key_value"])
    )


def test_a_shortfall_and_a_failure_are_both_told(sandbox: SandboxServer) -> None:
    """One line for each."""
    sandbox.misbehave(
        {
            "rules": [
                {"fault": "bad_request", "path": "/v1/articles", "times": None},
                {"fault": "total_hits_too_high", "path": "/v1/events/session", "times": None},
            ]
        }
    )
    run = sync(sandbox, "articles", "session_events", **RANGE)
    assert isinstance(run.error, StreamsError)
    failure, shortfall = run.error.lines
    assert failure.startswith("articles: GET")
    assert "session_events" in shortfall
    assert "announced records never arrived" in shortfall


@pytest.mark.parametrize(
    ("misbehaviour", "kind"),
    [
        ({"rules": [{"fault": "key_revoked", "path": "/v1/articles"}]}, RefusedError),
        ({"rules": [{"fault": "redirect", "path": "/v1/articles"}]}, RefusedError),
        ({"requests_per_day": 1}, DailyLimitError),
    ],
    ids=["key revoked", "redirect", "daily limit"],
)
def test_what_concerns_the_whole_run_ends_it(
    sandbox: SandboxServer, misbehaviour: dict[str, Any], kind: type[Exception]
) -> None:
    """No other stream could be read either, so the first error is the only line."""
    catalog = select(discovered(sandbox), "articles", "segments")
    sandbox.misbehave(misbehaviour)
    run = sync(sandbox, catalog=catalog, max_workers=1)
    assert isinstance(run.error, kind)
    assert run.activated.keys() <= {"articles"}


def test_what_ends_the_run_is_told_after_the_streams_that_failed_before(
    sandbox: SandboxServer,
) -> None:
    """The line of the end alone would hide that more than the rest is missing."""
    rules = [
        {"fault": "bad_request", "path": "/v1/articles", "times": None},
        {"fault": "key_revoked", "path": "/v1/segment", "times": None},
    ]
    sandbox.misbehave({"rules": rules})
    run = sync(sandbox, "articles", "segments")
    assert isinstance(run.error, StreamsError)
    failed, ended = run.error.lines
    assert failed.startswith("articles: GET /v1/articles: HTTP 400")
    assert ended.startswith("segments: GET /v1/segment: HTTP 401")


def test_a_stop_ends_the_run_and_is_no_failure_of_a_stream(sandbox: SandboxServer) -> None:
    """The limit of requests is about all streams."""
    catalog = select(discovered(sandbox), "articles", "segments", "users")
    run = sync(sandbox, catalog=catalog, max_requests=1, max_workers=1)
    assert isinstance(run.error, StoppedError)
    assert "users" not in run.streams


def test_a_stream_map_that_cannot_be_applied_ends_the_run(sandbox: SandboxServer) -> None:
    """It is the configuration that is wrong, whatever stream shows it first."""
    maps = {"articles": {"broken": "1 / int(id == 'never')"}}
    run = sync(sandbox, "articles", "segments", stream_maps=maps)
    assert "stream_maps.articles.broken cannot be applied" in str(run.error)
    assert run.activated == {}


def test_the_test_of_the_connection_fails_at_a_stream_that_cannot_be_read(
    sandbox: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--test` is there to find such streams, so that it must not end well."""
    tap = TapGainsightPx(config=config(sandbox), parse_env_config=False)
    refuse(sandbox, "segments")
    try:
        with pytest.raises(RefusedError, match="segments: GET /v1/segment: HTTP 400"):
            tap.run_connection_test()
    finally:
        tap.finish()
    assert '"stream":"page_view_events"' in capsys.readouterr().out
