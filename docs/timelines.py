"""Timelines of syncs, drawn from what the tap asks: each bar is a request that a sandbox got.

Every run is a real one, by a clock that the drawing turns. What it asked is taken from the log of
the sandbox, what counts as read from its STATE.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docs.drawings import Drawing
from px_sandbox import ManualClock, SandboxServer, World
from tap_gainsight_px.errors import TapError
from tap_gainsight_px.tap import TapGainsightPx
from tap_gainsight_px.timestamps import DAY, SECOND, parse, parse_value, to_iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from px_sandbox.request_log import LoggedRequest

# 2026-06-10T12:00:00Z: the drawings stay the same from day to day.
_NOW = 1_781_092_800_000
_HOUR = DAY // 24

_LEFT, _WIDE, _ROW, _BAR = 190, 600, 17, 13
_LETTER = 7
_PAGE = 1_000


@dataclass
class Bar:
    """What was asked about one stretch of time: its first page, and those that followed."""

    start: int | None
    """Epoch milliseconds; None for everything there is."""
    end: int | None
    page_size: int
    records: int
    pages: int = 1
    is_split: bool = False
    """Whether only parts of it were read on."""

    @property
    def is_read(self) -> bool:
        """Whether its records were written out."""
        return self.page_size > 1 and not self.is_split

    @property
    def text(self) -> str:
        """What came of it."""
        if self.is_split:
            return "too many, so in parts"
        if self.page_size == 1:
            return "how many?"
        pages = f", {self.pages} pages" if self.pages > 1 else ""
        return f"{self.records} record{'' if self.records == 1 else 's'}{pages}"


@dataclass
class Run:
    """What one run asked, and what STATE says after it."""

    title: str
    now: int
    bars: list[Bar]
    read: tuple[int, int] | None
    """From where to where all has been read."""
    activates: bool


@dataclass
class Stage:
    """A sandbox with one stream on it, and the STATE between runs."""

    stream: str
    path: str
    world: World
    server: SandboxServer
    config: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def at(self, now: int) -> Stage:
        """Turn the clock."""
        self.world.clock = ManualClock(now)
        return self

    def run(self, title: str, **settings: Any) -> None:
        """Let the tap run once, alone with one request at a time, so that their order is told."""
        self.server.requests.clear()
        written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
        with contextlib.redirect_stdout(written), signals_kept():
            tap = TapGainsightPx(
                clock=self.world.clock.now_ms,
                config={
                    "api_key": self.server.api_key,
                    "api_url": self.server.url,
                    "requests_per_second": 200,
                    "max_workers": 1,
                    **self.config,
                    **settings,
                },
                state=self.state,
                catalog={"streams": [{"tap_stream_id": self.stream}]},
                parse_env_config=False,
            )
            # `max_requests` ends a run early: the next one goes on.
            with contextlib.suppress(TapError):
                tap.sync_all()
            with contextlib.suppress(TapError):
                tap.finish()
            written.flush()
        assert isinstance(written.buffer, io.BytesIO)  # noqa: S101 - made above
        lines = written.buffer.getvalue().decode().split("\n")
        messages = [json.loads(line) for line in lines if line]
        self.state = [one["value"] for one in messages if one["type"] == "STATE"][-1]
        entry = self.state["bookmarks"][self.stream]
        edges = [entry.get(name) for name in ("read_from", "replication_key_value")]
        self.runs.append(
            Run(
                title,
                self.world.clock.now_ms(),
                _bars([one for one in self.server.requests if one.path == self.path]),
                (parse(edges[0]), parse(edges[1])) if all(edges) else None,
                any(one["type"] == "ACTIVATE_VERSION" for one in messages),
            )
        )


def _bars(requests: Sequence[LoggedRequest]) -> list[Bar]:
    """Return what was asked, without the pages that follow a first one."""
    bars: list[Bar] = []
    for one in requests:
        if "scrollId" in one.params:
            bars[-1].pages += 1
            bars[-1].records += one.records
            continue
        times = re.findall(r"[<>]=?([^;]+)", str(one.params.get("filter", "")))
        start, end = map(parse_value, times) if times else (None, None)
        bars.append(Bar(start, end, int(str(one.params["pageSize"])), one.records))
    for number, bar in enumerate(bars):
        bar.is_split = bar.page_size > 1 and any(
            (later.start, later.end) != (bar.start, bar.end) and _lies_in(later, bar)
            for later in bars[number + 1 :]
        )
    return bars


def _lies_in(bar: Bar, other: Bar) -> bool:
    if None in {bar.start, bar.end, other.start, other.end}:
        return False
    return other.start <= bar.start and bar.end <= other.end  # type: ignore[operator]


@contextlib.contextmanager
def stage(stream: str, records: Sequence[dict[str, Any]], **config: Any) -> Iterator[Stage]:
    """Serve these records of a stream."""
    world = World(ManualClock(_NOW))
    world.put_many(stream, records)
    path = {"custom_events": "/v1/events/custom", "users": "/v1/users"}[stream]
    with SandboxServer(world) as server:
        yield Stage(stream, path, world, server, config)


def events(first: int, last: int, step: int) -> list[dict[str, Any]]:
    """Return an event every so many milliseconds."""
    return [
        {"eventId": f"{first} {at}", "eventName": "clicked", "date": at}
        for at in range(first, last, step)
    ]


def timelines() -> dict[str, str]:
    """Return the timelines of the page on incremental syncs, by file name."""
    return {
        "first-sync.svg": _first_sync(),
        "later-sync.svg": _later_sync(),
        "recheck.svg": _recheck(),
        "full-reading.svg": _full_reading(),
        "newest-first.svg": _newest_first(),
        "start-date-back.svg": _start_date_back(),
    }


def _first_sync() -> str:
    start = _NOW - 500 * DAY
    burst = events(_NOW - 270 * DAY, _NOW - 260 * DAY, _HOUR)
    usual = events(start, _NOW, 8 * _HOUR)
    with stage("custom_events", [*usual, *burst], window_max_records=700) as on:
        on.run("first sync", start_date=to_iso(start))
    return draw("A first sync of events, oldest first", on.runs, start, _NOW)


def _later_sync() -> str:
    start = _NOW - 8 * _HOUR
    with stage("custom_events", events(start, _NOW, _HOUR // 4), recheck_days=0) as on:
        for title, hours in (("first sync", 2), ("an hour later", 1), ("and another", 0)):
            on.at(_NOW - hours * _HOUR).run(title, start_date=to_iso(start))
    return draw(
        "Hourly syncs: each begins lookback_seconds before the bookmark", on.runs, start, _NOW
    )


def _recheck() -> str:
    start = _NOW - 36 * DAY
    with stage("custom_events", events(start, _NOW, _HOUR // 12)) as on:
        on.at(_NOW - 2 * _HOUR).run("first sync", start_date=to_iso(start))
        on.at(_NOW - _HOUR).run("nothing has changed", start_date=to_iso(start))
        late = {"eventId": "late", "eventName": "clicked", "date": _NOW - 17 * DAY + 1}
        on.world.put("custom_events", late)
        on.at(_NOW).run("one event came late", start_date=to_iso(start))
    return draw(
        "Rechecks: do the last 30 days hold as many events as before? If not, which of them?",
        on.runs[1:],
        start,
        _NOW,
    )


def _full_reading() -> str:
    start = _NOW - 9 * DAY
    users = [
        {"aptrinsicId": f"u{n}", "identifyId": f"u{n}", "lastModifiedDate": start + n * _HOUR * 8}
        for n in range(27)
    ]
    with stage("users", users, lookback_seconds=0) as on:
        for day in range(1, 10):
            on.at(start + day * DAY).run(f"day {day}")
    for run in on.runs:
        # Beside these, a few small requests try whether the filter works.
        run.bars = [
            one
            for one in run.bars
            if one.page_size == _PAGE
            and (one.start is None or (one.start < run.now and _width(one) > SECOND))
        ]
    return draw(
        "Daily syncs of users: what has changed, and every seven days everybody, in one scroll",
        on.runs,
        start,
        _NOW,
    )


def _newest_first() -> str:
    start = _NOW - 500 * DAY
    settings = {"start_date": to_iso(start), "first_sync": "newest_first"}
    with stage("custom_events", events(start, _NOW, 8 * _HOUR), recheck_days=0) as on:
        on.at(_NOW - 30 * DAY).run("first run, interrupted", **settings, max_requests=3)
        on.at(_NOW).run("30 days later", **settings)
    return draw(
        "first_sync: newest_first: the latest week, then the past backwards", on.runs, start, _NOW
    )


def _start_date_back() -> str:
    start = _NOW - 500 * DAY
    with stage("custom_events", events(start, _NOW, 8 * _HOUR), recheck_days=0) as on:
        on.at(_NOW - 20 * DAY).run("first sync", start_date=to_iso(_NOW - 120 * DAY))
        on.at(_NOW).run("start_date moved back", start_date=to_iso(start))
    return draw("start_date moved back: only what is missing is read", on.runs, start, _NOW)


def _width(bar: Bar) -> int:
    return 0 if bar.start is None or bar.end is None else bar.end - bar.start


def draw(label: str, runs: Sequence[Run], start: int, end: int) -> str:
    """Return a drawing in which time goes to the right, and the requests of a run go down.

    Args:
        label: What it shows.
        runs: What was asked.
        start: Left edge, epoch milliseconds.
        end: Right edge.
    """
    rows = sum(len(one.bars) + bool(one.read) + one.activates for one in runs)
    drawing = Drawing(820, 98 + _ROW * rows + 12 * len(runs), label)
    drawing.text(16, 24, label, "head")
    y = 40.0
    for run in runs:
        drawing.text(16, y + 11, run.title, "note")
        for number, one in enumerate(run.bars, 1):
            left, right = _place(one.start, start, end), _place(one.end, start, end, default=1)
            width = max(right - left - 1, 3)
            drawing.box(left, y, width, _BAR, "read" if one.is_read else "wait")
            drawing.text(_LEFT - 8, y + 11, str(number), "note", "end")
            _label(drawing, one, (left, left + width), y + 11)
            y += _ROW
        if run.activates:
            drawing.text(_LEFT, y + 10, "ACTIVATE_VERSION: who was not read is deleted", "note")
            y += _ROW
        if run.read is not None:
            left, right = (_place(edge, start, end) for edge in run.read)
            drawing.text(16, y + 11, "read, says STATE", "note")
            drawing.line((left, y + 2), (left, y + 9), (right, y + 9), (right, y + 2))
            y += _ROW
        y += 12
    for at in _ticks(start, end):
        x = _place(at, start, end)
        drawing.line((x, y), (x, y + 6))
        drawing.text(x, y + 20, _written(at, end - start), "note", "middle")
    drawing.text(
        16,
        y + 44,
        "Dates of the records go to the right, requests of a run down. Blue: read and written out.",
        "note",
    )
    return drawing.svg()


def _label(drawing: Drawing, bar: Bar, edges: tuple[float, float], y: float) -> None:
    """Put the text of a bar beside it, or into it where there is no room."""
    (left, right), width = edges, _LETTER * len(bar.text)
    if right + width < _LEFT + _WIDE:
        drawing.text(right + 6, y, bar.text, "note")
    elif left - width > _LEFT:
        drawing.text(left - 6, y, bar.text, "note", "end")
    elif right - left > width:
        drawing.text(left + 8, y, bar.text, "note on" if bar.is_read else "note")


def _place(at: int | None, start: int, end: int, *, default: float = 0) -> float:
    share = default if at is None else min(max((at - start) / (end - start), 0), 1)
    return _LEFT + _WIDE * share


def _ticks(start: int, end: int) -> Iterator[int]:
    """Yield about six moments that are round to people."""
    steps = (_HOUR, 2 * _HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 30 * DAY, 100 * DAY)
    step = next((one for one in steps if (end - start) / one <= 8), steps[-1])  # noqa: PLR2004
    yield from range(-(-start // step) * step, end + 1, step)


def _written(at: int, width: int) -> str:
    return time.strftime("%H:%M" if width < DAY else "%d %b %Y", time.gmtime(at // 1_000))


@contextlib.contextmanager
def signals_kept() -> Iterator[None]:
    """Take back the signal handlers that a tap installs."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
