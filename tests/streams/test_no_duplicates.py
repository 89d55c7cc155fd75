"""PX refuses a request that equals an earlier one, so no run sends the same request twice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.contract.facts import STREAM_FACTS
from tests.streams.rich import now, rich_world
from tests.streams.truth import DAY, iso
from tests.tap.harness import sync

if TYPE_CHECKING:
    from collections.abc import Iterable

    from px_sandbox import World
    from px_sandbox.request_log import LoggedRequest

RANGE: Any = {"start_date": iso(now() - 20 * DAY), "end_date": iso(now())}


def world() -> World:
    """Return the hand-made world, in which every feature has a name."""
    made = rich_world()
    for name in ("null", "bare"):
        made.delete("features", f"features {name}")
    return made


def sent_twice(requests: Iterable[LoggedRequest]) -> dict[object, int]:
    """Return the requests that were sent more than once, with how often."""
    sent = Counter((one.path, *sorted(one.params.items())) for one in requests)
    return {request: times for request, times in sent.items() if times > 1}


@pytest.mark.parametrize("filters", ["honoured", "refused", "ignored"])
def test_a_run_of_all_streams_sends_no_request_twice(filters: str) -> None:
    """Discovery, parents of child streams and second readings included."""
    with SandboxServer(world(), {"last_modified_filter": filters}) as sandbox:
        run = sync(sandbox, *STREAM_FACTS, **RANGE)
        assert sent_twice(sandbox.requests) == {}
    assert run.error is None


@pytest.mark.parametrize(
    ("path", "streams"),
    [
        ("/v1/engagement", ("engagements", "engagement_error_details", "survey_metadata")),
        ("/v1/feature", ("features", "feature_adoption")),
        ("/v1/users", ("user_preferences", "user_denylist")),
    ],
)
def test_parents_are_listed_once_for_all_who_need_them(path: str, streams: tuple[str, ...]) -> None:
    """One more stream costs none of the requests that list its parents."""
    requests = []
    for some in (streams[:1], streams):
        with SandboxServer(world()) as sandbox:
            assert sync(sandbox, *some, **RANGE).error is None
            requests.append(sum(one.path == path for one in sandbox.requests))
    alone, together = requests
    assert alone == together
