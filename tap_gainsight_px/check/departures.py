"""Where live records depart from a schema: names of fields and JSON types, never a value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Whatever else stands where a name is expected may be somebody's data.
_NAME = re.compile(r"[A-Za-z_][A-Za-z_]{0,39}[0-9]{0,2}")
_MASKED = "(masked)"

_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (dict, "object"),
    (list, "array"),
)


@dataclass
class Departures:
    """How the records of one stream depart from its schema.

    Attributes:
        undeclared: Fields that the schema does not know, with the JSON types of their values.
        other_types: Fields with values of another type than declared, with these types.
        lacking: Keys that some record lacks.
    """

    undeclared: dict[str, set[str]] = field(default_factory=dict)
    other_types: dict[str, set[str]] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)

    def compare(self, records: Iterable[Mapping[str, Any]], schema: Mapping[str, Any]) -> None:
        """Compare records with the schema of their stream."""
        for record in records:
            self._compare(record, schema, "")

    def look_for(self, keys: Iterable[str], records: Iterable[Mapping[str, Any]]) -> None:
        """Note the keys that some record lacks."""
        names = tuple(keys)
        for record in records:
            self.lacking |= {name for name in names if record.get(name) is None}

    def as_details(self) -> dict[str, Any]:
        """Return what departs, for JSON; empty where nothing does."""
        found: dict[str, Any] = {
            "undeclared": {name: sorted(types) for name, types in sorted(self.undeclared.items())},
            "other_types": {
                name: sorted(types) for name, types in sorted(self.other_types.items())
            },
            "lacking_key": sorted(self.lacking),
        }
        return {name: value for name, value in found.items() if value}

    def _compare(self, value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> None:
        declared = schema.get("properties")
        if not declared:
            return  # free-form: its names are the customer's own
        for name, inner in value.items():
            if name in declared:
                self._compare_field(inner, declared[name], f"{path}{name}")
            else:
                types = self.undeclared.setdefault(f"{path}{shown(name)}", set())
                types.add(json_type(inner))

    def _compare_field(self, value: Any, schema: Mapping[str, Any], path: str) -> None:
        found = json_type(value)
        if not _is_declared(found, schema):
            self.other_types.setdefault(path, set()).add(found)
        elif isinstance(value, dict):
            self._compare(value, schema, f"{path}.")
        elif isinstance(value, list):
            for element in value:
                if "items" in schema:
                    self._compare_field(element, schema["items"], f"{path}[]")


def _is_declared(found: str, schema: Mapping[str, Any]) -> bool:
    declared = schema.get("type")
    if declared is None:
        return True
    types = {declared} if isinstance(declared, str) else set(declared)
    if schema.get("format") == "date-time" and found == "integer":
        return True  # epoch milliseconds, which the tap writes as text
    # A missing value is no other type: the tap passes null on.
    return found in types or found == "null" or (found == "integer" and "number" in types)


def json_type(value: Any) -> str:
    """Return the JSON type of a value."""
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "null")


def shown(name: str) -> str:
    """Return the name of a field, masked where it is no plain name."""
    return name if _NAME.fullmatch(name) else _MASKED


def shape_of(content: Any, depth: int = 4) -> str:
    """Return the shape of JSON: names of fields and types, such as `{error: string}`."""
    if isinstance(content, dict) and depth:
        parts = [f"{shown(name)}: {shape_of(inner, depth - 1)}" for name, inner in content.items()]
        return f"{{{', '.join(parts)}}}"
    if isinstance(content, list) and depth:
        return f"[{shape_of(content[0], depth - 1)}]" if content else "[]"
    return json_type(content)
