"""A few jobs at once, each with one result."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tap_gainsight_px.reading.ordered_pool import OrderedPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


def side_by_side(
    jobs: Mapping[str, Callable[[], T]], *, workers: int, check: Callable[[], None]
) -> dict[str, T]:
    """Return the result of each job, by its name and in the order of the jobs.

    Args:
        jobs: The jobs by name.
        workers: How many run at once.
        check: Called every tenth of a second; may raise.

    Raises:
        Exception: What the first of the jobs that failed has raised.
    """
    if not jobs:
        return {}  # and no thread
    pool = OrderedPool[T](workers, capacity=len(jobs), weigh=lambda _: 1, check=check)
    try:
        return dict(zip(jobs, pool.queue(jobs.values()), strict=True))
    finally:
        pool.close()
