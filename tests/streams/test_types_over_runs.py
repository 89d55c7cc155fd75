"""What has been announced of an attribute stays, whatever PX says at the next run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.streams.rich import empty_world, now
from tests.streams.truth import DAY
from tests.tap.harness import sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Json, Output

STREAM = "custom_event_saved"
SETTINGS: dict[str, Any] = {"custom_event_streams": ["saved"], "lookback_seconds": 5 * 86_400}
KEYS = {"users": ("user", "aptrinsicId"), "accounts": ("account", "id")}

both_models = pytest.mark.parametrize("stream", KEYS)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve an empty world."""
    with SandboxServer(empty_world()) as server:
        yield server


def save(sandbox: SandboxServer, key: str, attributes: Json, *, days_ago: float = 1) -> None:
    """Put an event into the world."""
    date = now() - round(days_ago * DAY)
    fields = {"eventName": "saved", "date": date, "attributes": attributes}
    sandbox.world.put("custom_events", {"eventId": key, "identifyId": "ada", **fields})


def define(sandbox: SandboxServer, stream: str, name: str, kind: str) -> None:
    """Let PX have an attribute of that type; it had another one before, perhaps."""
    attribute = {"id": name, "apiName": name, "type": kind, "origin": "CUSTOM"}
    sandbox.world.put(f"{KEYS[stream][0]}_attributes", attribute)


def have(sandbox: SandboxServer, stream: str, key: str, values: Json) -> None:
    """Let somebody have these values."""
    modified = {"lastModifiedDate": now() - DAY, "customAttributes": values}
    sandbox.world.put(stream, {KEYS[stream][1]: key, **modified})


def read(sandbox: SandboxServer, *streams: str, after: Output | None = None, **more: Any) -> Output:
    """Run the tap once more, from the STATE of the run before."""
    state = None if after is None else after.state
    return sync(sandbox, *streams, state=state, **{**SETTINGS, **more})


def types(run: Output, stream: str = STREAM) -> dict[str, Any]:
    """Return the types that a run has announced, null aside, by field."""
    (message,) = run.of("SCHEMA", stream)
    fields = message["schema"]["properties"]
    if stream in KEYS:
        fields = fields["customAttributes"].get("properties", {})
    return {
        name: field.get("format") or "|".join(sorted({*in_list(field["type"])} - {"null"}))
        for name, field in fields.items()
    }


def in_list(types: str | list[str]) -> list[str]:
    """Return types as a list, however a schema has them."""
    return [types] if isinstance(types, str) else types


def record(run: Output, key: str, stream: str = STREAM) -> Json:
    """Return the record with that key."""
    name = KEYS[stream][1] if stream in KEYS else "eventId"
    found: Json = next(one for one in run.records(stream) if one[name] == key)
    return found


def test_a_number_may_have_a_fraction_later(sandbox: SandboxServer) -> None:
    """No sample of whole numbers shows that the next one is whole."""
    save(sandbox, "e1", {"score": 19})
    first = read(sandbox, STREAM)
    save(sandbox, "e2", {"score": 19.5})
    second = read(sandbox, STREAM, after=first)
    assert types(first)["score"] == types(second)["score"] == "number"
    assert str(record(second, "e2")["score"]) == "19.5"


def test_another_sample_changes_no_type(sandbox: SandboxServer) -> None:
    """A loader would refuse it; what does not fit any more stands in `_unexpected`."""
    save(sandbox, "e1", {"score": 19, "plan": "pro"})
    first = read(sandbox, STREAM)
    sandbox.world.delete("custom_events", "e1")
    save(sandbox, "e2", {"score": "many", "plan": 5})
    second = read(sandbox, STREAM, after=first)
    assert types(second) == types(first)
    late = record(second, "e2")
    assert (late["score"], late["plan"]) == (None, "5")
    assert late["_unexpected"] == {"score": "many"}
    assert late["attributes"] == {"score": "many", "plan": 5}


@both_models
@pytest.mark.parametrize("flat", [{}, {"flattening_enabled": True, "flattening_max_depth": 1}])
def test_a_type_that_px_changes_stays(sandbox: SandboxServer, stream: str, flat: Json) -> None:
    """NUMBER to STRING: numbers stay numbers, texts stand in `_unexpected`."""
    define(sandbox, stream, "seats", "NUMBER")
    have(sandbox, stream, "1", {"seats": 5})
    first = read(sandbox, stream, **flat)
    define(sandbox, stream, "seats", "STRING")
    have(sandbox, stream, "1", {"seats": "a dozen"})
    have(sandbox, stream, "2", {"seats": "12"})
    second = read(sandbox, stream, after=first, **flat)
    (before,), (after,) = (run.of("SCHEMA", stream) for run in (first, second))
    assert after["schema"]["properties"] == before["schema"]["properties"]
    values = {}
    for key in ("1", "2"):
        one = record(second, key, stream)
        values[key] = one["customAttributes__seats"] if flat else one["customAttributes"]["seats"]
    assert values == {"1": None, "2": 12}
    assert "a dozen" in str(record(second, "1", stream)["_unexpected"])


