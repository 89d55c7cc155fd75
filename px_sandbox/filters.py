"""The API's ``filter`` and ``sort``.

A filter: ``field op value`` terms, ``;`` for AND, repetition for OR.

Values compare without regard to case; ``~`` and ``!~`` take ``*`` and ``?``. Nested fields use
dots, and a list on the way matches if any of its elements does. A sort: fields with ``;`` between
them, ``-`` for descending. Contract: README, "Filter, sort, case".
"""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from px_sandbox.errors import bad_request
from px_sandbox.stores import decode
from px_sandbox.times import parse_time

# Longest first, so that ``<=`` is not read as ``<`` and a value that starts with ``=``.
OPERATORS = ("==", "!=", "<=", ">=", "!~", "<", ">", "~")

_TERM = re.compile(
    r"(?P<field>[A-Za-z_][\w-]*(?:\.[\w-]+)*)"
    rf"(?P<op>{'|'.join(map(re.escape, OPERATORS))})"
    r"(?P<value>.+)\Z",
    re.DOTALL,
)
# A "+" that was not percent-encoded arrives as a blank; both mean ascending.
_SORT_KEY = re.compile(r"(?P<sign>[-+ ]?)(?P<field>[A-Za-z_][\w-]*(?:\.[\w-]+)*)\Z")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclasses.dataclass(frozen=True)
class Term:
    """One comparison, as sent."""

    field: str
    op: str
    value: str
    wildcard: re.Pattern[str] | None = dataclasses.field(default=None, compare=False)

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Say whether ``record`` satisfies this comparison."""
        values = list(values_at(record, self.field))
        if self.op in ("!=", "!~"):
            return not any(self._holds(value, self.op[1:].replace("=", "==")) for value in values)
        return any(self._holds(value, self.op) for value in values)

    def _holds(self, value: object, op: str) -> bool:
        if self.wildcard is not None:
            return self.wildcard.match(_text(value)) is not None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return _ORDER[op](_text(value), self.value.casefold())
        wanted = _number(self.value)
        return wanted is not None and _ORDER[op](value, wanted)


def parse_filter(text: str) -> tuple[Term, ...]:
    """Return the terms of one ``filter`` parameter; all of them have to hold."""
    terms = []
    for part in text.split(";"):
        match = _TERM.match(part.strip())
        if match is None:
            msg = (
                f"Malformed filter term {part!r}: expected field, operator and value with one of "
                f"the operators {' '.join(sorted(OPERATORS))}, terms separated by ';'"
            )
            raise bad_request(msg)
        name, op, value = match["field"], match["op"], match["value"]
        if value.startswith("="):
            msg = f"Malformed filter term {part!r}: unknown operator"
            raise bad_request(msg)
        terms.append(Term(name, op, value, _wildcard(value) if op.endswith("~") else None))
    return tuple(terms)


def values_at(record: object, path: str) -> Iterator[Any]:
    """Yield the values at a dotted ``path``; nulls and missing fields yield nothing."""
    head, _, rest = path.partition(".")
    if isinstance(record, list):
        for element in record:
            yield from values_at(element, path)
    elif isinstance(record, Mapping):
        value = record.get(head)
        if rest:
            yield from values_at(value, rest)
        elif isinstance(value, list):
            yield from (element for element in value if element is not None)
        elif value is not None:
            yield value


def _wildcard(value: str) -> re.Pattern[str]:
    pieces = (
        ".*" if char == "*" else "." if char == "?" else re.escape(char)
        for char in value.casefold()
    )
    return re.compile("".join(pieces) + r"\Z", re.DOTALL)


def _text(value: object) -> str:
    return str(value).casefold()


def _number(text: str) -> int | float | None:
    try:
        return float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        # Other date fields than the one that makes the range take the same two forms.
        return parse_time(text)


class SortKey(NamedTuple):
    """One field to sort by."""

    field: str
    descending: bool


def parse_sort(text: str) -> tuple[SortKey, ...]:
    """Return the sort keys of a ``sort`` parameter, most significant first."""
    keys = []
    for part in text.split(";"):
        match = _SORT_KEY.match(part)
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
