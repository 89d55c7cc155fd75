"""Peak memory against the number of records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import contenders
from benchmarks.contenders import Job
from benchmarks.measure import use
from benchmarks.sandbox import sandbox
from benchmarks.tables import middle, table

if TYPE_CHECKING:
    from benchmarks.place import Place

TITLE = "Memory"

_SIZES = (10_000, 100_000, 1_000_000)
_DAYS = 180
_ROUNDS = 3
# The largest world is read by the tap alone: the others would take minutes.
_MOST_FOR_PEERS = 100_000
_PEERS = (contenders.BARE_LOOP, contenders.SDK_PATH, contenders.DLT_PIPELINE, contenders.PEER)


def measure(place: Place) -> dict[str, Any]:
    """Read worlds of several sizes with default settings."""
    peaks: dict[str, dict[str, list[float]]] = {}
    for full in _SIZES:
        records = place.size(full)
        with sandbox(custom_events=records, days=_DAYS) as world:
            job = Job(place, world, world.start, world.end)
            peers = contenders.present(place, _PEERS) if full <= _MOST_FOR_PEERS else []
            for number in range(place.rounds(_ROUNDS)):
                for one in (contenders.THIS_TAP, *peers):
                    if number and one is not contenders.THIS_TAP:
                        continue
                    log = place.folder / f"{one.key}.log"
                    used = use(one.commands(job), world, log=log)
                    by_size = peaks.setdefault(one.key, {})
                    by_size.setdefault(str(records), []).append(used.rss_mib)
    return {"peaks": peaks}


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    titles = {one.key: one.title for one in contenders.ALL}
    sizes = list(figures["peaks"]["tap"])
    rows = [
        [
            titles[key],
            *(f"{middle(by_size[size]):.0f}" if size in by_size else "" for size in sizes),
        ]
        for key, by_size in figures["peaks"].items()
    ]
    return [
        (
            "Peak resident set in MiB, custom events within 180 days, default settings, standard "
            "output to /dev/null. Medians of the tap's rounds; the others once, and not at the "
            "largest size."
        ),
        "",
        *table(["program", *(f"{int(size):,} events" for size in sizes)], rows),
        "",
        (
            "Windows that are read, and those that wait for their turn to be written, take 150 MiB "
            "at most, whatever the size of the sync and the number of workers."
        ),
    ]
