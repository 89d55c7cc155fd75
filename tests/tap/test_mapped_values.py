"""What a stream map drops or replaces is nowhere in what the tap writes."""

from __future__ import annotations

from typing import Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.singer.mapped_values import removed_alone
from tests.tap.harness import sync
from tests.tap.worlds import event, today, user, world_of

HIDDEN = "ada@example.com"
ODD_USER = user("u", today()) | {"email": [HIDDEN], "score": "many", "location": {"city": "Bern"}}


def users(stream_maps: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    """Return what is written of a user whose e-mail address and score do not fit."""
    odd = ODD_USER | {"email": {"work": HIDDEN}, "score": {"of": HIDDEN}}
    with SandboxServer(world_of(users=[odd])) as sandbox:
        output = sync(sandbox, "users", stream_maps=stream_maps, **settings)
    assert output.error is None
    return [one["record"] for one in output.of("RECORD")]


@pytest.mark.parametrize("flattening", [False, True], ids=["objects", "columns"])
@pytest.mark.parametrize("score", [None, "'hidden'"], ids=["dropped", "replaced"])
def test_a_misfit_value_of_a_mapped_field_does_not_leave_by_another_way(
    score: str | None,
    flattening: bool,  # noqa: FBT001
) -> None:
    """It does not fit its field, so it would stand in `_unexpected`."""
    settings = {"flattening_enabled": flattening, "flattening_max_depth": 1}
    (record,) = users({"users": {"score": score, "email": None}}, **settings)
    assert HIDDEN not in str(record)
    assert record.get("score") == (None if score is None else "hidden")
    assert "_unexpected" not in record


def test_to_remove_fields_costs_no_speed() -> None:
    """It is the same as to deselect them; a map that does anything else looks at each record."""
    fields = {"email": None, "score": "__NULL__", "neverSeen": None}
    assert removed_alone({"*ers": fields, "accounts": {"id": "id"}}, "users") == fields.keys()
    for others in (
        {"users": {"email": "md5(email)", "score": None}},
        {"users": {"email": None, "__filter__": "score"}},
        {"users": {"email": None}, "few": {"__source__": "users", "email": None}},
        {"users": None},
    ):
        assert not removed_alone(others, "users")
    with SandboxServer(world_of(users=[ODD_USER | {"neverSeen": HIDDEN}])) as sandbox:
        page = sync(sandbox, "users", stream_maps={"users": fields})
        alone = sync(sandbox, "users", stream_maps={"users": fields | {"city": "'Bern'"}})
    (record,) = page.records("users")
    (expected,) = alone.records("users")
    assert record == {name: expected[name] for name in expected if name != "city"}
    assert HIDDEN not in page.text
    (schema,) = page.of("SCHEMA", "users")
    assert not schema["schema"]["properties"].keys() & fields.keys()


def test_each_map_of_a_stream_hides_what_it_drops_and_nothing_else() -> None:
    """One table for the few, with all in it, and one for the many."""
    maps = {"users": {"email": None}, "few": {"__source__": "users", "email": "email"}}
    with SandboxServer(world_of(users=[ODD_USER])) as sandbox:
        output = sync(sandbox, "users", stream_maps=maps)
    (many,) = output.records("users")
    (few,) = output.records("few")
    assert many["_unexpected"] == few["_unexpected"] == {"score": "many"}
    assert HIDDEN not in str(many)
    assert HIDDEN in str(few["email"])


def test_the_attribute_of_a_mapped_column_is_not_in_the_attributes() -> None:
    """The column is a copy of it."""
    made = event("e", today()) | {"eventName": "Paid", "attributes": {"card": HIDDEN, "plan": "a"}}
    maps = {"custom_event_paid": {"card": "md5(card)"}}
    settings: dict[str, Any] = {"custom_event_streams": ["Paid"], "stream_maps": maps}
    with SandboxServer(world_of(custom_events=[made])) as sandbox:
        output = sync(sandbox, "custom_event_paid", **settings)
    (record,) = output.records("custom_event_paid")
    assert record["attributes"] == {"plan": "a"}
    assert len(record["card"]) == 32
    assert HIDDEN not in output.text


def test_what_px_leaves_out_is_null_to_an_expression() -> None:
    """An object that is null is left out of a record, as is what PX has nothing to say of."""
    place = "location['city'] if location else 'nowhere'"
    some = [user("a", today()) | {"location": {"city": "Bern"}}, user("b", today() + 1)]
    with SandboxServer(world_of(users=some)) as sandbox:
        output = sync(sandbox, "users", stream_maps={"users": {"place": place}})
    assert output.error is None
    assert sorted(output.values("users", "place")) == ["Bern", "nowhere"]
