"""Mistakes in `stream_maps` are told by the place where they stand, and nothing else is."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from singer_sdk.exceptions import MappingError
from singer_sdk.mapper import PluginMapper

from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.singer.stream_maps import definition_errors, watch_expressions

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "n": {"type": "integer"}},
}
RECORD = {"id": "a", "n": 2}


def mapper_of(stream_maps: dict[str, Any]) -> PluginMapper:
    """Make the maps of the stream `users`, as the SDK does."""
    mapper = PluginMapper({"stream_maps": stream_maps}, logging.getLogger(__name__))
    mapper.register_raw_stream_schema("users", SCHEMA, ["id"])
    return mapper


@pytest.mark.parametrize(
    ("stream_maps", "line"),
    [
        ({"users": 5}, "stream_maps.users must be an object or null"),
        ({"users": ["id"]}, "stream_maps.users must be an object or null"),
        ({"users": {"x": ""}}, "stream_maps.users.x must not be empty"),
        ({"users": {"x": "id\0"}}, "stream_maps.users.x must not be empty, nor hold a null"),
        ({"users": {"x": {"a": 1}}}, "stream_maps.users.x must be an expression (text) or null"),
        ({"users": {"x": 3}}, "stream_maps.users.x must be an expression (text) or null"),
        ({"users": {"x": "n = 1"}}, "stream_maps.users.x must be an expression"),
        ({"users": {"__filter__": 1}}, "stream_maps.users.__filter__ must be an expression"),
        ({"users": {"__else__": []}}, "stream_maps.users.__else__ must be an expression"),
        ({"users": {"__key_properties__": 1}}, "__key_properties__ must be a list of names"),
        ({"users": {"__key_properties__": [[]]}}, "__key_properties__ must be a list of names"),
        ({"copy": {"__source__": None}}, "stream_maps.copy.__source__ must be text"),
        ({"users": {"__alias__": 1}}, "stream_maps.users.__alias__ must be text"),
        ({"users": {"ä" * 32: "id"}}, "cannot be a column: a loader takes names of 1 to 63 bytes"),
        ({"users": {'a"': "id"}}, 'stream_maps.users.a" cannot be a column'),
        ({"__else__": {}}, "stream_maps.__else__ must be null"),
        ({"__else__": "users"}, "stream_maps.__else__ must be null"),
        ({"users": {"__alias__": "5"}}, "stream_maps.users.__alias__ must lead to a name"),
        ({"users": {"__alias__": "1 / 0"}}, "__alias__ cannot be evaluated (ZeroDivisionError"),
    ],
)
def test_a_definition_of_the_wrong_shape_is_told_by_its_place(
    stream_maps: dict[str, Any], line: str
) -> None:
    """The SDK would raise an IndexError, a TypeError or worse, or none before the first record."""
    (found,) = definition_errors(stream_maps)
    assert line in found


@pytest.mark.parametrize(
    "stream_maps",
    [
        {},
        {"users": None},
        {"users": "__NULL__"},
        {"__else__": None},
        {"users": {"id": "id", "x": "md5(id)", "n": None, "__else__": None}},
        {"users": {"__filter__": "n > 1", "__key_properties__": None}},
        {"users": {"__alias__": "people", "__key_properties__": ["id"]}},
        {"copy": {"__source__": "users", "x": "__NULL__"}},
    ],
)
def test_what_the_sdk_understands_is_no_error(stream_maps: dict[str, Any]) -> None:
    """Everything that its documentation shows."""
    assert list(definition_errors(stream_maps)) == []
    watch_expressions(mapper_of(dict(stream_maps)))


@pytest.mark.parametrize(
    "stream_maps",
    [
        {"users": {"x": "bad ("}},
        {"users": {"id": None}},
        {"users": {"__key_properties__": ["gone"]}},
        {"users": "gone"},
        {"*": {"id": None}},
    ],
)
def test_what_the_sdk_refuses_itself_is_left_to_it(stream_maps: dict[str, Any]) -> None:
    """By an error of its mapping, which says what is wrong."""
    assert list(definition_errors(stream_maps)) == []
    with pytest.raises(MappingError):
        mapper_of(stream_maps)


@pytest.mark.parametrize(
    ("name", "expression", "words"),
    [
        ("x", "int(id)", "users.x cannot be applied to a record: int(id) (ValueError: invalid"),
        ("x", "n / 0", "(ZeroDivisionError: "),
        ("x", "record['gone']", "(KeyError: 'gone')"),
        ("x", "gone", "(NameNotDefined: 'gone' is not defined"),
        ("x", "{(1, 2): 3}", "(TypeError: keys must be str"),
        ("x", "md5", "(TypeError: it is a function"),
        ("__filter__", "id > 3", "users.__filter__ cannot be applied to a record: id > 3"),
    ],
)
def test_an_expression_that_fails_says_which_one_it_is(
    name: str, expression: str, words: str
) -> None:
    """Whatever it raises, and whatever it makes that is not JSON; and of which record."""
    mapper = mapper_of({"users": {name: expression}})
    watch_expressions(mapper)
    with pytest.raises(SettingsError) as caught:
        mapper.stream_maps["users"][0].transform(dict(RECORD))
    assert words in str(caught.value)
    assert "of users with id 'a'" in str(caught.value)


def test_an_expression_that_works_works() -> None:
    """Watching changes no result."""
    maps: dict[str, Any] = {"users": {"x": "n * 2", "__filter__": "n > 1"}}
    mapper = mapper_of(maps)
    plain = mapper.stream_maps["users"][0].transform(dict(RECORD))
    watch_expressions(mapper)
    watched = mapper.stream_maps["users"][0].transform(dict(RECORD))
    assert watched == plain == {"id": "a", "n": 2, "x": 4}
    assert mapper.stream_maps["users"][0].transform({"id": "b", "n": 1}) is None


def test_what_an_expression_makes_is_text_that_databases_take() -> None:
    """It can make a NUL or half a surrogate pair that PX did not send."""
    mapper = mapper_of({"users": {"x": r"'a\x00' + '\ud83d'"}})
    watch_expressions(mapper)
    made = mapper.stream_maps["users"][0].transform(dict(RECORD))
    assert made == {**RECORD, "x": "a\ufffd\ufffd"}
