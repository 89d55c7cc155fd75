"""The check as a whole: which requests, in which order, and the report."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from singer_sdk.helpers._packaging import get_package_version

from tap_gainsight_px.api.rate_limit import RateLimit
from tap_gainsight_px.api.transport import Transport
from tap_gainsight_px.catalog.spec import Paging
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.check import access, dates, manners, paging
from tap_gainsight_px.check.asker import MOST_REQUESTS, Asker
from tap_gainsight_px.check.context import CheckContext
from tap_gainsight_px.check.report import Finding, Level, Report
from tap_gainsight_px.reading.page_source import PageRequest, range_params
from tap_gainsight_px.settings import CUSTOM, PACKAGE, REGIONS, Settings
from tap_gainsight_px.timestamps import to_iso_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from singer_sdk.singerlib import Catalog

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.catalog.spec import StreamSpec

logger = logging.getLogger(__name__)

# Kept for the probes at the end while there are streams left to ask about.
_RESERVED = 4
_FOR_PAGES = 4


def selected(specs: Iterable[StreamSpec], catalog: Catalog | None) -> list[StreamSpec]:
    """Return the streams that a catalog selects; without one, those selected by default."""
    if catalog is None:
        return [spec for spec in specs if spec.selected_by_default]
    entries = ((spec, catalog.get_stream(spec.name)) for spec in specs)
    return [spec for spec, entry in entries if entry and entry.metadata.resolve_selection()[()]]


def run_check(
    settings: Settings,
    specs: Sequence[StreamSpec],
    *,
    region: str,
    wait: Callable[[float], None],
    clock: Callable[[], int],
    regions: Mapping[str, str] = REGIONS,
) -> Report:
    """Ask PX and return what was found.

    Args:
        settings: The settings of the sync that is to work.
        specs: The streams that the sync would read.
        region: The data centre of the settings, or `CUSTOM`: then no other one is asked.
        wait: Waits that many seconds; may raise to end the check.
        clock: Tells the time in epoch milliseconds.
        regions: Base addresses of the data centres.

    Raises:
        StoppedError: The check was asked to end.
    """

    def asker(address: str, most: int) -> Asker:
        rate_limit = RateLimit(settings.requests_per_second, clock=time.monotonic, wait=wait)
        transport = Transport(replace(settings, api_url=address), rate_limit, wait)
        return Asker(transport.answer, address, wait, clock, most)

    logger.info("Asking PX up to %d times, a second apart, with one try each", MOST_REQUESTS)
    most = min(MOST_REQUESTS, settings.max_requests or MOST_REQUESTS)
    check = CheckContext(asker(settings.api_url, most), settings, _ordered(specs))
    others = {} if region == CUSTOM else {n: a for n, a in regions.items() if n != region}
    elsewhere = {name: asker(address, 1) for name, address in others.items()}
    findings = tuple(_findings(check, region, elsewhere))
    return Report(
        version=get_package_version(PACKAGE),
        region=region,
        checked_at=to_iso_seconds(settings.run_start),
        requests=sum(len(one.answers) for one in (check.asker, *elsewhere.values())),
        findings=findings,
    )


def _ordered(specs: Sequence[StreamSpec]) -> list[StreamSpec]:
    """Return one stream for each endpoint: people, then events and others in turn, then children.

    Where the requests do not suffice for all, some of each family are asked about.
    """
    # Children are asked about by the ids of their parents. A custom event that is a stream of its
    # own has a name that the customer chose: its endpoint is known by another.
    parents = {spec.parent.stream for spec in specs if spec.parent}
    paths = {spec.path for spec in specs} | {one.path for one in STREAMS if one.name in parents}
    one_each = [spec for spec in STREAMS if spec.path in paths]
    seen: Counter[str] = Counter()
    ranks = {}
    for number, spec in enumerate(one_each):
        family = "events" if paging.takes_filter(spec) else "others"
        seen[family] += 1
        is_person = spec.time_range is not None and not spec.time_range.documented
        first = (not is_person, spec.name != "users") if is_person else (True, True)
        ranks[spec.name] = (*first, spec.parent is not None, seen[family], number)
    return sorted(one_each, key=lambda spec: ranks[spec.name])


def _findings(
    check: CheckContext, region: str, elsewhere: Mapping[str, Asker]
) -> Iterator[Finding]:
    if not check.specs:
        yield Finding("permission", Level.UNKNOWN, "no stream is selected, so nothing was asked")
        return
    if check.settings.sends_key_in_the_clear:
        yield Finding("key", Level.WARNING, "api_url is http: the API key is sent unencrypted")
    contact = list(access.first_contact(check, region, elsewhere))
    yield from contact
    if not any(one.level is Level.PROBLEM for one in contact):
        behaviour = list(_ask_all(check))
        yield from access.permissions(check)
        yield from dates.date_forms(check)
        yield from sorted(behaviour, key=lambda one: _SHOWN.index(one.topic))
        yield from paging.orders(check)
        yield from manners.totals(check)
        yield from manners.schemas(check)
    yield from manners.clock(check.asker.answers)
    yield from manners.limits(check.asker.answers)


_SHOWN = (
    "last_modified_filter",
    "last_modified_sort",
    "scroll_id",
    "largest_page",
    "oldest_event",
    "error_shape",
)


def _ask_all(check: CheckContext) -> Iterator[Finding]:
    people = [one for one in check.specs if one.time_range and not one.time_range.documented]
    events = [one for one in check.specs if paging.takes_filter(one)]
    for spec in people:
        yield from dates.ask_people(check, spec)
    if people:
        yield from _ask_pages(check, people[0], {})
    reserved = _RESERVED if people else _RESERVED + _FOR_PAGES
    for spec in check.specs:
        if check.asker.left > reserved and spec not in people:
            _ask_once(check, spec)
    if events and not people:
        yield from _ask_pages_of_events(check, events[0])
    if events:
        with_records = [one for one in events if check.records.get(one.name)]
        yield from paging.ask_oldest(check, (with_records or events)[0])
    paged = [one for one in check.specs if one.paging is not Paging.SINGLE]
    if paged:
        yield from manners.ask_error(check, paged[0])


def _ask_pages(check: CheckContext, spec: StreamSpec, params: Params) -> Iterator[Finding]:
    yield from paging.ask_two_pages(check, spec, {**params, "pageSize": check.page_size})
    yield from paging.ask_largest_page(check, spec, params)


def _ask_pages_of_events(check: CheckContext, spec: StreamSpec) -> Iterator[Finding]:
    trial = check.trials.get(spec.name)
    if trial is not None and trial.working is not None and spec.time_range is not None:
        window = range_params(spec.time_range, check.window, trial.working)
        yield from _ask_pages(check, spec, window)


def _ask_once(check: CheckContext, spec: StreamSpec) -> None:
    """Ask about one stream, as cheaply as its endpoint allows."""
    if paging.takes_filter(spec):
        dates.ask_events(check, spec)
        return
    parent = None
    if spec.parent is not None:
        known = (one.get(spec.parent.field) for one in check.records.get(spec.parent.stream, ()))
        parent = next((str(one) for one in known if one), None)
        if parent is None:
            return
    window = None
    if spec.time_range is not None:
        granularity = spec.time_range.granularity
        window = check.sum_window(granularity) if granularity else check.window
    request = PageRequest(spec, window, parent=parent)
    check.ask(spec, {**request.params, **check.paging_params(spec)}, request)
