"""Records per CPU second of data that is odd, and of other ways to read and write it."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import STREAM, Job, tap_options
from benchmarks.measure import use
from benchmarks.place import program
from benchmarks.sandbox import Sandbox, odd_sandbox
from benchmarks.tables import middle, rate, spread, table

if TYPE_CHECKING:
    from benchmarks.place import Place

TITLE = "Odd data, and other ways to write it"

_RECORDS = 200_000
_ROUNDS = 5
# Each is read in two sizes: the difference between them is free of the start-up.
_SMALL = 0.2
# Some are so slow that a part of the records has to do.
_FEW = 0.2
_EVENT_NAME = "report_exported"


@dataclass(frozen=True)
class Way:
    """One shape of data, or one way to write it."""

    title: str
    shape: str = "clean"
    stream: str = STREAM
    settings: dict[str, Any] = field(default_factory=dict)
    without: tuple[tuple[str, ...], ...] = ()
    beside: str = "clean"
    """What it is compared with."""
    share: float = 1.0


def _batch(form: str, compression: str = "none") -> dict[str, Any]:
    encoding = {"format": form, "compression": compression}
    return {"batch_config": {"encoding": encoding, "storage": {"root": ""}, "batch_size": 10_000}}


def _mapped(**fields: str | None) -> dict[str, Any]:
    return {"stream_maps": {STREAM: fields}}


WAYS = {
    "clean": Way("custom events as documented"),
    "odd": Way("every twentieth is odd", "odd"),
    "undeclared": Way("each has one undeclared field", "undeclared"),
    "table": Way(
        "as a table of their own",
        "named",
        f"custom_event_{_EVENT_NAME}",
        {"custom_event_streams": [_EVENT_NAME]},
    ),
    "jsonl": Way("BATCH, JSON lines", settings=_batch("jsonl")),
    "jsonl.gz": Way("BATCH, JSON lines packed by gzip", settings=_batch("jsonl", "gzip")),
    "parquet": Way("BATCH, Parquet", settings=_batch("parquet")),
    "odd parquet": Way("BATCH, Parquet; every twentieth is odd", "odd", settings=_batch("parquet")),
    "removed": Way("a stream map that removes a field", settings=_mapped(url=None)),
    "hashed": Way("a stream map that hashes a field", settings=_mapped(url="md5(url)"), share=_FEW),
    "added": Way("a stream map that adds a field", settings=_mapped(tenant="'px'"), share=_FEW),
    "flattened": Way(
        "flattening",
        settings={"flattening_enabled": True, "flattening_max_depth": 1},
        share=_FEW,
    ),
    "forms": Way("form_submit_events", stream="form_submit_events"),
    "pages": Way("page_view_events", stream="page_view_events"),
    "sessions": Way("session_events", stream="session_events"),
    "inside": Way(
        "session_events without a field inside an object",
        stream="session_events",
        without=(("properties", "inferredLocation", "properties", "city"),),
        beside="sessions",
    ),
}


def measure(place: Place) -> dict[str, Any]:
    """Read all of them one after another, several times."""
    records = place.size(_RECORDS)
    runs: dict[str, list[float]] = {key: [] for key in WAYS}
    with ExitStack() as stack:
        worlds = {
            shape: stack.enter_context(odd_sandbox(shape, records))
            for shape in sorted({way.shape for way in WAYS.values()})
        }
        for _ in range(place.rounds(_ROUNDS)):
            for key, way in WAYS.items():
                share = 1.0 if place.quick else way.share
                less, more = (
                    _cpu(place, worlds[way.shape], way, share * part) for part in (_SMALL, 1.0)
                )
                runs[key].append(records * share * (1 - _SMALL) / (more - less))
    return {"records": records, "runs": runs}


def _cpu(place: Place, world: Sandbox, way: Way, share: float) -> float:
    """Return the CPU seconds that the last part of the records takes."""
    settings = way.settings
    files = place.folder / "files"
    if batch := settings.get("batch_config"):
        settings = {"batch_config": {**batch, "storage": {"root": files.as_uri()}}}
        files.mkdir()
    start = world.start + timedelta(days=world.days * (1 - share))
    job = Job(place, world, start.replace(microsecond=0), world.end, settings)
    options = tap_options(job, only=(way.stream,), without=way.without)
    command = [program("tap-gainsight-px"), *options]
    usage = use([command], world, log=place.folder / "tap.log")
    if batch:
        shutil.rmtree(files)
    return usage.cpu


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    rows = []
    for key, rates in figures["runs"].items():
        way = WAYS[key]
        clean = figures["runs"][way.beside]
        ratios = [mine / other for mine, other in zip(rates, clean, strict=True)]
        rows.append(
            [way.title, f"**{rate(middle(rates))}**", spread(rates), f"{middle(ratios):.2f}"]
        )
    head = ["what", "records per CPU second", "least to most", "of the clean ones"]
    return [
        (
            f"{figures['records']:,} events of each kind within 180 days, pages of 1000, standard "
            "output to /dev/null, CPU of user and system beyond the start-up. "
            f"{len(figures['runs']['clean'])} rounds, each of them all ways one after another. "
            "Medians; the ratio is that of one round."
        ),
        "",
        *table(head, rows),
        "",
        (
            "*Odd* is in turn: an object, a truth value and a number of 22 digits instead of "
            "text, line breaks between the fields, a list instead of an object. In the table of "
            "events, every fourth has a number that a double would round, which goes to "
            "`_unexpected` with its digits. BATCH goes into files of 10,000 records on the local "
            "disk. A map that does more than remove fields, and flattening, take each record "
            "through the Singer SDK ([0008](decisions/0008-two-record-paths.md)): deselect fields, "
            "and reshape them in the database."
        ),
    ]
