"""What is released: workflows that run what was looked at, and definitions for Meltano."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.contract.facts import PROJECT
from tests.contract.test_generated_tables import PLUGINS, meltano_plugin

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
# Written by hand into the entry, for the Hub alone.
HUB_KNOWS = {
    *("capabilities", "description", "domain_url", "executable", "keywords", "label", "logo_url"),
    *("maintenance_status", "name", "namespace", "pip_url", "repo", "select", "settings"),
    *("settings_group_validation", "settings_preamble", "usage", "variant"),
}
HUB_ONLY = {"description", "domain_url", "keywords", "label", "maintenance_status"}


def definition(name: str) -> dict[str, Any]:
    """Return a plugin as `definitions/` has it."""
    text = (PROJECT / "definitions" / f"{name}.yml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def test_every_action_is_pinned_by_commit_with_its_version_beside_it() -> None:
    """A tag can be moved by whoever takes over the action; one action has one version."""
    used = [
        line.strip().removeprefix("- ")
        for file in WORKFLOWS
        for line in file.read_text(encoding="utf-8").splitlines()
        if "uses: " in line
    ]
    assert [line for line in used if not re.search(r"@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line)] == []
    names = {line.partition("@")[0] for line in used}
    assert len(set(used)) == len(names)


def test_only_the_job_that_uploads_may_speak_for_the_project_to_pypi() -> None:
    """It runs none of our code, and waits for what was tested and attested."""
    text = (PROJECT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert yaml.safe_load(text)["permissions"] == {}
    signing = {name for name, job in jobs.items() if "id-token" in job["permissions"]}
    assert signing == {"attest", "publish"}
    assert not any("run" in step for name in signing for step in jobs[name]["steps"])
    assert jobs["publish"]["environment"] == "pypi"
    assert set(jobs["publish"]["needs"]) == {"attest", "build"}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_definition_for_meltano_says_what_our_own_project_does(plugin: str) -> None:
    """But for where it is installed from: nothing in it needs a clone."""
    ours = meltano_plugin(plugin)
    theirs = definition(plugin)
    assert {**theirs, "pip_url": ""} == {**ours, "pip_url": ""}
    assert theirs["pip_url"].partition("==")[0] in {plugin, f"meltanolabs-{plugin}"}
    assert "requirements/" not in str(theirs)


def test_the_definition_for_the_hub_has_the_same_settings() -> None:
    """With what the Hub shows of an extractor, and without commands of our own."""
    ours = definition("tap-gainsight-px")
    theirs = definition("hub/tap-gainsight-px")
    assert theirs.keys() >= HUB_ONLY
    # The Hub's schema (schemas/plugin_definitions/extractors.schema.json) refuses what it does not
    # know; `variant`, which it requires, is the owner of a repository that is yet to be published.
    assert theirs.keys() - HUB_ONLY == ours.keys() - {"commands", "use_cached_catalog"}
    assert theirs.keys() <= HUB_KNOWS
    for name in theirs.keys() - HUB_ONLY:
        assert theirs[name] == ours[name], name
