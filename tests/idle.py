"""When the workers of a pool have read as far ahead as they may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.reading.ordered_pool import OrderedPool


def wait_until_idle(
    pool: OrderedPool[Any], busy: int = 0, enough: Callable[[], bool] = lambda: False
) -> None:
    """Wait until no worker but so many busy ones finds a job that it may begin, or it is enough."""
    for _ in range(1_000):
        with pool._changed:  # noqa: SLF001
            if pool._idle + busy == pool._threads or enough():  # noqa: SLF001
                return
            pool._changed.wait(0.01)  # noqa: SLF001
    pytest.fail("the workers are still busy")
