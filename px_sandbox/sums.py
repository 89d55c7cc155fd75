"""Answers that the API adds up over a range of time, from the single records of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from px_sandbox.stores import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from px_sandbox.kinds import Record
    from px_sandbox.world import World


def engagement_errors(
    world: World, start_ms: int, end_ms: int, property_key: str | None
) -> list[bytes]:
    """Return one ``EngagementErrorSummary`` per engagement that had errors in the range."""
    sums: dict[str, Record] = {}
    engagements = {row["id"]: row for row in world.records("engagements")}
    for error in _errors(world, start_ms, end_ms):
        if property_key not in (None, error.get("propertyKey")):
            continue
        identity = error["engagementId"]
        engagement = engagements.get(identity, {})
        row = sums.setdefault(
            identity,
            {
                "engagementId": identity,
                "engagementName": engagement.get("name"),
                "propertyKey": error.get("propertyKey"),
                "engagementType": engagement.get("type"),
                "firstOccurrenceDate": error["date"],
                "lastOccurrenceDate": error["date"],
                "views": 0,
                "ratio": 0.0,
                "errorCount": 0,
            },
        )
        row["lastOccurrenceDate"] = error["date"]
        row["views"] += error.get("views", 1)
        row["errorCount"] += 1
        row["ratio"] = row["errorCount"] / row["views"]
    return [encode(row) for row in sums.values()]


def engagement_error_details(
    world: World, engagement_id: str, start_ms: int, end_ms: int, *, by_browser: bool
) -> list[bytes]:
    """Return one ``EngagementErrorDetails`` per error, or per error and browser."""
    counts: dict[tuple[Any, ...], int] = {}
    names = ("stepName", "stepNumber", "errorType", "value", "browser")
    for error in _errors(world, start_ms, end_ms):
        if error["engagementId"] == engagement_id:
            values = tuple(error.get(name) for name in names[: 5 if by_browser else 4])
            counts[values] = counts.get(values, 0) + 1
    return [
        encode(
            {
                "engagementId": engagement_id,
                **dict(zip(names, values, strict=False)),
                "errorCount": count,
            }
        )
        for values, count in counts.items()
    ]


def feature_adoption(
    world: World, feature: Record, start_ms: int, end_ms: int, property_key: str | None
) -> Record:
    """Return the ``FeatureAdoption`` of a feature; a module's includes all below it."""
    below = _with_children(feature["id"], world.records("features"))
    events = [
        event
        for event in map(decode, world.between("feature_match_events", start_ms, end_ms))
        if event.get("featureId") in below and property_key in (None, event.get("propertyKey"))
    ]
    return {
        "featureId": feature["id"],
        "featureName": feature["name"],
        "dateRangeStart": start_ms,
        "dateRangeEnd": end_ms,
        "propertyKey": property_key or feature["propertyKey"],
        "totalEventCount": len(events),
        "uniqueUserCount": len({event.get("identifyId") for event in events}),
        "uniqueAccountCount": len(
            {event["accountId"] for event in events if event.get("accountId") is not None}
        ),
    }


def _errors(world: World, start_ms: int, end_ms: int) -> Iterable[Record]:
    return map(decode, world.between("engagement_error_occurrences", start_ms, end_ms))


def _with_children(identity: str, features: list[Record]) -> set[str]:
    found = {identity}
    while True:
        more = {row["id"] for row in features if row.get("parentFeatureId") in found} - found
        if not more:
            return found
        found |= more
