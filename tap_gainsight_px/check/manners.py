"""What the answers have in common: clock, headers, errors, and how records fit the schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.schemas import load_schema
from tap_gainsight_px.check.asker import Outcome
from tap_gainsight_px.check.departures import Departures, shape_of
from tap_gainsight_px.check.report import Finding, Level
from tap_gainsight_px.timestamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.check.asker import Answer
    from tap_gainsight_px.check.context import CheckContext

_MOST_CLOCK_DIFFERENCE = 60 * SECOND
_MOST_SHOWN = 6
_CUT_AT = 10_000
"""Elasticsearch counts so far unless told otherwise."""


def clock(answers: Sequence[Answer]) -> Iterator[Finding]:
    """Say by how much this host's clock differs from that of PX."""
    differences = sorted(one.ahead_ms for one in answers if one.ahead_ms is not None)
    if not differences:
        if any(one.status for one in answers):
            yield Finding("clock", Level.UNKNOWN, "no answer has a Date header")
        return
    ahead = differences[len(differences) // 2]
    seconds = round(abs(ahead) / SECOND)
    details = {"ahead_seconds": round(ahead / SECOND)}
    if abs(ahead) <= _MOST_CLOCK_DIFFERENCE:
        text = "this host and PX agree to within a minute"
        yield Finding("clock", Level.OK, text, details=details)
        return
    way = "ahead of" if ahead > 0 else "behind"
    yield Finding(
        "clock",
        Level.WARNING,
        f"this host is {_long(seconds)} {way} PX",
        "Set the clock of this host (NTP)",
        details,
    )


def _long(seconds: int) -> str:
    if seconds < 3_600:  # noqa: PLR2004
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3_600} h {seconds // 60 % 60} min"


def limits(answers: Sequence[Answer]) -> Iterator[Finding]:
    """Name the headers that look like limits, and what was refused as too much."""
    names = sorted({name for one in answers for name in one.limit_headers})
    if any(one.status for one in answers):
        text = f"headers that look like limits: {', '.join(names) or 'none'}"
        yield Finding("limits", Level.OK, text, details={"headers": names})
    for outcome, advice in (
        (Outcome.LIMITED, "Lower requests_per_second: a sync slows down by itself, but waits"),
        (Outcome.DUPLICATE, "PX saw the same request a moment ago: wait some minutes"),
        (Outcome.SCROLLS_USED_UP, "Lower max_workers if a sync waits long"),
    ):
        at = [number for number, one in enumerate(answers, 1) if one.outcome is outcome]
        if at:
            numbers = ", ".join(map(str, at))
            shape = shape_of(answers[at[0] - 1].content)
            yield Finding(
                "limits",
                Level.WARNING,
                f"{outcome.value}: request {numbers} of {len(answers)}, "
                f"HTTP {answers[at[0] - 1].status}: {shape}",
                advice,
                {"outcome": outcome.value, "requests": at, "shape": shape},
            )


def totals(check: CheckContext) -> Iterator[Finding]:
    """Say whether PX announces how many records there are, and whether that is cut."""
    lacking = [name for name, ones in check.totals.items() if None in ones]
    most = max((one or 0 for ones in check.totals.values() for one in ones), default=0)
    if lacking:
        text = f"not announced: {', '.join(lacking)}"
        advice = "A sync reads on until pages bring nothing new"
        yield Finding("total_hits", Level.WARNING, text, advice, {"lacking": lacking})
    elif most == _CUT_AT:
        text = f"the largest is exactly {_CUT_AT:,}, where a search engine cuts its counts"
        advice = "A sync reads on until a page is short"
        yield Finding("total_hits", Level.NOTE, text, advice, {"above_10000": False})
    elif most:
        # How many records a customer has is nobody's business.
        found = "more than" if most > _CUT_AT else "none as large as"
        text = f"announced; {found} {_CUT_AT:,} seen"
        yield Finding("total_hits", Level.OK, text, details={"above_10000": most > _CUT_AT})


def ask_error(check: CheckContext, spec: StreamSpec) -> Iterator[Finding]:
    """Send one request that PX should refuse, and say what the refusal looks like."""
    answer, records = check.ask_aside(spec, {"pageSize": "none"})
    if answer is None:
        return
    if answer.status is None:
        text = f"nothing answers to a pageSize that is no number ({answer.in_words})"
        yield Finding("error_shape", Level.NOTE, text)
        return
    if records or answer.is_answered:
        text = "a pageSize that is no number is not refused"
        yield Finding("error_shape", Level.NOTE, text)
        return
    shape = "no JSON" if answer.content is None else shape_of(answer.content)
    under_200 = answer.status < 300  # noqa: PLR2004
    text = f"HTTP {answer.status}{', though it is an error' if under_200 else ''}: {shape}"
    yield Finding(
        "error_shape",
        Level.NOTE if under_200 or answer.content is None else Level.OK,
        text,
        "The tap reads it" if under_200 else "",
        {"status": answer.status, "shape": shape},
    )


def schemas(check: CheckContext) -> Iterator[Finding]:
    """Say where records depart from the schemas that the tap ships."""
    compared: list[str] = []
    departing = False
    for spec in check.specs:
        records = check.records.get(spec.name)
        if not records:
            continue
        compared.append(spec.name)
        found = Departures()
        found.compare(records, load_schema(spec.schema_name))
        if spec.parent is None and not spec.row_id_of:
            found.look_for(spec.primary_keys, records)
        if details := found.as_details():
            departing = True
            yield _departing(spec, found, details)
    if compared and not departing:
        text = f"records are as their schemas say, streams compared: {len(compared)}"
        yield Finding("schema", Level.OK, text, details={"streams": compared})


def _departing(spec: StreamSpec, found: Departures, details: Mapping[str, object]) -> Finding:
    parts = []
    if found.undeclared:
        parts.append(f"undeclared {_listed(found.undeclared)}")
    if found.other_types:
        parts.append(f"of another type {_listed(found.other_types)}")
    if found.lacking:
        parts.append(f"without a key {', '.join(sorted(found.lacking))}")
    advice = "The tap passes undeclared fields on, and keeps values of another type in _unexpected"
    return Finding(
        "schema",
        Level.WARNING if found.lacking else Level.NOTE,
        f"{spec.name}: {'; '.join(parts)}",
        "Such records cannot be told apart" if found.lacking else advice,
        {"stream": spec.name, **details},
    )


def _listed(fields: Mapping[str, set[str]]) -> str:
    shown = [f"{name} ({'/'.join(sorted(types))})" for name, types in sorted(fields.items())]
    more = len(shown) - _MOST_SHOWN
    return ", ".join(shown[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
