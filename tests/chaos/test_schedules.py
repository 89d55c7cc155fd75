"""Whatever goes wrong and whenever a run is killed: the runs together lose nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.runner import play

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(600)  # up to nine runs of the program
@pytest.mark.parametrize("seed", range(16))
def test_faults_and_kills_lose_no_record(seed: int, tmp_path: Path) -> None:
    """Resumed from the last STATE received, all runs together hold every record."""
    report = play(seed, tmp_path)
    assert report.records > 0
