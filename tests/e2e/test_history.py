"""Weeks of runs into a real Postgres while the past changes: its tables equal the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.facts import fields_of
from tests.e2e.odd_values import ATTRIBUTE_TYPES
from tests.e2e.oracle import Comparison
from tests.e2e.rows import truth
from tests.history.simulation import KEYS, PATHS, Course, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.loader import Loader

SCHEMA = "history"
MODELS = {"users": "user", "accounts": "account"}


class IntoPostgres(Simulation):
    """A course whose lines the real loader gets as well."""

    def __init__(self, course: Course, loader: Loader, **settings: Any) -> None:
        """Begin with an empty schema; `settings` are those of the loader."""
        super().__init__(course)
        self._loader = loader
        self._loader_settings = settings
        loader.drop(SCHEMA)

    def take_in(self, lines: list[str]) -> None:
        """Load what a target has received."""
        super().take_in(lines)
        state = self._loader.load("".join(lines), SCHEMA, **self._loader_settings) if lines else {}
        assert not state or state == self.tables.state

    def differences(self) -> Iterator[str]:
        """Yield where tables and server differ."""
        tables = self._loader.tables(SCHEMA)
        for stream in PATHS:
            key = KEYS[stream]
            rows = tables[stream].by(key)
            kept = {one for one, row in rows.items() if row["_sdc_deleted_at"] is None}
            records = {one[key]: one for one in truth(self.world, stream)}
            yield from (f"{stream}: {one} is not marked" for one in kept - records.keys())
            yield from (f"{stream}: {one} is not there" for one in records.keys() - kept)
            facts = self._facts(stream)
            for one in kept & records.keys():
                comparison = Comparison(records[one], rows[one])
                yield from (f"{stream} {one}: {line}" for line in comparison.fields(facts))
                yield from (f"{stream} {one}: {line}" for line in comparison.left())

    def _facts(self, stream: str) -> dict[str, Any]:
        facts: dict[str, Any] = dict(fields_of(stream))
        if stream in MODELS:
            attributes = self.world.records(f"{MODELS[stream]}_attributes")
            types = {one["apiName"]: ATTRIBUTE_TYPES[one["type"]] for one in attributes}
            facts["customAttributes"] = {"type": "object", "fields": types}
        return facts


@pytest.mark.parametrize(
    ("days", "hard_delete"), [(30, False), (12, True)], ids=["soft deletes", "hard deletes"]
)
def test_daily_runs_end_with_equal_tables(
    loader: Loader,
    days: int,
    hard_delete: bool,  # noqa: FBT001
) -> None:
    """Rows, values and deletions, whatever was broken off between."""
    course = Course(seed=5, days=days, hours=24)
    simulation = IntoPostgres(course, loader, hard_delete=hard_delete)
    simulation.play()
    assert not list(simulation.differences())
    assert simulation.spent.broken > 1
    for stream in MODELS:
        marked = simulation.tables.marked(stream)
        assert marked
        if hard_delete:
            rows = loader.tables(SCHEMA)[stream].by(KEYS[stream])
            assert not {key for (key,) in marked} & rows.keys()
