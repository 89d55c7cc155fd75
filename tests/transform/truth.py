"""Figures worked out from the records of the sandbox itself; neither tables nor SQL take part."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from px_sandbox import World

ACTIVITY = (
    "custom_events",
    "feature_match_events",
    "form_submit_events",
    "page_view_events",
    "session_events",
)
NPS = "IN_APP_SURVEY_NPS"

Json = dict[str, Any]


class Event(NamedTuple):
    """What all events have."""

    stream: str
    user: str
    account: str | None
    session: str | None
    day: date
    date: int
    record: Json


def day_of(milliseconds: int, zone: str = "UTC") -> date:
    """Return the day of an instant."""
    return datetime.fromtimestamp(milliseconds / 1_000, ZoneInfo(zone)).date()


def moment(milliseconds: int) -> datetime:
    """Return an instant as a time in UTC without a zone."""
    return datetime.fromtimestamp(milliseconds / 1_000, timezone.utc).replace(tzinfo=None)


def events(world: World, *streams: str, zone: str = "UTC") -> list[Event]:
    """Return all events of these streams."""
    return [
        Event(
            stream,
            one["identifyId"],
            one.get("accountId"),
            one.get("sessionId"),
            day_of(one["date"], zone),
            one["date"],
            one,
        )
        for stream in streams
        for one in world.records(stream)
    ]


def activity(world: World, zone: str = "UTC") -> list[Event]:
    """Return the events that mean that a user was active."""
    return events(world, *ACTIVITY, zone=zone)


def days(found: list[Event]) -> list[date]:
    """Return every day from the first to the last event."""
    first, last = min(one.day for one in found), max(one.day for one in found)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def grouped(found: Iterable[Event], key: Callable[[Event], Any]) -> dict[Any, list[Event]]:
    """Return events by a key, those without one left out."""
    groups = defaultdict(list)
    for one in found:
        if (value := key(one)) is not None:
            groups[value].append(one)
    return groups


def users(found: Iterable[Event]) -> set[str]:
    """Return who caused these events."""
    return {one.user for one in found}


def accounts(found: Iterable[Event]) -> set[str]:
    """Return the accounts that these events name."""
    return {one.account for one in found if one.account}


def monday(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def counts(found: list[Event]) -> Json:
    """Return what the marts of daily activity count of a user's or account's day."""
    return {
        "events": len(found),
        "sessions": len({one.session for one in found if one.session}),
        "page_views": sum(one.stream == "page_view_events" for one in found),
        "feature_uses": sum(one.stream == "feature_match_events" for one in found),
        "custom_events": sum(one.stream == "custom_events" for one in found),
        "first_event_at": moment(min(one.date for one in found)),
        "last_event_at": moment(max(one.date for one in found)),
    }


def answers(world: World) -> list[Event]:
    """Return the answers to surveys: the last of each showing, none where it was only seen."""
    last: dict[Any, Event] = {}
    for one in sorted(events(world, "survey_responses"), key=lambda one: one.date):
        if one.record["surveyState"] == "COMPLETED":
            shown = one.record["executionId"], one.user, one.record.get("contentId")
            last[shown] = one
    return list(last.values())


def nps(found: list[Event]) -> float | None:
    """Return the Net Promoter Score of the answers to NPS surveys among these."""
    scores = [one.record["score"] for one in found if one.record["contentType"] == NPS]
    if not scores:
        return None
    promoters, detractors = (
        sum(score > 8 for score in scores),
        sum(score < 7 for score in scores),
    )
    return float(round(100 * (promoters - detractors) / len(scores), 1))
