"""A catalog may be months old: it says what is selected; types come from PX, unless pinned."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from px_sandbox import SandboxServer
from tests.streams.rich import empty_world, now
from tests.streams.test_types_over_runs import (
    SETTINGS,
    STREAM,
    define,
    have,
    read,
    record,
    save,
    types,
)
from tests.streams.truth import DAY
from tests.tap.harness import discover, entry_of, root, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Json

MARK = "x-discovered-as"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve a user with an attribute, and an event with one."""
    with SandboxServer(empty_world()) as server:
        define(server, "users", "seats", "NUMBER")
        have(server, "users", "u1", {"seats": 5})
        save(server, "e1", {"plan": "pro", "Date": "x"})
        yield server


@pytest.fixture
def catalog(sandbox: SandboxServer) -> Json:
    """Discover before anything is new."""
    return discover(sandbox, "users", STREAM, **SETTINGS)


def attributes_of(catalog: Json) -> Json:
    """Return the properties that stand for attributes of users."""
    found: Json = entry_of(catalog, "users")["schema"]["properties"]["customAttributes"]
    return found["properties"]  # type: ignore[no-any-return]


def columns_of(catalog: Json) -> Json:
    """Return the properties of the event table."""
    found: Json = entry_of(catalog, STREAM)["schema"]["properties"]
    return found


def test_what_is_new_in_px_becomes_a_column(sandbox: SandboxServer, catalog: Json) -> None:
    """Also one that the catalog does not know; it is selected where its parent is."""
    define(sandbox, "users", "chairs", "NUMBER")
    have(sandbox, "users", "u1", {"seats": 5, "chairs": 4})
    save(sandbox, "e2", {"plan": "pro", "score": 7})
    run = read(sandbox, catalog=catalog)
    assert types(run, "users") == {"seats": "number", "chairs": "number"}
    assert types(run)["score"] == "number"
    assert record(run, "e2")["score"] == 7
    assert record(run, "u1", "users")["customAttributes"]["chairs"] == 4


def test_what_is_new_below_a_deselected_field_stays_away(
    sandbox: SandboxServer, catalog: Json
) -> None:
    """As what is old below it does."""
    root(entry_of(catalog, "users"), "properties", "customAttributes")["selected"] = False
    define(sandbox, "users", "secret", "STRING")
    have(sandbox, "users", "u1", {"secret": "s3cret", "seats": 5})
    run = read(sandbox, catalog=catalog)
    assert "s3cret" not in run.text
    assert "secret" not in run.text


def test_a_type_is_kept_while_its_column_is_deselected(
    sandbox: SandboxServer, catalog: Json
) -> None:
    """The table still has the column; one that it never had is not remembered."""
    root(entry_of(catalog, STREAM), "properties", "plan")["selected"] = False
    never = read(sandbox, catalog=catalog)
    assert "plan" not in never.bookmark(STREAM)["types"]
    before = read(sandbox, "users", STREAM)
    after = read(sandbox, after=before, catalog=catalog)
    assert after.bookmark(STREAM)["types"]["plan"] == "string"


def test_a_column_that_is_deselected_is_not_in_attributes_either(
    sandbox: SandboxServer, catalog: Json
) -> None:
    """Deselected means gone: neither the column nor the place that it is copied from."""
    save(sandbox, "e2", {"plan": "s3cret", "Date": "d4te"})
    entry = entry_of(catalog, STREAM)
    root(entry, "properties", "plan")["selected"] = False
    root(entry, "properties", "Date_attribute")["selected"] = False
    for by_sdk in (False, True):
        run = read(sandbox, catalog=catalog, by_sdk=by_sdk)
        assert {"e1", "e2"} == set(run.values(STREAM, "eventId"))
        assert "s3cret" not in run.text
        assert "d4te" not in run.text
        assert {"plan", "Date_attribute"}.isdisjoint(types(run))


def test_what_is_deselected_in_attributes_has_no_column(
    sandbox: SandboxServer, catalog: Json
) -> None:
    """Whoever writes the path of the attribute itself means the same."""
    breadcrumb = ["properties", "attributes", "properties", "plan"]
    hidden = {"breadcrumb": breadcrumb, "metadata": {"inclusion": "available", "selected": False}}
    entry_of(catalog, STREAM)["metadata"].append(hidden)
    save(sandbox, "e2", {"plan": "s3cret"})
    assert "s3cret" not in read(sandbox, catalog=catalog).text


