"""What dbt is told of the loader's tables: `transform/models/staging/_gainsight_px__sources.yml`.

Descriptions come from the schema files, how old a table may be from the stream table: `make docs`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tap_gainsight_px.catalog.schemas import load_schema
from tap_gainsight_px.catalog.streams import STREAMS

if TYPE_CHECKING:
    from tap_gainsight_px.catalog.spec import StreamSpec

FILE = (
    Path(__file__).parent.parent / "transform" / "models" / "staging" / "_gainsight_px__sources.yml"
)
_HEAD = "# Made from the schema files and the table of streams by `make docs`.\n"


def sources() -> str:
    """Return the file of sources."""
    source = {
        "name": "gainsight_px",
        "description": "Gainsight PX, as tap-gainsight-px and a loader have put it into tables.",
        "database": "{{ var('gainsight_px_database') or target.database }}",
        "schema": "{{ var('gainsight_px_schema') }}",
        "tables": [_table(spec) for spec in STREAMS],
    }
    text: str = yaml.safe_dump(
        {"version": 2, "sources": [source]}, sort_keys=False, allow_unicode=True, width=120
    )
    return _HEAD + text


def _table(spec: StreamSpec) -> dict[str, Any]:
    schema = load_schema(spec.schema_name)
    return {
        "name": spec.name,
        "description": schema["description"],
        "config": {
            "enabled": f"{{{{ {json.dumps(spec.name)} not in var('gainsight_px_not_loaded') }}}}",
            "loaded_at_field": "_sdc_received_at",
            "freshness": _freshness(spec),
        },
        "columns": [
            {"name": name, "description": field.get("description", "")}
            for name, field in schema["properties"].items()
        ],
    }


def _freshness(spec: StreamSpec) -> dict[str, Any] | None:
    if not spec.selected_by_default:
        return None
    if spec.time_range is None:
        # Every run sends all of it: older than this means that no run has succeeded.
        return {"warn_after": _days(2), "error_after": _days(7)}
    # A run sends only what is new, so a quiet product looks like a pipeline that stands still.
    return {"warn_after": _days(8 if spec.time_range.granularity else 1)}


def _days(number: int) -> dict[str, Any]:
    return {"count": number, "period": "day"}


def main() -> None:
    """Write the file."""
    FILE.write_text(sources(), encoding="utf-8")


if __name__ == "__main__":
    main()
