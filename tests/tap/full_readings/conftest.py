"""What the tests of full readings share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from px_sandbox import SandboxServer
from tests.tap.full_readings.people import people

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve ten users and four accounts."""
    with SandboxServer(people()) as server:
        yield server
