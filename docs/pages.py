"""Pages that are made from the code: `python -m docs.pages` writes them, a test compares them.

One page for each stream, from the stream table and its schema file, with a record as the tap
emits it; and the drawings.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docs import drawings
from docs.tables import described, how_it_is_read, joins, table
from docs.timelines import signals_kept, timelines
from px_sandbox import ManualClock, SandboxServer, World, WorldPlan
from tap_gainsight_px.catalog.schemas import load_schema
from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.tap import TapGainsightPx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_gainsight_px.catalog.spec import StreamSpec

DOCS = Path(__file__).parent
PROJECT = DOCS.parent
HEAD = "<!-- Made by `make docs` from the stream table and the schema file; do not edit. -->\n"

# 2026-06-10T00:00:00Z: the example records stay the same from day to day.
_NOW = 1_781_049_600_000
_LONGEST_VALUE = 60

# The layers of pyproject.toml, and what each is for in a few words.
_PURPOSES = {
    "__main__": "start, exit codes",
    "tap": "puts the parts together",
    "singer": "Singer, --check, --plan, report",
    "reading": "from bookmarks to slices",
    "api": "requests, records, messages",
    "catalog": "what there is to read and to set",
    "run_clock": "the time of the run, what is counted",
    "cancellation": "the end, errors, times",
    "redaction": "what no log may hold",
}


def pages() -> dict[str, str]:
    """Return the content of each generated file, by its path below `docs/`."""
    examples = _examples()
    made = {
        f"streams/{spec.name}.md": _stream_page(spec, examples.get(spec.name, {}))
        for spec in STREAMS
    }
    links = {spec.name: joins(spec) for spec in STREAMS}
    made["drawings/entities.svg"] = drawings.entities(links)
    made["drawings/layers.svg"] = drawings.layers(layer_rows())
    made["drawings/gap.svg"] = drawings.gap()
    made |= {f"drawings/{name}": svg for name, svg in timelines().items()}
    return made


def layer_rows() -> list[tuple[str, str]]:
    """Return the layers as `pyproject.toml` has them, each with what it is for.

    Raises:
        KeyError: A layer is new, so that nothing is said of it here.
    """
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    of_the_tap = text.partition('containers = ["tap_gainsight_px"]')[2]
    rows = re.findall(
        r'^  "(.+)",$', of_the_tap.partition("layers = [")[2].partition("\n]")[0], re.MULTILINE
    )
    return [(row, _PURPOSES[row.split()[0]]) for row in rows]


def _stream_page(spec: StreamSpec, example: Mapping[str, Any]) -> str:
    schema = load_schema(spec.schema_name)
    facts = [
        ("endpoint", f"`GET {spec.path}`"),
        ("key", ", ".join(f"`{key}`" for key in spec.primary_keys)),
        ("replication key", f"`{spec.replication_key}`" if spec.replication_key else "none"),
        ("how it is read", how_it_is_read(spec)),
        ("selected by default", "yes" if spec.selected_by_default else "no"),
        ("records on a page", f"at most {spec.page_size_max:,}" if spec.page_size_max else "all"),
    ]
    parts = [
        f"# {spec.name}",
        HEAD,
        schema["description"],
        table(("", ""), facts),
        "## Fields",
        (
            "Every record may have `_unexpected` as well: see "
            "[what lands in the table](../records.md#when-px-sends-what-the-schema-does-not-say)."
        ),
        table(("field", "type", "meaning"), described(schema["properties"], spec.primary_keys)),
        "## A record",
        "As the tap emits it, out of `px-sandbox`; long texts and lists are cut here.",
        f"```json\n{json.dumps(_short(example), indent=2, ensure_ascii=False)}\n```",
        *_joins_part(spec),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _joins_part(spec: StreamSpec) -> list[str]:
    rows = [(f"`{name}`", f"[`{to}`]({to.partition('.')[0]}.md)") for name, to in joins(spec)]
    coming = sorted(
        (other.name, name, to)
        for other in STREAMS
        for name, to in joins(other)
        if to.partition(".")[0] == spec.name
    )
    parts = []
    if rows:
        parts += ["## Joins to", table(("field", "joins to"), rows)]
    if coming:
        found = [
            (f"[`{stream}`]({stream}.md)", f"`{name}`", f"`{to}`") for stream, name, to in coming
        ]
        parts += ["## Joined by", table(("stream", "its field", "joins to"), found)]
    return parts


def _examples() -> dict[str, dict[str, Any]]:
    """Return a record of each stream: the one with the most fields."""
    world = World.generated(WorldPlan(anchor_ms=_NOW, days=14, events=400), ManualClock(_NOW))
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    with SandboxServer(world) as sandbox, contextlib.redirect_stdout(written), signals_kept():
        tap = TapGainsightPx(
            clock=world.clock.now_ms,
            config={
                "api_key": sandbox.api_key,
                "api_url": sandbox.url,
                "requests_per_second": 200,
                "start_date": "2026-05-25T00:00:00Z",
            },
            catalog={"streams": [{"tap_stream_id": spec.name} for spec in STREAMS]},
            parse_env_config=False,
        )
        tap.sync_all()
        tap.finish()
        written.flush()
    found: dict[str, dict[str, Any]] = {}
    assert isinstance(written.buffer, io.BytesIO)  # noqa: S101 - made above
    for line in written.buffer.getvalue().decode().split("\n"):
        message = json.loads(line) if line.startswith('{"type":"RECORD"') else {}
        if message and len(message["record"]) > len(found.get(message["stream"], {})):
            found[message["stream"]] = message["record"]
    return found


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_short(one) for one in value[:1]]
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return f"{value[: _LONGEST_VALUE - 1]}…"
    return value


def main() -> None:
    """Write all pages."""
    made = pages()
    for folder in ("streams", "drawings"):
        (DOCS / folder).mkdir(exist_ok=True)
    for path, text in made.items():
        (DOCS / path).write_text(text, encoding="utf-8")
    for file in (DOCS / "streams").glob("*.md"):
        if file.name != "README.md" and f"streams/{file.name}" not in made:
            file.unlink()


if __name__ == "__main__":
    main()
