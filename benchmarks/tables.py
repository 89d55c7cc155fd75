"""Numbers and tables as the report shows them."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def rate(value: float) -> str:
    """Return a number of records a second, to three digits."""
    if value >= 1_000:  # noqa: PLR2004
        digits = -(len(str(int(value))) - 3)
        return f"{round(value, digits):,.0f}"
    return f"{value:.0f}"


def seconds(value: float) -> str:
    """Return seconds with as many decimals as matter."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004


def spread(values: Sequence[float]) -> str:
    """Return the least and the most of some rates."""
    return f"{rate(min(values))} to {rate(max(values))}"


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return median(values)
