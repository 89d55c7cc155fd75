"""Settings are told in three places, and all three say the same."""

from __future__ import annotations

import json
import runpy
from typing import Any

import pytest
import yaml

from tap_gainsight_px.tap import TapGainsightPx
from tests.contract.facts import PROJECT, names_in, readme_rows

# Run afresh: a tap that has been made anywhere adds the SDK's settings to the one imported.
SETTINGS: dict[str, dict[str, Any]] = runpy.run_path(
    str(PROJECT / "tap_gainsight_px" / "settings.py")
)["SETTINGS_SCHEMA"]["properties"]

every_setting = pytest.mark.parametrize("setting", SETTINGS)


def meltano_settings() -> list[dict[str, Any]]:
    """Return the settings of this tap in `meltano.yml`."""
    text = (PROJECT / "meltano.yml").read_text(encoding="utf-8")
    extractors = yaml.safe_load(text)["plugins"]["extractors"]
    (plugin,) = [one for one in extractors if one["name"] == "tap-gainsight-px"]
    settings: list[dict[str, Any]] = plugin["settings"]
    return settings


def in_meltano(setting: str) -> dict[str, Any]:
    """Return what `meltano.yml` says of one setting; it says it once."""
    (found,) = [one for one in meltano_settings() if one["name"] == setting]
    return found


def in_readme(setting: str) -> list[str]:
    """Return the row of one setting in the README; there is one."""
    (row,) = [row for row in readme_rows("Settings") if row[0] == f"`{setting}`"]
    return row


def kind_of(schema: dict[str, Any]) -> str:
    """Return Meltano's word for the type of a setting."""
    if "enum" in schema:
        return "options"
    if schema.get("format") == "date-time":
        return "date_iso8601"
    (kind,) = [one for one in schema["type"] if one != "null"]
    return str(kind)


def settings_of_the_sdk() -> set[str]:
    """Return the settings that every tap of the Singer SDK has besides its own."""
    schema: dict[str, Any] = {"properties": {}}
    TapGainsightPx.append_builtin_config(schema)
    return set(schema["properties"])


@every_setting
def test_meltano_knows_every_setting_by_kind_and_default(setting: str) -> None:
    """Meltano casts what comes from its environment by the kind."""
    schema = SETTINGS[setting]
    told = in_meltano(setting)
    assert told["kind"] == kind_of(schema)
    assert told.get("value") == schema.get("default")
    assert told.get("label") == schema["title"]
    assert [option["value"] for option in told.get("options", [])] == schema.get("enum", [])


@every_setting
def test_meltano_tells_the_same_meaning(setting: str) -> None:
    """One sentence, wherever it is read."""
    assert in_meltano(setting)["description"] == SETTINGS[setting]["description"]


def test_meltano_hides_secrets_and_nothing_else() -> None:
    """A secret is not to be seen in `meltano config`."""
    hidden = {one["name"] for one in meltano_settings() if one.get("sensitive")}
    assert hidden == {name for name, schema in SETTINGS.items() if schema.get("secret")}
    assert hidden == {"api_key"}


def test_meltano_knows_no_setting_that_the_tap_does_not_have() -> None:
    """Those of the SDK may be listed as well."""
    assert {one["name"] for one in meltano_settings()} <= set(SETTINGS) | settings_of_the_sdk()


@every_setting
def test_the_readme_tells_every_setting_with_its_default(setting: str) -> None:
    """A dash stands for none: the meaning then says what happens without it."""
    schema = SETTINGS[setting]
    _, default, meaning = in_readme(setting)
    value = schema.get("default")
    plain = value if isinstance(value, str) else json.dumps(value)
    assert default == ("—" if value is None else f"`{plain}`")
    assert len(meaning.split()) > 2


def test_the_readme_tells_no_setting_that_the_tap_does_not_have() -> None:
    """Neither one of an earlier version nor one of another tap."""
    told = [names_in(row[0]) for row in readme_rows("Settings")]
    assert sorted(told) == sorted([name] for name in SETTINGS)
