"""Stream maps: the user's mistakes are told as such, and nothing else is taken for one.

The SDK checks little of what `stream_maps` holds: a definition of the wrong shape raises whatever
comes of it, and an expression raises anything, record by record. Catching all errors on that way
would blame the user's expression for every bug there. So the definitions are checked before the
SDK sees them, and later only the evaluation of an expression is watched.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MapExpressionError
from singer_sdk.mapper import (
    MAPPER_ALIAS_OPTION,
    MAPPER_FILTER_OPTION,
    MAPPER_KEY_PROPERTIES_OPTION,
    MAPPER_SOURCE_OPTION,
    CustomStreamMap,
    PluginMapper,
)

from tap_gainsight_px.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_NAMES = {MAPPER_ALIAS_OPTION, MAPPER_SOURCE_OPTION}


def definition_errors(stream_maps: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each definition that the SDK could not even refuse.

    What it refuses by a `MappingError` of its own (syntax, unknown options, keys that are left
    out) is not repeated here.
    """
    for stream, definition in stream_maps.items():
        if isinstance(definition, dict):
            for name, value in definition.items():
                if reason := _wrong(name, value):
                    yield f"stream_maps.{stream}.{name} {reason}"
        elif definition is not None and not isinstance(definition, str):
            yield f"stream_maps.{stream} must be an object or null"


def _wrong(name: str, value: Any) -> str:
    """Return what is wrong with one entry of a map, or nothing."""
    if name == MAPPER_KEY_PROPERTIES_OPTION:
        is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return "" if is_list or value is None else "must be a list of names or null"
    if value is None and name not in _NAMES:
        return ""
    if not isinstance(value, str):
        return "must be text" if name in _NAMES else "must be an expression (text) or null"
    if not value.strip() or "\0" in value:
        return "must not be empty, nor hold a null character"
    if name == MAPPER_ALIAS_OPTION:
        return _wrong_alias(value)
    return "" if name in _NAMES or _is_expression(value) else "must be an expression"


def _wrong_alias(alias: str) -> str:
    try:
        PluginMapper._eval_stream(alias, "users")  # noqa: SLF001 - evaluated nowhere else
    except Exception as error:  # noqa: BLE001 - nothing but the user's expression runs here
        return f"cannot be evaluated ({_told(error)})"
    return ""


def _is_expression(text: str) -> bool:
    try:
        return isinstance(ast.parse(text).body[0], ast.Expr)
    except (SyntaxError, IndexError):
        return True  # the SDK says so itself, and shows the text


def watch_expressions(mapper: PluginMapper) -> None:
    """Let each error of an expression say which one it is.

    From then on evaluating raises a SettingsError for whatever an expression raises.
    """
    for maps in mapper.stream_maps.values():
        for one in maps:
            if isinstance(one, CustomStreamMap):
                one._eval = _watched(one.stream_alias, one._eval)  # type: ignore[method-assign] # noqa: SLF001


def _watched(stream: str, evaluate: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*, expr: str, property_name: str | None, **record: Any) -> Any:
        try:
            return evaluate(expr=expr, property_name=property_name, **record)
        except Exception as error:
            message = (
                f"stream_maps.{stream}.{property_name or MAPPER_FILTER_OPTION} cannot be applied "
                f"to a record: {expr} ({_told(error)}). Correct the expression"
            )
            raise SettingsError(message) from error

    return watched


def _told(error: Exception) -> str:
    """Return the error of the expression itself, not the one that the SDK makes of it."""
    cause = error.__cause__ if isinstance(error, MapExpressionError) else None
    told = cause or error
    return f"{type(told).__name__}: {told}"
