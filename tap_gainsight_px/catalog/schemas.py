"""The schema files, and what they declare.

A wheel carries the files inside the package; in a source tree they lie beside it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = Path(__file__).parent.parent
# A wheel carries the files inside the package; an editable install leaves them where they are.
_FOLDERS = (_PACKAGE / "schemas", _PACKAGE.parent / "schemas")

UNEXPECTED = "_unexpected"
"""The field that takes values whose type is not the declared one."""

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


def declared_types(field: Mapping[str, Any]) -> frozenset[str]:
    """Return the JSON types that a field may have, null aside; none where it may have any.

    Args:
        field: JSON Schema of one field, whose types stand in `type` (see `pins`).
    """
    declared = field.get("type", ())
    return frozenset([declared] if isinstance(declared, str) else declared) - {"null"}


def declared_type(field: Mapping[str, Any]) -> str:
    """Return the JSON type of a declared field, null aside.

    Args:
        field: JSON Schema of one field.

    Returns:
        The type; empty where the field may be of several types or of any.
    """
    types = declared_types(field)
    return next(iter(types)) if len(types) == 1 else ""
