"""What Meltano is told of tap and loaders, by cog: `make docs`.

`meltano.yml` declares their settings, `definitions/` has each plugin on its own: for
`meltano add --from-ref` in a project of one's own, and the tap's for the Meltano Hub.

Meltano passes on no setting that is not declared when it comes from the environment, and makes text
of one that is declared with the wrong kind. So all are declared, from what each program says of
itself: the tap by its own code, a loader by its `--about`, kept in `docs/loaders/`.

The tap reads a text as what it has to be, and has a line for one that is not. Of `kind: integer`,
`boolean`, `array` or `options` Meltano reads it first: an empty variable or a typing error then
ends in its own traceback, which does not even name the setting, and `enabled` means no. So what is
no object is declared as text (docs/decisions/0036). Loaders read no text: there the kinds stay.
"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tap_gainsight_px.settings import SETTINGS_SCHEMA
from tap_gainsight_px.tap import TapGainsightPx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOADERS = Path(__file__).parent / "loaders"
PROJECT = Path(__file__).parent.parent
TAP = "tap-gainsight-px"

# What differs from the loader's own default. docs/loading.md says why, and what it costs.
CHOSEN: dict[str, dict[str, Any]] = {
    "target-postgres": {
        "default_target_schema": "gainsight_px",
        "load_method": "upsert",
        "use_copy": True,
        "validate_records": False,
    },
    "target-snowflake": {
        "default_target_schema": "GAINSIGHT_PX",
        "load_method": "upsert",
        "timestamp_type": "TIMESTAMP_TZ",
        "validate_records": False,
    },
}

# Kinds of which Meltano understands a text by itself, or fails.
_READ_BY_MELTANO = {"array", "boolean", "decimal", "integer", "options"}
# Not every loader marks its secrets.
_SECRET = re.compile(r"password|passphrase|sqlalchemy_url|token|private_key$")
# The Singer SDK takes it and does not list it.
_BATCH_SIZE = {
    "type": ["integer", "null"],
    "description": "Records in one file. Default: 10000.",
}


def tap_settings(indent: int) -> str:
    """Return the settings of the tap, the SDK's among them.

    Args:
        indent: How many spaces stand before each line.
    """
    schema = copy.deepcopy(SETTINGS_SCHEMA)
    TapGainsightPx.append_builtin_config(schema)
    schema["properties"]["batch_config"]["properties"]["batch_size"] = _BATCH_SIZE
    fields = schema["properties"]
    defaults = {name: field["default"] for name, field in fields.items() if "default" in field}
    return _lines(fields, defaults, indent, reads_text=True)


def loader_settings(loader: str, indent: int) -> str:
    """Return the settings of a loader; a value stands only where it is not the loader's default.

    Args:
        loader: Name of the loader.
        indent: How many spaces stand before each line.
    """
    about = json.loads((LOADERS / f"{loader}.json").read_text(encoding="utf-8"))
    return _lines(about["settings"]["properties"], CHOSEN[loader], indent)


def definition(plugin: str) -> str:
    """Return a plugin as `meltano add --from-ref` takes it: what `meltano.yml` says, by itself.

    Args:
        plugin: Name of the tap or of a loader.
    """
    return _dumped(_released(plugin))


def hub_definition() -> str:
    """Return the tap as the Meltano Hub lists an extractor.

    What only a published repository has is put in by whoever proposes it to the Hub: `variant`,
    which the Hub requires and which is the name of the repository's owner, `repo` and `logo_url`.
    """
    known = _released(TAP)
    head = {
        "name": TAP,
        "label": "Gainsight PX",
        "description": "Product analytics: users, accounts, events, engagements and surveys",
        "domain_url": "https://www.gainsight.com/product-experience/",
        "keywords": ["meltano_sdk", "product_analytics"],
        "maintenance_status": "active",
    }
    del known["commands"]  # the Hub's own commands are those of every tap
    del known["use_cached_catalog"]  # its schema knows no extras but `select`, `metadata`, `schema`
    return _dumped({**head, **{key: value for key, value in known.items() if key not in head}})


def _released(plugin: str) -> dict[str, Any]:
    text = (PROJECT / "meltano.yml").read_text(encoding="utf-8")
    plugins = (one for kind in yaml.safe_load(text)["plugins"].values() for one in kind)
    found: dict[str, Any] = next(one for one in plugins if one["name"] == plugin)
    # What installs from this folder installs from a package index elsewhere.
    found["pip_url"] = TAP if plugin == TAP else found["pip_url"].partition(" -c ")[0]
    return found


def _dumped(content: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return text.strip()


def _lines(
    fields: Mapping[str, Any], values: Mapping[str, Any], indent: int, *, reads_text: bool = False
) -> str:
    lines: list[str] = []
    for name, field in fields.items():
        lines += _setting(name, field, values.get(name), reads_text=reads_text)
        # The keys of `stream_maps` are names of streams. Of a part that is not set Meltano makes a
        # null, which hides the default: so that is given.
        parts = _parts(name, field) if name != "stream_maps" else ()
        for path, part in parts:
            lines += _setting(path, part, part.get("default"))
    return "\n".join(" " * indent + line for line in lines)


def _parts(path: str, field: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the parts of an object that have no parts themselves.

    Meltano builds an object from its parts (`batch_config.encoding.format`), or takes it whole as
    JSON; then the parts fill in what it lacks, but only if they are declared behind it.
    """
    for name, part in field.get("properties", {}).items():
        if "properties" in part:
            yield from _parts(f"{path}.{name}", part)
        else:
            yield f"{path}.{name}", part


def _setting(
    name: str, field: Mapping[str, Any], value: Any, *, reads_text: bool = False
) -> Iterator[str]:
    default = field.get("default")
    description = field.get("description", "")
    if value is None and default is not None:
        description += f" Default: {default if isinstance(default, str) else json.dumps(default)}."
    title = name.rpartition(".")[2].replace("_", " ").capitalize()
    yield f"- name: {name}"
    yield f"  label: {_yaml(field.get('title', title))}"
    kind = _kind(name, field)
    kind = "string" if reads_text and kind in _READ_BY_MELTANO else kind
    yield f"  kind: {kind}"
    if value is not None:
        yield f"  value: {_yaml(value)}"
    if kind == "options":
        yield "  options:"
        for option in field["enum"]:
            yield f"  - {{label: {_yaml(option)}, value: {_yaml(option)}}}"
    if field.get("secret") or _SECRET.search(name):
        yield "  sensitive: true"
    yield f"  description: {_yaml(description)}"


def _kind(name: str, field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return "options"
    if field.get("format") == "date-time":
        return "date_iso8601"
    if name.endswith("_path"):
        return "file"
    types = [one for one in field.get("type", []) if one != "null"]
    # Text is the only kind that one of several types can always be given as.
    return {"number": "decimal"}.get(types[0], types[0]) if len(types) == 1 else "string"


def _yaml(value: Any) -> str:
    # JSON is YAML, whatever stands in a text.
    return json.dumps(value, ensure_ascii=False)
