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
    return landed(made, stream)


def landed(record: Json, stream: str) -> Json:
    """Return a record as it has to leave the tap for every loader to take all of it.

    No text holds a NUL. An integer past 64 bits or a number with more digits than a double, which
    no column holds, and a field that the description does not know, which no column is for, stand
    in `_unexpected`. An object or a list
    that is null is left out.
    """
    fields = fields_of(stream)
    unexpected: Json = {}
    made = _bounded(_cleaned(record), fields, "", unexpected)
    for name, value in made.items():
        if name not in fields and name not in KEYS_PUT_IN and value is not None:
            unexpected[name] = value
    for name, fact in fields.items():
        if name in made and made[name] is None and _is_json(fact):
            del made[name]
    return {**made, "_unexpected": unexpected} if unexpected else made


# What the tap puts into the records of children.
KEYS_PUT_IN = {"engagementId", "identifyId"}
_LARGEST = 2**63 - 1


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(one) for name, one in value.items()}
    return value


def _bounded(record: Json, fields: dict[str, Json], path: str, unexpected: Json) -> Json:
    made = dict(record)
    for name, value in record.items():
        fact = fields.get(name, {})
        if _is_beyond(value, str(fact.get("type")), is_column=not path):
            unexpected[path + name] = value
            made[name] = None
        elif "ref" in fact and isinstance(value, dict):
            made[name] = _bounded(value, DEFINITIONS[fact["ref"]], f"{path}{name}.", unexpected)
        elif "ref" in fact.get("items", {}) and isinstance(value, list):
            inner = DEFINITIONS[fact["items"]["ref"]]
            made[name] = [
                _bounded(one, inner, f"{path}{name}.{at}.", unexpected)
                if isinstance(one, dict)
                else one
                for at, one in enumerate(value)
            ]
    return made


def _is_beyond(value: Any, declared: str, *, is_column: bool) -> bool:
    """Whether a number has more digits than its column: 64 bits, or those of a double."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return False
    if declared == "number" and is_column:
        return Decimal(repr(float(value))) != value
    return declared == "integer" and isinstance(value, int) and abs(value) > _LARGEST


def _is_json(fact: Json) -> bool:
    """Whether loaders store a field as JSON, which has a null of its own."""
    return "ref" in fact or fact.get("type") in {"object", "array"}


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
            landed({"engagementId": one["id"], **_wrapped(known.get(one["id"]))}, stream)
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
