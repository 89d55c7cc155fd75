"""How PX leads from page to page: scroll ids, the largest page, the order, and how far back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import Paging, RangeParams, TimeFormat
from tap_gainsight_px.check.asker import Outcome
from tap_gainsight_px.check.context import scroll_id, time_of, total_hits
from tap_gainsight_px.check.report import Finding, Level
from tap_gainsight_px.check.trials import order_of
from tap_gainsight_px.reading.page_source import range_params
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.timestamps import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.check.context import CheckContext

_MONTH = 365 * DAY / 12
_MONTHS_KEPT = 36
_STRETCHES = 6
"""36 months in stretches that one request may ask for (190 days)."""


def ask_two_pages(check: CheckContext, spec: StreamSpec, params: Params) -> Iterator[Finding]:
    """Read the page after one that has been read, and compare the two.

    Args:
        check: What to ask with.
        spec: A stream that is read by scrolls, and whose first page has come.
        params: The parameters of that page.
    """
    answer, records = check.ask(spec, params)
    if answer is None or not answer.is_answered:
        return
    first_id = scroll_id(answer)
    if first_id is None or len(records) >= (total_hits(answer) or len(records)):
        text = f"{spec.name}: too few records for a second page"
        yield Finding("scroll_id", Level.UNKNOWN, text)
        return
    after, more = check.ask(spec, {**params, "scrollId": first_id})
    if after is None:
        return
    if not after.is_answered:
        yield Finding(
            "scroll_id",
            Level.WARNING if after.outcome is Outcome.LIMITED else Level.PROBLEM,
            f"{spec.name}: the second page of a scroll could not be read ({after.in_words})",
            "Run the check again; if it stays like this, attach this report to an issue",
        )
        return
    keys = {str(record.get(spec.primary_keys[0])) for record in records}
    if more and all(str(record.get(spec.primary_keys[0])) in keys for record in more):
        yield Finding(
            "scroll_id",
            Level.PROBLEM,
            f"{spec.name}: the second page of a scroll holds the records of the first",
            "A sync would not end: attach this report to an issue",
        )
        return
    same = scroll_id(after) == first_id
    text = "stays the same" if same else "changes" if scroll_id(after) else "ends"
    yield Finding(
        "scroll_id",
        Level.OK,
        f"{spec.name}: the scrollId {text} from page 1 to page 2; the tap takes either",
        details={"stream": spec.name, "from_page_1_to_2": text, "empty_page": not more},
    )


def ask_largest_page(check: CheckContext, spec: StreamSpec, params: Params) -> Iterator[Finding]:
    """Ask for a page of the size that a sync asks for, and for a smaller one if it is refused.

    Args:
        check: What to ask with.
        spec: A stream that is read by scrolls.
        params: Parameters besides the size of a page.
    """
    most = min(spec.page_size_max or 1, check.settings.page_size)
    for size in sorted({most, most // 2, most // 10} - {0}, reverse=True):
        answer, records = check.ask(spec, {**params, "pageSize": size})
        if answer is None or not (answer.is_answered or answer.says_no):
            return
        if answer.says_no:
            continue
        is_cut = len(records) < min(size, total_hits(answer) or 0)
        details = {"stream": spec.name, "size": size, "is_cut": is_cut}
        if size < most:
            text = f"{spec.name}: a page of {most} is refused, one of {size} is accepted"
            yield Finding("largest_page", Level.PROBLEM, text, f"Set page_size to {size}", details)
        elif is_cut:
            text = f"{spec.name}: a page of {size} is accepted, but a shorter one comes"
            yield Finding("largest_page", Level.NOTE, text, "The tap reads on", details)
        else:
            text = f"{spec.name}: a page of {size} is accepted"
            yield Finding("largest_page", Level.OK, text, details=details)
        return
    text = f"{spec.name}: a page of {most} is refused, and of {most // 10} too"
    yield Finding("largest_page", Level.PROBLEM, text, "Set page_size to a smaller value")


def orders(check: CheckContext) -> Iterator[Finding]:
    """Say in which order records come where no order is asked for."""
    found = {
        spec.name: order_of([time_of(one, spec.replication_key) for one in records])
        for spec in check.specs
        if spec.replication_key is not None
        and spec.paging is Paging.SCROLL
        and (records := check.unsorted.get(spec.name))
    }
    if not found:
        return
    counts = Counter(found.values())
    listed = ", ".join(f"{order} in {count}" for order, count in counts.most_common())
    yield Finding(
        "order",
        Level.UNKNOWN if set(counts) == {"unknown"} else Level.OK,
        f"without sort, the order by date is: {listed}; the tap sorts by itself",
        details=found,
    )


def ask_oldest(check: CheckContext, spec: StreamSpec) -> Iterator[Finding]:
    """Find the oldest events of one kind in a few requests, by halving."""
    time_range = spec.time_range
    if time_range is None:
        return
    trial = check.trials.get(spec.name)
    form = (trial and trial.working) or TimeFormat.ISO
    length = int(_MONTHS_KEPT * _MONTH) // _STRETCHES
    low, high, oldest = 0, _STRETCHES - 1, None
    while low <= high:
        middle = (low + high) // 2
        start = check.now - (_STRETCHES - middle) * length
        window = Window(start // DAY * DAY, (start + length) // DAY * DAY)
        params = {**range_params(time_range, window, form), "sort": time_range.field}
        answer, records = check.ask(spec, {**params, "pageSize": check.page_size})
        if answer is None or not answer.is_answered:
            break
        dates = [time_of(one, time_range.field) or 0 for one in records]
        if not all(window.start <= date < window.end for date in dates):
            break
        if dates:
            oldest, high = min(dates), middle - 1
        else:
            low = middle + 1
    else:
        yield _age(spec, check.now, oldest)
        return
    yield Finding("oldest_event", Level.UNKNOWN, f"{spec.name}: not found out")


def _age(spec: StreamSpec, now: int, oldest: int | None) -> Finding:
    if oldest is None:
        text = f"{spec.name}: no event of the last {_MONTHS_KEPT} months came"
        return Finding("oldest_event", Level.UNKNOWN, text)
    months = round((now - oldest) / _MONTH)
    text = f"{spec.name}: the oldest that a few requests found is {months} months old"
    return Finding(
        "oldest_event",
        Level.OK,
        f"{text}; PX keeps {_MONTHS_KEPT}",
        details={"stream": spec.name, "months": months},
    )


def takes_filter(spec: StreamSpec) -> bool:
    """Whether a stream is asked for a stretch of time by `filter`."""
    time_range = spec.time_range
    return bool(time_range and time_range.documented and time_range.params is not RangeParams.RANGE)
