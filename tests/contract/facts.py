"""What the project is held against: facts of the API's description, and the files as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
SCHEMAS = PROJECT / "schemas"

_FACTS = json.loads(Path(__file__).with_name("px_contract.json").read_text(encoding="utf-8"))
STREAM_FACTS: dict[str, dict[str, Any]] = _FACTS["streams"]
DEFINITIONS: dict[str, dict[str, dict[str, Any]]] = _FACTS["definitions"]

EVENT_STREAMS = sorted(
    name for name in STREAM_FACTS if name.endswith("_events") or name == "survey_responses"
)


def fields_of(stream: str) -> dict[str, dict[str, Any]]:
    """Return what the API documents of one record of a stream."""
    return DEFINITIONS[STREAM_FACTS[stream]["definition"]]


def schema_of(stream: str) -> dict[str, Any]:
    """Return a schema file as it stands in the tree."""
    text = (SCHEMAS / f"{stream}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
