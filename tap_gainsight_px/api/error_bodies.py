"""The body of an error: the API's own words, and the status where HTTP gives none.

Seen of the live service and in the vendor's own loader: `{"externalapierror": {"status": "…",
"message": "…", "debugMessage": …, "subErrors": [{"message": "…"}]}}`, or a top-level
`errorMessage`; either may come under 200.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

# No error's body is longer; a page of records is not looked through for one.
_ERROR_BYTES = 65_536
_START_BYTES = 4_096

_MESSAGE_FIELDS = (
    "externalapierror",
    "message",
    "errormessage",
    "error_description",
    "detail",
    "debugmessage",
    "errors",
    "error",
    "status",
)
# What an error under 200 may consist of; a record that has an `errorMessage` has more.
_ERROR_FIELDS = frozenset(
    {*_MESSAGE_FIELDS, "statuscode", "code", "errorcode", "suberrors", "timestamp", "path"}
)
_SERVER_TROUBLE = re.compile(
    r"internal|time[d -]*out|unavailable|try again|overload", re.IGNORECASE
)
_STATUS = re.compile(r"[45]\d\d(?!\d)")


def message_in(body: bytes) -> str:
    """Return the API's own words in an error's body; nothing for an HTML page."""
    return _find_message(_parse(body))


def words_in(body: bytes) -> str:
    """Return all texts in an error's body, to look for words in them."""
    return " ".join(_texts(_parse(body)))


def status_in_error(body: bytes) -> int | None:
    """Return the status that an error under 200 stands for, None for a body that is no error."""
    start = body[:_START_BYTES].lower()
    if b'"externalapierror"' not in start and b'"errormessage"' not in start:
        return None
    content = _parse(body)
    if not isinstance(content, dict):
        return None
    by_name = {str(name).lower(): value for name, value in content.items()}
    inner = by_name.get("externalapierror")
    if not inner and not (by_name.get("errormessage") and by_name.keys() <= _ERROR_FIELDS):
        return None
    told = str((inner if isinstance(inner, dict) else by_name).get("status")).upper()
    if found := _STATUS.match(told):
        return int(found[0])
    known = HTTPStatus.__members__.get(told)
    if known is not None and known >= HTTPStatus.BAD_REQUEST:
        return int(known)
    return 500 if _SERVER_TROUBLE.search(" ".join(_texts(content))) else 400


def _parse(body: bytes) -> Any:
    """Return the JSON of an error's body, or its text where it is none."""
    text = body[:_ERROR_BYTES].decode("utf-8-sig", errors="replace")
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


def _find_message(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _find_message(value[0]) if value else ""
    if not isinstance(value, dict):
        return ""
    by_name = {str(name).lower(): inner for name, inner in value.items()}
    found = next(filter(None, (_find_message(by_name.get(name)) for name in _MESSAGE_FIELDS)), "")
    # What is wrong with a part of the request says more than "validation error" does.
    detail = _find_message(by_name.get("suberrors"))
    return f"{found}: {detail}" if found and detail and detail != found else found or detail
