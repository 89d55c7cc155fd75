"""What the probes of one check share: whom to ask, and what has come so far."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.spec import Granularity, Paging
from tap_gainsight_px.check.asker import Outcome
from tap_gainsight_px.reading.page_source import PageRequest
from tap_gainsight_px.reading.windows import Window
from tap_gainsight_px.timestamps import DAY, SECOND, parse_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_gainsight_px.api.transport import Params
    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.check.asker import Answer, Asker
    from tap_gainsight_px.check.trials import Trial
    from tap_gainsight_px.settings import Settings

Record = dict[str, Any]

_FEWEST_ROWS = 20
_DAYS_ASKED = 30
# Without a range PX gives the last day only: events from there betray an ignored filter.
_DAYS_BEFORE_NOW = 2
_MONDAY = 4 * DAY  # 1970-01-05


@dataclass
class CheckContext:
    """What the probes of one check share.

    Attributes:
        asker: Sends the requests.
        settings: The settings of the sync that is to work.
        specs: The streams to ask about, in the order in which they are asked.
        answers: The first answer about each stream, by its name; that of a later request where
            only that was answered.
        trials: What was tried with dates, by the name of the stream.
        records: All records that came, by the name of their stream.
        totals: `totalHits` of each answer of a stream that is read by scrolls.
        unsorted: The first of them that came without a sort.
    """

    asker: Asker
    settings: Settings
    specs: Sequence[StreamSpec]
    answers: dict[str, Answer] = field(default_factory=dict)
    trials: dict[str, Trial] = field(default_factory=dict)
    records: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    totals: dict[str, list[int | None]] = field(default_factory=lambda: defaultdict(list))
    unsorted: dict[str, list[Record]] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """When the check began, epoch milliseconds on a whole second."""
        return self.settings.run_start

    @property
    def page_size(self) -> int:
        """Records that are asked for at once.

        It differs from one check to the next: PX refuses a request that equals an earlier one.
        """
        return min(self.settings.page_size, _FEWEST_ROWS + self.now // SECOND % _FEWEST_ROWS)

    @property
    def window(self) -> Window:
        """The stretch of time that events are asked for."""
        end = self.now - _DAYS_BEFORE_NOW * DAY
        return Window(end - _DAYS_ASKED * DAY, end)

    def paging_params(self, spec: StreamSpec) -> dict[str, str | int]:
        """Return the parameters that ask for the first page of a stream, a small one."""
        size = min(self.page_size, spec.page_size_max or 0)
        if spec.paging is Paging.PAGE_NUMBER:
            return {"pageSize": size, "pageNumber": 0}
        return {"pageSize": size} if spec.paging is Paging.SCROLL else {}

    def sum_window(self, granularity: Granularity) -> Window:
        """Return the last day or week that is over."""
        if granularity is Granularity.DAY:
            end = self.now // DAY * DAY
            return Window(end - DAY, end)
        end = (self.now - _MONDAY) // (7 * DAY) * 7 * DAY + _MONDAY
        return Window(end - 7 * DAY, end)

    def ask(
        self, spec: StreamSpec, params: Params, request: PageRequest | None = None
    ) -> tuple[Answer | None, list[Record]]:
        """Return the answer to a request for records of a stream, and the records in it.

        Args:
            spec: The stream.
            params: Parameters besides those of every request of the stream.
            request: Names the parent; None without one.
        """
        answer, records = self.ask_aside(spec, params, request)
        if answer is not None:
            if answer.is_answered and spec.paging is Paging.SCROLL:
                self.totals[spec.name].append(total_hits(answer))
            before = self.answers.get(spec.name)
            if before is None or (answer.is_answered and not before.is_answered):
                self.answers[spec.name] = answer
            self.records[spec.name] += records
            if records and "sort" not in params:
                self.unsorted.setdefault(spec.name, records)
        return answer, records

    def ask_aside(
        self, spec: StreamSpec, params: Params, request: PageRequest | None = None
    ) -> tuple[Answer | None, list[Record]]:
        """Return the same, but leave what it says out of what is known about the stream."""
        request = request or PageRequest(spec)
        answer = self.asker.ask(request.path, {**spec.params, **params})
        if answer is None or not answer.is_answered:
            return answer, []
        records = _records(spec, answer)
        if records is None:
            cause = "the answer holds no list of records"
            return replace(answer, outcome=Outcome.BROKEN, cause=cause), []
        return answer, records


def _records(spec: StreamSpec, answer: Answer) -> list[Record] | None:
    """Return the records of an answer; None where they are not where they belong."""
    found: Any
    content = answer.content
    if content is None and (spec.parent or answer.status == 204):  # noqa: PLR2004
        return []
    if spec.records_key is None:
        found = content if isinstance(content, list) else [content]
    elif not isinstance(content, dict):
        return None
    else:
        found = content.get(spec.records_key)
        if found is None and content.get("totalHits") == 0:
            return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        return None
    records: list[Record] = found
    return records


def total_hits(answer: Answer) -> int | None:
    """Return `totalHits` of an answer."""
    content = answer.content
    told = content.get("totalHits") if isinstance(content, dict) else None
    return told if type(told) is int else None


def scroll_id(answer: Answer) -> str | None:
    """Return the `scrollId` of an answer."""
    content = answer.content
    told = content.get("scrollId") if isinstance(content, dict) else None
    return str(told) if told else None


def time_of(record: Record, name: str) -> int | None:
    """Return a date of a record as epoch milliseconds; None where it has none that is known."""
    value = record.get(name)
    if isinstance(value, str):
        try:
            # As a sync reads it: PX may write a number as text.
            return parse_value(value) or None
        except ValueError:
            return None
    return value if type(value) is int and value else None
