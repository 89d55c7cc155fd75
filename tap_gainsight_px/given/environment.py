"""Settings from the environment (`--config ENV`): each variable understood, or refused by name."""

from __future__ import annotations

import logging
import os
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from singer_sdk.configuration._dict_config import parse_environment_config

from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.given.values import as_declared, understand

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_HOW = {
    "array": "a list, as in JSON, or names with commas between them",
    "boolean": "true or false",
    "integer": "a whole number",
    "object": "an object, as in JSON",
}
# What the SDK reads itself, also without the name of the tap before it.
_LOG_LEVEL = "LOGLEVEL"


def from_environment(schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Read the settings that the environment gives; an empty variable gives none.

    Args:
        schema: JSON schema of all settings.
        prefix: What the names of the variables begin with.

    Raises:
        SettingsError: Some hold text that cannot be read as their type. It names the variables,
            and never their values, which may be secrets.
    """
    # As text, and with the file `.env` that the SDK looks for.
    fields = {name: {"type": "string"} for name in schema["properties"]}
    try:
        texts = parse_environment_config({"properties": fields}, prefix)
    except (OSError, ValueError) as error:
        message = f"the file .env cannot be read ({type(error).__name__}); write it in UTF-8"
        raise SettingsError(message) from error
    given = {name: text for name, text in texts.items() if text.strip()}
    lines = [
        f"{prefix}{name.upper()} must be {_HOW[kind]}"
        for name, text in given.items()
        for kind in schema["properties"][name].get("type", [])
        if kind in _HOW and isinstance(as_declared(text, schema["properties"][name]), str)
    ]
    if lines:
        raise SettingsError(*lines)
    return understand(given, schema)


def by_variable(lines: Iterable[str], names: Collection[str], prefix: str) -> list[str]:
    """Return the lines of errors with the variables in place of the settings that they gave.

    Args:
        lines: What is wrong; each line begins with the name of its setting.
        names: Settings that came from the environment.
        prefix: What the names of the variables begin with.
    """

    def named(found: re.Match[str]) -> str:
        return f"{prefix}{found[0].upper()}" if found[0] in names else found[0]

    return [re.sub(r"^\w+", named, line) for line in lines]


def unknown_variables(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Yield a line for each variable that looks like a setting of the tap's and is none."""
    known = {f"{prefix}{name.upper()}" for name in schema["properties"]}
    for variable in sorted(os.environ):
        name = variable.removeprefix(prefix)
        # Meltano puts what it adds to a plugin behind two underscores.
        is_of_others = name in {variable, _LOG_LEVEL} or name.startswith("_")
        if is_of_others or variable in known:
            continue
        close = get_close_matches(variable, known, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        yield f"The variable {variable} is no setting of the tap{meant}"


def check_log_level(prefix: str) -> None:
    """Check what the environment says of the log, before there is one; empty is not set.

    Args:
        prefix: What the names of the tap's variables begin with.

    Raises:
        SettingsError: There is no such level.
    """
    for variable in (f"{prefix}{_LOG_LEVEL}", _LOG_LEVEL):
        level = os.environ.get(variable, "").strip().upper()
        if level:
            os.environ[variable] = level
        else:
            os.environ.pop(variable, None)
        if level and not isinstance(logging.getLevelName(level), int):
            message = f"{variable} must be one of CRITICAL, ERROR, WARNING, INFO, DEBUG"
            raise SettingsError(message)
