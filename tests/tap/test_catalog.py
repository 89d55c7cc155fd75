"""Discovery, selection, and what users do to records with the features of the Singer SDK."""

from __future__ import annotations

import gzip
import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.tap import TapGainsightPx
from tests.tap.harness import KEYS, as_sent, by_key, discover, entry_of, messages_in, root, sync
from tests.tap.worlds import ATTRIBUTES, DAY, account, event, today, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Program

USERS = [
    user("u1", today() - 2 * DAY, email="a@px.test", customAttributes={"plan": "gold", "seats": 5}),
    user(
        "u2",
        today() - DAY,
        email="b@px.test",
        customAttributes={"vip": True, "renewal": today()},
        location={"city": "Bern", "coordinates": {"latitude": 46.948}},
    ),
]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve two users with custom attributes of every type, an account and an event."""
    world = world_of(
        users=USERS,
        accounts=[account("a1", today() - DAY)],
        custom_events=[event("e1", today() - DAY)],
        user_attributes=ATTRIBUTES,
        account_attributes=ATTRIBUTES[:1],
    )
    with SandboxServer(world) as server:
        yield server


def attributes_of(catalog: dict[str, Any], stream: str) -> dict[str, Any]:
    """Return the properties of customAttributes in a catalog."""
    schema = entry_of(catalog, stream)["schema"]["properties"]["customAttributes"]
    found: dict[str, Any] = schema.get("properties", {})
    return {
        name: {key: one[key] for key in ("type", "format") if key in one}
        for name, one in found.items()
    }


def without_marks(schema: Any) -> Any:
    """Return a part of a catalog's schema as SCHEMA messages have it."""
    if not isinstance(schema, dict):
        return schema
    return {name: without_marks(one) for name, one in schema.items() if name != "x-discovered-as"}


def test_discovery_types_the_custom_attributes(sandbox: SandboxServer) -> None:
    """A warehouse gets a typed column for each attribute that the account defines."""
    catalog = discover(sandbox)
    assert attributes_of(catalog, "users") == {
        "plan": {"type": ["string", "null"]},
        "seats": {"type": ["number", "null"]},
        "vip": {"type": ["boolean", "null"]},
        "renewal": {"type": ["string", "null"], "format": "date-time"},
    }
    assert list(attributes_of(catalog, "accounts")) == ["plan"]


