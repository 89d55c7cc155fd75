"""The truth about a world, in the form in which it has to leave the tap.

Driven by the API's description (`tests/contract/px_contract.json`) alone: neither the tap's
schemas nor its code take part.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from px_sandbox import KINDS
from tests.contract.facts import DEFINITIONS, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from px_sandbox import World

Json = dict[str, Any]

SECOND = 1_000
DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_PREFERENCES = (
    "guidedTours",
    "onboardingBot",
    "productUpdates",
    "surveys",
    "trackEmailAnalytics",
    "trackUsage",
)


def iso(milliseconds: int) -> str:
    """Write epoch milliseconds the way a record has them."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1_000:03d}Z"


def exact(value: Any) -> Any:
    """Return JSON in a form in which 1, 1.0, 1.00 and true are four different things."""
    if isinstance(value, dict):
        return {name: exact(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    if isinstance(value, Decimal):
        return ("decimal", value.as_tuple())
    return (type(value).__name__, value)


def in_order(records: Iterable[Json]) -> list[Any]:
    """Return records in an order that does not depend on how they were read."""
    return sorted(
        (exact(record) for record in records), key=lambda one: json.dumps(one, sort_keys=True)
    )


def bodies(world: World, kind: str) -> list[Json]:
    """Return what the API shows of a kind, every number with its digits."""
    return [json.loads(body, parse_float=Decimal) for body in world.bodies(kind)]


def converted(record: Json, stream: str) -> Json:
    """Return a record of the API with its times as text, and null for those that are not set."""
    kind = KINDS.get(stream)
    made: Json = _converted(record, fields_of(stream), kind.time if kind else None)
    return made


def _converted(record: Any, fields: dict[str, Json], replication_key: str | None = None) -> Any:
    if not isinstance(record, dict):
        return record
    return {
        name: iso(0)
        if value == 0 and name == replication_key
        else _value(value, fields.get(name, {}))
        for name, value in record.items()
    }


def _value(value: Any, fact: Json) -> Any:
    if fact.get("epoch_ms") and isinstance(value, int):
        return moment(value)
    if fact.get("format") == "date-time" and isinstance(value, str):
        return _as_written(value)
    if "ref" in fact:
        return _converted(value, DEFINITIONS[fact["ref"]])
    if "items" in fact and isinstance(value, list):
        return [_value(one, fact["items"]) for one in value]
    return value


def moment(milliseconds: int) -> str | None:
    """Write epoch milliseconds the way a record has them, 0 being a date that is not set."""
    return iso(milliseconds) if milliseconds else None


def _as_written(text: str) -> str:
    """Write ISO-8601 of the one form that these worlds have (UTC, a part of a second or none)."""
    day, _, fraction = text.removesuffix("Z").partition(".")
    return f"{day}.{fraction:0<3}Z"


def listed(world: World, stream: str) -> list[Json]:
    """Return all records of a stream that the API lists, as they have to leave the tap."""
    records = [converted(record, stream) for record in bodies(world, stream)]
    model = {"users": "user", "accounts": "account"}.get(stream)
    if model:
        dates = [
            one["apiName"]
            for one in bodies(world, f"{model}_attributes")
            if one.get("type") == "DATE_TIME"
        ]
        for record in records:
            attributes = record.get("customAttributes") or {}
            for name in dates:
                if isinstance(attributes.get(name), int):
                    attributes[name] = moment(attributes[name])
    return records


def asked_one_by_one(world: World, stream: str) -> list[Json]:
    """Return all records of a stream that is asked for each parent, where it has no range."""
    if stream == "survey_metadata":
        known = {one["engagementId"]: one for one in bodies(world, stream)}
        return [
            {"engagementId": one["id"], **_wrapped(known.get(one["id"]))}
            for one in bodies(world, "engagements")
        ]
    asked = [one["identifyId"] for one in bodies(world, "users") if one.get("identifyId")]
    if stream == "user_denylist":
        flags = {one["identifyId"]: one for one in bodies(world, stream)}
        return [converted(flags[one], stream) for one in asked if one in flags]
    known = {one["identifyId"]: one for one in world.stored(stream)}
    return [
        {"identifyId": one, **{name: known.get(one, {}).get(name) for name in _PREFERENCES}}
        for one in asked
    ]


def _wrapped(body: Json | None) -> Json:
    status = 200 if body else 404
    return {"body": body, "statusCode": str(status), "statusCodeValue": status}
