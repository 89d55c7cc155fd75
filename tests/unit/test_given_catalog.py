"""A catalog of whoever made it comes out whole, or is refused with a line for each mistake."""

from __future__ import annotations

from typing import Any

import pytest
from singer_sdk.singerlib import Catalog

from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.given.catalog import read_catalog

SPECS = {spec.name: spec for spec in STREAMS}
FIELDS = {"properties": {"email": {"type": "string"}}}


def entry(stream: str = "users", /, **given: Any) -> dict[str, Any]:
    """Return how an entry is read."""
    (read,) = read_catalog({"streams": [{"tap_stream_id": stream, **given}]}, SPECS)["streams"]
    found: dict[str, Any] = read
    return found


def error(*entries: Any) -> str:
    """Return the one line with which these entries are refused."""
    with pytest.raises(SettingsError) as caught:
        read_catalog({"streams": list(entries)}, SPECS)
    (line,) = caught.value.lines
    return line


def root(**metadata: Any) -> list[dict[str, Any]]:
    """Return metadata of a stream that is selected, with this beside."""
    return [{"breadcrumb": [], "metadata": {"selected": True, **metadata}}]


def selected(*entries: dict[str, Any]) -> set[str]:
    """Return the names of the streams that are selected."""
    catalog = Catalog.from_dict(read_catalog({"streams": list(entries)}, SPECS))
    return {one.tap_stream_id for one in catalog.streams if one.metadata.resolve_selection()[()]}


def deselected(read: dict[str, Any]) -> set[tuple[str, ...]]:
    """Return the breadcrumbs that an entry deselects."""
    mask = Catalog.from_dict({"streams": [read]}).streams[0].metadata.resolve_selection()
    return {breadcrumb for breadcrumb, is_selected in mask.items() if not is_selected}


# Names


def test_a_stream_is_known_by_its_id_and_its_messages_by_its_name() -> None:
    """Singer has the two for that; where only one is given, it is both."""
    named = entry("users", stream="people")
    assert (named["tap_stream_id"], named["stream"]) == ("users", "people")
    for given in ({"stream": "users"}, {"tap_stream_id": "users"}, {"tap-stream-id": "users"}):
        (read,) = read_catalog({"streams": [given]}, SPECS)["streams"]
        assert (read["tap_stream_id"], read["stream"]) == ("users", "users")


def test_two_streams_of_one_name_are_refused() -> None:
    """Their records would land in one table. What is not selected is in nobody's way."""
    users, accounts = {"tap_stream_id": "users"}, {"tap_stream_id": "accounts", "stream": "users"}
    assert "users and accounts are to be named users" in error(users, accounts)
    assert selected({**users, "selected": False}, accounts) == {"accounts"}


def test_an_entry_may_be_there_twice_only_as_the_same() -> None:
    """Nobody could say which of two counts."""
    assert selected({"tap_stream_id": "users"}, {"stream": "users"}) == {"users"}
    assert "two different entries for users" in error(
        {"tap_stream_id": "users"}, {"tap_stream_id": "users", "replication_method": "FULL_TABLE"}
    )


def test_entries_of_unknown_streams_keep_their_names_for_the_warning() -> None:
    """Whatever else they hold: it concerns nobody."""
    given = [{"tap_stream_id": "gone", "schema": 7}, {"tap_stream_id": "users"}]
    read = read_catalog({"streams": given}, SPECS)
    assert [one["tap_stream_id"] for one in read["streams"]] == ["gone", "users"]


def test_a_catalog_of_unknown_streams_alone_is_refused() -> None:
    """It reads nothing, and a run that reads nothing for a typing error must not look well."""
    assert error({"tap_stream_id": "usrs"}, {"tap_stream_id": "x"}).startswith(
        "the catalog names none of the tap's streams, but usrs, x (did you mean users?). Make one"
    )


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (7, "streams.0 must be an object"),
        ({}, "streams.0 has neither tap_stream_id nor stream"),
        ({"tap_stream_id": 7}, "streams.0.tap_stream_id must be text"),
        ({"tap_stream_id": "users", "stream": []}, "streams.0.stream must be text"),
    ],
)
def test_an_entry_without_a_name_is_told_by_its_place(given: Any, line: str) -> None:
    """It has nothing else to be called by."""
    assert error(given) == f"the catalog is not a Singer catalog: {line}"


@pytest.mark.parametrize("content", [None, [], {}, {"streams": 5}, {"streams": {"users": {}}}])
def test_what_is_no_catalog_is_told(content: Any) -> None:
    """A STATE given as a catalog, and the like."""
    with pytest.raises(SettingsError, match="is not a Singer catalog: it must hold"):
        read_catalog(content, SPECS)


