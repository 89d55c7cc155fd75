"""The metadata inside a given catalog: which stream and which field is selected.

The Singer way is a list of `{"breadcrumb": […], "metadata": {…}}`. Programs made for the first
version of Singer say `"selected": true` in the entry or in the schema instead, and what people
write themselves has breadcrumbs of several shapes.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.catalog import Metadata

from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.given.values import is_truth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Breadcrumb = tuple[str, ...]
    Fields = dict[Breadcrumb, dict[str, Any]]

_STEP = "properties"
_INTO_A_LIST = "items"
_SELECTIONS = ("selected", "selected-by-default")
_INCLUSIONS = {one.value for one in Metadata.InclusionType}


def read_metadata(given: Any, where: str) -> Fields:
    """Return metadata by breadcrumb; the stream's own is at `()`, if there is any.

    Args:
        given: Any JSON; null and an empty object are no metadata.
        where: Where it stands, for the error.

    Raises:
        SettingsError: It cannot be understood.
    """
    if given is None or given == {}:
        return {}
    if not isinstance(given, (list, tuple)):
        message = f'{where} must be a list of {{"breadcrumb": […], "metadata": {{…}}}}'
        raise SettingsError(message)
    found: Fields = {}
    for number, one in enumerate(given):
        place = f"{where}.{number}"
        if not isinstance(one, dict) or not isinstance(one.get("metadata") or {}, dict):
            message = f'{place} must be {{"breadcrumb": […], "metadata": {{…}}}}'
            raise SettingsError(message)
        values = _read_values(one.get("metadata") or {}, f"{place}.metadata")
        breadcrumb, in_a_list = _read_breadcrumb(one.get("breadcrumb"), f"{place}.breadcrumb")
        if not in_a_list:
            found[breadcrumb] = {**found.get(breadcrumb, {}), **values}
        elif values.get("selected") is False:
            message = f"{place}: fields inside of lists cannot be deselected; deselect the list"
            raise SettingsError(message)
    return found


def selections_in_schema(schema: Mapping[str, Any], where: str) -> Fields:
    """Return what a schema says of selection in the way of the first version of Singer.

    Args:
        schema: A schema as `read_schema` leaves it.
        where: Where it stands, for the error.

    Raises:
        SettingsError: A selection is neither true nor false.
    """
    return {
        breadcrumb: {"selected": read_truth(value, f"{where}: selected")}
        for breadcrumb, value in _marks(schema, ())
    }


def _marks(schema: Mapping[str, Any], breadcrumb: Breadcrumb) -> Iterator[tuple[Breadcrumb, Any]]:
    if "selected" in schema:
        yield breadcrumb, schema["selected"]
    for name, field in schema.get(_STEP, {}).items():
        yield from _marks(field, (*breadcrumb, _STEP, name))


def read_truth(value: Any, where: str) -> bool:
    """Return a yes or no in any usual spelling.

    Raises:
        SettingsError: It is neither.
    """
    truth = is_truth(value)
    if truth is None:
        message = f"{where} must be true or false"
        raise SettingsError(message)
    return truth


def _read_values(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    values = {
        str(name).replace("_", "-"): value for name, value in given.items() if value is not None
    }
    for name in _SELECTIONS:
        if name in values:
            values[name] = read_truth(values[name], f"{where}.{name}")
    if "inclusion" in values:
        inclusion = str(values["inclusion"]).casefold()
        if inclusion not in _INCLUSIONS:
            message = f"{where}.inclusion must be one of {', '.join(sorted(_INCLUSIONS))}"
            raise SettingsError(message)
        values["inclusion"] = inclusion
    return values


def _read_breadcrumb(given: Any, where: str) -> tuple[Breadcrumb, bool]:
    """Return the steps to a field, and whether they lead through a list.

    Args:
        given: `["properties", "a"]`, `"properties.a"`, `"/properties/a"`; null is the stream.
        where: Where it stands, for the error.

    Raises:
        SettingsError: They lead to no field.
    """
    steps = _split(given) if isinstance(given, str) else () if given is None else given
    message = f'{where} must be like ["properties", "name of the field"]'
    if not isinstance(steps, (list, tuple)) or not all(isinstance(one, str) for one in steps):
        raise SettingsError(message)
    rest = list(steps)
    in_a_list = False
    while rest:
        if rest[0] == _STEP and len(rest) > 1:
            del rest[:2]
        elif rest[0] == _INTO_A_LIST and len(rest) < len(steps):
            in_a_list = True
            del rest[0]
        else:
            raise SettingsError(message)
    return tuple(steps), in_a_list


def _split(text: str) -> Any:
    if text[:1] in {"[", "("}:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return text
    separator = "/" if text.startswith(("/", f"{_STEP}/")) else "."
    if not (text := text.strip(separator)):
        return ()
    first, *names = f"{separator}{text}".split(f"{separator}{_STEP}{separator}")
    return [first] if first else [step for name in names for step in (_STEP, name)]
