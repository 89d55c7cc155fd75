"""Shards of a backfill hold each moment once, and a later backfill cuts at the same edges."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gainsight_px_airflow.shards import Shard, cut, read_time, written

MONDAY = 0
NEWEST = timedelta(days=35)
moments = st.integers(0, 2_000_000_000).map(lambda s: datetime.fromtimestamp(s, timezone.utc))
lengths = st.integers(1, 1_200 * 86_400).map(lambda s: timedelta(seconds=s))
widths = st.integers(1, 60)


@given(moments, lengths, widths)
def test_each_moment_is_in_one_shard_and_the_newest_comes_first(
    start: datetime, length: timedelta, weeks: int
) -> None:
    """The end of each is the start of the one after it; both ends are those of the backfill."""
    shards = cut(start, start + length, weeks)
    assert (shards[-1].start, shards[0].end) == (start, start + length)
    assert all(newer.start == older.end for newer, older in pairwise(shards))
    assert all(one.start < one.end for one in shards)


@given(moments, lengths, widths)
def test_shards_are_as_wide_as_asked_for_and_begin_on_mondays(
    start: datetime, length: timedelta, weeks: int
) -> None:
    """But the oldest, which may be shorter, and the newest, which holds the last five weeks too."""
    newest, *others = cut(start, start + length, weeks)
    for one in others[:-1]:
        assert one.end - one.start == timedelta(weeks=weeks)
    for one in (newest, *others)[:-1]:
        assert (one.start.weekday(), written(one.start)[10:]) == (MONDAY, "T00:00:00Z")
    if others:
        assert others[-1].end - others[-1].start <= timedelta(weeks=weeks)
        assert NEWEST <= newest.end - newest.start < NEWEST + timedelta(weeks=weeks)


@given(moments, lengths, widths, st.integers(0, 200 * 86_400))
def test_a_backfill_that_is_started_again_later_has_the_same_shards(
    start: datetime, length: timedelta, weeks: int, seconds: int
) -> None:
    """All but the newest: what they have read is not read again."""
    end = start + length
    later = cut(start, end + timedelta(seconds=seconds), weeks)
    assert set(cut(start, end, weeks)[1:]) <= {*later, *later[:1]}


@given(st.lists(st.tuples(moments, lengths), min_size=2, max_size=2, unique=True))
def test_two_shards_never_share_a_suffix(stretches: list[tuple[datetime, timedelta]]) -> None:
    """Else they would share a STATE. No suffix holds what Meltano cuts state IDs at."""
    one, other = (Shard(start, start + length).suffix for start, length in stretches)
    assert one != other
    assert ":" not in one


@given(moments)
def test_a_time_is_read_as_it_was_written(moment: datetime) -> None:
    """With Z, with another offset, or with none, which is UTC."""
    assert read_time(written(moment)) == moment
    assert read_time(moment.astimezone(timezone(timedelta(hours=5))).isoformat()) == moment
    assert read_time(moment.isoformat().removesuffix("+00:00")) == moment


@pytest.mark.parametrize("weeks", [0, 13])
def test_no_time_is_refused(weeks: int) -> None:
    """A backfill that would read nothing says so."""
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with pytest.raises(ValueError, match="nothing to cut"):
        cut(moment, moment + timedelta(days=1 - min(1, weeks)), weeks)