def test_all_entries_that_are_wrong_are_told_at_once() -> None:
    """Nobody wants to correct a catalog one run at a time."""
    wrong = [{"tap_stream_id": name, "replication_method": "LOG_BASED"} for name in SPECS]
    with pytest.raises(SettingsError) as caught:
        read_catalog({"streams": wrong}, SPECS)
    assert len(caught.value.lines) == len(SPECS)


# Selection


def test_without_a_word_about_selection_a_stream_is_selected() -> None:
    """As in any tap on the SDK; also where only fields have metadata."""
    assert selected({"tap_stream_id": "users"}) == {"users"}
    field = {"breadcrumb": ["properties", "email"], "metadata": {"selected": False}}
    read = entry(metadata=[field], schema=FIELDS)
    assert deselected(read) == {("properties", "email")}


def test_the_first_version_of_singer_selects_in_the_entry_or_in_the_schema() -> None:
    """There, what is not marked is not selected. What the metadata says counts more."""
    users = {"tap_stream_id": "users", "selected": "true"}
    accounts = {"tap_stream_id": "accounts", "schema": {"selected": True}}
    segments = {"tap_stream_id": "segments"}
    features = {"tap_stream_id": "features", "metadata": root()}
    assert selected(users, accounts, segments, features) == {"users", "accounts", "features"}
    assert selected({**users, "metadata": root(selected=False)}) == set()
    assert selected({**users, "selected": False}, segments) == {"segments"}


def test_the_first_version_of_singer_deselects_fields_in_the_schema() -> None:
    """At any depth."""
    city = {"type": "object", "properties": {"city": {"type": "string", "selected": False}}}
    schema = {"properties": {"email": {"selected": False}, "location": city}}
    assert deselected(entry(schema=schema)) == {
        ("properties", "email"),
        ("properties", "location", "properties", "city"),
    }


@pytest.mark.parametrize(
    "breadcrumb",
    [
        ["properties", "e.mail"],
        ("properties", "e.mail"),
        "properties.e.mail",
        "properties/e.mail",
        "/properties/e.mail",
        '["properties", "e.mail"]',
        "('properties', 'e.mail')",
    ],
    ids=repr,
)
def test_a_breadcrumb_may_be_written_in_several_ways(breadcrumb: Any) -> None:
    """All of them have been seen."""
    metadata = [*root(), {"breadcrumb": breadcrumb, "metadata": {"selected": "no"}}]
    assert deselected(entry(metadata=metadata)) == {("properties", "e.mail")}


@pytest.mark.parametrize("breadcrumb", [[], (), "", "()", "[]", None])
def test_the_stream_itself_may_be_written_in_several_ways(breadcrumb: Any) -> None:
    """As the way of no step."""
    read = entry(metadata=[{"breadcrumb": breadcrumb, "metadata": {"selected": False}}])
    assert () in deselected(read)


@pytest.mark.parametrize(
    "breadcrumb",
    [
        ["email"],
        "email",
        ["properties"],
        ["properties", 5],
        5,
        {},
        "[",
        "('properties')",
        "items",
        ["items"],
    ],
)
def test_a_breadcrumb_that_leads_nowhere_is_told(breadcrumb: Any) -> None:
    """What it was to deselect would be read."""
    metadata = [{"breadcrumb": breadcrumb, "metadata": {"selected": False}}]
    line = error({"tap_stream_id": "users", "metadata": metadata})
    assert 'users.metadata.0.breadcrumb must be like ["properties", "name' in line


def test_a_field_inside_of_a_list_cannot_be_deselected() -> None:
    """Nothing would come of it, so it is told; what changes nothing may stay."""
    inside = ["properties", "locations", "items", "properties", "city"]
    metadata = [{"breadcrumb": inside, "metadata": {"selected": False}}]
    assert "users.metadata.0: fields inside of lists" in error(
        {"tap_stream_id": "users", "metadata": metadata}
    )
    read = entry(metadata=[*root(), {"breadcrumb": inside, "metadata": {"selected": True}}])
    assert inside not in [one["breadcrumb"] for one in read["metadata"]]
    names = ["properties", "items", "properties", "items"]
    read = entry(metadata=[*root(), {"breadcrumb": names, "metadata": {"selected": False}}])
    assert deselected(read) == {tuple(names)}


