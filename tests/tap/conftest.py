"""What the tests of the whole tap share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tap.harness import Program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tap(tmp_path: Path) -> Program:
    """Return the tap as a program."""
    return Program(tmp_path)
