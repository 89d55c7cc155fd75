"""What people read about settings and streams is made from the code, and is up to date."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tap_gainsight_px.tap import TapGainsightPx
from tests.contract.facts import PROJECT


def all_settings() -> dict[str, dict[str, Any]]:
    """Return all settings of the tap by name, the SDK's among them."""
    TapGainsightPx.append_builtin_config(TapGainsightPx.config_jsonschema)
    settings: dict[str, dict[str, Any]] = TapGainsightPx.config_jsonschema["properties"]
    return settings


SETTINGS = all_settings()
GENERATED = [
    file.relative_to(PROJECT).as_posix()
    for place in (".", "docs", "docs/streams", "docs/decisions", "definitions", "definitions/hub")
    for kind in ("*.md", "*.yml")
    for file in sorted((PROJECT / place).glob(kind))
    if "[[[cog" in file.read_text(encoding="utf-8")
]


LOADERS = ("target-postgres", "target-snowflake")
PLUGINS = ("tap-gainsight-px", *LOADERS)
KINDS = {
    "array": ["array"],
    "boolean": ["boolean"],
    "date_iso8601": ["string"],
    "file": ["string"],
    "integer": ["integer"],
    "object": ["object"],
    "options": ["string"],
    "string": ["string"],
}
"""The JSON type that Meltano makes of each kind of setting."""


def meltano_plugin(name: str) -> dict[str, Any]:
    """Return what `meltano.yml` says of a plugin."""
    text = (PROJECT / "meltano.yml").read_text(encoding="utf-8")
    plugins = (one for kind in yaml.safe_load(text)["plugins"].values() for one in kind)
    found: dict[str, Any] = next(one for one in plugins if one["name"] == name)
    return found


def meltano_settings(plugin: str = "tap-gainsight-px") -> dict[str, dict[str, Any]]:
    """Return the settings of a plugin in `meltano.yml` by name."""
    return {one["name"]: one for one in meltano_plugin(plugin)["settings"]}


def about(loader: str) -> dict[str, Any]:
    """Return what a loader says of itself; `tests/e2e` asks the loader whether it still does."""
    text = (PROJECT / "docs" / "loaders" / f"{loader}.json").read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


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
    # Meltano is not told of them, so that the tap has the word on a value that is none of them.
    assert [one for one in schema.get("enum", []) if one not in told["description"]] == []


@pytest.mark.parametrize("loader", LOADERS)
def test_every_setting_of_a_loader_is_declared_with_its_kind(loader: str) -> None:
    """Meltano ignores what is not declared, and makes text of what is declared wrongly."""
    declared = meltano_settings(loader)
    fields = about(loader)["settings"]["properties"]
    assert [name for name in declared if "." not in name] == list(fields)
    for name, field in fields.items():
        assert set(KINDS[declared[name]["kind"]]) == set(field["type"]) - {"null"}, name


def test_every_setting_of_the_tap_is_declared_so_that_the_tap_itself_reads_it() -> None:
    """Of a number, a list or a yes or no Meltano would make a traceback where it is none."""
    declared = meltano_settings()
    assert [name for name in declared if "." not in name] == list(SETTINGS)
    for name, field in SETTINGS.items():
        is_object = "object" in field["type"]
        assert (declared[name]["kind"] == "object") == is_object, name
        assert is_object or KINDS[declared[name]["kind"]] == ["string"], name
        assert "options" not in declared[name], name


@pytest.mark.parametrize("loader", LOADERS)
def test_the_definition_of_a_loader_is_of_the_version_that_it_installs(loader: str) -> None:
    """Settings and capabilities are those of the package that `pip_url` names."""
    plugin = meltano_plugin(loader)
    (version,) = re.findall(r"==([\d.]+)", plugin["pip_url"])
    assert version == about(loader)["version"]
    assert set(plugin["capabilities"]) == set(about(loader)["capabilities"])


@pytest.mark.parametrize(
    ("plugin", "secrets"),
    [
        ("tap-gainsight-px", {"api_key"}),
        (
            "target-postgres",
            {
                "password",
                "sqlalchemy_url",
                "ssl_client_private_key",
                "ssh_tunnel.private_key",
                "ssh_tunnel.private_key_password",
            },
        ),
        (
            "target-snowflake",
            {"password", "private_key", "private_key_passphrase", "oauth_access_token"},
        ),
    ],
)
def test_meltano_hides_secrets_and_nothing_else(plugin: str, secrets: set[str]) -> None:
    """A secret must not show in `meltano config`."""
    settings = meltano_settings(plugin).items()
    assert {name for name, one in settings if one.get("sensitive")} == secrets