def test_without_attributes_the_columns_stay(sandbox: SandboxServer, catalog: Json) -> None:
    """Who does not want the values twice leaves the whole out; each column is its own choice."""
    root(entry_of(catalog, STREAM), "properties", "attributes")["selected"] = False
    run = read(sandbox, catalog=catalog)
    one = record(run, "e1")
    assert (one["plan"], one["Date_attribute"]) == ("pro", "x")
    assert "attributes" not in one


@pytest.mark.parametrize("by_sdk", [False, True], ids=["page by page", "record by record"])
def test_events_are_told_apart_without_the_field_that_names_them(
    sandbox: SandboxServer, catalog: Json, *, by_sdk: bool
) -> None:
    """It is the same in every row, so who wants it? Those of other case stay away all the same."""
    root(entry_of(catalog, STREAM), "properties", "eventName")["selected"] = False
    save(sandbox, "e2", {"plan": {"of": "another type"}})
    other = {"eventId": "e3", "eventName": "SAVED", "attributes": {"other": 1}}
    sandbox.world.put("custom_events", {**other, "date": now() - DAY})
    run = read(sandbox, catalog=catalog, by_sdk=by_sdk)
    assert sorted(run.values(STREAM, "eventId")) == ["e1", "e2"]
    assert "other" not in run.bookmark(STREAM)["types"]


def test_a_selection_is_meant_for_the_attribute(sandbox: SandboxServer) -> None:
    """A catalog is discovered without STATE, which alone knows who came first to a name."""
    first = read(sandbox, STREAM)
    save(sandbox, "e2", {"Plan": "s3cret", "plan": "basic"})
    second = read(sandbox, STREAM, after=first)
    rediscovered = discover(sandbox, STREAM, **SETTINGS)
    of_attribute = {
        field.get(MARK, {}).get("attribute", name): name
        for name, field in columns_of(rediscovered).items()
    }
    hidden = of_attribute["Plan"]
    root(entry_of(rediscovered, STREAM), "properties", hidden)["selected"] = False
    third = read(sandbox, after=second, catalog=rediscovered)
    assert "s3cret" not in third.text
    assert record(third, "e2")["plan"] == "basic"


def test_a_type_that_has_changed_in_px_counts_and_not_the_catalogs(
    sandbox: SandboxServer, catalog: Json
) -> None:
    """Nobody has chosen what discovery had found."""
    define(sandbox, "users", "seats", "STRING")
    assert types(read(sandbox, catalog=catalog), "users") == {"seats": "string"}


def test_what_the_catalog_was_discovered_with_serves_where_px_is_silent(
    sandbox: SandboxServer, catalog: Json
) -> None:
    """A key that may no longer read the attributes, and events that are gone."""
    sandbox.misbehave({"forbidden_paths": ["/v1/admin/*"]})
    sandbox.world.delete("custom_events", "e1")
    run = read(sandbox, catalog=catalog)
    assert types(run, "users") == {"seats": "number"}
    assert (types(run)["plan"], types(run)["Date_attribute"]) == ("string", "string")


@pytest.mark.parametrize("is_marked", [True, False], ids=["edited", "set by Meltano"])
def test_a_type_that_the_user_has_pinned_holds(
    sandbox: SandboxServer, catalog: Json, *, is_marked: bool
) -> None:
    """Against PX, the sample and STATE. Meltano puts a schema in place of the whole property."""
    first = read(sandbox, "users", STREAM)
    text: Json = {"type": ["string", "null"]}
    for properties, name in ((attributes_of(catalog), "seats"), (columns_of(catalog), "plan")):
        pinned = {"type": ["integer", "null"]} if name == "plan" else text
        properties[name] = {**properties[name], **pinned} if is_marked else dict(pinned)
    run = read(sandbox, after=first, catalog=catalog)
    assert types(run, "users") == {"seats": "string"}
    assert record(run, "u1", "users")["customAttributes"]["seats"] == "5"
    assert types(run)["plan"] == "integer"
    assert record(run, "e1")["_unexpected"] == {"plan": "pro"}
    assert MARK not in run.text
    # What the table has been told last is what a run without the pin goes on with.
    later = read(sandbox, "users", STREAM, after=run)
    assert (types(later, "users")["seats"], types(later)["plan"]) == ("string", "integer")


