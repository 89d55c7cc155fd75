"""From the STATE of each shard to that of the job that goes on from there. Pure.

What a job has read of a stream of events is one stretch of time, `[read_from, bookmark)`; so is
what a shard has read. Stretches that touch or overlap become one. Where time is missing between
two of them nothing is handed over, because the job would never read it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Entry = Mapping[str, Any]
    Bookmarks = Mapping[str, Entry]

EVENT_STREAMS = ("*_events", "custom_event_*", "survey_responses")
"""Streams that a shard can hold, as patterns: each of their records is of one moment."""

_READ_FROM = "read_from"
_BOOKMARK = "replication_key_value"
_COUNTS = "day_counts"
_GAPS = "gaps"
_MOST_GAPS = 20
# Attributes that the table has a column for: their types and names.
_ANNOUNCED = ("types", "columns")


class HandoverError(Exception):
    """The shards do not join; the message says which stream, where, and what to do."""


def announced(bookmarks: Bookmarks) -> dict[str, dict[str, Any]]:
    """Return what STATE says of columns that tables already have, and nothing else."""
    kept = {
        stream: {name: entry[name] for name in _ANNOUNCED if entry.get(name)}
        for stream, entry in bookmarks.items()
    }
    return {stream: entry for stream, entry in kept.items() if entry}


def first_read(bookmarks: Bookmarks) -> datetime | None:
    """Return from where on a job has read all its events; None if it has read none."""
    begins = [_time(entry[_READ_FROM]) for entry in _events(bookmarks).values() if _is_read(entry)]
    return max(begins, default=None)


def join(job: Bookmarks, shards: Mapping[str, Bookmarks]) -> dict[str, Entry]:
    """Return the job's bookmarks with those of the shards in them.

    Args:
        job: Bookmarks of the job by stream; empty before its first run. Streams that are not among
            those of the shards stay as they are.
        shards: Bookmarks of the shards by what messages call a shard.

    Raises:
        HandoverError: A shard has not read a stream, or time is missing between two of them.
    """
    streams = sorted({stream for bookmarks in shards.values() for stream in _events(bookmarks)})
    if not streams:
        message = "No shard has read anything: are streams of events selected?"
        raise HandoverError(message)
    joined = dict(job)
    for stream in streams:
        parts = {name: bookmarks.get(stream, {}) for name, bookmarks in shards.items()}
        for name, entry in parts.items():
            if not _is_read(entry):
                message = f"{stream}: {name} has not read it; clear its task, so that it runs again"
                raise HandoverError(message)
        before = job.get(stream, {})
        if _is_read(before):
            parts["the job"] = before
        elif _BOOKMARK in before:
            message = f"{stream}: STATE of the job has no read_from; run it once, which adds it"
            raise HandoverError(message)
        entry = _joined(stream, parts)
        for name in _ANNOUNCED:
            # The table has the column that the job has made.
            if words := {**entry.get(name, {}), **before.get(name, {})}:
                entry[name] = words
        joined[stream] = entry
    return joined


def _joined(stream: str, parts: Mapping[str, Entry]) -> dict[str, Any]:
    """Return the bookmark of all stretches; what it says beside the times is that of the latest."""
    ordered = sorted(parts.items(), key=lambda part: _time(part[1][_READ_FROM]))
    before, first = ordered[0]
    whole = dict(first)
    for name, entry in ordered[1:]:
        read_to, begin = _time(whole[_BOOKMARK]), _time(entry[_READ_FROM])
        if begin > read_to:
            message = (
                f"{stream}: from {whole[_BOOKMARK]} ({before}) to {entry[_READ_FROM]} ({name}) "
                "nothing was read; clear the task of that shard, so that it runs again"
            )
            raise HandoverError(message)
        later, earlier = (whole, entry) if _time(entry[_BOOKMARK]) < read_to else (entry, whole)
        counts = _joined_counts(whole.get(_COUNTS), entry.get(_COUNTS))
        gaps = [*whole.get(_GAPS, ()), *entry.get(_GAPS, ())][-_MOST_GAPS:]
        words = {key: {**earlier.get(key, {}), **later.get(key, {})} for key in _ANNOUNCED}
        facts = {_READ_FROM: whole[_READ_FROM], _COUNTS: counts, _GAPS: gaps, **words}
        whole = {**later, **{key: fact for key, fact in facts.items() if fact}}
        before = name
    return whole


def _joined_counts(earlier: Entry | None, later: Entry | None) -> Entry | None:
    """Return the counts of both stretches where they touch, else the later ones.

    What then lacks counts of the last `recheck_days` is read once more by the job.
    """
    if not earlier or not later:
        return later or earlier
    if earlier["to"] != later["from"]:
        return max(earlier, later, key=lambda counts: _time(counts["to"]))
    days, more = list(earlier["days"]), list(later["days"])
    edge = _time(later["from"])
    if days and more and edge != edge.replace(hour=0, minute=0, second=0, microsecond=0):
        more[0] += days.pop()  # both hold a part of one day
    return {**later, "from": earlier["from"], "days": days + more}


def _events(bookmarks: Bookmarks) -> dict[str, Entry]:
    return {
        stream: entry
        for stream, entry in bookmarks.items()
        if any(fnmatchcase(stream, pattern) for pattern in EVENT_STREAMS)
    }


def _is_read(entry: Entry) -> bool:
    return _BOOKMARK in entry and _READ_FROM in entry


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
