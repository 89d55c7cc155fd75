"""What can be wrong with a configuration before anybody asks what it means."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR, extend_validator_with_defaults

from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.output.batch_files import batch_config_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from jsonschema import ValidationError

_Validator = extend_validator_with_defaults(DEFAULT_JSONSCHEMA_VALIDATOR)

_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "object": "an object",
    "string": "text",
}
_HINTS = {
    "api_key": ": give it in the file of --config, or as TAP_GAINSIGHT_PX_API_KEY with --config ENV"
}


def from_environment(schema: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Read the settings that the environment gives.

    Args:
        schema: JSON schema of all settings.
        prefix: What the names of the variables begin with.

    Raises:
        SettingsError: Some hold text that cannot be read as their type.
    """
    config: dict[str, Any] = {}
    lines = []
    for name, field in schema["properties"].items():
        try:
            config.update(parse_environment_config({"properties": {name: field}}, prefix))
        except ValueError:
            lines.append(f"{prefix}{name.upper()} must be {_kinds(field['type'])}, as in JSON")
    if lines:
        raise SettingsError(*lines)
    return config


def find_errors(config: dict[str, Any], schema: dict[str, Any], *, key_required: bool) -> list[str]:
    """Check a configuration against the JSON schema, and fill in the schema's defaults.

    Args:
        config: Raw configuration; defaults are put into it.
        schema: JSON schema of all settings, the SDK's own included.
        key_required: Whether `api_key` must be there.

    Returns:
        One line for each setting that is wrong. No line holds the value of a secret.
    """
    errors = _Validator(schema).iter_errors(config)
    lines = [_line(error) for error in errors if error.validator != "required"]
    missing = [name for name in schema["required"] if name not in config]
    lines += [
        f"{name} is missing{_HINTS.get(name, '')}"
        for name in missing
        if key_required or name != "api_key"
    ]
    if not lines and config.get("batch_config") is not None:
        lines = batch_config_errors(config["batch_config"])
    return sorted(set(lines))


def _line(error: ValidationError) -> str:
    name = ".".join(str(step) for step in error.absolute_path)
    rule: Any = error.validator_value
    value = error.instance
    shown = repr(value) if isinstance(value, str) else str(value)
    if name == "api_key":
        return "api_key must be text"
    if error.validator == "enum":
        return f"{name} must be one of {', '.join(str(one) for one in rule)}, not {shown}"
    if error.validator in {"minimum", "maximum"}:
        bound = "at least" if error.validator == "minimum" else "at most"
        return f"{name} must be {bound} {rule}, not {shown}"
    if error.validator == "type":
        return f"{name} must be {_kinds(rule)}, not {shown}"
    return f"{name}: {error.message}"


def _kinds(declared: str | list[str]) -> str:
    kinds = [declared] if isinstance(declared, str) else declared
    return " or ".join(_KINDS.get(kind, kind) for kind in kinds if kind != "null")


def find_warnings(
    config: Mapping[str, Any], schema: Mapping[str, Any], streams: Collection[str]
) -> Iterator[str]:
    """Yield a line for whatever in a configuration has no effect, which is rather a mistake.

    Args:
        config: A configuration without find_errors.
        schema: JSON schema of all settings.
        streams: The names of all streams.
    """
    known = schema["properties"]
    for name in config:
        if name not in known:
            yield f"There is no setting {name}{_meant(name, known)}"
    for alias, stream_map in (config.get("stream_maps") or {}).items():
        source = alias
        if isinstance(stream_map, dict):
            source = stream_map.get("__source__", alias)
        if source != "__else__" and not any(fnmatch(stream, source) for stream in streams):
            yield f"stream_maps: there is no stream {source}{_meant(source, streams)}"


def _meant(name: str, names: Collection[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"; is it {close[0]}?" if close else ""