def test_a_type_of_a_schema_file_can_be_pinned(sandbox: SandboxServer, catalog: Json) -> None:
    """Types only, at any depth; a catalog of an older version asks for nothing else."""
    fields = entry_of(catalog, "users")["schema"]["properties"]
    fields["score"] = {"type": ["string", "null"]}
    fields["location"]["properties"]["city"] = {"anyOf": [{"type": "null"}, {"type": "integer"}]}
    fields["email"] = {"type": ["null", "string"], "format": "email"}
    del fields["firstName"]
    entry_of(catalog, "users")["schema"]["required"] = ["email", "nobody"]
    (message,) = read(sandbox, catalog=catalog).of("SCHEMA", "users")
    now_fields = message["schema"]["properties"]
    assert now_fields["score"]["type"] == ["string", "null"]
    assert now_fields["location"]["properties"]["city"]["type"] == ["integer", "null"]
    assert now_fields["email"]["format"] == "email"
    assert "firstName" in now_fields
    assert "nobody" not in message["schema"].get("required", [])


def test_the_types_of_keys_are_the_taps_own(sandbox: SandboxServer, catalog: Json) -> None:
    """Records are resumed and merged by them, whoever has written the catalog."""
    for name in ("eventId", "date"):
        columns_of(catalog)[name] = {"type": "integer"}
    run = read(sandbox, catalog=catalog)
    assert (types(run)["eventId"], types(run)["date"]) == ("string", "date-time")
    assert record(run, "e1")["date"].endswith("Z")


def test_a_field_that_the_user_adds_is_announced(sandbox: SandboxServer, catalog: Json) -> None:
    """An undeclared field of users, and an attribute that the sample has not shown."""
    entry_of(catalog, "users")["schema"]["properties"]["extra"] = {"type": ["integer", "null"]}
    columns_of(catalog)["vip"] = {"type": ["boolean", "null"]}
    save(sandbox, "e2", {"vip": True}, days_ago=2)
    sandbox.world.put("users", {"aptrinsicId": "u2", "lastModifiedDate": 1, "extra": 5})
    run = read(sandbox, catalog=catalog)
    assert types(run)["vip"] == "boolean"
    assert record(run, "e2")["vip"] is True
    two = record(run, "u2", "users")
    assert two["extra"] == 5
    assert "_unexpected" not in two


def test_a_catalog_of_an_older_version_blocks_nothing(sandbox: SandboxServer) -> None:
    """It has no marks and no `attributes`, and its types are those that the table was made with."""
    save(sandbox, "e2", {"score": 19})
    catalog = discover(sandbox, "users", STREAM, **SETTINGS)
    for name, one in list(columns_of(catalog).items()):
        one.pop(MARK, None)
        if name == "score":
            one["type"] = ["integer", "null"]
    attributes_of(catalog)["seats"].pop(MARK)
    del columns_of(catalog)["attributes"]
    save(sandbox, "e3", {"score": 19.5, "new": 1})
    run = read(sandbox, catalog=catalog)
    assert types(run)["score"] == "integer"
    late = record(run, "e3")
    assert late["attributes"] == {"score": 19.5, "new": 1}
    assert (late["score"], late["_unexpected"], late["new"]) == (None, {"score": 19.5}, 1)


def test_streams_that_are_not_selected_cost_no_request(
    sandbox: SandboxServer, catalog: Json
) -> None:
    """Neither a list of attributes nor a sample."""
    only = deepcopy(catalog)
    for entry in only["streams"]:
        root(entry)["selected"] = entry["tap_stream_id"] == "segments"
    sync(sandbox, catalog=only, **SETTINGS)
    assert {one.path for one in sandbox.requests} == {"/v1/segment"}


def test_every_type_that_is_not_from_a_file_is_marked(catalog: Json) -> None:
    """So that a run can tell what the user has changed since; and an attribute is named."""
    assert attributes_of(catalog)["seats"][MARK] == {"type": ["number", "null"]}
    assert columns_of(catalog)["Date_attribute"][MARK] == {
        "type": ["string", "null"],
        "attribute": "Date",
    }
    assert MARK not in columns_of(catalog)["date"]
