"""Whether tables hold what the sandbox itself knows, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.facts import fields_of
from tests.e2e.odd_values import ATTRIBUTE_TYPES
from tests.e2e.odd_worlds import MODELS
from tests.e2e.oracle import Comparison

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from tests.e2e.conftest import Sandbox
    from tests.e2e.loader import Table

KEYS = {
    "accounts": "id",
    "users": "aptrinsicId",
    "custom_events": "eventId",
    "email_events": "eventId",
    "engagement_view_events": "eventId",
    "feature_match_events": "eventId",
    "form_submit_events": "eventId",
    "identify_events": "eventId",
    "lead_events": "eventId",
    "page_view_events": "eventId",
    "segment_match_events": "eventId",
    "session_events": "eventId",
    "survey_responses": "eventId",
    "articles": "id",
    "engagements": "id",
    "engagements_extended": "id",
    "features": "id",
    "features_extended": "id",
    "kc_bots": "id",
    "segments": "id",
    "subscription_users": "id",
}


def facts_of(sandbox: Sandbox, stream: str) -> dict[str, Any]:
    """Return what is documented of each field of a stream, custom attributes among them."""
    if stream not in MODELS:
        return fields_of(stream)
    attributes = {
        one["apiName"]: ATTRIBUTE_TYPES[one["type"]]
        for one in sandbox.truth(MODELS[stream])
        if one.get("origin") == "CUSTOM"
    }
    return {**fields_of(stream), "customAttributes": {"type": "object", "fields": attributes}}


def differences(
    sandbox: Sandbox,
    tables: Mapping[str, Table],
    streams: Iterable[str],
    *,
    since: datetime | None = None,
) -> Iterator[str]:
    """Yield where tables and server differ, in rows and in values; marked rows do not count.

    Args:
        sandbox: The server.
        tables: The tables by name.
        streams: Which of them to compare.
        since: Events of the server that happened earlier do not count.
    """
    first = int(since.timestamp() * 1_000) if since else 0
    for stream in streams:
        key = KEYS[stream]
        rows = {
            one: row
            for one, row in tables[stream].by(key).items()
            if row["_sdc_deleted_at"] is None
        }
        records = {
            record[key]: record
            for record in sandbox.truth(stream)
            if record.get("date", first) >= first
        }
        yield from (f"{stream}: {one} is not marked" for one in rows.keys() - records.keys())
        yield from (f"{stream}: {one} is not there" for one in records.keys() - rows.keys())
        facts = facts_of(sandbox, stream)
        for one in rows.keys() & records.keys():
            comparison = Comparison(records[one], rows[one])
            lines = [*comparison.fields(facts), *comparison.left()]
            yield from (f"{stream} {one}: {line}" for line in lines)
