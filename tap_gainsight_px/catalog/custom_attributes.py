"""The type of `customAttributes`, from what the API tells of the attributes of an account."""

from __future__ import annotations

import json
from typing import Any

# The types of AttributeMetadata as the API documents them.
_TYPES: dict[str, dict[str, Any]] = {
    "STRING": {"type": ["string", "null"]},
    "NUMBER": {"type": ["number", "null"]},
    "BOOLEAN": {"type": ["boolean", "null"]},
    "DATE_TIME": {"type": ["string", "null"], "format": "date-time"},
}


def decode_attributes(body: bytes) -> list[dict[str, Any]]:
    """Decode the answer of `/v1/admin/model/{type}/attributes`: a bare list.

    Raises:
        ValueError: It is something else.
    """
    try:
        answer = json.loads(body)
    except RecursionError as error:
        message = "it is nested too deeply"
        raise ValueError(message) from error
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        message = "it is no list of attributes"
        raise ValueError(message)
    return answer


def with_attributes(schema: dict[str, Any], attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema with one typed property for each custom attribute.

    Args:
        schema: Schema of users or accounts.
        attributes: What the API tells of them. Those of the standard fields (origin DEFAULT), the
            deleted ones and those of an unknown type are left out; their values still pass.
    """
    properties = {
        attribute["apiName"]: {**_TYPES[attribute["type"]], **_described(attribute)}
        for attribute in attributes
        if attribute.get("origin", "CUSTOM") == "CUSTOM"
        and attribute.get("state") != "DELETED"
        and str(attribute.get("type")) in _TYPES
        and isinstance(attribute.get("apiName"), str)
    }
    if not properties:
        return schema
    custom = {**schema["properties"]["customAttributes"], "properties": properties}
    return {**schema, "properties": {**schema["properties"], "customAttributes": custom}}


def _described(attribute: dict[str, Any]) -> dict[str, str]:
    text = attribute.get("description") or attribute.get("name")
    return {"description": text} if isinstance(text, str) else {}
