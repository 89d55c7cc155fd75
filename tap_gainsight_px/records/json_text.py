"""The bytes of an answer as text that every database takes, and as Python values; and back.

No database stores a NUL in text, and UTF-8 cannot hold one half of a surrogate pair. JSON can name
both, in values and in names. Each becomes U+FFFD here, before anything else looks at the bytes, so
that RECORD, BATCH and Parquet never meet one.
"""

from __future__ import annotations

import codecs
import json
import re
from decimal import Decimal
from typing import Any

import simplejson  # type: ignore[import-untyped]

_REPLACEMENT = "\\ufffd"
NUL = b"\\u0000"
"""How JSON names a NUL; a body that holds these bytes needs `clean`."""

# All escapes one after another, so that `\\u0000` is taken for a backslash and four digits. The
# groups are what has to go: a NUL, and a half that does not stand beside its other half.
_ESCAPES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(\\u0000|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|\\."
)
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_MAY_BE_HALF = re.compile(r"\\u[dD][89a-fA-F]")

# Beyond that a number is more than loaders, or their databases, can read. Python itself reads no
# integer of more digits.
_MOST_DIGITS = 4_300
_MOST_EXPONENT = 300


def clean(body: bytes) -> bytes:
    """Return a JSON text in UTF-8 without anything that no database takes as text.

    Bytes that are no UTF-8 become U+FFFD, and so do NULs and halves of surrogate pairs.
    """
    if b"\\u" not in body and b"\0" not in body and _is_plain(body):
        return body
    text = body.decode("utf-8-sig", errors="replace").replace("\0", "\ufffd")
    if NUL.decode() in text or _MAY_BE_HALF.search(text):
        text = _ESCAPES.sub(lambda found: _REPLACEMENT if found[1] else found[0], text)
    return text.encode()


def _is_plain(body: bytes) -> bool:
    """Whether bytes are UTF-8 without a mark of its order."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return not body.startswith(codecs.BOM_UTF8)


def clean_text(text: str) -> str:
    """Return a text that every database takes, as `clean` makes it."""
    return _NO_TEXT.sub("\ufffd", text)


def parse_json(body: bytes) -> Any:
    """Return what a JSON text stands for, cleaned as `clean` does it.

    Decimals keep their digits. A number that no loader can be trusted with (over 4,300 digits, or
    beyond the range of a double) becomes the text that it was.

    Raises:
        ValueError: It is no JSON, or it is nested too deeply.
    """
    text = clean(body).decode()
    try:
        try:
            return _decode(text)
        except ValueError:
            # Perhaps for an integer that Python does not read.
            return _decode_long(text)
    except RecursionError as error:
        message = "it is nested too deeply"
        raise ValueError(message) from error


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _MOST_DIGITS else text


def json_text(value: Any) -> str:
    """Return a value as JSON text, its numbers with their digits."""
    return str(_encode(value))


def read_decimal(text: str) -> Decimal | str:
    """Return a number with its digits, or the text itself where it is too large or too long."""
    if len(text) > _MOST_DIGITS:
        return text
    try:
        number = Decimal(text)
    except ArithmeticError:  # an exponent that is itself a number of many digits
        return text
    return number if abs(number.adjusted()) <= _MOST_EXPONENT else text


def is_double(number: int | Decimal) -> bool:
    """Whether a double holds a number with all of its digits.

    Columns of numbers are doubles in Snowflake and Parquet, and target-postgres makes one of each
    number on its way into COPY.
    """
    try:
        return Decimal(repr(float(number))) == number
    except OverflowError:
        return False


# Made once, like those below: that takes as long as a record.
_encode = simplejson.JSONEncoder(use_decimal=True, ensure_ascii=False).encode

# A raw control character stands for itself, so that one in a text does not cost the page.
_decode, _decode_long = (
    json.JSONDecoder(
        parse_float=read_decimal, parse_int=read, parse_constant=str, strict=False
    ).decode
    for read in (None, _integer)
)