@both_models
def test_an_attribute_that_is_gone_stays_announced(sandbox: SandboxServer, stream: str) -> None:
    """So that its column becomes null, and does not keep what it held."""
    define(sandbox, stream, "seats", "NUMBER")
    have(sandbox, stream, "1", {"seats": 5})
    first = read(sandbox, stream)
    sandbox.world.delete(f"{KEYS[stream][0]}_attributes", "seats")
    define(sandbox, stream, "chairs", "NUMBER")
    have(sandbox, stream, "1", {"chairs": 5})
    second = read(sandbox, stream, after=first)
    assert types(second, stream) == {"seats": "number", "chairs": "number"}
    third = read(sandbox, stream, after=second)
    assert types(third, stream) == types(second, stream)


def test_columns_of_events_that_have_gone_stay(sandbox: SandboxServer) -> None:
    """A sample of other events takes no column away."""
    save(sandbox, "e1", {"plan": "pro"})
    first = read(sandbox, STREAM)
    sandbox.world.delete("custom_events", "e1")
    second = read(sandbox, STREAM, after=first)
    assert types(second) == types(first)


def test_what_appears_during_a_run_gets_a_column_at_the_next(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The sample is of the newest events: what only older ones have is seen as they are read."""
    save(sandbox, "old", {"rare": 1.5, "Date": "x"}, days_ago=700)
    for number in range(1_000):
        save(sandbox, f"e{number}", {"plan": "pro"}, days_ago=0.5)
    first = read(sandbox, STREAM)
    assert "rare" not in types(first)
    assert record(first, "old")["attributes"] == {"rare": 1.5, "Date": "x"}
    assert "no column yet" in caplog.text
    assert "'Date' (column 'Date_attribute'), 'rare'" in caplog.text
    save(sandbox, "new", {"rare": 2.5, "Date": "y"})
    second = read(sandbox, STREAM, after=first)
    assert (types(second)["rare"], types(second)["Date_attribute"]) == ("number", "string")
    assert (record(second, "new")["rare"], record(second, "new")["Date_attribute"]) == (2.5, "y")


def test_an_attribute_that_comes_after_the_first_run_is_in_its_column_at_once(
    sandbox: SandboxServer,
) -> None:
    """The sample of each run begins where the run begins to read, and costs one request."""
    save(sandbox, "e1", {"plan": "pro"}, days_ago=900)
    first = read(sandbox, STREAM, lookback_seconds=0)
    save(sandbox, "e2", {"plan": "pro", "seats": 5}, days_ago=-0.25)
    second = read(sandbox, STREAM, after=first, lookback_seconds=3_600)
    assert record(second, "e2")["seats"] == 5


def test_two_attributes_that_differ_by_case_keep_their_columns(sandbox: SandboxServer) -> None:
    """The one that came first is called like its attribute, whichever sorts first."""
    save(sandbox, "e1", {"plan": "one"})
    first = read(sandbox, STREAM)
    save(sandbox, "e2", {"Plan": "two", "plan": "three"})
    second = read(sandbox, STREAM, after=first)
    third = read(sandbox, STREAM, after=second)
    for run in (second, third):
        late = record(run, "e2")
        other = run.bookmark(STREAM)["columns"]["Plan"]
        assert (late["plan"], late[other]) == ("three", "two")
        assert other.lower() != "plan"


def test_types_leave_before_the_first_record_and_survive_a_failure(sandbox: SandboxServer) -> None:
    """The loader makes its table from a SCHEMA, whatever becomes of the run."""
    save(sandbox, "e1", {"score": 19})
    whole = read(sandbox, STREAM)
    kinds = [one["type"] for one in whole.messages]
    first_state = whole.states[0]["bookmarks"][STREAM]
    assert kinds.index("STATE") < kinds.index("RECORD")
    assert first_state["types"] == {"score": "number"}
    define(sandbox, "users", "seats", "NUMBER")
    sandbox.misbehave({"forbidden_paths": ["/v1/users"]})
    failed = read(sandbox, "users")
    assert failed.error is not None
    assert failed.bookmark("users")["types"] == {"seats": "number"}


def test_types_of_streams_that_are_not_read_are_kept(sandbox: SandboxServer) -> None:
    """A run of one stream forgets nothing of another."""
    save(sandbox, "e1", {"score": 19})
    define(sandbox, "users", "seats", "NUMBER")
    first = read(sandbox, STREAM, "users")
    second = read(sandbox, "accounts", after=first)
    for stream in (STREAM, "users"):
        assert second.bookmark(stream) == first.bookmark(stream)
        assert second.bookmark(stream)["types"]


def test_state_without_types_is_understood(sandbox: SandboxServer) -> None:
    """As earlier versions have written it: the types are made from all that can be sampled."""
    save(sandbox, "e1", {"score": 19}, days_ago=300)
    old = read(sandbox, STREAM).state
    del old["bookmarks"][STREAM]["types"]
    run = sync(sandbox, STREAM, state=old, **SETTINGS)
    assert types(run)["score"] == "number"
    assert run.bookmark(STREAM)["types"] == {"score": "number"}


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        ({"types": 5}, {}),
        ({"types": ["score"]}, {}),
        ({"types": {"score": "no type", "plan": "number"}}, {"plan": "number"}),
        ({"types": {"score": None, "plan": "number"}}, {"plan": "number"}),
        ({"types": {"plan": "number"}, "columns": "plan"}, {"plan": "number"}),
        ({"types": {"plan": "number"}, "columns": {"plan": ["x"]}}, {"plan": "number"}),
    ],
)
def test_damaged_types_are_made_anew_with_one_warning(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture, damage: Json, kept: Json
) -> None:
    """What can still be read holds; the run goes on."""
    save(sandbox, "e1", {"score": 19, "plan": "pro"})
    state = read(sandbox, STREAM).state
    state["bookmarks"][STREAM] = {**state["bookmarks"][STREAM], **damage}
    caplog.clear()
    run = sync(sandbox, STREAM, state=state, **SETTINGS)
    assert run.error is None
    assert run.bookmark(STREAM)["types"] == {"score": "number", "plan": "string", **kept}
    assert caplog.text.count("STATE: the types of custom_event_saved are damaged") == 1


@pytest.mark.parametrize("column", ["eventId", "", "x" * 64, "_sdc_deleted_at", "plan"])
def test_a_column_that_no_loader_could_take_is_named_anew(
    sandbox: SandboxServer, column: str
) -> None:
    """Whoever has edited STATE blocks no loader by it, and overwrites no other field."""
    save(sandbox, "e1", {"score": 19, "plan": "pro"})
    state = read(sandbox, STREAM).state
    state["bookmarks"][STREAM]["columns"] = {"score": column}
    run = sync(sandbox, STREAM, state=state, **SETTINGS)
    one = record(run, "e1")
    assert (one["eventId"], one["plan"], one.get("score")) == ("e1", "pro", 19)


def test_types_can_be_reset(sandbox: SandboxServer) -> None:
    """By taking them out of STATE, as docs/records.md says, once the column has been dropped."""
    save(sandbox, "e1", {"score": 19})
    state = read(sandbox, STREAM).state
    sandbox.world.delete("custom_events", "e1")
    save(sandbox, "e2", {"score": "many"})
    del state["bookmarks"][STREAM]["types"]["score"]
    assert types(sync(sandbox, STREAM, state=state, **SETTINGS))["score"] == "string"


ODD_NAMES = (
    "",
    'a"b',
    "a\\b",
    "tab\t",
    "100%",
    "x" * 70,
    "NUL\0",
    "\ud800",
    "Seats",
    "seats",
    "東京",
)


@both_models
@pytest.mark.parametrize("flat", [{}, {"flattening_enabled": True, "flattening_max_depth": 1}])
def test_attributes_of_any_name_are_read(
    sandbox: SandboxServer, stream: str, flat: Json, caplog: pytest.LogCaptureFixture
) -> None:
    """Each value is in its field, or with flattening in its column, or else in `_unexpected`."""
    for name in ODD_NAMES[:6] + ODD_NAMES[8:]:
        define(sandbox, stream, name, "STRING")
    have(sandbox, stream, "1", {name: f"value {n}" for n, name in enumerate(ODD_NAMES)})
    run = read(sandbox, stream, **flat)
    assert run.error is None
    one = record(run, "1", stream)
    (message,) = run.of("SCHEMA", stream)
    declared = message["schema"]["properties"].keys()
    if flat:
        left = json.loads(one.get("_unexpected") or "{}")
        found = {*left.values(), *(value for name, value in one.items() if name in declared)}
        assert "'100%'" in caplog.text
    else:
        found = set(one["customAttributes"].values())
        assert "_unexpected" not in one
    # Two of the names are one, once their halves and NULs are U+FFFD.
    assert {f"value {n}" for n in range(len(ODD_NAMES))} - found == set()


@pytest.mark.parametrize("attributes", [5, "text", [1, 2], True])
def test_attributes_that_are_no_object_are_kept(sandbox: SandboxServer, attributes: Any) -> None:
    """PX has not documented what may stand there."""
    save(sandbox, "e1", attributes)
    save(sandbox, "e2", {"plan": "pro"})
    run = read(sandbox, STREAM)
    assert run.error is None
    assert record(run, "e1")["_unexpected"] == {"attributes": attributes}
    assert record(run, "e2")["plan"] == "pro"


def test_more_attributes_than_a_table_has_room_for_are_in_attributes(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Some products make names of attributes out of data."""
    many = {f"a{number}": number for number in range(450)}
    save(sandbox, "e1", many)
    first = read(sandbox, STREAM)
    assert len(first.bookmark(STREAM)["types"]) == 400
    assert record(first, "e1")["attributes"] == many
    assert "50 attributes or more get no column" in caplog.text
    save(sandbox, "e2", {"another": 1})
    second = read(sandbox, STREAM, after=first)
    assert types(second) == types(first)
    assert record(second, "e2")["attributes"] == {"another": 1}