@pytest.mark.parametrize(
    ("metadata", "line"),
    [
        (5, "users.metadata must be a list of"),
        ({"selected": True}, "users.metadata must be a list of"),
        ([5], 'users.metadata.0 must be {"breadcrumb": […], "metadata": {…}}'),
        ([{"metadata": 5}], 'users.metadata.0 must be {"breadcrumb": […], "metadata": {…}}'),
        (root(selected="perhaps"), "users.metadata.0.metadata.selected must be true or false"),
        (root(inclusion="never"), "inclusion must be one of automatic, available, unsupported"),
    ],
)
def test_metadata_of_another_shape_is_told(metadata: Any, line: str) -> None:
    """By the place where it stands."""
    assert line in error({"tap_stream_id": "users", "metadata": metadata})


@pytest.mark.parametrize("metadata", [None, [], {}, [{}], [{"breadcrumb": [], "metadata": None}]])
def test_metadata_may_be_missing_or_empty(metadata: Any) -> None:
    """Then it says nothing."""
    assert entry(metadata=metadata)["tap_stream_id"] == "users"


def test_the_keys_cannot_be_deselected() -> None:
    """Without them records could be neither merged nor resumed, whatever the metadata says."""
    metadata = root() + [
        {"breadcrumb": ["properties", name], "metadata": {"selected": False, "inclusion": kind}}
        for name, kind in (("aptrinsicId", "unsupported"), ("lastModifiedDate", None))
    ]
    assert deselected(entry(metadata=metadata)) == set()


# Keys and replication


@pytest.mark.parametrize("given", [None, [], "", "aptrinsicId", ["aptrinsicId"]])
def test_the_key_is_that_of_the_stream(given: Any) -> None:
    """Also where the catalog leaves it out."""
    assert entry(key_properties=given)["key_properties"] == ["aptrinsicId"]
    keyed = entry(metadata=root(table_key_properties=given))
    assert keyed["key_properties"] == ["aptrinsicId"]


def test_another_key_is_told() -> None:
    """Be there such a field or not: records may lack it."""
    for keys in (["nope"], ["email"], ["aptrinsicId", "email"]):
        line = error({"tap_stream_id": "users", "key_properties": keys})
        assert line.startswith(
            f"the catalog: the key of users is aptrinsicId, not {', '.join(keys)}"
        )
        more = root(**{"table-key-properties": keys})
        assert error({"tap_stream_id": "users", "metadata": more}) == line
    assert "must be a list of names" in error({"tap_stream_id": "users", "key_properties": [[]]})


def test_without_a_replication_key_a_stream_is_incremental_all_the_same() -> None:
    """A full table in its place would be read again and again."""
    read = entry(schema=FIELDS)
    assert read["replication_key"] == "lastModifiedDate"
    assert read["replication_method"] == "INCREMENTAL"
    assert list(read["schema"]["properties"]) == ["email", "aptrinsicId", "lastModifiedDate"]


@pytest.mark.parametrize(
    "given",
    [
        {"replication_method": "FULL_TABLE"},
        {"replication_method": "full-table", "replication_key": "lastModifiedDate"},
        {"replication_method": "FULL_TABLE", "replication_key": "whatever"},
        {"metadata": root(**{"replication-method": "Full Table"})},
        {"metadata": root(**{"forced-replication-method": "FULL_TABLE"})},
        {
            "replication_method": "INCREMENTAL",
            "replication_key": "lastModifiedDate",
            "metadata": root(**{"replication-method": "FULL_TABLE"}),
        },
        {
            "replication_method": "INCREMENTAL",
            "metadata": root(**{"forced-replication-method": "FULL_TABLE"}),
        },
    ],
)
def test_a_full_table_may_be_chosen_at_any_place(given: dict[str, Any]) -> None:
    """Meltano writes metadata and leaves what discovery has written beside it."""
    assert entry(**given)["replication_method"] == "FULL_TABLE"


@pytest.mark.parametrize(
    "given",
    [
        {"replication_method": "incremental"},
        {"replication_key": "lastModifiedDate"},
        {
            "replication_method": "FULL_TABLE",
            "metadata": root(**{"replication-method": "INCREMENTAL"}),
        },
        {"metadata": root(**{"replication-key": "lastModifiedDate"})},
    ],
)
def test_the_users_own_word_counts_most(given: dict[str, Any]) -> None:
    """In the metadata, `replication-method` is what a user chooses."""
    assert entry(**given)["replication_method"] == "INCREMENTAL"


