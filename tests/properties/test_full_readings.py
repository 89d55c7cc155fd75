"""The version of a stream and its full readings, whatever STATE says and however time goes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.output.full_readings import FullReadings
from tap_gainsight_px.output.state import StreamState
from tap_gainsight_px.run_clock import RunClock
from tap_gainsight_px.timestamps import DAY, SECOND, to_iso
from tests.json_values import anything
from tests.unit.test_state import NOON

HOUR = 3_600 * SECOND
BOOKMARK = {"replication_key_value": to_iso(NOON - DAY)}
PARTS = ("version", "full_read", "rows_at_full_read", "full_reading")

versions = st.integers(0, 2 * NOON)
moments = st.integers(NOON - 400 * DAY, NOON + 400 * DAY)
whole_state = st.fixed_dictionaries(
    {},
    optional={
        "version": versions,
        "full_read": moments.map(to_iso),
        "rows_at_full_read": st.integers(0, 100),
        "full_reading": st.fixed_dictionaries(
            {}, optional={"version": versions, "began": moments.map(to_iso), "tries": versions}
        ),
    },
)
damaged_state = st.dictionaries(st.sampled_from(PARTS), anything) | st.fixed_dictionaries(
    {"full_reading": st.dictionaries(st.sampled_from(["version", "began", "tries"]), anything)}
)
states = whole_state | damaged_state


def begin(entry: dict[str, Any], now: int = NOON, days: int = 7) -> FullReadings:
    """Begin a run at a time with this part of STATE."""
    clock = RunClock(lambda: now, now)
    state = StreamState("users", entry, replication_key="lastModifiedDate", clock=clock)
    return FullReadings("users", state, days=days, now=now)


def end(run: FullReadings, **how: Any) -> bool:
    """End a run, by default one in which all was well."""
    return run.end(**{"is_whole": True, "accepts_missing": False, "records": 10, **how})


@given(states, st.integers(0, 365))
def test_whatever_state_says_leads_to_a_version(entry: dict[str, Any], days: int) -> None:
    """And STATE is whole then: the run after it goes on with the same version, or a newer one."""
    entry.update(BOOKMARK)
    run = begin(entry, days=days)
    is_activated = end(run)
    assert run.is_due or not is_activated
    after = begin(entry, NOON + SECOND, days=days)
    if is_activated or not run.is_due:
        assert (after.version, after.is_due) == (run.version, False)
    assert entry["version"] > 0


@given(versions, whole_state, st.lists(st.integers(-2, 30 * 24), max_size=12), st.data())
def test_no_full_reading_has_a_version_that_a_row_may_have_already(
    version: int, entry: dict[str, Any], hours: list[int], data: st.DataObject
) -> None:
    """However readings end, and also where the clock of the host goes back."""
    entry.update({**BOOKMARK, "version": version, "full_read": to_iso(NOON - 10 * DAY)})
    seen = [version]
    now = NOON
    for step in hours:
        now += step * HOUR
        run = begin(entry, now)
        if run.is_due:
            assert run.version > max(seen)
        seen.append(run.version)
        if data.draw(st.booleans()):  # else it is killed
            end(run, is_whole=data.draw(st.booleans()))


@given(whole_state, st.integers(1, 365))
def test_a_full_reading_is_due_when_the_last_one_is_so_old(
    entry: dict[str, Any], days: int
) -> None:
    """A quarter of an hour less counts as well, and one that lies in the future does not count."""
    entry.update({**BOOKMARK, "version": 7, "full_read": to_iso(NOON)})
    entry.pop("full_reading", None)
    for age in (-HOUR, 0, days * DAY - HOUR, days * DAY - 600 * SECOND, days * DAY, 400 * DAY):
        run = begin(dict(entry), NOON + age, days)
        assert run.is_due == (age >= days * DAY - 900 * SECOND)


@given(st.integers(0, 400), st.integers(1, 365))
def test_a_clock_that_was_ahead_puts_no_full_reading_off(ahead: int, days: int) -> None:
    """The next run takes a time that lies in the future for its own."""
    entry = {**BOOKMARK, "version": 7, "full_read": to_iso(NOON + ahead * DAY)}
    assert not begin(entry, NOON, days).is_due
    assert begin(entry, NOON + days * DAY, days).is_due


@given(states)
def test_a_first_sync_reads_by_windows_whatever_state_says(entry: dict[str, Any]) -> None:
    """Without a bookmark nothing is due, however old the rest is."""
    entry.pop("replication_key_value", None)
    run = begin(entry, NOON + 1_000 * DAY)
    assert not run.is_due
    assert not end(run)


@given(st.integers(0, 100), st.integers(0, 100) | st.none())
def test_a_version_is_activated_when_at_least_half_is_left(before: int, left: int | None) -> None:
    """And anything at all."""
    known = {"version": 7, "full_read": to_iso(NOON - 8 * DAY), "rows_at_full_read": before}
    entry: dict[str, Any] = {**BOOKMARK, **known}
    run = begin(entry)
    is_activated = end(run, records=left)
    assert is_activated == (bool(left) and (left or 0) * 2 >= before)
    if is_activated:
        now = {"version": run.version, "full_read": to_iso(NOON), "rows_at_full_read": left}
        assert entry == {**BOOKMARK, **now}
    else:
        assert {name: entry[name] for name in known} == known
