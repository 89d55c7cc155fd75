"""Files of JSON, as people and their programs write them.

A file may come from a pipe (`--config <(…)`, `/dev/stdin`), so each is read once. PowerShell writes
UTF-16, other editors of Windows a byte order mark.
"""

from __future__ import annotations

import json
import math
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

_STANDARD_INPUT = "-"

# Far more than any schema needs, and far less than what ends in an error of Python's own.
_MOST_LEVELS = 100


def read_json_object(
    path: str, what: str, *, parse_float: Callable[[str], Any] = float
) -> dict[str, Any]:
    """Read a file that must hold a JSON object.

    Args:
        path: Where it is; `-` is standard input.
        what: What it is, for the error.
        parse_float: What a number with a fraction becomes.

    Raises:
        SettingsError: It cannot be read, or does not hold a JSON object.
    """
    named = f"{what} {path}"
    try:
        body = sys.stdin.buffer.read() if path == _STANDARD_INPUT else Path(path).read_bytes()
    except OSError as error:
        message = f"{named} cannot be read: {error.strerror or error}; check its path"
        raise SettingsError(message) from error
    return parse_json_object(body, named, parse_float=parse_float)


def parse_json_object(
    body: bytes, what: str, *, parse_float: Callable[[str], Any] = float
) -> dict[str, Any]:
    """Read the content of a file that must hold a JSON object.

    Args:
        body: The content, in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.
        what: What the file is, for the error.
        parse_float: What a number with a fraction becomes.

    Raises:
        SettingsError: It does not.
    """
    if not body.strip():
        message = f"{what} is empty; it must hold a JSON object"
        raise SettingsError(message)
    try:
        text = body.decode(json.detect_encoding(body))
    except UnicodeDecodeError as error:
        message = f"{what} cannot be read: it is neither UTF-8 nor UTF-16; save it as UTF-8"
        raise SettingsError(message) from error

    def number(digits: str) -> Any:
        value = parse_float(digits)
        if not math.isfinite(value):
            message = "it holds a number that is too large"
            raise ValueError(message)
        return value

    try:
        content = json.loads(text, parse_float=number, parse_constant=_refuse)
    except RecursionError as error:
        raise SettingsError(_too_deep(what)) from error
    except (ArithmeticError, ValueError) as error:
        message = f"{what} is not JSON: {error}"
        raise SettingsError(message) from error
    if not isinstance(content, dict):
        message = f"{what} must hold a JSON object"
        raise SettingsError(message)
    if is_too_deep(content):
        raise SettingsError(_too_deep(what))
    return content


def read_settings(path: str) -> dict[str, Any]:
    """Read a file given with `--config`; numbers keep their digits, as in any tap on the SDK.

    Raises:
        SettingsError: It cannot be read, or does not hold a JSON object.
    """
    return read_json_object(path, "the configuration", parse_float=Decimal)


def is_too_deep(content: object) -> bool:
    """Return whether objects and lists are nested so deeply that code would not get through."""
    level = [content]
    for _ in range(_MOST_LEVELS):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def _refuse(constant: str) -> Any:
    message = f"{constant} is no number of JSON"
    raise ValueError(message)


def _too_deep(what: str) -> str:
    return f"{what} is nested too deeply (more than {_MOST_LEVELS} levels)"
