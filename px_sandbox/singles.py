"""Answers without pages: one record by id, short lists, settings of one user."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from px_sandbox.errors import RefusedError, bad_request, not_found
from px_sandbox.selection import date_range
from px_sandbox.stores import decode, encode
from px_sandbox.sums import engagement_error_details, feature_adoption
from px_sandbox.times import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from px_sandbox.endpoints import Endpoint
    from px_sandbox.kinds import Record
    from px_sandbox.routing import Params
    from px_sandbox.world import World

# Contract: single articles and bots list no 404, so an unknown id is a bad request there.
_BY_ID = {
    "account": ("accounts", 404),
    "engagement": ("engagements", 404),
    "feature": ("features", 404),
    "segment": ("segments", 404),
    "article": ("articles", 400),
    "kc_bot": ("kc_bots", 400),
}
_PREFERENCES_V1 = ("guidedTours", "onboardingBot", "productUpdates", "surveys", "trackUsage")
_PREFERENCES_V2 = (*_PREFERENCES_V1[:4], "trackEmailAnalytics", "trackUsage")


def single(
    world: World, endpoint: Endpoint, path_params: dict[str, str], params: Params
) -> tuple[int, bytes]:
    """Return status and body of a call without pages."""
    kind = endpoint.kind
    identity = next(iter(path_params.values()), "")
    if kind in _BY_ID:
        return 200, _by_id(world, kind, identity)
    makers: dict[str, Callable[[], bytes]] = {
        "attributes": lambda: _attributes(world, identity),
        "integrations": lambda: _wrapped(endpoint, list(world.bodies(kind))),
        "subscription": lambda: _subscription(world),
        "survey_metadata": lambda: _survey_metadata(world, params.get("engagementId") or ""),
        "feature_adoption": lambda: _adoption(world, endpoint, identity, params),
        "engagement_error_details": lambda: _error_details(world, endpoint, identity, params),
    }
    if kind in makers:
        return 200, makers[kind]()
    return user_answer(world, kind, identity)


def user_answer(world: World, kind: str, identify_id: str) -> tuple[int, bytes]:
    """Return status and body of a call about one user, known by ``identifyId``."""
    user = world.user_by_identify_id(identify_id)
    if user is None:
        msg = f"No user with identifyId {identify_id!r} (ids in a path are case-sensitive)"
        raise not_found(msg)
    if kind == "user":
        return 200, user
    if kind == "user_denylist":
        flag = world.get(kind, identify_id)
        # Contract: 204 is one of the answers; here it is that of a user never judged.
        return (HTTPStatus.NO_CONTENT, b"") if flag is None else (200, flag)
    body = world.get("user_preferences", identify_id)
    stored: Record = {} if body is None else decode(body)
    names = _PREFERENCES_V1 if kind == "user_preferences_v1" else _PREFERENCES_V2
    # Contract: unset preferences come back as null.
    return 200, encode({name: stored.get(name) for name in names})


def _by_id(world: World, kind: str, identity: str) -> bytes:
    name, status = _BY_ID[kind]
    body = world.get(name, identity)
    if body is None:
        msg = f"No {kind.replace('_', ' ')} with id {identity!r}"
        raise RefusedError(status, msg)
    return body


def _attributes(world: World, model: str) -> bytes:
    if model not in ("user", "account"):
        msg = f"The type of a model is user or account, not {model!r}"
        raise bad_request(msg)
    return b"[" + b",".join(world.bodies(f"{model}_attributes")) + b"]"


def _subscription(world: World) -> bytes:
    bodies = world.bodies("subscription")
    if not bodies:
        msg = "No subscription"
        raise not_found(msg)
    return bodies[0]


def _survey_metadata(world: World, engagement_id: str) -> bytes:
    # Contract: only 200 is listed, and the answer is a generic wrapper with a status inside.
    body = world.get("survey_metadata", engagement_id)
    status = 200 if body else 404
    return encode(
        {
            "body": decode(body) if body else None,
            "statusCode": str(status),
            "statusCodeValue": status,
        }
    )


def _adoption(world: World, endpoint: Endpoint, identity: str, params: Params) -> bytes:
    body = world.get("features", identity)
    if body is None:
        msg = f"No feature with id {identity!r}"
        raise not_found(msg)
    start_ms, end_ms = params.integer("dateRangeStart"), params.integer("dateRangeEnd")
    # Contract: the end defaults to now. That the start defaults to 7 days before is a guess.
    end_ms = world.clock.now_ms() if end_ms is None else end_ms
    start_ms = end_ms - 7 * DAY_MS if start_ms is None else start_ms
    if end_ms - start_ms > (endpoint.max_days or 0) * DAY_MS:
        msg = f"Exceeded date range{endpoint.max_days}days"
        raise bad_request(msg)
    return encode(
        feature_adoption(world, decode(body), start_ms, end_ms, params.get("propertyKey"))
    )


def _error_details(world: World, endpoint: Endpoint, identity: str, params: Params) -> bytes:
    start_ms, end_ms = date_range(
        params, world.clock.now_ms(), max_days=endpoint.max_days, default_days=None
    )
    by_browser = params.get("groupByBrowser") == "true"
    rows = engagement_error_details(world, identity, start_ms, end_ms, by_browser=by_browser)
    return _wrapped(endpoint, rows)


def _wrapped(endpoint: Endpoint, rows: list[bytes]) -> bytes:
    return b'{"%s":[%s]}' % ((endpoint.records_key or "").encode(), b",".join(rows))
