"""How a backfill is cut: into shards of whole weeks that join without gap or overlap. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

HISTORY = timedelta(days=1_096)
"""How long PX keeps events: 36 months, with a leap day."""

# A Monday. All edges are counted from it, so that a backfill that is started again some weeks later
# has the same shards, but the newest, and reads none of them twice.
_FIRST_EDGE = datetime(1970, 1, 5, tzinfo=timezone.utc)
# The next run of the job compares counts of the last 30 days (`recheck_days`) with those in STATE.
# One shard should know them all.
_SHORTEST_NEWEST = timedelta(days=35)


@dataclass(frozen=True)
class Shard:
    """A stretch of time, `[start, end)`, in UTC on whole seconds."""

    start: datetime
    end: datetime

    @property
    def suffix(self) -> str:
        """What stands behind the job's state ID in that of the shard."""
        return f"backfill-{self.start:%Y%m%dT%H%M%S}-{self.end:%Y%m%dT%H%M%S}"


def cut(start: datetime, end: datetime, weeks: int) -> list[Shard]:
    """Return shards that hold each moment of `[start, end)` once, the newest first.

    Edges lie on Mondays, 00:00 UTC. The oldest shard may be shorter than the others; the newest is
    longer, up to five weeks, so that it holds the last five.

    Args:
        start: Where the backfill begins, in UTC on a whole second.
        end: Where it ends, likewise.
        weeks: Width of a shard, 1 or more.

    Raises:
        ValueError: There is no time between the two, or no width.
    """
    if start >= end or weeks < 1:
        message = f"there is nothing to cut from {start} to {end} into shards of {weeks} weeks"
        raise ValueError(message)
    width = timedelta(weeks=weeks)
    edge = _FIRST_EDGE + (end - _SHORTEST_NEWEST - _FIRST_EDGE) // width * width
    shards = []
    while edge > start:
        shards.append(Shard(edge, end))
        edge, end = edge - width, edge
    return [*shards, Shard(start, end)]


def read_time(text: str) -> datetime:
    """Return a time in UTC, cut to the whole second; one without an offset is in UTC.

    Raises:
        ValueError: The text is not a time as ISO 8601 has it.
    """
    # Python 3.10 takes no Z.
    time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    if time.tzinfo is None:
        time = time.replace(tzinfo=timezone.utc)
    return time.astimezone(timezone.utc).replace(microsecond=0)


def written(time: datetime) -> str:
    """Return a time as settings have it."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
