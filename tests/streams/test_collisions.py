"""Collisions of engagements: what tells two of them apart is all that PX says about them."""

from __future__ import annotations

from typing import Any

import pytest

from px_sandbox import SandboxServer, World
from tests.streams.rich import now
from tests.streams.truth import DAY, iso
from tests.tap.harness import sync

COLLISION: dict[str, Any] = {
    "engagementId": "e",
    "engagementName": "Hello",
    "propertyKey": "AP",
    "engagementType": "IN_APP_DIALOG",
    "otherQualifiedEngagementNames": ["Other"],
    "views": 1,
    "priorityRule": "rule",
    "triggeredDate": now() - DAY,
    "viewedByUser": "ada",
}
CHANGED: dict[str, Any] = {
    "engagementName": "Bye",
    "propertyKey": None,
    "engagementType": "EMAIL",
    "otherQualifiedEngagementNames": [],
    "views": 2,
    "priorityRule": "another",
    "viewedByUser": "bob",
    "undocumented": {"a": 1},
}


@pytest.mark.parametrize("field", CHANGED)
def test_two_collisions_that_differ_in_one_field_are_two_rows(field: str) -> None:
    """Also if that field is a count, or one that nobody has documented."""
    world = World()
    world.put("engagement_collisions", COLLISION)
    world.put("engagement_collisions", {**COLLISION, field: CHANGED[field]})
    with SandboxServer(world) as sandbox:
        run = sync(sandbox, "engagement_collisions", start_date=iso(now() - 2 * DAY))
    assert run.error is None
    rows = run.records("engagement_collisions")
    keys = {(one["engagementId"], one["triggeredDate"], one["rowId"]) for one in rows}
    assert len(rows) == len(keys) == 2


def test_the_same_collision_has_the_same_key_in_the_next_run() -> None:
    """Else the lookback would add it once more with each run."""
    world = World()
    world.put("engagement_collisions", {**COLLISION, "undocumented": 1})
    found = []
    with SandboxServer(world) as sandbox:
        for unknown in ("pass", "report"):
            run = sync(
                sandbox,
                "engagement_collisions",
                start_date=iso(now() - 2 * DAY),
                unknown_fields=unknown,
            )
            found += run.values("engagement_collisions", "rowId")
    assert len(found) == 2
    assert len(set(found)) == 1
