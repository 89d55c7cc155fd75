"""One request from arrival to answer: key, limits, faults, parameters, records."""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import TYPE_CHECKING

from px_sandbox.answers import Answer, Answers, Strikes
from px_sandbox.delivery import FORBIDDEN, NOW, WRONG_KEY, cut, send, send_broken, send_instead
from px_sandbox.errors import RefusedError, bad_request
from px_sandbox.limits import Limits
from px_sandbox.misbehaviour import Dice, Misbehaviour, Rule
from px_sandbox.routing import check_params, find_endpoint, known_target, split_query
from px_sandbox.scrolls import ScrollBook
from px_sandbox.singles import user_answer
from px_sandbox.stores import decode

if TYPE_CHECKING:
    from aiohttp import web

    from px_sandbox.request_log import LoggedRequest, RequestLog
    from px_sandbox.world import World

KEY_HEADER = "X-APTRINSIC-API-KEY"

# The calls that read with POST: the id stands in the body (contract: UserIdentifyId).
_POSTS = {
    "/v1/user/preferences": "user_preferences_v1",
    "/v2/user/preferences": "user_preferences_v2",
}
_log = logging.getLogger(__name__)


class Service:
    """Everything about a running sandbox except the socket it listens on."""

    def __init__(
        self,
        world: World,
        misbehaviour: Misbehaviour,
        *,
        api_key: str,
        scroll_ttl_seconds: float,
        log: RequestLog,
    ) -> None:
        """Serve ``world`` to clients that know ``api_key``."""
        self.world = world
        self.requests = log
        self.port = 0
        self._api_key = api_key.encode()
        self._initial = misbehaviour
        self.scrolls = ScrollBook(world.clock, scroll_ttl_seconds)
        self.misbehave(misbehaviour)

    def misbehave(self, misbehaviour: Misbehaviour) -> None:
        """Behave like this from now on; all counts of rules and limits begin anew."""
        self.misbehaviour = misbehaviour
        self._dice = Dice(misbehaviour, self.world.clock)
        self._limits = Limits(self.world.clock, misbehaviour)
        self.scrolls.changing_ids = misbehaviour.scroll_ids == "changing"
        self.scrolls.stale_id = misbehaviour.stale_scroll_id
        self.scrolls.most = misbehaviour.max_scrolls
        self.scrolls.status_of_too_many = misbehaviour.max_scrolls_status
        self.scrolls.status_of_gone = misbehaviour.scroll_gone_status
        self._answers = Answers(self.world, self.scrolls, misbehaviour, self._dice)

    def reset(self) -> None:
        """Forget requests, scrolls and changed misbehaviour; the world stays as it is."""
        self.requests.clear()
        self.scrolls.clear()
        self.misbehave(self._initial)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one API request."""
        NOW.set(self.world.clock.now_ms() / 1000)
        pairs = split_query(request.rel_url.raw_query_string)
        key = request.headers.get(KEY_HEADER, "")
        entry = self.requests.arrived(
            request.method,
            request.path,
            pairs,
            host=request.headers.get("Host", ""),
            with_key=bool(key),
            user_agent=request.headers.get("User-Agent", ""),
        )
        try:
            self._check_key(key)
            self._limits.check(known_target(request.method, request.rel_url.raw_path, pairs))
            return await self._answer(request, pairs, entry)
        except RefusedError as refusal:
            return await self._refuse(request, entry, refusal)
        except ConnectionError:
            # The client left while it was being answered; that is its right.
            return cut(request)
        except Exception:  # noqa: BLE001 - a client has to get an answer, whatever breaks
            _log.exception("the sandbox itself failed on %s", request.path_qs)
            failure = RefusedError(500, "The sandbox itself failed; see its log")
            return await self._refuse(request, entry, failure)
        finally:
            self.requests.answered(entry)

    async def _refuse(
        self, request: web.BaseRequest, entry: LoggedRequest, refusal: RefusedError
    ) -> web.StreamResponse:
        entry.status = 200 if self.misbehaviour.errors_under_200 else refusal.status
        body = refusal.body(request.path, self.misbehaviour.error_body)
        return await send(request, entry.status, body, refusal.headers)

    def _check_key(self, key: str) -> None:
        if not key:
            msg = (
                f"Authentication failed: the API key is missing; send it in the header {KEY_HEADER}"
            )
            raise RefusedError(401, msg)
        if not hmac.compare_digest(key.encode("utf-8", "surrogateescape"), self._api_key):
            raise RefusedError(401, WRONG_KEY)

    async def _answer(
        self,
        request: web.BaseRequest,
        pairs: tuple[tuple[str, str], ...],
        entry: LoggedRequest,
    ) -> web.StreamResponse:
        rules = self._dice.strikes(request.path, self._page(pairs))
        entry.faults = [rule.fault for rule in rules]
        entry.lost = any(rule.kind.loses_answer for rule in rules)
        moves_on = self.misbehaviour.scroll_moves_on or any(rule.moves_on for rule in rules)
        await self._delay(rules)
        # An unusable answer still needs its request looked at if the scroll is to move on.
        instead = next((rule for rule in rules if rule.kind.stage == "instead"), None)
        if instead is None or (moves_on and instead.fault != "scroll_expired"):
            body = await request.read() if request.method == "POST" else b""
            answer = self._right_answer(request, pairs, {rule.fault: rule for rule in rules}, body)
            if moves_on or not entry.lost:
                answer.commit()
        if instead is not None:
            if instead.fault == "scroll_expired":
                self._expire(pairs)
            entry.status, response = await send_instead(request, instead, self.port)
            return response
        entry.records = answer.records
        wire = next((rule for rule in rules if rule.kind.stage == "wire"), None)
        if wire is not None:
            entry.status, response = await send_broken(request, wire, answer.status, answer.body)
            return response
        entry.status = answer.status
        return await send(request, answer.status, answer.body)

    def _right_answer(
        self,
        request: web.BaseRequest,
        pairs: tuple[tuple[str, str], ...],
        strikes: Strikes,
        body: bytes,
    ) -> Answer:
        raw_path = request.rel_url.raw_path
        if self.misbehaviour.forbids(request.path):
            raise RefusedError(403, FORBIDDEN)
        if raw_path in _POSTS and request.method == "POST":
            return Answer(*user_answer(self.world, _POSTS[raw_path], _identify_id(body)))
        endpoint, path_params = find_endpoint(raw_path)
        if request.method != "GET":
            msg = f"{request.method} is not supported here; this sandbox only reads (GET)"
            raise RefusedError(405, msg)
        params = check_params(endpoint, pairs, unknown=self.misbehaviour.unknown_parameters)
        return self._answers.answer(endpoint, path_params, params, strikes)

    def _page(self, pairs: tuple[tuple[str, str], ...]) -> int:
        scroll_id = dict(pairs).get("scrollId")
        scroll = self.scrolls.peek(scroll_id) if scroll_id else None
        return scroll.page + 1 if scroll else 1

    def _expire(self, pairs: tuple[tuple[str, str], ...]) -> None:
        scroll_id = dict(pairs).get("scrollId")
        scroll = self.scrolls.peek(scroll_id) if scroll_id else None
        if scroll is not None:
            self.scrolls.drop(scroll)

    async def _delay(self, rules: list[Rule]) -> None:
        milliseconds = sum(
            rule.setting("ms") + self._dice.random("latency").uniform(0, rule.setting("jitter_ms"))
            for rule in rules
            if rule.kind.stage == "delay"
        )
        if milliseconds:
            await asyncio.sleep(milliseconds / 1000)


def _identify_id(body: bytes) -> str:
    try:
        identity = decode(body)["identifyId"]
    except (ValueError, KeyError, TypeError):
        identity = None
    if not isinstance(identity, str):
        msg = 'The body has to be JSON like {"identifyId": "..."}'
        raise bad_request(msg)
    return identity
