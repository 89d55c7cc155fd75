"""Custom attributes of users and accounts: typed by what the API tells of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.streams.rich import empty_world, now
from tests.streams.runs import properties_of
from tests.streams.truth import DAY, exact, iso
from tests.tap.harness import discovered, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES: dict[str, dict[str, Any]] = {
    "tier": {"type": ["string", "null"]},
    "seats": {"type": ["number", "null"]},
    "pilot": {"type": ["boolean", "null"]},
    "Renewal (UTC)": {"type": ["string", "null"], "format": "date-time"},
}
KINDS = ("STRING", "NUMBER", "BOOLEAN", "DATE_TIME")
WHEN = now() - 400 * DAY + 123
VALUES = {
    "tier": "gold — 東",
    "seats": Decimal("12.50"),
    "pilot": False,
    "Renewal (UTC)": WHEN,
    "nobody told of this": {"a": [1]},
}
KEYS = {"users": "aptrinsicId", "accounts": "id"}

by_ways = pytest.mark.parametrize("by_sdk", [False, True], ids=["page by page", "record by record"])
both_models = pytest.mark.parametrize("stream", KEYS)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve users and accounts with an attribute of every type, and some without."""
    world = empty_world()
    for model, stream in (("user", "users"), ("account", "accounts")):
        world.put_many(
            f"{model}_attributes",
            (
                {"id": name, "apiName": name, "name": name, "type": kind, "origin": "CUSTOM"}
                for name, kind in zip(TYPES, KINDS, strict=True)
            ),
        )
        for number, values in enumerate((VALUES, dict.fromkeys(VALUES), {}, None)):
            world.put(
                stream,
                {
                    KEYS[stream]: f"{number}",
                    "lastModifiedDate": now() - number * DAY,
                    "customAttributes": values,
                },
            )
    with SandboxServer(world) as server:
        yield server


@both_models
def test_discovery_types_each_attribute(sandbox: SandboxServer, stream: str) -> None:
    """Text, numbers, truth values and times; each with a description, all else stays open."""
    field = properties_of(discovered(sandbox), stream)["customAttributes"]
    types = {
        name: {key: value for key, value in inner.items() if key in {"type", "format"}}
        for name, inner in field["properties"].items()
    }
    assert types == TYPES
    assert field["additionalProperties"] is True


@by_ways
@both_models
def test_values_keep_their_digits_and_times_become_text(
    sandbox: SandboxServer, stream: str, *, by_sdk: bool
) -> None:
    """Epoch milliseconds in an attribute are a timestamp like any other."""
    run = sync(sandbox, stream, by_sdk=by_sdk)
    records = {one[KEYS[stream]]: one.get("customAttributes") for one in run.records(stream)}
    assert exact(records["0"]) == exact({**VALUES, "Renewal (UTC)": iso(WHEN)})
    assert records["1"] == dict.fromkeys(VALUES)
    assert (records["2"], records["3"]) == ({}, None)


@both_models
def test_a_value_of_another_type_is_set_aside(sandbox: SandboxServer, stream: str) -> None:
    """An attribute may have had another type when the value was written."""
    key = {KEYS[stream]: "odd", "lastModifiedDate": now()}
    odd = {"seats": "a dozen", "Renewal (UTC)": "soon", "pilot": 3, "tier": 5}
    sandbox.world.put(stream, {**key, "customAttributes": odd})
    run = sync(sandbox, stream)
    (record,) = [one for one in run.records(stream) if one[KEYS[stream]] == "odd"]
    assert record["customAttributes"] == {
        "seats": None,
        "Renewal (UTC)": None,
        "pilot": None,
        "tier": "5",
    }
    assert record["_unexpected"] == {
        f"customAttributes.{name}": value for name, value in odd.items() if name != "tier"
    }


@by_ways
@both_models
def test_flattening_gives_a_column_per_attribute(
    sandbox: SandboxServer, stream: str, *, by_sdk: bool
) -> None:
    """Typed in the SCHEMA, filled in the records."""
    run = sync(sandbox, stream, by_sdk=by_sdk, flattening_enabled=True, flattening_max_depth=1)
    (message,) = run.of("SCHEMA", stream)
    properties = message["schema"]["properties"]
    for name, schema in TYPES.items():
        column = properties[f"customAttributes__{name}"]
        assert {key: column.get(key) for key in schema} == schema
    assert "customAttributes" not in properties
    (record,) = [one for one in run.records(stream) if one[KEYS[stream]] == "0"]
    assert exact(record["customAttributes__seats"]) == exact(Decimal("12.50"))
    assert record["customAttributes__Renewal (UTC)"] == iso(WHEN)
    assert record["customAttributes__tier"] == "gold — 東"


@both_models
def test_an_attribute_of_a_user_is_none_of_an_account(sandbox: SandboxServer, stream: str) -> None:
    """Each model has attributes of its own."""
    model = {"users": "user", "accounts": "account"}[stream]
    sandbox.world.put(
        f"{model}_attributes",
        {"id": "x", "apiName": "only here", "type": "STRING", "origin": "CUSTOM"},
    )
    catalog = discovered(sandbox)
    having = [
        one
        for one in KEYS
        if "only here" in properties_of(catalog, one)["customAttributes"]["properties"]
    ]
    assert having == [stream]
