"""What the tests of the whole tap share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.tap.harness import Program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tap(tmp_path: Path) -> Program:
    """Return the tap as a program."""
    return Program(tmp_path)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's proxies out of requests to the sandbox."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
