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
    """Wait until so many workers run jobs and the others find none to begin, or it is enough.

    A thread that has only just been started is neither: it has not looked yet.
    """
    for _ in range(1_000):
        with pool._changed:  # noqa: SLF001
            is_settled = pool._running == busy and pool._idle + busy == pool._threads  # noqa: SLF001
            if is_settled or enough():
                return
            pool._changed.wait(0.01)  # noqa: SLF001
    pytest.fail("the workers are still busy")
