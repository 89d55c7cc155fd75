"""What the key may not read: named, with what to do; or left out, and named all the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.contract.facts import STREAM_FACTS
from tests.streams.rich import named_world, now
from tests.streams.truth import DAY, iso
from tests.tap.harness import sync

if TYPE_CHECKING:
    from collections.abc import Iterator

RANGE: Any = {"start_date": iso(now() - 3 * DAY), "end_date": iso(now())}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve the hand-made world, in which every feature has a name."""
    with SandboxServer(named_world()) as server:
        yield server


def forbid(sandbox: SandboxServer, *streams: str) -> None:
    """Let the key lose the permission for the endpoints of these streams."""
    paths = [STREAM_FACTS[stream]["path"] for stream in streams]
    sandbox.misbehave({"forbidden_paths": [re.sub(r"\{.*", "*", path) for path in paths]})


def named_in(line: str) -> list[str]:
    """Return the streams that the warning at the end names."""
    return line.split(": ", 1)[1].split(".", maxsplit=1)[0].split(", ")


@pytest.mark.parametrize("stream", STREAM_FACTS)
def test_a_refused_stream_fails_with_its_name_and_advice(
    sandbox: SandboxServer, stream: str
) -> None:
    """The line names the stream, the path, the status, and what to tick in PX."""
    forbid(sandbox, stream)
    run = sync(sandbox, stream, **RANGE)
    line = str(run.error)
    assert line.startswith(stream)
    assert f"GET {STREAM_FACTS[stream]['path'].split('{')[0]}" in line
    assert "HTTP 403" in line
    assert "Read permission" in line
    assert "Administration → REST API" in line
    assert sandbox.api_key not in line
    assert run.activated == {}


def test_the_setting_skips_refused_streams_whatever_they_are(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """All are named in one warning; no ACTIVATE_VERSION, which would delete all their rows.

    A run that may read nothing at all is no success: somebody would find empty tables in a month.
    """
    forbid(sandbox, *STREAM_FACTS)
    run = sync(sandbox, skip_forbidden_streams=True, **RANGE)
    assert str(run.error).startswith("the key may read none of the selected streams: give it")
    assert run.of("RECORD") == []
    assert run.activated == {}
    (line,) = [one for one in caplog.messages if one.startswith("Skipped")]
    assert sorted(named_in(line)) == sorted(STREAM_FACTS)
    assert "Read permission" in line


def test_all_skipped_streams_are_named_in_one_warning_and_the_others_are_complete(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Each by name and once, also a child whose parents may not be read."""
    whole = sync(sandbox, **RANGE)
    caplog.clear()
    refused = {"segments", "custom_events", "user_denylist", "subscription", "engagement_errors"}
    forbid(sandbox, *refused)
    run = sync(sandbox, skip_forbidden_streams=True, **RANGE)
    assert run.error is None
    (line,) = [one for one in caplog.messages if one.startswith("Skipped")]
    assert sorted(named_in(line)) == sorted(refused)
    assert not refused & (run.activated.keys() | run.streams)
    for stream in STREAM_FACTS.keys() - refused:
        assert len(run.records(stream)) == len(whole.records(stream)), stream
    assert run.activated.keys() == whole.activated.keys() - refused


@pytest.mark.parametrize("skip", [False, True])
def test_a_child_whose_parents_may_not_be_read_is_refused_too(
    sandbox: SandboxServer, *, skip: bool
) -> None:
    """It is the child that is named: the user has not selected the parent."""
    sandbox.misbehave({"forbidden_paths": ["/v1/feature"]})
    run = sync(sandbox, "feature_adoption", "segments", skip_forbidden_streams=skip, **RANGE)
    assert (run.error is None) == skip
    if not skip:
        assert str(run.error).startswith("feature_adoption: GET /v1/feature: HTTP 403")


def test_a_skipped_stream_keeps_its_bookmark(sandbox: SandboxServer) -> None:
    """With the permission back, nothing of the time in between is missing."""
    first = sync(sandbox, "page_view_events", **RANGE)
    forbid(sandbox, "page_view_events")
    second = sync(sandbox, "page_view_events", state=first.state, skip_forbidden_streams=True)
    assert second.bookmark("page_view_events") == first.bookmark("page_view_events")
    assert first.bookmark("page_view_events")


def test_a_wrong_key_is_never_skipped(sandbox: SandboxServer) -> None:
    """401 is about the key as a whole, not about one stream."""
    sandbox.misbehave({"rules": [{"fault": "key_revoked", "path": "/v1/segment", "times": None}]})
    run = sync(sandbox, "segments", skip_forbidden_streams=True)
    assert "HTTP 401" in str(run.error)
    assert run.activated == {}


def test_a_skipped_stream_keeps_the_place_where_it_was_interrupted(
    sandbox: SandboxServer,
) -> None:
    """A day without permission must not cost the requests of the days before."""
    first = sync(sandbox, "user_preferences", max_requests=4)
    forbid(sandbox, "user_preferences")
    second = sync(sandbox, "user_preferences", state=first.state, skip_forbidden_streams=True)
    assert "read_up_to" in first.bookmark("user_preferences")
    assert second.bookmark("user_preferences") == first.bookmark("user_preferences")
