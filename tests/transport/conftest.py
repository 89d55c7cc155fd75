"""What the tests of the transport share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from px_sandbox import SandboxServer, World
from tests.transport.wire import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve a world with one user."""
    world = World()
    world.put("users", {"aptrinsicId": "u", "lastModifiedDate": 1_700_000_000_000})
    with SandboxServer(world, api_key=KEY) as server:
        yield server
