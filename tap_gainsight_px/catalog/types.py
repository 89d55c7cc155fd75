"""The type of a custom attribute: what PX calls it, what its values show, one word in STATE.

A word is a JSON type (`number`), several of them (`integer|string`), or a format of text
(`date-time`). In a schema each takes null as well, for not every record has every attribute.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The types of AttributeMetadata as the API documents them.
TYPES_OF_PX = {
    "STRING": "string",
    "NUMBER": "number",
    "BOOLEAN": "boolean",
    "DATE_TIME": "date-time",
}

_FORMATS = frozenset({"date-time", "date", "time"})
_JSON_TYPES = frozenset({"array", "boolean", "integer", "number", "object", "string"})

# The JSON type of a value, looked for in this order: for Python, true is a number too. One that
# is whole today may have a fraction tomorrow, so no sample can show that it is an integer.
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "number": (int, float, Decimal),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}

# What says of which type a field is; all else in a schema says more about it.
_TYPE_KEYWORDS = ("type", "format", "anyOf", "oneOf", "allOf")


def field_of(word: str) -> dict[str, Any]:
    """Return the JSON Schema that a word stands for.

    Raises:
        ValueError: It is no such word.
    """
    if word in _FORMATS:
        return {"type": ["string", "null"], "format": word}
    names = word.split("|")
    if not set(names) <= _JSON_TYPES:
        message = f"{word!r} is no type"
        raise ValueError(message)
    open_ended = {"additionalProperties": True} if "object" in names else {}
    return {"type": [*names, "null"], **open_ended}


def word_of(field: Mapping[str, Any]) -> str:
    """Return the word for the type of a field; empty where there is none."""
    declared = field.get("type", ())
    types = {declared} if isinstance(declared, str) else set(declared)
    names = sorted(types - {"null"})
    if (
        not names
        or not set(names) <= _JSON_TYPES
        or any(one in field for one in _TYPE_KEYWORDS[2:])
    ):
        return ""
    if "format" in field and names == ["string"]:
        return field["format"] if field["format"] in _FORMATS else ""
    return "|".join(names)


def type_of(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a field's schema that says its type, in a form that compares."""
    found = {name: field[name] for name in _TYPE_KEYWORDS if field.get(name) is not None}
    declared = found.get("type")
    if isinstance(declared, str):
        found["type"] = [declared]
    elif declared is not None:
        found["type"] = sorted({str(one) for one in declared})
    # Whether null is allowed as well makes no column another one.
    if "type" in found:
        found["type"] = [one for one in found["type"] if one != "null"] or ["null"]
    return found


def word_of_value(value: Any) -> str:
    """Return the word for the type of a value; empty for null, which may be of any."""
    for word, python_types in _PYTHON_TYPES.items():
        if isinstance(value, python_types):
            return word
    return ""


def word_of_values(words: Iterable[str]) -> str:
    """Return the word for a column that holds values of these types.

    What is of several types, or never had a value, is text: nothing is lost by that.
    """
    found = set(words) - {""}
    return found.pop() if len(found) == 1 else "string"
