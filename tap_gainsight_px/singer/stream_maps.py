"""Stream maps: the user's mistakes are told as such, and nothing else is taken for one.

The SDK checks little of what `stream_maps` holds: a definition of the wrong shape raises whatever
comes of it, and an expression raises anything, record by record. Catching all errors on that way
would blame the user's expression for every bug there. So the definitions are checked before the
SDK sees them, and later only the evaluation of an expression is watched.
"""

from __future__ import annotations

import ast
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MapExpressionError, MappingError
from singer_sdk.helpers._catalog import get_selected_schema
from singer_sdk.mapper import (
    MAPPER_ALIAS_OPTION,
    MAPPER_ELSE_OPTION,
    MAPPER_FILTER_OPTION,
    MAPPER_KEY_PROPERTIES_OPTION,
    MAPPER_SOURCE_OPTION,
    NULL_STRING,
    CustomStreamMap,
    PluginMapper,
)
from singer_sdk.singerlib.catalog import SelectionMask
from singer_sdk.singerlib.json import serialize_json

from tap_gainsight_px.catalog.names import LONGEST, is_storable
from tap_gainsight_px.catalog.schemas import load_schema
from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.records.json_text import clean_text
from tap_gainsight_px.singer.mapped_values import hide_mapped_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from singer_sdk import Stream

    from tap_gainsight_px.catalog.spec import StreamSpec

logger = logging.getLogger(__name__)

# How the SDK says that two fields would become one.
_TWO_COLUMNS = "Duplicate column name"

# What is JSON as it is; anything else that an expression makes is tried.
_PLAIN = (bool, float, int, str, type(None))
_NAMES = {MAPPER_ALIAS_OPTION, MAPPER_SOURCE_OPTION}
_NAME = f'a loader takes names of 1 to {LONGEST} bytes, without " and %'


def check_maps(config: Mapping[str, Any], specs: Iterable[StreamSpec]) -> None:
    """Check the maps of these streams by what is known of them without a request.

    Args:
        config: The configuration of the tap.
        specs: The streams that may be read.

    Raises:
        SettingsError: A definition cannot be understood, or does not fit a stream.
    """
    if lines := list(definition_errors(config.get("stream_maps") or {})):
        raise SettingsError(*lines)
    mapper = _mapper(config)
    for spec in specs if config.get("stream_maps") else ():
        if spec.event_name is None:  # a table of events has columns that only PX knows
            schema = load_schema(spec.schema_name)
            with _refusals():
                mapper.register_raw_stream_schema(spec.name, schema, spec.primary_keys)


def make_mapper(
    config: Mapping[str, Any],
    streams: Iterable[Stream],
    names: Mapping[str, str],
    copies: Mapping[str, Mapping[str, str]],
) -> PluginMapper:
    """Return the maps of these streams.

    A map with a pattern applies to those alone: the SDK would apply it to streams that are not
    selected as well, and miss the fields in them.

    Args:
        config: The configuration of the tap, whose maps `check_maps` has looked at.
        streams: The streams that may be read.
        names: What the messages of a stream are called where no map says so, by the stream's name.
        copies: By stream, the attributes of its events that have a column, with that column.

    Raises:
        SettingsError: A definition does not fit a stream.
    """
    mapper = _mapper(config)
    for stream in streams:
        mask = stream.mask if stream.selected else SelectionMask()
        schema = get_selected_schema(stream.name, stream.schema, mask)
        if mapper.flattening_options.enabled:
            schema = {**_with_types(schema), "type": "object"}
        with _refusals():
            mapper.register_raw_stream_schema(stream.name, schema, stream.primary_keys)
        for one in mapper.stream_maps[stream.name]:
            if one.stream_alias == stream.name:
                one.stream_alias = names.get(stream.name, stream.name)
            if not is_storable(one.stream_alias):
                message = f"the stream {stream.name} is to be called {one.stream_alias!r}: {_NAME}"
                raise SettingsError(message)
            # Singer has an empty list for "no key"; the SDK would leave the field out.
            one.transformed_key_properties = one.transformed_key_properties or []
        hide_mapped_values(mapper, stream.name, copies.get(stream.name, {}))
    watch_expressions(mapper)
    return mapper


