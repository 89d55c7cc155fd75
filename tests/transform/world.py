"""The world that the marts are checked against, and how it gets into tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.report import STREAMS
from px_sandbox import ManualClock, SandboxServer, World, WorldPlan
from tests.tap.harness import sync
from tests.tap.worlds import DAY, NOW, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

GONE_ACCOUNT = "account-00003"


def make_world() -> World:
    """Make three months of a small product, with values as the live API was seen to send them."""
    plan = WorldPlan(
        anchor_ms=NOW - 8 * DAY,
        seed=5,
        days=90,
        users=240,
        accounts=30,
        events=6_000,
        live_values=True,
    )
    world = World.generated(plan, ManualClock(NOW - 8 * DAY))
    for number, state in enumerate(("VIEWED", "COMPLETED", "COMPLETED")):
        # One showing of a survey: seen (a score of 0 is none), answered, and answered again.
        world.put(
            "survey_responses",
            {
                "eventId": f"answer-{number}",
                "identifyId": "user1@example.com",
                "date": NOW - 9 * DAY + number * SECOND,
                "engagementId": "engagement-5",
                "engagementTrackType": "ENGAGEMENT_CLICK",
                "contentType": "IN_APP_SURVEY_NPS",
                "executionId": "one showing",
                "surveyState": state,
                "score": (0, 3, 9)[number],
            },
        )
    return world


def load(world: World, load_text: Callable[[str], object]) -> None:
    """Load a world by two runs; between them a week passes, and an account goes with its users."""
    with SandboxServer(world) as sandbox:
        first = sync(sandbox, *STREAMS)
        assert first.error is None
        load_text(first.text)
        world.clock.advance(days=8)
        assert world.delete_account(GONE_ACCOUNT) > 1
        second = sync(sandbox, *STREAMS, state=first.state)
        assert second.error is None
        load_text(second.text)
