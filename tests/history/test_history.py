"""Weeks of runs while the past changes: late events, deletions and those who come back arrive."""

from __future__ import annotations

from typing import Any

import pytest

from tests.history.simulation import EVENTS, PEOPLE, Course, Simulation

# What one changed day may cost beside its own reading: a count for each half of the days, and of
# the halves, down to the day.
A_CHANGED_DAY = 9


def events_only(counted: dict[str, int]) -> int:
    """Return how many of some requests are those for events."""
    return sum(counted[stream] for stream in EVENTS)


@pytest.mark.parametrize(
    ("seed", "settings", "misbehave"),
    [
        pytest.param(1, {}, {}, id="oldest first"),
        pytest.param(2, {"first_sync": "newest_first"}, {}, id="newest first"),
        pytest.param(3, {}, {"last_modified_filter": "refused"}, id="people by their order"),
        pytest.param(4, {"page_size": 7, "window_max_records": 30}, {}, id="small windows"),
    ],
)
def test_after_every_run_the_tables_hold_what_px_has(
    seed: int, settings: dict[str, Any], misbehave: dict[str, Any]
) -> None:
    """And after a full reading nobody else, however many runs were broken off before."""
    course = Course(seed, days=10, hours=8, settings=settings, misbehave=misbehave)
    simulation = Simulation(course)
    spent = simulation.play()
    assert spent.broken > 3
    assert spent.changed_days > 30
    assert spent.full_readings >= 2
    assert all(simulation.tables.marked(stream) for stream in PEOPLE)


def test_the_requests_are_few() -> None:
    """Two a run for each kind of events, and some more for each day that has changed."""
    spent = Simulation(Course(7, days=8, hours=4, broken_share=0)).play()
    most = events_only(spent.fewest) + A_CHANGED_DAY * spent.changed_days
    assert events_only(spent.requests) <= most, str(spent)
    assert spent.equal == 0


def test_a_quiet_past_costs_one_request_a_run() -> None:
    """Beside the one for what is new; a first sync may ask twice for an empty day."""
    spent = Simulation(Course(8, days=2, hours=2, changes_per_day=0, broken_share=0)).play()
    assert events_only(spent.requests) <= events_only(spent.fewest) + len(EVENTS)
