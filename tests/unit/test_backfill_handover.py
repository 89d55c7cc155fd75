"""From the STATE of shards to that of the job: one stretch, or a line that says what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from gainsight_px_airflow.handover import (
    EVENT_STREAMS,
    HandoverError,
    announced,
    first_read,
    join,
)
from tap_gainsight_px.catalog.streams import STREAMS

Json = dict[str, Any]


def _read(start: int, end: int, **more: Any) -> Json:
    """Return the bookmark of a stretch in days of May 2026."""
    return {
        "replication_key": "date",
        "replication_key_value": _day(end),
        "read_from": _day(start),
        **more,
    }


def _day(day: int, hour: int = 0) -> str:
    return f"2026-05-{day:02}T{hour:02}:00:00.000Z"


def _counts(start: str, end: str, *days: int) -> Json:
    return {"from": start, "to": end, "days": list(days)}


def _joined(*shards: Json, job: Json | None = None) -> Json:
    kept = {"custom_events": job} if job else {}
    parts = {f"shard {place}": {"custom_events": one} for place, one in enumerate(shards)}
    return dict(join(kept, parts)["custom_events"])


def test_the_patterns_name_all_streams_of_events_and_no_other() -> None:
    """What has no moment cannot be cut: sums over weeks, users, listings."""
    events = {spec.name for spec in STREAMS if spec.replication_key == "date"}
    read = {spec.name: _read(1, 2) for spec in STREAMS}
    assert join({}, {"shard": read}).keys() == events
    assert join({}, {"shard": {"custom_event_plan": _read(1, 2)}}).keys() == {"custom_event_plan"}
    assert EVENT_STREAMS


def test_stretches_that_touch_become_one() -> None:
    """Whatever their order."""
    joined = _joined(_read(9, 20), _read(1, 4), _read(4, 9))
    assert (joined["read_from"], joined["replication_key_value"]) == (_day(1), _day(20))


def test_a_job_that_has_begun_keeps_its_bookmark() -> None:
    """Only where it has read from moves back; what it knows beside the times stays."""
    job = _read(9, 20, filter_proof="x")
    joined = _joined(_read(4, 9), _read(1, 4, filter_proof="y"), job=job)
    assert joined == {**job, "read_from": _day(1)}


def test_streams_without_shards_stay_as_they_are() -> None:
    """Users have a bookmark in the same STATE where one job reads all."""
    job = {"users": {"replication_key_value": "2026"}, "custom_event_old": _read(1, 3)}
    joined = join(job, {"shard": {"custom_events": _read(1, 2)}})
    assert joined == {**job, "custom_events": _read(1, 2)}


@pytest.mark.parametrize("job", [None, _read(7, 9)])
def test_time_that_nobody_has_read_is_an_error(job: Json | None) -> None:
    """It names the stream, the time and the shard that is to run again."""
    shards = (_read(1, 4), _read(4, 6)) if job else (_read(1, 4), _read(5, 6))
    with pytest.raises(HandoverError, match=r"^custom_events: from .* to .* nothing was read"):
        _joined(*shards, job=job)


@pytest.mark.parametrize("entry", [None, {}, {"types": {"a": "string"}}])
def test_a_shard_without_a_bookmark_is_an_error(entry: Json | None) -> None:
    """Another shard has read that stream."""
    late = {} if entry is None else {"custom_events": entry}
    with pytest.raises(HandoverError, match="custom_events: late has not read it"):
        join({}, {"early": {"custom_events": _read(1, 4)}, "late": late})


def test_a_job_that_does_not_say_where_it_began_is_an_error() -> None:
    """STATE of an early version. A run writes it down."""
    job = {"replication_key": "date", "replication_key_value": _day(9)}
    with pytest.raises(HandoverError, match="run it once"):
        _joined(_read(1, 9), job=job)


def test_shards_that_have_read_nothing_are_an_error() -> None:
    """As when no stream of events is selected."""
    with pytest.raises(HandoverError, match="No shard has read anything"):
        join({}, {"shard": {"users": _read(1, 2)}})


@pytest.mark.parametrize(
    ("edge", "joined"), [(_day(4), [1, 2, 3, 4, 5]), (_day(4, 6), [1, 2, 7, 5])]
)
def test_counts_of_days_that_touch_are_joined(edge: str, joined: list[int]) -> None:
    """Of a day that is cut in two both counts are summed."""
    older = _counts(_day(2), edge, *([1, 2] if edge == _day(4) else [1, 2, 3]))
    newer = _counts(edge, _day(7), *([3, 4, 5] if edge == _day(4) else [4, 5]))
    both = _joined(_read(1, 4, day_counts=older), _read(4, 7, day_counts=newer))
    assert both["day_counts"] == _counts(_day(2), _day(7), *joined)


def test_of_counts_that_do_not_touch_the_later_ones_are_kept() -> None:
    """The job then reads the days before them once more."""
    older, newer = _counts(_day(2), _day(3), 1), _counts(_day(4), _day(7), 3, 4, 5)
    both = _joined(_read(1, 4, day_counts=older), _read(4, 7, day_counts=newer))
    assert both["day_counts"] == newer


def test_columns_of_the_job_win_and_gaps_add_up() -> None:
    """The table has the columns that the job has made."""
    gaps = [{"range": "May", "missing": 1}]
    joined = _joined(
        _read(1, 4, types={"a": "number", "b": "string"}, gaps=gaps),
        _read(4, 9, types={"c": "string"}),
        job=_read(9, 10, types={"a": "string"}),
    )
    assert joined["types"] == {"a": "string", "b": "string", "c": "string"}
    assert joined["gaps"] == gaps


def test_what_is_announced_is_all_that_a_shard_is_told() -> None:
    """Neither a bookmark nor streams without columns of their own."""
    job = {"a": _read(1, 2, types={"x": "number"}, columns={}), "b": _read(1, 2)}
    assert announced(job) == {"a": {"types": {"x": "number"}}}


def test_a_backfill_ends_where_the_last_stream_of_the_job_begins() -> None:
    """So it reaches all of them; users are no matter of time."""
    job = {"custom_events": _read(3, 9), "lead_events": _read(5, 9), "users": _read(7, 9)}
    found = first_read(job)
    assert found is not None
    assert found.isoformat() == "2026-05-05T00:00:00+00:00"
    assert first_read({"users": _read(7, 9)}) is None
