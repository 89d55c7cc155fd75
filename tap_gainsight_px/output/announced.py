"""What a stream has announced to the loader of its attributes, as STATE remembers it.

A table keeps the type that a column was made with, and its name. So both are remembered under the
stream's bookmark, as words by attribute:

    "types": {"seats": "number", "date": "string"}, "columns": {"date": "date_attribute"}

A column is named only where it is not called like its attribute.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.catalog.attributes import CUSTOM_ATTRIBUTES
from tap_gainsight_px.catalog.event_tables import ATTRIBUTES
from tap_gainsight_px.catalog.names import MOST_COLUMNS
from tap_gainsight_px.catalog.types import field_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_gainsight_px.catalog.event_tables import EventColumns

logger = logging.getLogger(__name__)

NO_ROOM = "%s: %d attributes or more get no column (they are in %s), for a table has room for %d"
"""What is said of attributes that are too many; with the stream, how many, and where they are."""

_TYPES = "types"
_COLUMNS = "columns"


@dataclass(frozen=True)
class Announced:
    """The attributes of one stream that the loader knows.

    Attributes:
        types: Their types as words (`catalog.types`), by attribute.
        columns: Their columns by attribute, where these have other names.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_columns(self) -> dict[str, str]:
        """The column of each attribute."""
        return {name: self.columns.get(name, name) for name in self.types}


def read_announced(stream: str, entry: Mapping[str, Any]) -> Announced:
    """Return what earlier runs have announced.

    What cannot be understood is left out with a warning: it is made anew from what PX says.

    Args:
        stream: Name of the stream, for the warning.
        entry: The stream's own part of STATE.
    """
    types, are_types_whole = _readable(entry.get(_TYPES))
    columns, are_columns_whole = _readable(entry.get(_COLUMNS))
    known = {name: word for name, word in types.items() if _is_type(word)}
    if not are_types_whole or not are_columns_whole or len(known) < len(types):
        logger.warning(
            "STATE: the types of %s are damaged; what is missing is made anew. If the loader then "
            "refuses a column, drop that column",
            stream,
        )
    return Announced(known, columns)


def write_announced(announced: Announced, entry: dict[str, Any]) -> bool:
    """Put what has been announced into the stream's own part of STATE.

    Returns:
        Whether that has changed anything.
    """
    differing = {
        name: column
        for name, column in announced.columns.items()
        if column != name and name in announced.types
    }
    before = (entry.get(_TYPES), entry.get(_COLUMNS))
    for key, content in ((_TYPES, dict(announced.types)), (_COLUMNS, differing)):
        entry.pop(key, None)
        if content:
            entry[key] = content
    return before != (entry.get(_TYPES), entry.get(_COLUMNS))


class AttributeMemory:
    """Keeps in STATE what one stream has announced, and what its next run is to announce."""

    def __init__(self, stream: str, announced: Announced, columns: EventColumns | None) -> None:
        """Begin with what this run announces.

        Args:
            stream: Name of the stream, for the log.
            announced: What its SCHEMA says of attributes.
            columns: What sees attributes that have no column yet; None where there are no columns.
        """
        self._stream = stream
        self._announced = announced
        self._columns = columns

    def leave_out(
        self, is_deselected: Callable[[tuple[str, ...]], bool], entry: Mapping[str, Any]
    ) -> None:
        """Forget what the SCHEMA does not say after all, unless an earlier run has said it.

        Args:
            is_deselected: Tells it of the path of a field.
            entry: The stream's own part of STATE.
        """
        before, _ = _readable(entry.get(_TYPES))
        columns = self._announced.all_columns
        in_table = self._columns is not None
        paths = {
            name: (columns[name],) if in_table else (CUSTOM_ATTRIBUTES, name) for name in columns
        }
        types = {
            name: word
            for name, word in self._announced.types.items()
            if name in before or not is_deselected(paths[name])
        }
        self._announced = Announced(types, self._announced.columns)

    def remember(self, entry: dict[str, Any]) -> bool:
        """Put it into the stream's own part of STATE, and return whether that changed anything."""
        types, columns = dict(self._announced.types), dict(self._announced.columns)
        if self._columns is not None:
            types_to_come, columns_to_come = self._columns.without_column()
            types, columns = types_to_come | types, columns_to_come | columns
        return write_announced(Announced(types, columns), entry)

    def tell_columns_to_come(self) -> None:
        """Warn about attributes that have come without a column, by name."""
        if self._columns is None:
            return
        names = self._columns.without_column()[1]
        if beyond := self._columns.beyond:
            logger.warning(NO_ROOM, self._stream, beyond, ATTRIBUTES, MOST_COLUMNS)
        if names:
            logger.warning(
                "%s: new attributes have no column yet (their values are in %s), and get one at "
                "the next run: %s",
                self._stream,
                ATTRIBUTES,
                ", ".join(
                    repr(name) if name == column else f"{name!r} (column {column!r})"
                    for name, column in sorted(names.items())
                ),
            )


def _readable(found: Any) -> tuple[dict[str, str], bool]:
    """Return the pairs of text, and whether there was nothing else."""
    if found is None:
        return {}, True
    if not isinstance(found, dict):
        return {}, False
    texts = {name: text for name, text in found.items() if isinstance(text, str)}
    return texts, len(texts) == len(found)


def _is_type(word: str) -> bool:
    try:
        field_of(word)
    except ValueError:
        return False
    return True