def _mapper(config: Mapping[str, Any]) -> PluginMapper:
    with _refusals():
        # The SDK takes `__else__` out of what it is given.
        maps = {**(config.get("stream_maps") or {})}
        return PluginMapper({**config, "stream_maps": maps}, logger)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what the SDK refuses into a SettingsError."""
    try:
        yield
    except (MappingError, NotImplementedError) as error:  # the latter: an option that it lacks
        message = f"stream_maps cannot be used: {error}"
        raise SettingsError(message) from error
    except ValueError as error:
        if not str(error).startswith(_TWO_COLUMNS):
            raise
        message = f"flattening cannot be used: {error}; set another flattening_separator"
        raise SettingsError(message) from error


def _with_types(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema in which each object says that it is one, else flattening passes it over.

    A field of any type has an empty schema: it becomes JSON text.
    """
    fields = {name: _with_types(one) for name, one in schema.get("properties", {}).items()}
    if fields:
        return {"type": ["object", "null"], **schema, "properties": fields}
    return schema if "type" in schema else {}


def definition_errors(stream_maps: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each definition that the SDK could not even refuse.

    What it refuses by a `MappingError` of its own (syntax, unknown options, keys that are left
    out) is not repeated here.
    """
    for stream, definition in stream_maps.items():
        if stream == MAPPER_ELSE_OPTION and definition not in (None, NULL_STRING):
            yield f"stream_maps.{stream} must be null"
        elif isinstance(definition, dict):
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
    return _wrong_alias(value) if name == MAPPER_ALIAS_OPTION else _wrong_field(name, value)


def _wrong_field(name: str, value: str) -> str:
    if name in _NAMES:
        return ""
    if not is_storable(name):
        return f"cannot be a column: {_NAME}"
    return "" if _is_expression(value) else "must be an expression"


def _wrong_alias(alias: str) -> str:
    try:
        name: object = PluginMapper._eval_stream(alias, "users")  # noqa: SLF001 - evaluated nowhere else
    except Exception as error:  # noqa: BLE001 - nothing but the user's expression runs here
        return f"cannot be evaluated ({_told(error)})"
    return "" if isinstance(name, str) and name.strip() else "must lead to a name"


def _is_expression(text: str) -> bool:
    try:
        return isinstance(ast.parse(text).body[0], ast.Expr)
    except (SyntaxError, IndexError):
        return True  # the SDK says so itself, and shows the text


def watch_expressions(mapper: PluginMapper) -> None:
    """Let each error of an expression say which one it is, and of which record.

    From then on evaluating raises a SettingsError for whatever an expression raises, and for a
    result that no message can hold.
    """
    for source, maps in mapper.stream_maps.items():
        for one in maps:
            if isinstance(one, CustomStreamMap):
                one._eval = _watched(source, one, one._eval)  # type: ignore[method-assign] # noqa: SLF001


def _watched(source: str, one: CustomStreamMap, evaluate: Callable[..., Any]) -> Callable[..., Any]:
    alias, keys = one.stream_alias, one.raw_key_properties or []
    absent = dict.fromkeys(one.raw_schema.get("properties", {}))

    def watched(
        *, expr: str, property_name: str | None, record: dict[str, Any], **more: Any
    ) -> Any:
        try:
            # PX leaves out what it has nothing to say of: to an expression that is null.
            known = {**absent, **record}
            result = evaluate(expr=expr, property_name=property_name, record=known, **more)
            if type(result) not in _PLAIN:
                _check_result(result)
            if isinstance(result, str):
                result = clean_text(result)
        except Exception as error:
            key = ", ".join(f"{name} {str(record.get(name))[:80]!r}" for name in keys)
            message = (
                f"stream_maps.{alias}.{property_name or MAPPER_FILTER_OPTION} cannot be applied "
                f"to a record: {expr} ({_told(error)}), of {source} with {key}. Correct the "
                "expression"
            )
            raise SettingsError(message) from error
        return result

    return watched


def _check_result(result: Any) -> None:
    """Raise an error where a message would hold something else, or nothing."""
    if callable(result):
        message = "it is a function, which is not called"
        raise TypeError(message)
    serialize_json(result)


def _told(error: Exception) -> str:
    """Return the error of the expression itself, not the one that the SDK makes of it."""
    cause = error.__cause__ if isinstance(error, MapExpressionError) else None
    told = cause or error
    return f"{type(told).__name__}: {told}"
