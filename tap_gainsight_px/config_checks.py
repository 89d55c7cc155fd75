"""All that can be wrong with the configuration, before the first request.

Settings of the wrong type, settings that contradict one another: each is one line that names the
setting and its rule, and all lines come at once. What has no effect (unknown settings, streams that
do not exist) is a warning.
"""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk.helpers._batch import BatchConfig
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR, extend_validator_with_defaults

from tap_gainsight_px.output.batch_files import PARQUET
from tap_gainsight_px.settings import sync_range
from tap_gainsight_px.timestamps import floor_second, parse, to_iso_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from jsonschema import ValidationError

_Validator = extend_validator_with_defaults(DEFAULT_JSONSCHEMA_VALIDATOR)

_TYPE_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "object": "an object",
    "string": "text",
}
_HINTS = {
    "api_key": ": give it in the file of --config, or as TAP_GAINSIGHT_PX_API_KEY with --config ENV"
}
# A key that somebody has put into another setting is longer.
_LONGEST_SHOWN = 30
_NEEDED_FOR_BATCH = {"encoding": "format", "storage": "root"}


def find_errors(
    config: dict[str, Any], schema: dict[str, Any], *, key_required: bool, now: int
) -> list[str]:
    """Check a configuration, and fill in the defaults of its JSON schema.

    Args:
        config: A configuration as `given.values.understand` leaves it; defaults are put into it.
        schema: JSON schema of all settings, the SDK's own included.
        key_required: Whether `api_key` must be there.
        now: Time of the run, epoch milliseconds.

    Returns:
        One line for each setting that is wrong. No line holds the value of a secret.
    """
    errors = _Validator(_without_maps(schema)).iter_errors(config)
    misfits = [error for error in errors if error.validator != "required"]
    lines = [_line(error) for error in misfits]
    missing = [name for name in schema["required"] if name not in config]
    lines += [
        f"{name} is missing{_HINTS.get(name, '')}"
        for name in missing
        if key_required or name != "api_key"
    ]
    # Only of a setting that is of its type can the value be looked at.
    wrong = {str(error.absolute_path[0]) for error in misfits}
    for names, check in _CHECKS.items():
        if wrong.isdisjoint(names):
            lines += check(config)
    if wrong.isdisjoint({"start_date", "end_date"}):
        lines += _range_errors(config, now)
    return sorted(set(lines))


