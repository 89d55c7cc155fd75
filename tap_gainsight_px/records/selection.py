"""Nothing at or below a deselected path leaves the tap, wherever a record may hold it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tap_gainsight_px.records.json_text import json_text, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FieldPath: TypeAlias = "tuple[str, ...]"
"""Names of fields from the record inwards; lists have no step of their own."""


@dataclass(frozen=True)
class Deselected:
    """The fields of one stream that the user does not want.

    Attributes:
        paths: Their paths. What stands below one of them is not wanted either.
    """

    paths: frozenset[FieldPath] = frozenset()
    _tree: dict[str, Any] = field(init=False, compare=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare the walk through a record."""
        for path in self.paths:
            node = self._tree
            for step in path[:-1]:
                node = node.setdefault(step, {})
                if node is None:
                    break
            else:
                node[path[-1]] = None

    @classmethod
    def from_mask(cls, mask: Mapping[tuple[str, ...], bool]) -> Deselected:
        """Read a selection mask of the Singer SDK: whether each breadcrumb is selected."""
        deselected = {_path(breadcrumb) for breadcrumb, selected in mask.items() if not selected}
        return cls(frozenset(deselected - {()}))

    def __bool__(self) -> bool:
        """Whether there is anything to drop."""
        return bool(self.paths)

    def and_fields(self, names: Iterable[str]) -> Deselected:
        """Return the same with some fields of the record more."""
        return Deselected(self.paths | {(name,) for name in names})

    def below(self, name: str) -> Deselected:
        """Return what is deselected inside one field of the record."""
        inside = (path[1:] for path in self.paths if len(path) > 1 and path[0] == name)
        return Deselected(frozenset(inside))

    def holds(self, path: FieldPath) -> bool:
        """Whether a path is deselected, or stands below one that is."""
        return any(path[:length] in self.paths for length in range(1, len(path) + 1))

    def drop_from(self, record: dict[str, Any]) -> None:
        """Drop the fields from a record, in place."""
        _drop(record, self._tree)

    def left_of(self, path: FieldPath, value: Any) -> Any:
        """Return what may leave of a value that is of another type than declared.

        It may be a list of the objects that were expected, or JSON as text.

        Args:
            path: Where it stands; neither deselected nor below what is.
            value: Any JSON; it is not changed.
        """
        tree: Any = self._tree
        for step in path:
            tree = tree.get(step) if tree else None
        if not tree:
            return value
        if not isinstance(value, str):
            left = deepcopy(value)
            _drop(left, tree)
            return left
        try:
            inside = parse_json(value.encode("utf-8", "surrogatepass"))
        except ValueError:
            return value
        left = self.left_of(path, inside)
        return value if left == inside else json_text(left)


def _path(breadcrumb: Sequence[str]) -> FieldPath:
    """Return the names in a breadcrumb: `a`, `b` for `properties a items properties b`."""
    steps = iter(breadcrumb)
    # Behind each `properties` stands a name, which may be `properties` or `items` itself.
    return tuple(next(steps, "") for step in steps if step == "properties")


def _drop(value: Any, tree: Mapping[str, Any]) -> None:
    if isinstance(value, list):
        for one in value:
            _drop(one, tree)
    elif isinstance(value, dict):
        for name, below in tree.items():
            if name not in value:
                continue
            if below is None:
                del value[name]
            else:
                _drop(value[name], below)
