"""Which records a request is about: time ranges, filters and order.

Only the date terms are looked up by bisection; whatever else a filter says is checked on the
records inside that range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from px_sandbox.errors import RefusedError, bad_request
from px_sandbox.filters import SortKey, Term, parse_filter, parse_sort, sort_bodies
from px_sandbox.kinds import KINDS
from px_sandbox.stores import decode
from px_sandbox.times import DAY_MS, parse_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from px_sandbox.endpoints import Endpoint
    from px_sandbox.misbehaviour import Misbehaviour
    from px_sandbox.routing import Params
    from px_sandbox.world import World

_FAR = 2**62


@dataclass
class Span:
    """A range of time as the client wrote it; None is an open end. Epoch milliseconds."""

    start_ms: int | None = None
    end_ms: int | None = None
    # 1 where the bound belongs to the range at its end, or does not at its start.
    start_shift: int = 0
    end_shift: int = 0

    def narrow(self, op: str, value_ms: int) -> None:
        """Apply one more comparison to the range."""
        if op in (">", ">=", "=="):
            shift = int(op == ">")
            if self.start_ms is None or value_ms + shift > self.start_ms + self.start_shift:
                self.start_ms, self.start_shift = value_ms, shift
        if op in ("<", "<=", "=="):
            shift = int(op != "<")
            if self.end_ms is None or value_ms + shift < self.end_ms + self.end_shift:
                self.end_ms, self.end_shift = value_ms, shift

    def limits(self) -> tuple[int, int]:
        """Return the half-open range in epoch milliseconds."""
        start = -_FAR if self.start_ms is None else self.start_ms + self.start_shift
        end = _FAR if self.end_ms is None else self.end_ms + self.end_shift
        return start, end

    @property
    def bounded(self) -> bool:
        """Whether either end is given."""
        return self.start_ms is not None or self.end_ms is not None


@dataclass(frozen=True)
class Alternative:
    """One ``filter`` parameter: a range of time and what else has to hold."""

    start_ms: int
    end_ms: int
    timed: bool
    terms: tuple[Term, ...]


def select(
    world: World, endpoint: Endpoint, params: Params, manners: Misbehaviour
) -> Sequence[bytes]:
    """Return the records that match a request for a timeline, in the requested order.

    Args:
        world: Where the records are.
        endpoint: The call.
        params: Its parameters.
        manners: What becomes of dates in a form that the API does not take, and of filters and
            sorts by the dates of users and accounts: the contract does not say.
    """
    keys = _sort_keys(endpoint, params, manners.last_modified_sort)
    texts: list[str] = params.all("filter")
    parsed = [_checked(endpoint, parse_filter(text), manners) for text in texts]
    now_ms = world.clock.now_ms()
    alternatives = [_alternative(endpoint, terms, params, now_ms) for terms in (parsed or [()])]
    bodies = _matching(world, endpoint.kind, alternatives)
    return _ordered(endpoint, bodies, keys)


def date_range(
    params: Params, now_ms: int, *, max_days: int | None, default_days: int | None
) -> tuple[int, int]:
    """Return the half-open range of ``dateRangeStart`` and ``dateRangeEnd``."""
    return _limited(_params_span(params), now_ms, max_days, default_days)


def _params_span(params: Params) -> Span:
    span = Span()
    for name, op in (("dateRangeStart", ">="), ("dateRangeEnd", "<")):
        value = params.integer(name)
        if value is not None:
            span.narrow(op, value)
    return span


def _limited(
    span: Span, now_ms: int, max_days: int | None, default_days: int | None
) -> tuple[int, int]:
    if not span.bounded and default_days is not None:
        span.narrow(">=", now_ms - default_days * DAY_MS)
    if span.end_ms is None:
        span.narrow("<=", now_ms)
    if max_days is not None:
        start, end = span.start_ms, span.end_ms
        if start is None or end is None or end - start > max_days * DAY_MS:
            # The wording, without blanks, is the API's own.
            msg = f"Exceeded date range{max_days}days"
            raise bad_request(msg)
    return span.limits()


def _checked(
    endpoint: Endpoint, terms: tuple[Term, ...], manners: Misbehaviour
) -> tuple[Term, ...]:
    for term in terms:
        _check_field(endpoint, term.field, endpoint.filter_fields, "filter")
        if term.field in endpoint.equality_only and term.op != "==":
            msg = f"Filter field {term.field!r} of {endpoint.path} takes == only"
            raise bad_request(msg)
    if endpoint.max_days is not None:
        terms = _in_date_form(endpoint, terms, manners)
    last_modified = manners.last_modified_filter
    doubtful = [term for term in terms if _is_doubtful(endpoint, term.field)]
    if doubtful and last_modified == "refused":
        msg = f"Filter field {doubtful[0].field!r} is not supported"
        raise bad_request(msg)
    if last_modified == "ignored":
        return tuple(term for term in terms if term not in doubtful)
    return terms


def _in_date_form(
    endpoint: Endpoint, terms: tuple[Term, ...], manners: Misbehaviour
) -> tuple[Term, ...]:
    """Return the terms without dates in a form that is not taken, or refuse these."""
    time_field, form = KINDS[endpoint.kind].time, manners.date_form
    other = [
        term
        for term in terms
        if term.field == time_field
        and form != "any"
        and (form == "epoch") != term.value.lstrip("-").isdecimal()
    ]
    if other and manners.other_date_form == "refused":
        raise _bad_date(other[0])
    return tuple(term for term in terms if term not in other)


def _is_doubtful(endpoint: Endpoint, name: str) -> bool:
    """Say whether the contract leaves open that a filter may name this date."""
    return not endpoint.fields_complete and name.endswith("Date")


def _check_field(endpoint: Endpoint, name: str, known: frozenset[str], what: str) -> None:
    root = name if endpoint.fields_complete else name.partition(".")[0]
    if root not in known:
        msg = f"Unknown {what} field {name!r}; {endpoint.path} takes: {', '.join(sorted(known))}"
        raise bad_request(msg)


def _alternative(
    endpoint: Endpoint, terms: tuple[Term, ...], params: Params, now_ms: int
) -> Alternative:
    time_field = KINDS[endpoint.kind].time
    span = _params_span(params)
    rest = []
    for term in terms:
        if term.field != time_field:
            rest.append(term)
            continue
        value_ms = parse_time(term.value)
        if value_ms is None or term.op.endswith("~"):
            raise _bad_date(term)
        if term.op == "!=":
            rest.append(term)
        else:
            span.narrow(term.op, value_ms)
    timed = span.bounded or endpoint.max_days is not None
    if endpoint.max_days is not None:
        start_ms, end_ms = _limited(span, now_ms, endpoint.max_days, endpoint.default_days)
    else:
        start_ms, end_ms = span.limits()
    return Alternative(start_ms, end_ms, timed, tuple(rest))


def _bad_date(term: Term) -> RefusedError:
    return bad_request(
        f"Malformed date in filter term '{term.field}{term.op}{term.value}': give epoch "
        "milliseconds or ISO 8601, with one of == != < <= > >="
    )


def _matching(world: World, kind: str, alternatives: list[Alternative]) -> Sequence[bytes]:
    bodies: Sequence[bytes]
    if all(alternative.timed for alternative in alternatives):
        start_ms = min(alternative.start_ms for alternative in alternatives)
        end_ms = max(alternative.end_ms for alternative in alternatives)
        bodies = world.between(kind, start_ms, end_ms)
    else:
        bodies = world.bodies(kind)
    if len(alternatives) == 1 and not alternatives[0].terms:
        return bodies
    time_field = KINDS[kind].time or ""
    return [body for body in bodies if _any_matches(alternatives, body, time_field)]


def _any_matches(alternatives: list[Alternative], body: bytes, time_field: str) -> bool:
    record = decode(body)
    for one in alternatives:
        if one.timed:
            time_ms = record.get(time_field)
            if not isinstance(time_ms, int) or not one.start_ms <= time_ms < one.end_ms:
                continue
        if all(term.matches(record) for term in one.terms):
            return True
    return False


def _sort_keys(endpoint: Endpoint, params: Params, by_dates: str) -> tuple[SortKey, ...]:
    text = params.get("sort")
    keys = parse_sort(text) if text else ()
    for key in keys:
        _check_field(endpoint, key.field, endpoint.sort_fields, "sort")
    doubtful = [key for key in keys if _is_doubtful(endpoint, key.field)]
    if doubtful and by_dates == "refused":
        msg = f"Sort field {doubtful[0].field!r} is not supported"
        raise bad_request(msg)
    if doubtful and by_dates == "by_creation":
        return parse_sort("-createDate")
    return tuple(key for key in keys if by_dates == "honoured" or key not in doubtful)


def _ordered(
    endpoint: Endpoint, bodies: Sequence[bytes], keys: tuple[SortKey, ...]
) -> Sequence[bytes]:
    time_field = KINDS[endpoint.kind].time
    if not keys or (keys == ((time_field, False),) and endpoint.max_days is not None):
        # A timeline lies in this order already; sparing the decoding keeps benchmarks honest.
        return bodies
    return sort_bodies(bodies, keys)
