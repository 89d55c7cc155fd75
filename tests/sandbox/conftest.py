"""A sandbox with an empty world, and a client for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from px_sandbox import ManualClock, SandboxServer, World, WorldPlan
from tests.sandbox.client import NOW, Client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still at NOW."""
    return ManualClock(NOW)


@pytest.fixture
def world(clock: ManualClock) -> World:
    """Return an empty world."""
    return World(clock)


@pytest.fixture
def sandbox(world: World) -> Iterator[SandboxServer]:
    """Serve the empty world."""
    with SandboxServer(world) as server:
        yield server


@pytest.fixture
def client(sandbox: SandboxServer) -> Client:
    """Return a client of the empty world."""
    return Client(sandbox)


@pytest.fixture(scope="module")
def generated() -> Iterator[Client]:
    """Return a client of a generated world; tests only read it."""
    plan = WorldPlan(anchor_ms=NOW, events=3000, users=120)
    with SandboxServer(World.generated(plan, ManualClock(NOW))) as server:
        yield Client(server)
