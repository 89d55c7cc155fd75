"""Values of settings as people write them: `"8"`, `"yes"`, `"Login, Report exported"`.

An environment holds nothing but text, and Meltano stores what `config set` is given as text where
a setting has no kind. What can be read as the type of its setting is; all else stays as it is,
for `config_checks` to refuse.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_YES = {"true", "t", "yes", "y", "on", "1"}
_NO = {"false", "f", "no", "n", "off", "0"}

# Settings of the SDK that are objects with named parts. In `stream_maps` null has a meaning.
_OBJECTS = {"batch_config", "faker_config"}

# With an exponent of two digits at most: 1e999999999 would fill the memory with zeros.
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{0,18})?([eE]\+?\d{1,2})?")


def understand(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with each value of the type of its setting, where it can be so read.

    A setting that is null, or an empty text, is one that is not set; but an empty `api_key` stays
    one, for that is a mistake. Nor is an object set of which no part is: Meltano always passes it,
    with nulls.

    Args:
        config: The configuration as given.
        schema: JSON schema of all settings.
    """
    fields = schema["properties"]
    required = schema.get("required", [])
    read = {name: as_declared(value, fields.get(name, {})) for name, value in config.items()}
    read |= {name: _set_parts(read[name]) for name in _OBJECTS & read.keys()}
    return {
        name: value
        for name, value in read.items()
        if value is not None and (value != "" or name in required or name not in fields)
    }


def _set_parts(value: Any) -> Any:
    """Return what is set of an object; None where nothing is."""
    if not isinstance(value, dict):
        return value
    parts = {name: _set_parts(part) for name, part in value.items()}
    return {name: part for name, part in parts.items() if part is not None} or None


def as_declared(value: Any, field: Mapping[str, Any]) -> Any:
    """Return a value as the type of its setting; unchanged where it cannot be read as that.

    Args:
        value: Anything that JSON can hold.
        field: JSON schema of the setting.
    """
    types = _types(field)
    if "string" in types:
        is_plain = "enum" not in field and "format" not in field
        is_text = isinstance(value, str)
        return value if is_plain or not is_text else _one_of(value.strip(), field.get("enum", []))
    if isinstance(value, str) and not value.strip():
        return "" if types else value
    for kind, read in _READERS.items():
        if kind in types:
            return read(value)
    return value


def is_truth(value: Any) -> bool | None:
    """Return a yes or no in any usual spelling as a `bool`; None for anything else."""
    truth = _truth(value)
    return truth if isinstance(truth, bool) else None


def _types(field: Mapping[str, Any]) -> set[str]:
    declared = field.get("type", [])
    return {declared} if isinstance(declared, str) else set(declared) - {"null"}


def _one_of(text: str, choices: list[Any]) -> str:
    """Return the choice that a text means, whatever its case; the text where it means none."""
    found = [one for one in choices if str(one).casefold() == text.casefold()]
    return str(found[0]) if found else text


def _whole(value: Any) -> Any:
    if not isinstance(value, (str, float, Decimal)):
        return value
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        return value
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else value


def _truth(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if not isinstance(value, (str, int)):
        return value
    word = str(value).strip().casefold()
    return True if word in _YES else False if word in _NO else value


def _list(value: Any) -> Any:
    if not isinstance(value, str) or value.strip()[0] in '[{"':
        return _parsed(value, list)
    return [name for one in value.split(",") if (name := one.strip())]


def _object(value: Any) -> Any:
    return _parsed(value, dict)


def _parsed(value: Any, kind: type) -> Any:
    """Return the JSON in a text, if it is of a kind; else the value as it is."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value
    return parsed if isinstance(parsed, kind) else value


_READERS: dict[str, Callable[[Any], Any]] = {
    "integer": _whole,
    "boolean": _truth,
    "array": _list,
    "object": _object,
}
