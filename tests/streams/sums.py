"""What the API adds up over days and weeks, added up here from the single records of a world."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.streams.truth import DAY, bodies, iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from px_sandbox import World

Json = dict[str, Any]
WEEK = 7 * DAY
# 1970-01-01 was a Thursday.
MONDAY = 4 * DAY


def week_of(milliseconds: int) -> int:
    """Return the Monday, 00:00 UTC, of the week that a time lies in."""
    return milliseconds - (milliseconds - MONDAY) % WEEK


def weeks(start: int, end: int) -> list[tuple[int, int]]:
    """Return the weeks of a range: the first whole, the last cut at the end of the range."""
    return [(at, min(at + WEEK, end)) for at in range(week_of(start), end, WEEK)]


def days(start: int, end: int) -> list[tuple[int, int]]:
    """Return the days of a range: the first whole, the last cut at the end of the range."""
    return [(at, min(at + DAY, end)) for at in range(start - start % DAY, end, DAY)]


def _errors(world: World, start: int, end: int) -> list[Json]:
    return [
        one for one in bodies(world, "engagement_error_occurrences") if start <= one["date"] < end
    ]


def error_sums(world: World, start: int, end: int) -> list[Json]:
    """Return the records of `engagement_errors`, without their `rowId`."""
    engagements = {one["id"]: one for one in bodies(world, "engagements")}
    records = []
    for first, last in days(start, end):
        errors = _errors(world, first, last)
        for identity in sorted({one["engagementId"] for one in errors}):
            own = [one for one in errors if one["engagementId"] == identity]
            views = sum(one["views"] for one in own)
            dates = [one["date"] for one in own]
            records.append(
                {
                    "engagementId": identity,
                    "engagementName": engagements[identity]["name"],
                    "engagementType": engagements[identity]["type"],
                    "propertyKey": own[0]["propertyKey"],
                    "firstOccurrenceDate": iso(min(dates)),
                    "lastOccurrenceDate": iso(max(dates)),
                    "views": views,
                    "ratio": Decimal(repr(len(own) / views)),
                    "errorCount": len(own),
                    "dateRangeStart": iso(first),
                    "dateRangeEnd": iso(last),
                }
            )
    return records


def error_details(world: World, start: int, end: int) -> list[Json]:
    """Return the records of `engagement_error_details`, without their `rowId`."""
    names = ("engagementId", "stepName", "stepNumber", "errorType", "value")
    records = []
    for first, last in weeks(start, end):
        counts: dict[tuple[Any, ...], int] = {}
        for one in _errors(world, first, last):
            values = tuple(one[name] for name in names)
            counts[values] = counts.get(values, 0) + 1
        records += [
            {
                **dict(zip(names, values, strict=True)),
                "errorCount": count,
                "dateRangeStart": iso(first),
                "dateRangeEnd": iso(last),
            }
            for values, count in counts.items()
        ]
    return records


def adoption(world: World, start: int, end: int) -> list[Json]:
    """Return the records of `feature_adoption`; a module's numbers are those of its features."""
    features = bodies(world, "features")
    events = bodies(world, "feature_match_events")
    records = []
    for first, last in weeks(start, end):
        for feature in features:
            own = {feature["id"]} | {
                one["id"] for one in features if one.get("parentFeatureId") == feature["id"]
            }
            uses = [
                one for one in events if first <= one["date"] < last and one["featureId"] in own
            ]
            accounts = {one.get("accountId") for one in uses} - {None}
            records.append(
                {
                    "featureId": feature["id"],
                    "featureName": feature["name"],
                    "propertyKey": feature["propertyKey"],
                    "dateRangeStart": iso(first),
                    "dateRangeEnd": iso(last),
                    "totalEventCount": len(uses),
                    "uniqueUserCount": len({one["identifyId"] for one in uses}),
                    "uniqueAccountCount": len(accounts),
                }
            )
    return records


SUMS: dict[str, Callable[[World, int, int], list[Json]]] = {
    "engagement_errors": error_sums,
    "engagement_error_details": error_details,
    "feature_adoption": adoption,
}
