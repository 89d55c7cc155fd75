"""Finds and loads the schema files: inside the wheel, or beside the package in a source tree."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent.parent
# A wheel carries the files inside the package; an editable install leaves them where they are.
_FOLDERS = (_PACKAGE / "schemas", _PACKAGE.parent / "schemas")


UNEXPECTED = "_unexpected"

_UNEXPECTED_SCHEMA = {
    "type": ["object", "null"],
    "additionalProperties": True,
    "description": "Values whose type is not the declared one, by the name of their field. Put in "
    "by the tap, and only where there are any.",
}


@cache
def _folder() -> Path:
    for folder in _FOLDERS:
        if folder.is_dir():
            return folder
    message = f"no folder of schema files at {' or '.join(map(str, _FOLDERS))}"
    raise FileNotFoundError(message)


def load_schema(stream_name: str) -> dict[str, Any]:
    """Return a fresh copy of the JSON Schema of one stream.

    Raises:
        FileNotFoundError: There is no file of that name.
    """
    text = (_folder() / f"{stream_name}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def with_unexpected(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with the field that takes values of another type than declared."""
    properties = {**schema.get("properties", {}), UNEXPECTED: _UNEXPECTED_SCHEMA}
    return {**schema, "properties": properties}
