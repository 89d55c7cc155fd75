"""Pools of plain numbers, and their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from tap_gainsight_px.reading.ordered_pool import OrderedPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.reading.ordered_pool import More

Job: TypeAlias = "Callable[[], int | More[int]]"


def make_pool(workers: int = 4, capacity: int = 100, weight: int = 1) -> OrderedPool[int]:
    """Set up a pool whose results all weigh the same."""
    return OrderedPool(workers, capacity=capacity, weigh=lambda _: weight, check=lambda: None)