def test_without_permission_the_custom_attributes_stay_untyped(
    sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A key that may not read the attributes still reads the users."""
    sandbox.misbehave({"forbidden_paths": ["/v1/admin/*"]})
    assert attributes_of(discover(sandbox), "users") == {}
    (warning,) = [one for one in caplog.messages if one.startswith("users ")]
    assert "type" in warning
    assert "HTTP 403" in warning
    output = sync(sandbox, "users")
    renewal = by_key("users", output.records("users"))["u2"]["customAttributes"]["renewal"]
    assert renewal == today()


@pytest.mark.parametrize("stream", KEYS)
def test_the_catalog_names_keys_and_replication_key(sandbox: SandboxServer, stream: str) -> None:
    """Loaders merge by the key; runners show what is incremental."""
    entry = entry_of(discover(sandbox), stream)
    assert entry["key_properties"] == [KEYS[stream]]
    assert entry["replication_key"] in {"date", "lastModifiedDate"}
    assert root(entry, "properties", KEYS[stream])["inclusion"] == "automatic"


def test_a_catalog_can_go_round(sandbox: SandboxServer) -> None:
    """What --discover printed and --catalog was given leads to the same SCHEMA messages.

    But for the marks that tell a catalog's own types from those that a user has chosen.
    """
    catalog = discover(sandbox, *KEYS)
    printed = {
        entry["tap_stream_id"]: entry["schema"]["properties"] for entry in catalog["streams"]
    }
    output = sync(sandbox, catalog=json.loads(json.dumps(catalog)))
    for stream in KEYS:
        (schema,) = output.of("SCHEMA", stream)
        assert schema["schema"]["properties"] == without_marks(printed[stream])
        assert "x-discovered-as" not in output.text
        assert schema["key_properties"] == [KEYS[stream]]


def test_attributes_are_asked_for_where_their_stream_is_selected(sandbox: SandboxServer) -> None:
    """Once a run, for a catalog may be months old; and of no stream that nobody reads."""
    catalog = discover(sandbox, "accounts", "custom_events")
    sync(sandbox, catalog=catalog)
    asked = [one.path for one in sandbox.requests if one.path.startswith("/v1/admin")]
    assert asked == ["/v1/admin/model/account/attributes"]


def test_a_deselected_stream_is_not_asked_for(sandbox: SandboxServer) -> None:
    """Neither a message nor a request."""
    output = sync(sandbox, "users")
    assert {one["stream"] for one in output.of("SCHEMA")} == {"users"}
    assert not [one for one in sandbox.requests if one.path == "/v1/events/custom"]


@pytest.mark.parametrize(
    ("path", "gone"),
    [(("email",), "px.test"), (("location",), "Bern"), (("location", "city"), "Bern")],
    ids=["field", "object", "inside an object"],
)
def test_a_deselected_field_stays_away(
    sandbox: SandboxServer, path: tuple[str, ...], gone: str
) -> None:
    """Personal data that nobody selected does not leave the tap, at any depth."""
    catalog = discover(sandbox, "users")
    breadcrumb = [step for name in path for step in ("properties", name)]
    root(entry_of(catalog, "users"), *breadcrumb)["selected"] = False
    output = sync(sandbox, catalog=catalog)
    assert len(output.records("users")) == 2
    assert gone not in output.text
    for other in {"px.test", "46.948", "gold"} - ({"46.948"} if path == ("location",) else {gone}):
        assert other in output.text


@pytest.mark.parametrize(
    ("deselected", "settings", "is_fast"),
    [
        ((), {}, True),
        (("properties", "location"), {}, True),
        (("properties", "location", "properties", "city"), {}, True),
        ((), {"flattening_enabled": True, "flattening_max_depth": 1}, False),
        ((), {"stream_maps": {"users": {"email": None}}}, True),
        ((), {"stream_maps": {"users": {"seen": "title"}}}, False),
    ],
    ids=[
        "all",
        "no field",
        "no field in a field",
        "flattened",
        "dropped by a map",
        "added by a map",
    ],
)
def test_pages_leave_as_they_were_decoded_unless_each_record_is_asked_for(
    deselected: tuple[str, ...],
    settings: dict[str, Any],
    is_fast: bool,  # noqa: FBT001
) -> None:
    """The SDK escapes the `ü` that leaves a decoded page as it is, which tells the way."""
    with SandboxServer(world_of(users=[user("u", today(), title="für")])) as sandbox:
        catalog = discover(sandbox, "users")
        if deselected:
            root(entry_of(catalog, "users"), *deselected)["selected"] = False
        output = sync(sandbox, catalog=catalog, **settings)
    (line,) = [line for line in output.text.splitlines() if '"RECORD"' in line]
    assert ("für" in line) == is_fast
    assert ("f\\u00fcr" in line) != is_fast
    assert len(output.records("users")) == 1


def test_keys_cannot_be_deselected(sandbox: SandboxServer) -> None:
    """Without them records could be neither merged nor resumed."""
    catalog = discover(sandbox, "users")
    entry = entry_of(catalog, "users")
    for name in ("aptrinsicId", "lastModifiedDate"):
        root(entry, "properties", name)["selected"] = False
    records = sync(sandbox, catalog=catalog).records("users")
    assert [one["aptrinsicId"] for one in records] == ["u1", "u2"]
    assert all(one["lastModifiedDate"] for one in records)


def test_stream_maps_rename_hash_filter_and_add(sandbox: SandboxServer) -> None:
    """Users shape records on the way, and STATE still follows what was read."""
    output = sync(
        sandbox,
        "users",
        stream_maps={
            "users": {
                "__alias__": "people",
                "__filter__": "aptrinsicId == 'u2'",
                "email": None,
                "email_hash": "md5(email)",
            }
        },
    )
    (record,) = output.records("people")
    assert record["aptrinsicId"] == "u2"
    assert len(record["email_hash"]) == 32
    assert "email" not in record
    assert len(output.bookmarks("users")) >= 1


def test_flattening_gives_a_column_per_attribute(sandbox: SandboxServer) -> None:
    """Also in the SCHEMA, because loaders make the table from it."""
    output = sync(sandbox, "users", flattening_enabled=True, flattening_max_depth=2)
    schema = output.of("SCHEMA", "users")[0]["schema"]["properties"]
    assert schema["customAttributes__seats"]["type"] == ["number", "null"]
    assert schema["location__coordinates__latitude"]
    records = {one["aptrinsicId"]: one for one in output.records("users")}
    assert records["u1"]["customAttributes__plan"] == "gold"
    assert records["u2"]["location__city"] == "Bern"


def test_batches_hold_the_same_records(sandbox: SandboxServer, tmp_path: Any) -> None:
    """BATCH files are another way to the same table: same fields, same times, same selection."""
    plain_output = sync(sandbox, "users")
    batch = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": f"file://{tmp_path}", "prefix": "px-"},
    }
    catalog = discover(sandbox, "users")
    output = sync(sandbox, catalog=catalog, batch_config=batch)
    lines: list[dict[str, Any]] = []
    for message in output.of("BATCH", "users"):
        for file in message["manifest"]:
            with gzip.open(file.removeprefix("file://"), "rt", encoding="utf-8") as content:
                lines += map(as_sent, messages_in(content.read()))
    assert by_key("users", lines) == by_key("users", plain_output.records("users"))
    assert output.bookmarks("users")[-1] >= plain_output.bookmarks("users")[-1]


def test_discovery_without_a_key_leaves_custom_attributes_untyped() -> None:
    """Tools that only list the streams have no credentials."""
    stdout = io.StringIO()
    with redirect_stdout(stdout):
        tap = TapGainsightPx(config={}, parse_env_config=False, validate_config=False)
    catalog = json.loads(json.dumps(tap.catalog_dict))
    assert attributes_of(catalog, "users") == {}
    assert set(KEYS) <= {entry["tap_stream_id"] for entry in catalog["streams"]}


def test_the_programs_catalog_is_the_one_that_the_class_gives(
    sandbox: SandboxServer, tap: Program
) -> None:
    """`--discover` prints JSON and nothing else on standard output."""
    output = tap.run("--discover", config={"api_key": sandbox.api_key, "api_url": sandbox.url})
    assert output.exit_code == 0
    printed = json.loads(output.text)
    assert attributes_of(printed, "users") == attributes_of(discover(sandbox), "users")
