"""What all tests share."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.proxies import proxy_variables

if TYPE_CHECKING:
    from collections.abc import Iterator

# A busy machine is slow, and that is no fault of the code: no test is judged by the time it takes.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


@pytest.fixture(autouse=True, scope="session")
def _no_proxy() -> Iterator[None]:
    """Keep the machine's proxies out of requests to the servers of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in proxy_variables():
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True, scope="session")
def _takes_interrupts() -> None:
    """Let the programs that tests start take SIGINT.

    A shell has what it starts in the background ignore it, and so would all that is started there.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
