"""How PX takes dates: in filters of events, and in filters and sorts of users and accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import RangeParams, TimeFormat
from tap_gainsight_px.check.context import time_of, total_hits
from tap_gainsight_px.check.report import Finding, Level
from tap_gainsight_px.check.trials import FORMAT_WORDS, Result, Trial, order_of, result_of
from tap_gainsight_px.reading.page_source import range_params
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.timestamps import SECOND, floor_second

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_gainsight_px.catalog.spec import StreamSpec, TimeRange
    from tap_gainsight_px.check.context import CheckContext, Record


def _range(spec: StreamSpec) -> TimeRange:
    assert spec.time_range is not None  # noqa: S101 - only streams with dates come here
    return spec.time_range


def _dates(spec: StreamSpec, records: list[Record]) -> list[int | None]:
    return [time_of(record, _range(spec).field) for record in records]


def _forms(time_range: TimeRange) -> list[TimeFormat]:
    """Return the ways of writing a time, those that the tap uses first."""
    used = time_range.time_formats
    return [*used, *(form for form in TimeFormat if form not in used)]


# Events


def ask_events(check: CheckContext, spec: StreamSpec) -> None:
    """Ask for a month of one kind of event, by `filter` alone, until a form of date works."""
    time_range = _range(spec)
    if time_range.params is RangeParams.BOTH:
        time_range = replace(time_range, params=RangeParams.FILTER)
    results = []
    for form in _forms(time_range):
        params = {**range_params(time_range, check.window, form), "pageSize": check.page_size}
        answer, records = check.ask(spec, params)
        dates = _dates(spec, records)
        results.append((form, result_of(answer, dates, check.window, empty=Result.NO_RECORDS)))
        if results[-1][1] not in {Result.REFUSED, Result.IGNORED}:
            break
    check.trials[spec.name] = Trial(spec.name, tuple(results))


def date_forms(check: CheckContext) -> Iterator[Finding]:
    """Say which form of date each kind of event takes in `filter`."""
    events = {
        spec.name: spec
        for spec in check.specs
        if spec.time_range and spec.time_range.documented and spec.name in check.trials
    }
    trials = [check.trials[name] for name in events]
    for form in TimeFormat:
        for result in (Result.WORKS, Result.NO_RECORDS):
            names = [one.stream for one in trials if (form, result) == one.results[0]]
            if names:
                yield _as_expected(form, result, names)
    alike: dict[tuple[object, Level, str], list[Trial]] = {}
    for trial in trials:
        if trial.results[0][1] in {Result.REFUSED, Result.IGNORED}:
            level, advice = _meaning(_range(events[trial.stream]), trial)
            alike.setdefault((trial.results, level, advice), []).append(trial)
    for (_, level, advice), same in alike.items():
        names = [trial.stream for trial in same]
        yield Finding(
            "date_form",
            level,
            f"{same[0].in_words}: {', '.join(names)}",
            advice,
            {"streams": names, "results": same[0].details},
        )


def _as_expected(form: TimeFormat, result: Result, names: list[str]) -> Finding:
    listed = ", ".join(names)
    details = {"form": form.value, "result": result.value, "streams": names}
    if result is Result.WORKS:
        return Finding("date_form", Level.OK, f"{FORMAT_WORDS[form]} works: {listed}", "", details)
    text = f"{FORMAT_WORDS[form]} is accepted, but no event came to tell by: {listed}"
    return Finding("date_form", Level.UNKNOWN, text, "", details)


def _meaning(time_range: TimeRange, trial: Trial) -> tuple[Level, str]:
    """Return what it means where the first form of date does not work, and what to do."""
    if trial.working in time_range.time_formats:
        return Level.NOTE, "The tap finds this out by itself"
    is_ignored = all(result is Result.IGNORED for _, result in trial.results)
    if is_ignored and time_range.params is RangeParams.BOTH:
        advice = "The tap sends dateRangeStart and dateRangeEnd too, and checks every record"
        return Level.WARNING, advice
    advice = "A sync of these streams would fail: deselect them and attach this report to an issue"
    return Level.PROBLEM, advice


# Users and accounts


def ask_people(check: CheckContext, spec: StreamSpec) -> Iterator[Finding]:
    """Ask for users or accounts: some, those of one date by a filter, and by a sort."""
    answer, sample = check.ask(spec, {"pageSize": check.page_size})
    if answer is None or not answer.is_answered:
        return
    known = [date for date in _dates(spec, sample) if date is not None]
    if not known:
        text = f"{spec.name}: no record with a {_range(spec).field} to tell by"
        yield Finding("last_modified_filter", Level.UNKNOWN, text)
        return
    total = total_hits(answer)
    trial = check.trials[spec.name] = _filter_trial(check, spec, min(known), total)
    sort = _sort_result(check, spec, max(known))
    yield from _filter_findings(spec, trial, sort)


def _filter_trial(check: CheckContext, spec: StreamSpec, known: int, total: int | None) -> Trial:
    """Look for a record by its known date."""
    second = floor_second(known)
    window = Window(second, second + SECOND)
    results = []
    for form in _forms(_range(spec)):
        params = {**range_params(_range(spec), window, form), "pageSize": check.page_size}
        answer, records = check.ask(spec, params)
        result = result_of(answer, _dates(spec, records), window, empty=Result.IGNORED)
        if result is Result.WORKS and answer is not None and total == total_hits(answer):
            result = Result.NO_RECORDS  # all records have this date, with a filter or without
        results.append((form, result))
        if result not in {Result.REFUSED, Result.IGNORED}:
            break
    return Trial(spec.name, tuple(results))


def _sort_result(check: CheckContext, spec: StreamSpec, newest_known: int) -> Result:
    """Ask for the newest first."""
    sort = {"sort": f"-{_range(spec).field}"}
    answer, records = check.ask(spec, {**sort, "pageSize": check.page_size})
    if answer is not None and answer.says_no:
        return Result.REFUSED
    if answer is None or not answer.is_answered:
        return Result.NOT_TRIED
    dates = _dates(spec, records)
    known = [date for date in dates if date is not None]
    if known and known[0] < newest_known:
        return Result.IGNORED
    order = order_of(dates)
    if order == "unknown":
        return Result.NO_RECORDS
    return Result.WORKS if order == "descending" else Result.IGNORED


def _filter_findings(spec: StreamSpec, trial: Trial, sort: Result) -> Iterator[Finding]:
    name, field = spec.name, _range(spec).field
    works = trial.working is not None
    bad = trial.results[-1][1] in {Result.REFUSED, Result.IGNORED}
    level = Level.WARNING if bad else Level.OK if works else Level.UNKNOWN
    if trial.results[-1][1] is Result.NO_RECORDS:
        level = Level.UNKNOWN
    advice = ""
    if bad:
        how = "the newest first, by sort" if sort is Result.WORKS else "all of them"
        advice = f"The tap finds this out: each later sync reads {how}"
    yield Finding(
        "last_modified_filter",
        level,
        f"{name}: filter by {field}: {trial.in_words}",
        advice,
        {"stream": name, "results": trial.details},
    )
    levels = {Result.WORKS: Level.OK, Result.REFUSED: Level.NOTE, Result.IGNORED: Level.NOTE}
    yield Finding(
        "last_modified_sort",
        levels.get(sort, Level.UNKNOWN),
        f"{name}: sort by -{field}: {sort.value}",
        "" if sort is Result.WORKS or bad else "The tap needs it only where the filter fails",
        {"stream": name, "result": sort.value},
    )
