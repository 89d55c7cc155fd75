"""What a user gets from the wheel, without the source tree."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Tap

SCHEMAS = sorted(file.name for file in (PROJECT / "schemas").glob("*.json"))


def test_wheel_holds_every_schema_and_no_test(wheel_bin: Path) -> None:
    """All of schemas/ is in the installed package; nothing of tests/ and demo/ is."""
    packages = next(wheel_bin.parent.glob("lib/python3*/site-packages"))
    installed = sorted(file.name for file in (packages / "tap_gainsight_px/schemas").iterdir())
    assert installed == SCHEMAS
    assert not (packages / "tests").exists()
    assert not (packages / "demo").exists()


def test_version_is_that_of_the_project(tap: Tap) -> None:
    """`--version` tells the version of the installed wheel."""
    assert "tap-gainsight-px v0.1.0" in tap.output("--version")


@pytest.mark.parametrize("form", ["json", "markdown"])
def test_about_tells_every_setting(tap: Tap, form: str) -> None:
    """`--about` lists the settings in both forms that tools read."""
    about = tap.output("--about", f"--format={form}")
    for setting in ("api_key", "region", "start_date", "window_max_records", "max_requests"):
        assert setting in about


def test_discover_lists_streams_with_keys_and_bookmarks(tap: Tap) -> None:
    """`--discover` writes a catalog with each stream's key, bookmark and typed attributes."""
    catalog = json.loads(tap.output("--discover"))
    streams = {stream["tap_stream_id"]: stream for stream in catalog["streams"]}
    assert streams["users"]["key_properties"] == ["aptrinsicId"]
    assert streams["accounts"]["replication_key"] == "lastModifiedDate"
    assert streams["custom_events"]["schema"]["properties"]["date"]["format"] == "date-time"
    assert streams["users"]["schema"]["properties"]["customAttributes"]["properties"]


def test_singer_check_tap_accepts_the_output(tap: Tap, singer_check_tap: Path) -> None:
    """The messages of a whole sync are valid Singer and match their schemas."""
    done = subprocess.run(
        [singer_check_tap],
        input=tap.output(),
        capture_output=True,
        check=False,
        cwd=tap.folder,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "The output is valid" in done.stdout
