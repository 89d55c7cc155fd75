"""May the tap ask at all: connection, key, region, and the permission for each endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_gainsight_px.check.asker import Outcome
from tap_gainsight_px.check.report import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.check.asker import Answer, Asker
    from tap_gainsight_px.check.context import CheckContext

_READ_PERMISSION = "Give the key the Read permission in PX (Administration → REST API)"

# What ends the check at once, beside a key or address that is not the right one.
_ENDINGS = {
    Outcome.EDGE_REFUSED: (
        "a firewall or edge in front of PX refuses this host (HTTP 403 with an HTML page)",
        "Check whether the address of this host is allowed, and any proxy in between",
    ),
    Outcome.REDIRECTED: (
        "the address answers with a redirect, which the tap does not follow",
        "Check api_url",
    ),
    Outcome.DAY_USED_UP: (
        "the account's requests of the day are used up",
        "Run again tomorrow (UTC)",
    ),
}
# Endpoints that may answer so although all is well.
_PASSING = {Outcome.LIMITED, Outcome.DUPLICATE, Outcome.SCROLLS_USED_UP}


def first_contact(
    check: CheckContext, region: str, elsewhere: Mapping[str, Asker]
) -> Iterator[Finding]:
    """Ask for the first stream; a problem found here ends the check.

    Args:
        check: What to ask.
        region: The data centre of the settings, or `custom`.
        elsewhere: The other data centres of PX, asked only where this one does not know the key.
    """
    spec = check.specs[0]
    answer = _ask(check.asker, check, spec)
    if answer is None:
        return
    other = ""
    if answer.outcome in {Outcome.KEY_REFUSED, Outcome.NOT_FOUND}:
        other = _home_of_key(elsewhere, check, spec)
    if answer.outcome is Outcome.NOT_FOUND and not other and len(check.specs) > 1:
        # It may be this endpoint alone.
        answer = _ask(check.asker, check, check.specs[1]) or answer
    outcome = answer.outcome
    if outcome in {Outcome.KEY_REFUSED, Outcome.NOT_FOUND}:
        yield _misplaced(answer, other, region, asked_elsewhere=bool(elsewhere))
    elif outcome is Outcome.NO_CONNECTION:
        yield Finding("connection", Level.PROBLEM, answer.cause)
    elif outcome is Outcome.BROKEN:
        yield Finding(
            "connection",
            Level.PROBLEM,
            f"the first answer cannot be used (HTTP {answer.status})",
            "Run the check again later; if it stays like this, check api_url and any proxy in "
            "between",
        )
    elif outcome in _ENDINGS:
        text, advice = _ENDINGS[outcome]
        yield Finding("connection", Level.PROBLEM, text, advice)
    elif outcome not in _PASSING:
        yield Finding("key", Level.OK, "PX knows the key")
        where = "api_url leads to PX" if region == "custom" else f"the key belongs to {region}"
        yield Finding("region", Level.OK, where, details={"region": region})


def _ask(asker: Asker, check: CheckContext, spec: StreamSpec) -> Answer | None:
    return asker.ask(spec.path, {**spec.params, **check.paging_params(spec)})


def _home_of_key(elsewhere: Mapping[str, Asker], check: CheckContext, spec: StreamSpec) -> str:
    for name, asker in elsewhere.items():
        check.asker.pause()
        answer = _ask(asker, check, spec)
        if answer is not None and answer.outcome in {Outcome.ANSWERED, Outcome.FORBIDDEN}:
            return name
    return ""


def _misplaced(answer: Answer, other: str, region: str, *, asked_elsewhere: bool) -> Finding:
    if other:
        return Finding(
            "region",
            Level.PROBLEM,
            f"{region} does not know the key (HTTP {answer.status}), {other} does",
            f"Set region to {other}",
            {"region": region, "home": other},
        )
    if answer.outcome is Outcome.NOT_FOUND:
        return Finding(
            "region",
            Level.PROBLEM,
            "PX is not found at this address (HTTP 404)",
            "Check api_url and region",
            {"region": region},
        )
    tried = ", and no other region does" if asked_elsewhere else ""
    return Finding(
        "key",
        Level.PROBLEM,
        f"PX does not accept the API key (HTTP {answer.status}){tried}",
        "Copy it again from PX (Administration → REST API); it is not the product key of the web "
        "tag"
        + ("" if asked_elsewhere else ", and it works in one data centre only: check api_url"),
        {"region": region},
    )


def permissions(check: CheckContext) -> Iterator[Finding]:
    """Say for which endpoints the key may ask, and which were not asked."""
    answers = check.answers
    readable = [name for name, one in answers.items() if one.is_answered]
    if readable:
        yield Finding(
            "permission",
            Level.OK,
            f"{len(readable)} of {len(answers)} endpoints asked can be read",
            details={"readable": readable},
        )
    elif answers:
        yield Finding(
            "permission",
            Level.PROBLEM,
            "no endpoint could be read",
            "See the lines below; run the check again in some minutes",
        )
    children = {spec.name for spec in check.specs if spec.parent}
    alike: dict[tuple[Outcome, int | None, str, bool], list[str]] = {}
    for name, one in answers.items():
        # What becomes of a refused filter is told with the dates.
        if not one.is_answered and not (one.says_no and name in check.trials):
            found = (one.outcome, one.status, one.cause, name in children)
            alike.setdefault(found, []).append(name)
    for (outcome, _, _, of_children), names in alike.items():
        if of_children and outcome is Outcome.NOT_FOUND:
            text = f"{', '.join(names)}: HTTP 404 for the one parent asked about"
            advice = "A sync counts such parents and goes on with the others"
            yield Finding("permission", Level.UNKNOWN, text, advice, {"streams": names})
        else:
            yield _unreadable(check, outcome, names)
    unasked = [spec.name for spec in check.specs if spec.name not in answers]
    if unasked:
        yield Finding(
            "permission",
            Level.UNKNOWN,
            f"not asked: {', '.join(unasked)}",
            "PX refuses more requests at present: run the check again in some minutes"
            if check.asker.is_shut_out
            else "To ask them, give a --catalog that selects fewer streams",
            {"not_asked": unasked},
        )


def _unreadable(check: CheckContext, outcome: Outcome, names: list[str]) -> Finding:
    listed = ", ".join(names)
    details = {"outcome": outcome.value, "streams": names}
    if outcome is Outcome.FORBIDDEN:
        skipped = check.settings.skip_forbidden_streams
        return Finding(
            "permission",
            Level.WARNING if skipped else Level.PROBLEM,
            f"the key may not read {listed} (HTTP 403)",
            "skip_forbidden_streams is set, so a sync leaves them out"
            if skipped
            else f"{_READ_PERMISSION}, or deselect the streams",
            details,
        )
    if outcome in _PASSING:
        advice = "A sync waits and tries again; ask again in some minutes to know more"
        return Finding("permission", Level.WARNING, f"{listed}: {outcome.value}", advice, details)
    if outcome in _ENDINGS:
        text, advice = _ENDINGS[outcome]
        return Finding("permission", Level.PROBLEM, f"{listed}: {text}", advice, details)
    status = check.answers[names[0]]
    cause = f" ({status.cause})" if status.cause else ""
    return Finding(
        "permission",
        Level.PROBLEM,
        f"{listed}: {status.in_words}{cause}",
        "Run the check again later; if it stays like this, deselect the streams and report it",
        details,
    )
