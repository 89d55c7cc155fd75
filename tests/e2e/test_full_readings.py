"""Deletions of users and accounts in a real Postgres, by the real target-postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.tap.harness import KEYS, sync
from tests.tap.worlds import DAY, account, today, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox import World
    from tests.e2e.loader import Json, Loader
    from tests.tap.harness import Output

STREAMS = ("users", "accounts")


class Tables:
    """The two tables in a schema of their own, and the STATE that the loader gave back last."""

    def __init__(self, loader: Loader, schema: str, **options: Any) -> None:
        """Begin without a table; `options` are settings of the loader."""
        self._loader = loader
        self._schema = schema
        self._options = options
        self.state: Json | None = None

    def run(self, sandbox: SandboxServer, *, lines: int | None = None, **settings: Any) -> Output:
        """Run the tap and load what it wrote, or so many lines as arrive before a kill."""
        output = sync(sandbox, *STREAMS, state=self.state, **settings)
        assert output.error is None
        arrived = "".join(output.text.splitlines(keepends=True)[:lines])
        state = self._loader.load(arrived, self._schema, **self._options)
        self.state = state or self.state
        return output

    def marks(self, table: str, key: str) -> dict[str, bool]:
        """Return the key of each row of a table, and whether it is marked as deleted."""
        rows = self._loader.tables(self._schema)[table].by(key)
        return {one: row["_sdc_deleted_at"] is not None for one, row in rows.items()}

    def check(self, world: World, gone: dict[str, set[str]]) -> None:
        """Compare both tables with PX: who is there, who is marked, and who must be neither."""
        for stream in STREAMS:
            key = KEYS[stream]
            there = {one[key]: False for one in world.records(stream)}
            marked = dict.fromkeys(gone[stream], True)
            expected = there if self._options.get("hard_delete") else there | marked
            assert self.marks(stream, key) == expected, stream


@pytest.fixture(params=[False, True], ids=["marked", "deleted"])
def tables(loader: Loader, request: pytest.FixtureRequest) -> Iterator[Tables]:
    """Return the tables of an empty schema, with soft and with hard deletes."""
    schema = f"{request.param}_{request.function.__name__}"[:60]
    yield Tables(loader, schema, hard_delete=request.param)
    loader.drop(schema)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve twelve users of four accounts."""
    users = [user(f"u{n}", today() - n * DAY, accountId=f"a{n % 4}") for n in range(12)]
    world = world_of(users=users, accounts=[account(f"a{n}", today() - n * DAY) for n in range(4)])
    with SandboxServer(world) as server:
        yield server


def test_tables_and_px_are_the_same_after_each_full_reading(
    tables: Tables, sandbox: SandboxServer
) -> None:
    """Deletions, an account with its users, who comes back, a setting that is off for a while."""
    world, clock = sandbox.world, sandbox.world.clock
    tables.run(sandbox)
    world.delete("users", "u1")
    world.delete("users", "u2")
    world.delete_account("a3")  # u3, u7 and u11
    clock.advance(days=7)
    gone = {"users": {"u1", "u2", "u3", "u7", "u11"}, "accounts": {"a3"}}
    tables.run(sandbox)
    tables.check(world, gone)

    world.put("users", user("u1", clock.now_ms() + DAY // 2))
    world.put("users", {**user("another", clock.now_ms() + DAY // 2), "identifyId": "id-u2"})
    clock.advance(days=1)
    tables.run(sandbox)
    gone["users"].remove("u1")
    tables.check(world, gone)

    clock.advance(days=10)
    world.delete("users", "u5")
    world.put("users", user("new", clock.now_ms() - DAY))
    off = tables.run(sandbox, full_read_days=0)
    assert off.keys("users") == ["new"]
    world.delete("users", "new")
    tables.run(sandbox, full_read_days=7)
    gone["users"] |= {"u5", "new"}
    tables.check(world, gone)


def test_a_kill_at_any_moment_deletes_nobody_wrongly(
    tables: Tables, sandbox: SandboxServer
) -> None:
    """The loader has some of the rows under the new version; the next run makes both the same."""
    tables.run(sandbox)
    sandbox.world.delete("users", "u1")
    sandbox.world.clock.advance(days=7)
    for lines in (8, 14):
        tables.run(sandbox, lines=lines, page_size=5)
        assert sum(tables.marks("users", "aptrinsicId").values()) == 0
        sandbox.world.clock.advance(seconds=3_600)
    sandbox.world.delete("users", "u2")
    tables.run(sandbox)
    tables.check(sandbox.world, {"users": {"u1", "u2"}, "accounts": set()})


def test_rows_that_were_loaded_without_a_version_go_as_well(
    tables: Tables, sandbox: SandboxServer
) -> None:
    """docs/loading.md says so: this loader takes a row without a version as an old one."""
    tables.run(sandbox, emit_activate_version_messages=False)
    sandbox.world.delete("users", "u1")
    sandbox.world.clock.advance(days=1)
    tables.run(sandbox)
    sandbox.world.clock.advance(days=7)
    tables.run(sandbox)
    tables.check(sandbox.world, {"users": {"u1"}, "accounts": set()})


def test_files_of_batch_and_names_of_maps_make_no_difference(
    loader: Loader, sandbox: SandboxServer, request: pytest.FixtureRequest
) -> None:
    """The version is in the files, and ACTIVATE_VERSION goes to the table that the map has made."""
    settings: Any = {
        "stream_maps": {"users": {"__alias__": "people"}},
        "batch_config": {
            "encoding": {"format": "jsonl", "compression": "gzip"},
            "storage": {"root": loader.folder.as_uri()},
        },
    }
    schema = request.node.name[:60]
    tables = Tables(loader, schema)
    tables.run(sandbox, **settings)
    sandbox.world.delete_account("a1")  # u1, u5 and u9
    sandbox.world.clock.advance(days=7)
    tables.run(sandbox, **settings)
    people = tables.marks("people", "aptrinsicId")
    assert {key for key, is_marked in people.items() if is_marked} == {"u1", "u5", "u9"}
    assert tables.marks("accounts", "id") == {"a0": False, "a1": True, "a2": False, "a3": False}
    loader.drop(schema)
