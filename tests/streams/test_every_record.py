"""A sync yields exactly what the API has: every record of every stream, field by field."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from px_sandbox import ManualClock, SandboxServer, World, WorldPlan
from tests.contract.facts import STREAM_FACTS
from tests.streams.rich import empty_world, now, rich_world, subscription
from tests.streams.runs import sync_each
from tests.streams.sums import SUMS
from tests.streams.truth import DAY, asked_one_by_one, exact, in_order, iso, listed
from tests.tap.harness import sync
from tests.tap.worlds import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tap.harness import Output

WAYS = {"page by page": False, "record by record": True}
CHILDREN = ("survey_metadata", "user_preferences", "user_denylist")
DAYS = 16
# The tap sends no parameter that the call does not know.
STRICT = {"unknown_parameters": "refused"}

# What lists records of its own, rather than sums of others.
PLAIN = tuple(name for name in STREAM_FACTS if name not in SUMS)

every_way = pytest.mark.parametrize("way", WAYS)
every_stream = pytest.mark.parametrize("stream", STREAM_FACTS)

Runs = tuple[World, dict[str, "Output"]]


def expected(world: World, stream: str) -> list[dict[str, Any]]:
    """Return the truth about a stream whose records do not depend on the range asked for."""
    return asked_one_by_one(world, stream) if stream in CHILDREN else listed(world, stream)


def written(run: Output, stream: str) -> list[dict[str, Any]]:
    """Return the records of a run without the digest that the tap puts into some keys."""
    records = [dict(record) for record in run.records(stream)]
    for record in records:
        record.pop("rowId", None)
    return records


@pytest.fixture(scope="module")
def lively() -> Iterator[Runs]:
    """Read a generated world whole, in both ways."""
    world = World.generated(
        WorldPlan(anchor_ms=now(), seed=11, days=DAYS, users=40, accounts=12, events=700),
        ManualClock(NOW),
    )
    with SandboxServer(world, STRICT) as sandbox:
        settings: Any = {"start_date": iso(now() - DAYS * DAY), "end_date": iso(now())}
        yield (
            world,
            {way: sync_each(sandbox, by_sdk=by_sdk, **settings) for way, by_sdk in WAYS.items()},
        )


@pytest.fixture(scope="module")
def rich() -> Iterator[Runs]:
    """Read a hand-made world whole, in both ways, with one record a page and with many."""
    world = rich_world()
    settings: Any = {"start_date": iso(now() - 12 * DAY), "end_date": iso(now())}
    with SandboxServer(world, STRICT) as sandbox:
        runs = {
            f"{way}, {page_size} a page": sync_each(
                sandbox, *PLAIN, by_sdk=by_sdk, page_size=page_size, **settings
            )
            for way, by_sdk in WAYS.items()
            for page_size in (1, 1_000)
        }
        yield world, runs


@every_way
@every_stream
def test_a_generated_world_comes_out_as_it_is(lively: Runs, stream: str, way: str) -> None:
    """Nothing missing, nothing doubled, no field changed, in any stream."""
    world, runs = lively
    if stream in SUMS:
        records = SUMS[stream](world, now() - DAYS * DAY, now())
    else:
        records = expected(world, stream)
    assert in_order(written(runs[way], stream)) == in_order(records)
    assert records


@every_way
def test_a_generated_world_is_read_without_an_error(lively: Runs, way: str) -> None:
    """No stream ends before its time."""
    _, runs = lively
    assert runs[way].error is None


@every_way
@every_stream
def test_records_fit_the_schema_that_was_written(lively: Runs, stream: str, way: str) -> None:
    """Targets validate: what the SCHEMA message says holds for every record after it."""
    _, runs = lively
    (message,) = runs[way].of("SCHEMA", stream)
    check = jsonschema.Draft7Validator(
        message["schema"], format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER
    )
    for record in runs[way].records(stream):
        check.validate(record)


@every_way
@every_stream
def test_no_two_records_have_the_same_key(lively: Runs, stream: str, way: str) -> None:
    """A loader that merges by the key loses nothing."""
    _, runs = lively
    (message,) = runs[way].of("SCHEMA", stream)
    keys = [
        tuple(record[name] for name in message["key_properties"])
        for record in runs[way].records(stream)
    ]
    assert len(set(keys)) == len(keys)
    assert None not in {part for key in keys for part in key}


@pytest.mark.parametrize("page_size", [1, 1_000])
@every_way
@pytest.mark.parametrize("stream", PLAIN)
def test_records_of_every_sort_come_out_digit_for_digit(
    rich: Runs, stream: str, way: str, page_size: int
) -> None:
    """Nested objects, nulls, gaps, huge integers, closing zeros, unicode, extra fields."""
    world, runs = rich
    records = expected(world, stream)
    run = runs[f"{way}, {page_size} a page"]
    assert in_order(written(run, stream)) == in_order(records)
    assert records


@every_way
@pytest.mark.parametrize("variant", ["full", "huge", "empty", "holes", "null", "bare"])
def test_the_one_record_of_the_subscription_comes_out_whatever_is_in_it(
    variant: str, way: str
) -> None:
    """There is only one at a time, so its variants have a world each."""
    world = empty_world()
    world.put("subscription", subscription(variant))
    with SandboxServer(world) as sandbox:
        run = sync(sandbox, "subscription", by_sdk=WAYS[way])
    assert in_order(run.records("subscription")) == in_order(listed(world, "subscription"))


@pytest.mark.parametrize("filtered", ["honoured", "refused", "ignored"])
@pytest.mark.parametrize("modified", [-1, -62_135_596_800_000, 0, 253_402_300_799_999])
def test_an_odd_date_of_the_last_change_hides_nobody(modified: int, filtered: str) -> None:
    """Before 1970, or a placeholder at either end of the calendar: a first sync reads everybody."""
    keys = {"users": "aptrinsicId", "accounts": "id"}
    world = empty_world()
    for stream, key in keys.items():
        world.put(stream, {key: "odd", "lastModifiedDate": modified})
        world.put(stream, {key: "usual", "lastModifiedDate": now() - DAY})
    with SandboxServer(world, {"last_modified_filter": filtered}) as sandbox:
        run = sync(sandbox, *keys)
    assert run.error is None
    for stream, key in keys.items():
        assert sorted(run.values(stream, key)) == ["odd", "usual"]


def test_the_digest_in_a_key_is_the_same_in_every_run(lively: Runs) -> None:
    """Else a loader would add all rows once more with each sync."""
    _, runs = lively
    first, second = (
        sorted(run.values(stream, "rowId"))
        for run in runs.values()
        for stream in ("engagement_collisions",)
    )
    assert first == second
    assert len(first) > 10


def test_the_truth_tells_numbers_apart() -> None:
    """Without this every comparison above could be blind to digits."""
    values = [1, True, Decimal("1.0"), Decimal("1.00"), "1"]
    assert len({str(exact(value)) for value in values}) == len(values)
