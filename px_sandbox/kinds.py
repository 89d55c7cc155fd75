"""The kinds of records a world holds, and how each is identified and put in time.

The names are the sandbox's own. A *timeline* kind has an instant per record (events, users by
modification, monitoring rows); a *listing* kind is a plain collection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
"""One record, decoded."""


@dataclass(frozen=True)
class Kind:
    """What one kind of record is.

    Attributes:
        name: Name used in the Python and control APIs.
        key: Field that identifies a record, or None where the contract gives none.
        time: Field with epoch milliseconds that orders the records of a timeline.
        unique: A second record with the same key replaces the first. Events do not: the API
            is free to hold the same ``eventId`` twice.
        hidden: Fields of the stored record that the API never shows.
        base: For a view: the kind that holds the records.
    """

    name: str
    key: str | None
    time: str | None = None
    unique: bool = True
    hidden: frozenset[str] = frozenset()
    base: str | None = None


EVENT_KINDS = (
    "custom_events",
    "email_events",
    "engagement_view_events",
    "feature_match_events",
    "form_submit_events",
    "identify_events",
    "lead_events",
    "page_view_events",
    "segment_match_events",
    "session_events",
    "survey_responses",
)

_ALL = (
    Kind("users", key="aptrinsicId", time="lastModifiedDate"),
    Kind("accounts", key="id", time="lastModifiedDate"),
    *(Kind(name, key="eventId", time="date", unique=False) for name in EVENT_KINDS),
    Kind("engagement_collisions", key=None, time="triggeredDate", unique=False),
    # Single errors; the API shows sums of them over the requested range.
    Kind("engagement_error_occurrences", key=None, time="date", unique=False),
    Kind("engagements", key="id", hidden=frozenset({"customEvents", "createdById"})),
    # Contract: rows of /v1/engagement/extended lack the language fields of Engagement.
    Kind(
        "engagements_extended",
        key="id",
        base="engagements",
        hidden=frozenset({"defaultLanguage", "languages", "translationState", "createdById"}),
    ),
    Kind("features", key="id", hidden=frozenset({"mappedElements"})),
    Kind("features_extended", key="id", base="features"),
    Kind("segments", key="id"),
    Kind("articles", key="id"),
    Kind("kc_bots", key="id"),
    Kind("subscription", key="id"),
    Kind("subscription_users", key="id"),
    Kind("integrations", key="integrationSyncName"),
    Kind("account_attributes", key="id"),
    Kind("user_attributes", key="id"),
    Kind("survey_metadata", key="engagementId"),
    Kind("user_preferences", key="identifyId", hidden=frozenset({"identifyId"})),
    Kind("user_denylist", key="identifyId"),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}


def kind_named(name: str) -> Kind:
    """Return the kind called ``name``; an unknown name is a ValueError that lists all names."""
    try:
        return KINDS[name]
    except KeyError:
        msg = f"unknown kind {name!r}; the kinds are: {', '.join(KINDS)}"
        raise ValueError(msg) from None
