"""The ``sort`` parameter: ``;`` between fields, ``-`` for descending."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from px_sandbox.codec import decode
from px_sandbox.errors import bad_request
from px_sandbox.filters import values_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A "+" that was not percent-encoded arrives as a blank; both mean ascending.
_KEY = re.compile(r"(?P<sign>[-+ ]?)(?P<field>[A-Za-z_][\w-]*(?:\.[\w-]+)*)\Z")


class SortKey(NamedTuple):
    """One field to sort by."""

    field: str
    descending: bool


def parse_sort(text: str) -> tuple[SortKey, ...]:
    """Return the sort keys of a ``sort`` parameter, most significant first."""
    keys = []
    for part in text.split(";"):
        match = _KEY.match(part)
        if match is None:
            msg = f"Malformed sort {text!r}: expected fields separated by ';', '-' for descending"
            raise bad_request(msg)
        keys.append(SortKey(match["field"], match["sign"] == "-"))
    return tuple(keys)


def sort_bodies(bodies: Iterable[bytes], keys: Sequence[SortKey]) -> list[bytes]:
    """Return ``bodies`` in the order of ``keys``; records without the field come last."""
    rows: list[tuple[object, bytes]] = [(decode(body), body) for body in bodies]
    for key in reversed(keys):
        present: list[tuple[tuple[int, float, str], tuple[object, bytes]]] = []
        absent: list[tuple[object, bytes]] = []
        for row in rows:
            value = next(values_at(row[0], key.field), None)
            if value is None:
                absent.append(row)
            else:
                present.append((_rank(value), row))
        present.sort(key=lambda pair: pair[0], reverse=key.descending)
        rows = [row for _, row in present] + absent
    return [body for _, body in rows]


def _rank(value: object) -> tuple[int, float, str]:
    if isinstance(value, (int, float)):
        return (0, value, "")
    return (1, 0, str(value).casefold())
