"""The control API under ``/_sandbox/``: look into a running sandbox and steer it.

Needs no key and answers only to this machine.

========================== ===================================================================
GET  status                seed, anchor, now, counts per kind, open scrolls, misbehaviour
GET  requests?since=SEQ    log of requests after number SEQ, and the busiest second
GET  truth?kind=K          records of a kind that are visible now (``&ids=1``: only their keys)
POST misbehave             replace the misbehaviour (JSON, see ``misbehaviour.py``)
POST records               ``{"kind", "records": [...], "visible_from_ms": null}``
POST records/delete        ``{"kind", "ids": [...]}``; with ``"cascade": true`` accounts go with
                           all their users
POST clock                 ``{"advance_seconds": N}``: move the clock forward
POST reset                 forget requests, scrolls and changed misbehaviour
========================== ===================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from px_sandbox.delivery import send
from px_sandbox.errors import RefusedError, bad_request, not_found
from px_sandbox.kinds import KINDS, kind_named
from px_sandbox.misbehaviour import Misbehaviour
from px_sandbox.stores import decode, decode_exact, encode
from px_sandbox.times import to_iso

if TYPE_CHECKING:
    from aiohttp import web

    from px_sandbox.service import Service

PREFIX = "/_sandbox/"
"""Where the paths of control calls begin."""

Action = Callable[[dict[str, Any]], bytes]


class Control:
    """Answers control requests for one service."""

    def __init__(self, service: Service) -> None:
        """Steer ``service``."""
        self._service = service
        self._actions: dict[tuple[str, str], Action] = {
            ("GET", "status"): self._status,
            ("GET", "requests"): self._requests,
            ("GET", "truth"): self._truth,
            ("POST", "misbehave"): self._misbehave,
            ("POST", "records"): self._put,
            ("POST", "records/delete"): self._delete,
            ("POST", "clock"): self._advance,
            ("POST", "reset"): self._reset,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one control request."""
        name = request.path.removeprefix(PREFIX)
        try:
            _check_loopback(request)
            action = self._actions.get((request.method, name))
            if action is None:
                known = ", ".join(" ".join(key) for key in self._actions)
                msg = f"No control call {request.method} {name}; there are: {known}"
                raise not_found(msg)
            # Records are to be served as they were sent; settings are plain numbers.
            read = decode_exact if name == "records" else decode
            body = action(await _arguments(request, read))
        except RefusedError as refusal:
            return await send(request, refusal.status, refusal.body(request.path, "flat"))
        except (ValueError, TypeError, KeyError) as error:
            wrong = bad_request(f"{type(error).__name__}: {error}")
            return await send(request, wrong.status, wrong.body(request.path, "flat"))
        return await send(request, HTTPStatus.OK, body)

    def _status(self, _: dict[str, Any]) -> bytes:
        world, service = self._service.world, self._service
        plan = world.plan
        now_ms = world.clock.now_ms()
        return encode(
            {
                "seed": plan.seed if plan else None,
                "anchor": to_iso(plan.anchor_ms) if plan else None,
                "now": to_iso(now_ms),
                "now_ms": now_ms,
                "counts": {name: world.count(name) for name in KINDS},
                "open_scrolls": len(service.scrolls),
                "requests": service.requests.total,
                "max_requests_in_one_second": service.requests.max_in_one_second,
                "misbehaviour": service.misbehaviour.to_json(),
            }
        )

    def _requests(self, arguments: dict[str, Any]) -> bytes:
        log = self._service.requests
        return encode(
            {
                "requests": log.since(int(arguments.get("since", 0))),
                "total": log.total,
                "max_requests_in_one_second": log.max_in_one_second,
            }
        )

    def _truth(self, arguments: dict[str, Any]) -> bytes:
        kind = kind_named(arguments["kind"])
        bodies = self._service.world.bodies(kind.name)
        if arguments.get("ids"):
            bodies = [encode(decode(body).get(kind.key or "")) for body in bodies]
        head = encode({"kind": kind.name, "count": len(bodies)})[:-1]
        return head + b',"records":[' + b",".join(bodies) + b"]}"

    def _misbehave(self, arguments: dict[str, Any]) -> bytes:
        self._service.misbehave(Misbehaviour.from_json(arguments))
        return encode(self._service.misbehaviour.to_json())

    def _put(self, arguments: dict[str, Any]) -> bytes:
        records = arguments["records"]
        for record in records:
            self._service.world.put(arguments["kind"], record, arguments.get("visible_from_ms"))
        return encode({"put": len(records)})

    def _delete(self, arguments: dict[str, Any]) -> bytes:
        world, kind = self._service.world, arguments["kind"]
        if arguments.get("cascade"):
            if kind != "accounts":
                msg = f"only accounts take others with them, not {kind!r}"
                raise ValueError(msg)
            deleted = sum(world.delete_account(identity) for identity in arguments["ids"])
        else:
            deleted = sum(world.delete(kind, identity) for identity in arguments["ids"])
        return encode({"deleted": deleted})

    def _advance(self, arguments: dict[str, Any]) -> bytes:
        self._service.world.clock.advance(seconds=float(arguments["advance_seconds"]))
        return encode({"now_ms": self._service.world.clock.now_ms()})

    def _reset(self, _: dict[str, Any]) -> bytes:
        self._service.reset()
        return encode({"reset": True})


def _check_loopback(request: web.BaseRequest) -> None:
    if request.remote is None or not ip_address(request.remote).is_loopback:
        msg = "The control API answers only to the machine it runs on"
        raise RefusedError(HTTPStatus.FORBIDDEN, msg)


async def _arguments(request: web.BaseRequest, read: Callable[[bytes], Any]) -> dict[str, Any]:
    if request.method != "POST":
        return dict(request.query)
    body = await request.read()
    arguments = read(body) if body else {}
    if not isinstance(arguments, dict):
        msg = "The body of a control call has to be a JSON object"
        raise bad_request(msg)
    return arguments