@pytest.mark.parametrize("place", ["replication_method", "replication-method"])
@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("LOG_BASED", "users cannot be read by 'LOG_BASED', only by FULL_TABLE or INCREMENTAL"),
        ("INCRMENTAL", "did you mean INCREMENTAL?"),
        ("FULLTABLE", "did you mean FULL_TABLE?"),
        (5, "users cannot be read by '5'"),
    ],
)
def test_a_method_that_the_tap_does_not_have_is_told(place: str, method: Any, words: str) -> None:
    """The SDK would take it for a full table, or for nothing."""
    given = {place: method} if "_" in place else {"metadata": root(**{place: method})}
    assert words in error({"tap_stream_id": "users", **given})


@pytest.mark.parametrize(
    ("stream", "given", "words"),
    [
        ("segments", {"replication_key": "id"}, "the replication key of segments does not exist"),
        ("segments", {"replication_method": "INCREMENTAL"}, "can only be read by FULL_TABLE"),
        ("users", {"replication_key": "createDate"}, "of users is lastModifiedDate"),
        ("users", {"replication_key": ["x"]}, "of users is lastModifiedDate"),
        (
            "segments",
            {
                "replication_method": "FULL_TABLE",
                "metadata": root(**{"replication-key": "modifiedDate"}),
            },
            "the replication key of segments does not exist",
        ),
    ],
)
def test_a_replication_key_that_is_not_the_streams_is_told(
    stream: str, given: dict[str, Any], words: str
) -> None:
    """A full table that is taken for incremental loses its deletions in silence."""
    assert words in error({"tap_stream_id": stream, **given})


def test_what_is_not_selected_may_be_wrong() -> None:
    """It is not read: a catalog of an earlier version is no reason to stop."""
    read = entry(metadata=root(selected=False), key_properties=["gone"], replication_method="LOG")
    assert read["key_properties"] == ["aptrinsicId"]
    assert read["replication_method"] == "INCREMENTAL"


# Schemas


@pytest.mark.parametrize("schema", [None, True, {}, {"properties": {}}, {"properties": None}])
def test_a_schema_may_be_missing_or_empty(schema: Any) -> None:
    """Then the tap's own is taken."""
    assert not entry(schema=schema)["schema"].get("properties")


@pytest.mark.parametrize(
    "field",
    [
        {"type": "string"},
        {"type": ["string", "null"], "format": "date-time"},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "integer"}, {"type": "string"}], "minimum": 1.5},
        {},
        {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
        {"type": "object", "additionalProperties": False, "required": ["a"]},
        {"x-of-somebody": [1]},
    ],
)
def test_a_schema_that_can_be_read_stays_as_it_is(field: dict[str, Any]) -> None:
    """What its types mean is not decided where it is read."""
    assert entry(schema={"properties": {"a": field}})["schema"]["properties"]["a"] == field


@pytest.mark.parametrize(
    ("field", "read"),
    [
        (True, {}),
        (None, {}),
        ({"type": None, "format": None}, {}),
        ({"type": []}, {}),
        ({"anyOf": []}, {}),
        ({"required": True}, {}),
        ({"type": "array", "items": [{"type": "string"}]}, {"type": "array"}),
        ({"type": "array", "items": True}, {"type": "array"}),
    ],
)
def test_what_says_nothing_in_a_schema_is_left_out(field: Any, read: dict[str, Any]) -> None:
    """The SDK's code would stumble over it."""
    assert entry(schema={"properties": {"a": field}})["schema"]["properties"]["a"] == read


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ([], "users.schema must be an object"),
        ({"properties": []}, "users.schema.properties must be an object"),
        ({"properties": {"a": 5}}, "users.schema.properties.a must be an object"),
        (
            {"properties": {"a": {"type": "text"}}},
            "users.schema.properties.a.type must be of array",
        ),
        ({"properties": {"a": {"type": 5}}}, "a.type is not what JSON Schema knows"),
        ({"properties": {"a": {"type": [["string"]]}}}, "a.type must be of array"),
        ({"properties": {"a": {"anyOf": {}}}}, "a.anyOf must be a list"),
        ({"properties": {"a": {"format": 5}}}, "a.format is not what JSON Schema knows"),
        ({"required": "email"}, "users.schema.required is not what JSON Schema knows"),
        ({"required": [5]}, "users.schema.required must be a list of names"),
        ({"selected": "perhaps"}, "users.schema: selected must be true or false"),
    ],
)
def test_what_no_schema_holds_is_told_by_its_place(schema: Any, line: str) -> None:
    """A loader would refuse it, or make of it something else."""
    assert line in error({"tap_stream_id": "users", "schema": schema})


def test_a_schema_that_is_nested_too_deeply_is_told() -> None:
    """A program that hands over a catalog as an object can hold anything."""
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"properties": {"a": schema}}
    assert "users is nested too deeply" in error({"tap_stream_id": "users", "schema": schema})
