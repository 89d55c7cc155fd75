"""What a generated world is like, and the repeatable randomness that it is made of."""

from __future__ import annotations

import random
from dataclasses import dataclass

from px_sandbox.kinds import EVENT_KINDS
from px_sandbox.times import DAY_MS, MINUTE_MS

# How the events of a world spread over the kinds; they add up to 1. A kind that is not here gets
# a few of the page views.
SHARES = {
    "custom_events": 0.25,
    "email_events": 0.05,
    "engagement_view_events": 0.07,
    "feature_match_events": 0.15,
    "form_submit_events": 0.03,
    "identify_events": 0.04,
    "lead_events": 0.01,
    "page_view_events": 0.25,
    "segment_match_events": 0.03,
    "session_events": 0.10,
    "survey_responses": 0.02,
}
_SMALL_SHARE = 0.01


class Chance(random.Random):
    """A seeded source of randomness; guessing it is no danger, repeating it the purpose."""

    def happens(self, probability: float) -> bool:
        """Say yes with this probability."""
        return self.random() < probability


@dataclass(frozen=True)
class WorldPlan:
    """Sizes and habits of a generated world; everything else follows from them.

    Attributes:
        anchor_ms: Where history ends and growth begins, epoch milliseconds.
        seed: Another seed makes another world.
        days: Length of the history of events before the anchor.
        users: Number of users.
        accounts: Number of accounts.
        events: Number of events of history, over all kinds.
        custom_events: Number of custom events, in place of their share of ``events``.
        live_per_minute: Events that arrive after the anchor; every tenth changes a user too.
        late_share: Probability that an event becomes visible later than its date.
        late_delay_ms: By how much, at most, in milliseconds.
        past_changes_per_day: Back-fills, late posts, deletions and revivals after the anchor (see
            ``past.py``).
        past_days: How old the events are, at most, that such a change brings.
        users_without_last_modified: Users that lack ``lastModifiedDate``.
        accounts_without_last_modified: Accounts that lack ``lastModifiedDate``.
        live_values: "Not set" is 0, ``""`` or ``EMPTY_…`` as seen of the live API, attributes are
            of mixed types, and some are not listed.
        habits: Some visit, and some features are used, more than others; accounts join and NPS
            goes up (see ``habits.py``). Otherwise all are drawn alike.
    """

    anchor_ms: int
    seed: int = 1
    days: float = 90
    users: int = 200
    accounts: int = 40
    events: int = 2_000
    custom_events: int | None = None
    live_per_minute: float = 0
    late_share: float = 0
    late_delay_ms: int = 5 * MINUTE_MS
    past_changes_per_day: float = 0
    past_days: float = 28
    users_without_last_modified: int = 2
    accounts_without_last_modified: int = 1
    live_values: bool = False
    habits: bool = False

    def __post_init__(self) -> None:
        """Refuse sizes that make no world."""
        if self.users < 1 or self.accounts < 1 or self.days <= 0 or self.events < 0:
            msg = "a world needs users >= 1, accounts >= 1, days > 0 and events >= 0"
            raise ValueError(msg)
        if self.past_changes_per_day < 0 or self.past_days <= 0:
            msg = "a world needs past changes per day >= 0, of past days > 0"
            raise ValueError(msg)

    @property
    def start_ms(self) -> int:
        """Where the history of events begins, epoch milliseconds."""
        return self.anchor_ms - round(self.days * DAY_MS)

    def event_counts(self) -> dict[str, int]:
        """Return the number of events of history per kind."""
        counts = {kind: int(self.events * SHARES.get(kind, _SMALL_SHARE)) for kind in EVENT_KINDS}
        counts["page_view_events"] += self.events - sum(counts.values())
        if self.custom_events is not None:
            counts["custom_events"] = self.custom_events
        return counts
