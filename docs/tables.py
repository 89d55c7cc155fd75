"""Generated tables of the documentation, by cog: `make docs`.

The settings come from `settings.py`, the streams from the stream table and the schema files, the
decisions from their first lines.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tap_gainsight_px.catalog.schemas import load_schema
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.report.facts import schema as report_schema
from tap_gainsight_px.settings import SETTINGS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from typing import Any

    from tap_gainsight_px.catalog.spec import StreamSpec

_JOINS = re.compile(r"joins to (\w+\.\w+)")


def settings_table() -> str:
    """Return the table of settings."""
    rows = []
    for name, field in SETTINGS_SCHEMA["properties"].items():
        default = field.get("default")
        shown = default if isinstance(default, str) else json.dumps(default)
        required = "Required. " if name in SETTINGS_SCHEMA["required"] else ""
        rows.append(
            (f"`{name}`", "—" if default is None else f"`{shown}`", required + field["description"])
        )
    return table(("setting", "default", "meaning"), rows)


def report_table(part: str = "") -> str:
    """Return the table of what the report says of a run; with `streams`, of a stream."""
    shown = report_schema()
    if part:
        shown = shown["properties"][part]["items"]
    rows = [
        (f"`{name}`", told)
        for field, one in shown["properties"].items()
        for name, told in _report_rows(field, one)
    ]
    return table(("field", "meaning"), rows)


def _report_rows(name: str, field: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "description" in field:
        yield name, field["description"]
    for inner, one in field.get("properties", {}).items():
        yield from _report_rows(f"{name}.{inner}", one)


def streams_table() -> str:
    """Return the table of streams, each with a link to its page."""
    rows = (
        (
            f"[`{spec.name}`]({spec.name}.md)",
            f"`{spec.path}`",
            ", ".join(f"`{key}`" for key in spec.primary_keys),
            how_it_is_read(spec),
        )
        for spec in STREAMS
    )
    return table(("stream", "endpoint", "key", "how it is read"), rows)


def how_it_is_read(spec: StreamSpec) -> str:
    """Return in a few words how a stream is read."""
    time_range = spec.time_range
    granularity = time_range and time_range.granularity
    text = "full table"
    if time_range is not None:
        text = f"incremental by `{spec.replication_key}`"
        if granularity:
            text += f": sums of each {granularity.value}"
        elif time_range.full_table_is_whole:
            text += ", whole at first and every `full_read_days`"
        else:
            text += f", windows of at most {time_range.max_days} days"
    if spec.parent is not None:
        text += f", one request for each of `{spec.parent.stream}`"
        text += f" and each {granularity.value}" if granularity else ""
    return text if spec.selected_by_default else f"{text}; not selected by default"


def number_of_streams() -> int:
    """Return how many streams there are, custom events as tables aside."""
    return len(STREAMS)


def marts_table() -> str:
    """Return the list of what the dbt package makes."""
    file = Path(__file__).parent.parent / "transform/models/marts/_gainsight_px__marts.yml"
    models = yaml.safe_load(file.read_text(encoding="utf-8"))["models"]
    return table(("mart", "what it holds"), ((f"`{m['name']}`", m["description"]) for m in models))


def decisions_table() -> str:
    """Return the list of decisions."""
    rows = []
    for file in sorted((Path(__file__).parent / "decisions").glob("0*.md")):
        title, *lines = file.read_text(encoding="utf-8").splitlines()
        date, status = re.findall(r"Date: ([\d-]+)\. Status: (\w+)", "\n".join(lines))[0]
        rows.append((f"[{file.name[:4]}]({file.name})", title.removeprefix("# "), date, status))
    return table(("No.", "Decision", "Date", "Status"), rows)


def joins(spec: StreamSpec) -> list[tuple[str, str]]:
    """Return the fields of a stream that join to another one: `[("accountId", "accounts.id")]`.

    The descriptions in the schema file say it; of what a stream is asked for, the stream table.
    """
    fields = _fields(load_schema(spec.schema_name)["properties"])
    found = [(name, _JOINS.search(field.get("description", ""))) for name, field in fields]
    links = {name: match[1] for name, match in found if match}
    if spec.parent is not None:
        links[spec.parent.name] = f"{spec.parent.stream}.{spec.parent.field}"
    return list(links.items())


def described(
    properties: Mapping[str, Any], keys: Collection[str] = ()
) -> list[tuple[str, str, str]]:
    """Return name, type and meaning of all fields, those inside of objects by their path."""
    return [
        (f"`{name}`{' (key)' if name in keys else ''}", _type(field), field.get("description", ""))
        for name, field in _fields(properties)
    ]


def _fields(properties: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in properties.items():
        yield f"{before}{name}", field
        yield from _fields(field.get("properties", {}), f"{before}{name}.")
        yield from _fields((field.get("items") or {}).get("properties", {}), f"{before}{name}[].")


def _type(field: Mapping[str, Any]) -> str:
    declared = field.get("type", [])
    names = [
        one for one in ([declared] if isinstance(declared, str) else declared) if one != "null"
    ]
    if field.get("format"):
        return str(field["format"])
    if names == ["array"]:
        inner = _type(field.get("items") or {})
        return f"array of {inner}"
    return " or ".join(names) or "any"


def streams_nav(indent: int) -> str:
    """Return the streams' pages as `mkdocs.yml` lists them.

    Args:
        indent: How many spaces stand before each line.
    """
    return "\n".join(f"{' ' * indent}- streams/{spec.name}.md" for spec in STREAMS)


def decisions_nav(indent: int) -> str:
    """Return the decisions as `mkdocs.yml` lists them.

    Args:
        indent: How many spaces stand before each line.
    """
    files = sorted((Path(__file__).parent / "decisions").glob("0*.md"))
    return "\n".join(f"{' ' * indent}- decisions/{file.name}" for file in files)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
