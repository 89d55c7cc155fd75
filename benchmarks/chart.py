"""The two main figures as one SVG, readable on light and on dark."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from benchmarks import contenders
from benchmarks.sections import cpu
from benchmarks.tables import middle, rate, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDTH = 820
_LABELS = 290  # where the bars begin
_LONGEST = _WIDTH - _LABELS - 90
_ROW = 26
_BAR = 16
_STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #57606a }
  .title { font-weight: 600; font-size: 15px }
  .ours { fill: #2f81f7 }
  .theirs { fill: #8c959f }
  @media (prefers-color-scheme: dark) { text { fill: #adbac7 } .theirs { fill: #768390 } }
"""


@dataclass(frozen=True)
class _Bar:
    label: str
    value: float
    ours: bool
    least: float
    most: float


def draw(cpu_figures: dict[str, Any], waiting_figures: dict[str, Any]) -> str:
    """Return the drawing: records per CPU second above, wall time below."""
    body: list[str] = []
    top = _panel(
        body,
        24,
        "Records per CPU second, start-up not counted (more is better)",
        _cpu_bars(cpu_figures),
        rate,
    )
    title = f"Seconds for {waiting_figures['records']:,} events with 200 ms a page (less is better)"
    height = _panel(
        body, top + 22, title, _waiting_bars(waiting_figures), lambda one: f"{seconds(one)} s"
    )
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
                f'width="{_WIDTH}" height="{height}" role="img" '
                'aria-label="Records per CPU second and wall time of the tap and its peers">'
            ),
            f"<style>{_STYLE}</style>",
            *body,
            "</svg>",
            "",
        ]
    )


def _cpu_bars(figures: dict[str, Any]) -> list[_Bar]:
    bars = []
    for one in contenders.ALL:
        if one.key not in figures["runs"]:
            continue
        rates = cpu.marginals(figures, one.key)
        ours = one in (contenders.THIS_TAP, contenders.SDK_PATH)
        bars.append(_Bar(one.title, middle(rates), ours, min(rates), max(rates)))
    return sorted(bars, key=lambda bar: -bar.value)


def _waiting_bars(figures: dict[str, Any]) -> list[_Bar]:
    titles = {one.key: one.title for one in contenders.ALL}
    bars = []
    for workers, runs in figures["tap"].items():
        walls = [run["wall"] for run in runs]
        label = f"tap-gainsight-px, {workers} worker{'s' if workers != '1' else ''}"
        bars.append(_Bar(label, middle(walls), ours=True, least=min(walls), most=max(walls)))
    for key, run in figures["peers"].items():
        wall = run["wall"]
        bars.append(_Bar(titles[key], wall, ours=False, least=wall, most=wall))
    return sorted(bars, key=lambda bar: bar.value)


def _panel(
    body: list[str], top: int, title: str, bars: list[_Bar], shown: Callable[[float], str]
) -> int:
    """Draw bars with a whisker from least to most, and return where the panel ends."""
    body.append(f'<text class="title" x="10" y="{top}">{escape(title)}</text>')
    scale = _LONGEST / max(bar.most for bar in bars)
    y = top + 14
    for bar in bars:
        kind = "ours" if bar.ours else "theirs"
        middle_y = y + _BAR / 2
        body.append(
            f'<text x="{_LABELS - 10}" y="{y + 13}" text-anchor="end">{escape(bar.label)}</text>'
            f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{bar.value * scale:.1f}" '
            f'height="{_BAR}" rx="2"/>'
        )
        if bar.most > bar.least:
            body.append(
                f'<path d="M{_LABELS + bar.least * scale:.1f} {middle_y}H'
                f'{_LABELS + bar.most * scale:.1f}" stroke="#d29922" stroke-width="2"/>'
            )
        x = _LABELS + max(bar.value, bar.most) * scale + 8
        body.append(f'<text x="{x:.1f}" y="{y + 13}">{shown(bar.value)}</text>')
        y += _ROW
    return y
