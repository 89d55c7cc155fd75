"""Types that a catalog pins, in all the ways of JSON Schema: none of them blocks the loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.e2e.conftest import built, open_folder
from tests.e2e.loader import kept_loader
from tests.tap.harness import discover, entry_of, sync
from tests.tap.worlds import today, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo import services
    from tests.e2e.loader import Loader

INTEGER, NUMBER, TEXT, NULL = ({"type": one} for one in ("integer", "number", "string", "null"))
TIME = {**TEXT, "format": "date-time"}
VALUES = ("abc", 5, 1.5, True, {"a": 1}, [1], 2**70, None, 1_700_000_000_000)
AS_TEXT = ["abc", "5", "1.5", "true", '{"a": 1}', "[1]", str(2**70), None, "1700000000000"]
WHOLE = {1: 5, 8: 1_700_000_000_000}
TIMES = {1: "1970-01-01T00:00:00.005000+00:00", 8: "2023-11-14T22:13:20.000000+00:00"}
PINNED: dict[str, tuple[dict[str, Any], str, dict[int, Any]]] = {
    "whole or null": ({"anyOf": [INTEGER, NULL]}, "bigint", WHOLE),
    "whole, without null": (INTEGER, "bigint", WHOLE),
    "a small whole number": ({**INTEGER, "minimum": 0, "maximum": 9}, "bigint", WHOLE),
    "whole, with the format of a text": ({**INTEGER, "format": "date-time"}, "bigint", WHOLE),
    "whole or text": ({"oneOf": [INTEGER, TEXT]}, "text", dict(enumerate(AS_TEXT))),
    "time or null": ({"anyOf": [NULL, TIME]}, "timestamp without time zone", TIMES),
    "time or text": ({"anyOf": [TIME, TEXT]}, "text", dict(enumerate(AS_TEXT))),
    "nothing but null": (NULL, "text", dict(enumerate(AS_TEXT))),
    "number or boolean": ({"type": ["number", "boolean"]}, "text", dict(enumerate(AS_TEXT))),
}
"""By what is meant: the pin, the column, and the values (by their place) that have to be in it."""


@pytest.fixture(scope="module")
def loader(postgres: services.Postgres, clean_env: dict[str, str]) -> Iterator[Loader]:
    """Start the real loader once."""
    url = postgres.sqlalchemy_url
    with (
        open_folder() as folder,
        kept_loader(
            built("target-postgres/bin/python"),
            folder,
            clean_env,
            url=postgres.url,
            sqlalchemy_url=url,
        ) as started,
    ):
        yield started


@pytest.mark.parametrize("meant", PINNED)
def test_each_value_lands_in_the_pinned_column_or_is_unexpected(loader: Loader, meant: str) -> None:
    """Whatever PX sends there, and whether the loader looks at each record or not."""
    pinned, column, fitting = PINNED[meant]
    users = [user(str(place), today(), globalId=one) for place, one in enumerate(VALUES)]
    with SandboxServer(world_of(users=users)) as sandbox:
        catalog = discover(sandbox, "users")
        entry_of(catalog, "users")["schema"]["properties"]["globalId"] = pinned
        output = sync(sandbox, catalog=catalog)
    assert output.error is None
    for validates in (False, True):
        schema = f"{meant} {validates}"
        loader.load(output.text, schema, validate_records=validates)
        table = loader.tables(schema)["users"]
        assert table.types["globalId"] == column
        for place, row in table.by("aptrinsicId").items():
            value, expected = VALUES[int(place)], fitting.get(int(place))
            assert row["globalId"] == expected
            is_left = value is not None and expected is None
            assert (row["_unexpected"] or {}).get("globalId") == (value if is_left else None)
