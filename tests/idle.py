"""When the workers of a pool have read as far ahead as they may."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_gainsight_px.reading.ordered_pool import OrderedPool


def wait_until_idle(
    pool: OrderedPool[Any], busy: int = 0, enough: Callable[[], bool] = lambda: False
) -> None:
    """Wait until so many workers run jobs and the others find none to begin, or it is enough.

    A thread that has only just been started, or called, is neither: it has not looked yet.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with pool._changed:  # noqa: SLF001
            # Who is called waits no longer, although it still counts as idle until it wakes up.
            waiting = len(pool._called._waiters)  # type: ignore[attr-defined] # noqa: SLF001
            is_settled = pool._running == busy and waiting + busy == pool._threads  # noqa: SLF001
            if is_settled or enough():
                return
            pool._changed.wait(0.01)  # noqa: SLF001
    pytest.fail("the workers are still busy")
