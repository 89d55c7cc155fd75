"""What all tests share."""

from __future__ import annotations

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
