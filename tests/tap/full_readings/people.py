"""Ten users and four accounts, synced now and then, and the table that a loader makes of them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from px_sandbox import SandboxServer
from tests.history.tables import Tables
from tests.tap import harness
from tests.tap.harness import KEYS, Output, discover
from tests.tap.worlds import DAY, SECOND, account, today, user, world_of

if TYPE_CHECKING:
    from px_sandbox import World
    from tests.history.tables import Row
    from tests.tap.harness import Json

HOUR = 3_600 * SECOND
PATH = "/v1/users"


class Table:
    """What a loader makes of the messages about one stream: rows, of which some are marked."""

    def __init__(self, stream: str = "users") -> None:
        """Begin without a row."""
        self.stream = stream
        self._tables = Tables()

    def load(self, output: Output) -> Output:
        """Load what a run wrote, and return it."""
        self._tables.load(one for one in output.messages if one.get("stream") == self.stream)
        return output

    @property
    def versions(self) -> dict[str, int | None]:
        """The version of each row, by its key."""
        return {key: row.version for (key,), row in self._rows.items()}

    @property
    def marked(self) -> set[str]:
        """Keys of the rows that are marked."""
        return {key for (key,), row in self._rows.items() if row.is_marked}

    @property
    def there(self) -> set[str]:
        """Keys of the rows that are not marked."""
        return {key for (key,), row in self._rows.items() if not row.is_marked}

    @property
    def _rows(self) -> dict[tuple[str], Row]:
        return self._tables.rows.get(self.stream, {})


def people(count: int = 10) -> World:
    """Make a world of users who changed on different days."""
    return world_of(
        users=[user(f"u{n}", today() - n * DAY) for n in range(count)],
        accounts=[account(f"a{n}", today() - n * DAY) for n in range(4)],
    )


def keys_in(world: World, stream: str = "users") -> set[str]:
    """Return the keys of all that PX has."""
    return {one[KEYS[stream]] for one in world.records(stream)}


@cache
def catalog_of(*streams: str) -> Json:
    """Return a catalog with these streams selected, the same for all of these worlds."""
    with SandboxServer(people()) as sandbox:
        return discover(sandbox, *streams)


def sync(sandbox: SandboxServer, *streams: str, **options: Any) -> Output:
    """Sync some streams without discovery, of which there would be one for each run."""
    return harness.sync(sandbox, **{"catalog": catalog_of(*streams), **options})


def first_then(sandbox: SandboxServer, table: Table, *, days: float = 7, **settings: Any) -> Json:
    """Run a first sync, let `days` pass and return its STATE."""
    state = table.load(sync(sandbox, table.stream, **settings)).state
    sandbox.world.clock.advance(days=days)
    return state
