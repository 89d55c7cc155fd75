"""Records as JSON text: encoded once, served as bytes, decoded only where a query needs it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

Record = dict[str, Any]

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(value: object) -> bytes:
    """Return compact JSON; integers of any size and ``Decimal`` keep all their digits."""
    return _encoder.encode(value)


def decode(text: bytes) -> Any:
    """Return the value of JSON ``text``; integers of any size stay exact."""
    return json.loads(text)


def decode_exact(text: bytes) -> Any:
    """Return the value of JSON ``text``; decimals keep all their digits, too."""
    return json.loads(text, parse_float=Decimal)


def encode_record(record: Mapping[str, Any] | bytes) -> bytes:
    """Return the JSON of one record; bytes are taken to be JSON already, digit for digit."""
    if not isinstance(record, bytes):
        return encode(dict(record))
    if not isinstance(decode(record), dict):
        msg = "a record has to be a JSON object"
        raise TypeError(msg)
    return record
