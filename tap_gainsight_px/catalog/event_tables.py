"""Custom events as tables: a stream for each event name, its attributes as columns.

A record keeps its `attributes` whole; the columns are copies. So what has no column yet, or no
longer fits the one that it has, is in the row all the same.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.names import (
    MOST_COLUMNS,
    choose_names,
    folded,
    is_loadable,
    with_digest,
)
from tap_gainsight_px.catalog.types import field_of, word_of_value, word_of_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_gainsight_px.catalog.spec import StreamSpec

ATTRIBUTES = "attributes"
"""The field of a custom event that holds its attributes."""

_PREFIX = "custom_event_"
_SUFFIX = "_attribute"
_FIELD_SUFFIX = "_field"


def event_table_specs(custom_events: StreamSpec, event_names: Iterable[str]) -> list[StreamSpec]:
    """Return one stream for each event name.

    Args:
        custom_events: The stream of all custom events.
        event_names: Names as PX has them. Where two lead to the same name of a stream, that of
            the later one ends in a digest.
    """
    wanted = {name: plain_stream_name(name) for name in event_names}
    return [
        replace(custom_events, name=stream, schema_file=custom_events.name, event_name=event_name)
        for event_name, stream in choose_names(wanted, kept={}, taken=()).items()
    ]


def plain_stream_name(event_name: str) -> str:
    """Return what the stream of an event is called, where nothing stands against it."""
    words = re.sub(r"\W+", "_", event_name.strip().lower()).strip("_")
    # One without a letter or digit would have no name at all.
    return _PREFIX + (words or with_digest("", event_name)[1:])


def kept_columns(columns: Iterable[tuple[str, str]], *, fields: Iterable[str]) -> dict[str, str]:
    """Return the columns of earlier runs that can stay: whose names are sound and their own.

    Args:
        columns: Attributes and their columns; one that comes earlier is kept before a later one.
        fields: The fields of every event.
    """
    used = {one for field in fields for one in folded(field)}
    kept: dict[str, str] = {}
    for name, column in columns:
        if name not in kept and is_loadable(column) and not folded(column) & used:
            kept[name] = column
            used |= folded(column)
    return kept


def column_names(
    attributes: Iterable[str], *, kept: Mapping[str, str], fields: Iterable[str]
) -> dict[str, str]:
    """Return a column for each attribute of an event, whatever the order they come in.

    Args:
        attributes: Names of attributes as PX has them.
        kept: The columns that some have since earlier runs.
        fields: The fields of every event.

    Returns:
        The columns by attribute, with those of `kept`; at most `MOST_COLUMNS`.
    """
    of_fields = {one for field in fields for one in folded(field)}
    room = max(0, MOST_COLUMNS - len(kept))
    wanted = {
        name: name + _SUFFIX if folded(name) & of_fields else name
        for name in sorted(set(attributes) - kept.keys())[:room]
    }
    return choose_names(wanted, kept=kept, taken=fields)


def sampled_fields(sample: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a typed field for each attribute that some events have.

    Args:
        sample: Real events of one name.
    """
    found: dict[str, set[str]] = {}
    for event in sample:
        attributes = event.get(ATTRIBUTES)
        if isinstance(attributes, dict):
            for name, value in attributes.items():
                found.setdefault(name, set()).add(word_of_value(value))
    return {name: field_of(word_of_values(words)) for name, words in found.items()}


def described(name: str, field: Mapping[str, Any]) -> dict[str, Any]:
    """Return the field of an attribute with a description, if it has none."""
    return {"description": f"Attribute {name} of the event.", **field}


class EventColumns:
    """Copies the attributes of an event beside its fields, and notes those without a column.

    Pages are decoded in worker threads, which share it.
    """

    def __init__(self, columns: Mapping[str, str], *, fields: Iterable[str] = ()) -> None:
        """Prepare for one stream.

        Args:
            columns: The column of each attribute.
            fields: The properties of the stream's schema, which no new column may equal.
        """
        self._columns = dict(columns)
        self._own = frozenset(columns.values())
        self._fields = frozenset(fields) - self._own
        self._hidden: frozenset[str] = frozenset()
        self._seen: dict[str, frozenset[str]] = {}
        self._to_come: dict[str, str] = {}
        self._lock = threading.Lock()

    def hide(self, deselected: Iterable[tuple[str, ...]]) -> None:
        """Let no attribute leave whose column is deselected, nor one deselected in `attributes`.

        Args:
            deselected: Paths of fields: the names, from the record inwards.
        """
        paths = set(deselected)
        inside = {path[1] for path in paths if len(path) > 1 and path[0] == ATTRIBUTES}
        hidden = set() if (ATTRIBUTES,) in paths else inside
        hidden |= {name for name, column in self._columns.items() if (column,) in paths}
        self._hidden = frozenset(hidden)

    def lift(self, record: dict[str, Any]) -> None:
        """Put copies of an event's attributes into their columns, in place."""
        hidden_columns = {self._columns.get(name) for name in self._hidden}
        for taken in self._own.intersection(record):
            # A field that PX has made up since: it is no attribute, and not lost.
            value = record.pop(taken)
            if taken not in hidden_columns:
                record[taken + _FIELD_SUFFIX] = value
        attributes = record.get(ATTRIBUTES)
        if not isinstance(attributes, dict):
            return
        for name in self._hidden.intersection(attributes):
            del attributes[name]
        for name, value in attributes.items():
            column = self._columns.get(name)
            if column is None:
                self.note(name, word_of_value(value))
                continue
            record[column] = value

    @property
    def by_attribute(self) -> Mapping[str, str]:
        """The column of each attribute that has one."""
        return self._columns

    @property
    def hides(self) -> bool:
        """Whether there are attributes that must not leave."""
        return bool(self._hidden)

    def note(self, name: str, word: str) -> None:
        """Note the type of a value whose attribute has no column."""
        seen = self._seen.get(name, frozenset())
        if word and word not in seen and (seen or len(self._seen) <= MOST_COLUMNS):
            with self._lock:
                self._seen[name] = self._seen.get(name, frozenset()) | {word}

    @property
    def beyond(self) -> int:
        """How many attributes, of those seen without a column, get none: a table has no room."""
        return len(self._seen.keys() - self._to_come.keys())

    def without_column(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what was seen without a column: its types as words, and the columns to come.

        Both by attribute. A column that has been named once stays so. For the main thread alone.
        """
        if not self._seen:
            return {}, {}
        with self._lock:
            types = {name: word_of_values(words) for name, words in self._seen.items()}
        kept = self._columns | self._to_come
        names = column_names(types, kept=kept, fields=self._fields)
        self._to_come = {name: names[name] for name in types if name in names}
        return {name: types[name] for name in self._to_come}, self._to_come