def _without_maps(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema without what the SDK's says of `stream_maps`, which is not JSON Schema."""
    fields = schema["properties"]
    bare = {name: {"type": fields[name]["type"]} for name in {"stream_maps"} & fields.keys()}
    return {**schema, "properties": {**fields, **bare}}


def _line(error: ValidationError) -> str:
    name = ".".join(str(step) for step in error.absolute_path)
    rule: Any = error.validator_value
    shown = _shown(error.instance)
    if name == "api_key":
        return "api_key must be text"
    if error.validator == "enum":
        return f"{name} must be one of {', '.join(str(one) for one in rule)}{shown}"
    if error.validator in {"minimum", "maximum"}:
        bound = "at least" if error.validator == "minimum" else "at most"
        return f"{name} must be {bound} {rule}{shown}"
    if error.validator == "type":
        return f"{name} must be {_type_words(rule)}{shown}"
    return f"{name} is of a wrong kind{shown}"


def _shown(value: Any) -> str:
    """Return how a line goes on that tells a value, unless that may be, or hold, a secret."""
    if isinstance(value, (dict, list)):
        return ""
    text = repr(value) if isinstance(value, str) else str(value)
    return f", not {text}" if len(text) <= _LONGEST_SHOWN else ""


def _type_words(declared: str | list[str]) -> str:
    types = [declared] if isinstance(declared, str) else declared
    return " or ".join(_TYPE_WORDS.get(one, one) for one in types if one != "null")


def _key_errors(config: Mapping[str, Any]) -> Iterator[str]:
    key = config.get("api_key")
    if key is None:
        return
    if not key.strip():
        yield "api_key is empty; create a key in PX under Administration → REST API"
    elif not _fits_a_header(key):
        yield "api_key holds characters that no HTTP header can carry; copy it again from PX"


def _header_errors(config: Mapping[str, Any]) -> Iterator[str]:
    if not _fits_a_header(config.get("user_agent") or ""):
        yield "user_agent holds characters that no HTTP header can carry"


def _fits_a_header(text: str) -> bool:
    return text.isascii() and text.strip().isprintable()


def _url_errors(config: Mapping[str, Any]) -> Iterator[str]:
    if not config.get("api_url"):
        return
    try:
        address = urlsplit(config["api_url"].strip())
        _ = address.port
    except ValueError as error:
        yield f"api_url is no address: {error}"
        return
    if address.scheme not in {"http", "https"} or not address.hostname:
        yield "api_url must be an address like https://api.aptrinsic.com"
    elif "@" in address.netloc or address.query or address.fragment:
        yield "api_url must hold neither a user name nor a query nor a fragment"


def _range_errors(config: Mapping[str, Any], now: int) -> Iterator[str]:
    lines = []
    for name in ("start_date", "end_date"):
        try:
            _ = config.get(name) is None or parse(config[name])
        except ValueError as error:
            lines.append(f"{name}: {error}; write it like 2024-01-31T00:00:00Z")
    yield from lines
    if lines:
        return
    start, end = sync_range(config.get("start_date"), config.get("end_date"), now)
    if start >= end:
        upper = "now" if end == floor_second(now) else "end_date"
        bounds = f"({to_iso_seconds(start)}) must be before {upper} ({to_iso_seconds(end)})"
        yield f"start_date {bounds}"


def _event_errors(config: Mapping[str, Any]) -> Iterator[str]:
    for event_name in config.get("custom_event_streams", []):
        if not event_name.strip():
            yield "custom_event_streams holds an empty name"
        if ";" in event_name:
            yield f"custom_event_streams: no filter of the API can hold the ; in {event_name!r}"


def _flattening_errors(config: Mapping[str, Any]) -> Iterator[str]:
    depth = config.get("flattening_max_depth")
    if config.get("flattening_enabled") and depth is None:
        yield "flattening_max_depth is missing: flattening_enabled needs it"
    if depth is not None and depth < 0:
        yield f"flattening_max_depth must be at least 0, not {depth}"
    length = config.get("flattening_max_key_length")
    if length is not None and length < 1:
        yield f"flattening_max_key_length must be at least 1, not {length}"


def _batch_errors(config: Mapping[str, Any]) -> Iterator[str]:
    setting = config.get("batch_config")
    if setting is None:
        return
    lines = [
        f"batch_config.{part}.{name} is missing"
        for part, name in _NEEDED_FOR_BATCH.items()
        if not (setting.get(part) or {}).get(name)
    ]
    size = setting.get("batch_size")
    if size is not None and (type(size) is not int or size < 1):
        lines.append(f"batch_config.batch_size must be a whole number of at least 1, not {size}")
    yield from lines or _batch_file_errors(setting)


def _batch_file_errors(setting: Mapping[str, Any]) -> Iterator[str]:
    try:
        batch_config = BatchConfig.from_dict(dict(setting))
    except TypeError as error:  # a name that the SDK does not know
        yield f"batch_config: {str(error).partition('() ')[2]}"
        return
    try:
        _ = batch_config.storage._root_path.fs  # noqa: SLF001 - to have its error now
    except (ImportError, ValueError) as error:  # some schemes need packages of their own
        yield f"batch_config.storage.root cannot be used: {error}"
        return
    if batch_config.encoding.format != PARQUET:
        return
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415 - not everybody has it
    except ImportError:
        line = "batch_config.encoding.format is parquet, which needs pyarrow: "
        yield f"{line}pip install 'tap-gainsight-px[parquet]'"


_CHECKS = {
    ("api_key",): _key_errors,
    ("api_url",): _url_errors,
    ("user_agent",): _header_errors,
    ("custom_event_streams",): _event_errors,
    ("flattening_enabled", "flattening_max_depth", "flattening_max_key_length"): _flattening_errors,
    ("batch_config",): _batch_errors,
}
"""For the settings that each looks at."""


def find_warnings(
    config: Mapping[str, Any],
    schema: Mapping[str, Any],
    streams: Mapping[str, bool],
    catalog_streams: Collection[str] = (),
) -> Iterator[str]:
    """Yield a line for each thing that has no effect, and so is likely to be a mistake.

    Args:
        config: A configuration without errors.
        schema: JSON schema of all settings.
        streams: All streams by name, and whether each is selected.
        catalog_streams: Names of the streams in the catalog given.
    """
    known = schema["properties"]
    for name in config:
        if name not in known:
            yield f"Unknown setting {name}{_meant(name, known)}"
    for alias, stream_map in (config.get("stream_maps") or {}).items():
        source = alias
        if isinstance(stream_map, dict):
            source = stream_map.get("__source__", alias)
        if source != "__else__" and not any(fnmatch(stream, source) for stream in streams):
            yield f"stream_maps: unknown stream {source}{_meant(source, streams)}"
    for name in catalog_streams:
        if name not in streams:
            yield f"The catalog names an unknown stream {name}{_meant(name, streams)}"
    if not any(streams.values()):
        yield "No stream is selected, so there is nothing to read"


def _meant(name: str, names: Collection[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""
