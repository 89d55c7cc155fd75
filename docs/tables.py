"""Generated tables of README.md and the decisions, by cog: `make docs`.

The settings come from `settings.py`, the streams from the stream table, the decisions from their
first lines.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.settings import SETTINGS_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_gainsight_px.catalog.spec import StreamSpec


def settings_table() -> str:
    """Return the README's table of settings."""
    rows = []
    for name, field in SETTINGS_SCHEMA["properties"].items():
        default = field.get("default")
        shown = default if isinstance(default, str) else json.dumps(default)
        required = "Required. " if name in SETTINGS_SCHEMA["required"] else ""
        rows.append(
            (f"`{name}`", "—" if default is None else f"`{shown}`", required + field["description"])
        )
    return _table(("setting", "default", "meaning"), rows)


def streams_table() -> str:
    """Return the README's table of streams."""
    rows = (
        (
            f"`{spec.name}`",
            f"`{spec.path}`",
            ", ".join(f"`{key}`" for key in spec.primary_keys),
            how_it_is_read(spec),
        )
        for spec in STREAMS
    )
    return _table(("stream", "endpoint", "key", "how it is read"), rows)


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
            text += ", first sync whole"
        else:
            text += f", windows of at most {time_range.max_days} days"
    if spec.parent is not None:
        text += f", one request for each of `{spec.parent.stream}`"
        text += f" and each {granularity.value}" if granularity else ""
    return text if spec.selected_by_default else f"{text}; not selected by default"


def number_of_streams() -> int:
    """Return how many streams there are, custom events as tables aside."""
    return len(STREAMS)


def decisions_table() -> str:
    """Return the list of decisions."""
    rows = []
    for file in sorted((Path(__file__).parent / "decisions").glob("0*.md")):
        title, *lines = file.read_text(encoding="utf-8").splitlines()
        date, status = re.findall(r"Date: ([\d-]+)\. Status: (\w+)", "\n".join(lines))[0]
        rows.append((f"[{file.name[:4]}]({file.name})", title.removeprefix("# "), date, status))
    return _table(("No.", "Decision", "Date", "Status"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
