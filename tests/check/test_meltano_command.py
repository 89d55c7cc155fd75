"""The command `check` of `meltano.yml` fits the command line of the tap."""

from __future__ import annotations

import shlex
from typing import Any

import yaml

from tap_gainsight_px.tap import TapGainsightPx
from tests.tap.harness import PROJECT


def test_the_command_is_made_of_options_that_there_are() -> None:
    """Meltano hands them on as they stand."""
    project: dict[str, Any] = yaml.safe_load((PROJECT / "meltano.yml").read_text("utf-8"))
    extractor = project["plugins"]["extractors"][0]
    options = [one.partition("=")[0] for one in shlex.split(extractor["commands"]["check"]["args"])]
    known = {name for one in TapGainsightPx.get_singer_command().params for name in one.opts}
    assert "--check" in options
    assert set(options) <= known
