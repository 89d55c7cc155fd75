"""What people read about settings and streams is made from the code, and is up to date."""

from __future__ import annotations

import runpy
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.contract.facts import PROJECT

# Run afresh: a tap that has been made anywhere adds the SDK's settings to the one imported.
SETTINGS: dict[str, dict[str, Any]] = runpy.run_path(
    str(PROJECT / "tap_gainsight_px" / "settings.py")
)["SETTINGS_SCHEMA"]["properties"]
GENERATED = ["README.md", "meltano.yml", "docs/decisions/README.md"]


def meltano_settings() -> dict[str, dict[str, Any]]:
    """Return the settings of this tap in `meltano.yml` by name."""
    text = (PROJECT / "meltano.yml").read_text(encoding="utf-8")
    extractors = yaml.safe_load(text)["plugins"]["extractors"]
    (plugin,) = [one for one in extractors if one["name"] == "tap-gainsight-px"]
    return {one["name"]: one for one in plugin["settings"]}


@pytest.mark.parametrize("file", GENERATED)
def test_the_generated_tables_are_up_to_date(file: str) -> None:
    """If not, `make docs` writes them anew."""
    done = subprocess.run(  # noqa: S603 - our own files
        [sys.executable, "-m", "cogapp", "--check", "--diff", "-I", "docs", file],
        capture_output=True,
        check=False,
        cwd=PROJECT,
        encoding="utf-8",
    )
    assert "[[[cog" in (PROJECT / file).read_text(encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("setting", SETTINGS)
def test_meltano_reads_every_setting_as_the_code_means_it(setting: str) -> None:
    """Also a text with a colon or a quotation mark in it, and a default that YAML could misread."""
    schema = SETTINGS[setting]
    told = meltano_settings()[setting]
    assert told["description"] == schema["description"]
    assert len(told["description"].split()) > 2
    assert told["label"] == schema["title"]
    assert told.get("value") == schema.get("default")
    assert [option["value"] for option in told.get("options", [])] == schema.get("enum", [])


def test_meltano_hides_secrets_and_nothing_else() -> None:
    """A secret must not show in `meltano config`."""
    hidden = {name for name, one in meltano_settings().items() if one.get("sensitive")}
    assert hidden == {"api_key"}
