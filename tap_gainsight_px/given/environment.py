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

logger = logging.getLogger(__name__)

_HOW = {
    "array": "a list, as in JSON, or names with commas between them",
    "boolean": "true or false",
    "integer": "a whole number",
    "object": "an object, as in JSON",
}
# What the SDK's schema does not say.
_MORE_PARTS = {"batch_config": {"batch_size": {"type": ["integer", "null"]}}}
# Variables of the earlier public tap, tap-gainsightpx: settings of these names mean the same there.
_EARLIER_PREFIX = "TAP_GAINSIGHTPX_"
_EARLIER = ("api_key", "api_url", "end_date", "page_size", "start_date")
# What the SDK reads itself, also without the name of the tap before it.
_LOG_LEVEL = "LOGLEVEL"
# Meltano sets it for all that it starts.
_EXTRACTOR = "MELTANO_EXTRACTOR_NAME"


def from_environment(schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Read the settings that the environment gives; an empty variable gives none.

    A setting that only a variable of the earlier tap gives is taken from there, with a warning that
    names the new one.

    Args:
        schema: JSON schema of all settings.
        prefix: What the names of the variables begin with.

    Raises:
        SettingsError: Some hold text that cannot be read as their type. It names the variables,
            and never their values, which may be secrets.
    """
    _add_dotenv()
    fields = {**schema["properties"], **{name: one for name, (_, one) in _parts(schema).items()}}
    given = _read_texts(fields, prefix)
    earlier = _read_texts([name for name in _EARLIER if name not in given], _EARLIER_PREFIX)
    for name in earlier:
        logger.warning(
            "The variable %s%s is one of tap-gainsightpx: it is taken, but its name is now %s%s",
            _EARLIER_PREFIX,
            name.upper(),
            prefix,
            name.upper(),
        )
    given |= earlier
    lines = [
        f"{_EARLIER_PREFIX if name in earlier else prefix}{name.upper()} must be {_HOW[kind]}"
        for name, text in given.items()
        for kind in fields[name].get("type", [])
        if kind in _HOW and isinstance(as_declared(text, fields[name]), str)
    ]
    if lines:
        raise SettingsError(*lines)
    config = understand(
        {name: given[name] for name in given if name in schema["properties"]}, schema
    )
    for name, (path, field) in _parts(schema).items():
        if name in given:
            _put(config, path, as_declared(given[name], field))
    return config


def _add_dotenv() -> None:
    """Add to the environment what the SDK's file `.env` holds and the environment does not.

    The SDK lets the file win. But who sets a variable for one run means that run, and Meltano has
    read the file already: what it sets for one of several extractors must not be undone.
    """
    kept = dict(os.environ)
    try:
        parse_environment_config({}, "")
    except (OSError, ValueError) as error:
        message = f"the file .env cannot be read ({type(error).__name__}); write it in UTF-8"
        raise SettingsError(message) from error
    finally:
        os.environ.update(kept)


def _read_texts(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Return what the variables of these settings hold, the empty ones left out."""
    texts = {name: os.environ.get(f"{prefix}{name.upper()}", "") for name in names}
    return {name: text for name, text in texts.items() if text.strip()}


def _parts(schema: Mapping[str, Any]) -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
    """Return the named parts of the settings that are objects, each with its way and its schema.

    Meltano has a variable for each, such as `…_BATCH_CONFIG_STORAGE_ROOT`.
    """
    ways = [
        found
        for name, field in schema["properties"].items()
        for found in _leaves({"properties": {**_inner(field), **_MORE_PARTS.get(name, {})}}, name)
    ]
    return {"_".join(way): (way, field) for way, field in ways}


def _leaves(field: Mapping[str, Any], *way: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, part in _inner(field).items():
        if _inner(part):
            yield from _leaves(part, *way, name)
        elif not name.startswith("_"):
            yield (*way, name), part


def _inner(field: Mapping[str, Any]) -> dict[str, Any]:
    return field.get("properties") or {}


def _put(config: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Put a part into its object, unless that has it already."""
    *outer, last = path
    inside: Any = config
    for step in outer:
        inside = inside.setdefault(step, {})
        if not isinstance(inside, dict):  # which is refused as such
            return
    inside.setdefault(last, value)


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
    names = tuple(name.upper() for name in [*schema["properties"], *_parts(schema)])
    known = {f"{prefix}{name}" for name in names}
    for variable in sorted(os.environ):
        name = variable.removeprefix(prefix)
        # Meltano puts what it adds to a plugin behind two underscores.
        is_of_others = name in {variable, _LOG_LEVEL} or name.startswith("_")
        if is_of_others or variable in known or _is_of_an_heir(name, names):
            continue
        close = get_close_matches(variable, known, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        yield f"The variable {variable} is no setting of the tap{meant}"


def _is_of_an_heir(name: str, names: tuple[str, ...]) -> bool:
    """Whether a variable is for an extractor that inherits from the tap: `…_EVENTS_PAGE_SIZE`.

    Meltano gives each of these its values under its own name and under that of the tap, and passes
    on what the user has set for the others.
    """
    return _EXTRACTOR in os.environ and (
        "__" in name or name.endswith(tuple(f"_{one}" for one in names))
    )


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
