"""The answers of the marts, drawn in a terminal of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotext

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from demo.marts import Answers, Feature, Month, Week

_CHART_WEEKS = 26
_COLUMNS_A_WEEK = 2
_CHART_HEIGHT = 11
_WEEKS_BETWEEN_TICKS = 5
_BAR_COLUMNS = 34
_FEATURES = 5
_MONTHS = 6


def answer_lines(answers: Answers) -> Iterator[str]:
    """Yield what a product manager would look at, line by line."""
    yield "Accounts active in each week"
    yield ""
    yield from week_lines(answers.weeks)
    yield ""
    yield "Features, by the share of active users who used them in the last four weeks"
    yield ""
    yield from feature_lines(answers.features[:_FEATURES])
    yield ""
    yield "Net Promoter Score, by month"
    yield ""
    yield from month_lines(answers.months[-_MONTHS:])


def week_lines(all_weeks: Sequence[Week]) -> list[str]:
    """Draw one bar a week, for as many weeks as the width has room for."""
    weeks = all_weeks[-_CHART_WEEKS:]
    if not weeks:
        return ["no whole week yet"]
    counts = [week.active for week in weeks]
    most = max(counts)
    # A whole number of columns a week and the numbers on the left: so all bars are as wide.
    columns = len(weeks) * _COLUMNS_A_WEEK
    chart = plotext.figure.clear()
    # Whatever the size of the window: bars that are squeezed differ in width.
    plotext.terminal.limit(width=False, height=False)
    chart.theme("colorless")
    chart.plot_size(columns + len(f"{most:,}") + 1, _CHART_HEIGHT)
    chart.draw(chart.bar(counts, width=0.5, lines=False))
    ticks = range(0, len(weeks), _WEEKS_BETWEEN_TICKS)
    x, y = chart.ruler("x"), chart.ruler("y")
    x.lim(0.5, len(weeks) + 0.5)
    x.ticks([tick + 1 for tick in ticks], [f"{weeks[tick].week:%d %b}" for tick in ticks])
    y.lim(0, most)
    heights = [0, most // 2, most]
    y.ticks(heights, [f"{height:,}" for height in heights])
    chart.axes(active=False, axis="x", side="upper")
    chart.axes(active=False, axis="y", side="right")
    text: str = plotext.uncolorize(str(chart.build()))
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def feature_lines(features: Sequence[Feature]) -> list[str]:
    """Draw one bar a feature."""
    if not features:
        return ["none has been used"]
    width = max(len(feature.name) for feature in features)
    most = max(feature.share for feature in features)
    return [
        f"{feature.name:<{width}}  {bar(feature.share / most)} {feature.share:.0%}"
        for feature in features
    ]


def month_lines(months: Sequence[Month]) -> list[str]:
    """Draw one bar a month; a score below 0 has none."""
    if not months:
        return ["nobody has answered yet"]
    most = max(abs(month.nps) for month in months) or 1
    return [
        f"{month.month:%b %Y}  {month.nps:>+4.0f}  {bar(max(month.nps, 0) / most)}"
        f" {month.answers:,} answers{'' if month.is_complete else ' so far'}"
        for month in months
    ]


def bar(share: float) -> str:
    """Return a bar as long as a share, 0 to 1, of the longest."""
    return "█" * round(share * _BAR_COLUMNS)
