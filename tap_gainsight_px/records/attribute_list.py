"""What PX says of the account's custom attributes: bytes to the schema of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.types import TYPES_OF_PX, field_of
from tap_gainsight_px.records.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def decode_attributes(body: bytes) -> list[dict[str, Any]]:
    """Decode the answer of `/v1/admin/model/{type}/attributes`: a bare list.

    Raises:
        ValueError: It is something else.
    """
    answer = parse_json(body)
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        message = "it is no list of attributes"
        raise ValueError(message)
    return answer


def attribute_fields(attributes: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a typed field for each custom attribute, by its name in records.

    Args:
        attributes: What the API says of them. Those of the standard fields (origin DEFAULT), the
            deleted ones and those of an unknown type are left out; their values still pass.
    """
    return {
        attribute["apiName"]: {
            **field_of(TYPES_OF_PX[attribute["type"]]),
            **_description(attribute),
        }
        for attribute in attributes
        if attribute.get("origin", "CUSTOM") == "CUSTOM"
        and attribute.get("state") != "DELETED"
        and str(attribute.get("type")) in TYPES_OF_PX
        and isinstance(attribute.get("apiName"), str)
    }


def _description(attribute: Mapping[str, Any]) -> dict[str, str]:
    text = attribute.get("description") or attribute.get("name")
    return {"description": text} if isinstance(text, str) else {}
