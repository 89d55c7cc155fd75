"""Records per CPU second, beside the peers, in rounds that interleave all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from benchmarks import contenders
from benchmarks.contenders import Contender, Job
from benchmarks.measure import use
from benchmarks.sandbox import Sandbox, sandbox
from benchmarks.tables import middle, rate, seconds, spread, table

if TYPE_CHECKING:
    from benchmarks.place import Place

TITLE = "CPU per record"

_RECORDS = 250_000
_DAYS = 180
_ROUNDS = 5
# They are far enough from the others for that to do.
_ROUNDS_OF_SLOW_ONES = 3
# Each contender reads two sizes: the difference between them is free of its start-up.
_SMALL = 0.2


def measure(place: Place) -> dict[str, Any]:
    """Let all contenders read the same world, one after another, several times."""
    records = place.size(_RECORDS)
    present = contenders.present(place)
    runs: dict[str, list[dict[str, Any]]] = {one.key: [] for one in present}
    with sandbox(custom_events=records, days=_DAYS) as world:
        for number in range(place.rounds(_ROUNDS)):
            for one in present:
                if one.share < 1 and number >= _ROUNDS_OF_SLOW_ONES:
                    continue
                share = 1.0 if place.quick else one.share
                run = {
                    "small": _read(place, world, one, share * _SMALL),
                    "large": _read(place, world, one, share),
                }
                runs[one.key].append(run)
        size = world.mean_record_bytes()
    return {"records": records, "record_bytes": size, "runs": runs}


def _read(place: Place, world: Sandbox, contender: Contender, share: float) -> dict[str, Any]:
    start = world.start + timedelta(days=world.days * (1 - share))
    settings = {"page_size": 1000} if contender is contenders.PEER else {}
    job = Job(place, world, start.replace(microsecond=0), world.end, settings)
    usage = use(contender.commands(job), world, log=place.folder / f"{contender.key}.log")
    # Not what was served: this tap reads some records a second time, when it splits a window.
    return {**usage.to_json(), "records": world.count(job.start, job.end)}


def marginal(run: dict[str, Any]) -> float:
    """Return records per CPU second beyond the start-up, from one round."""
    small, large = run["small"], run["large"]
    more: float = large["records"] - small["records"]
    less: float = large["cpu"] - small["cpu"]
    return more / less


def marginals(figures: dict[str, Any], key: str) -> list[float]:
    """Return the marginal rate of each round."""
    return [marginal(run) for run in figures["runs"][key]]


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    rows = []
    for one in contenders.ALL:
        if one.key not in figures["runs"]:
            continue
        runs = figures["runs"][one.key]
        rates = marginals(figures, one.key)
        loops = figures["runs"].get("loop", [])
        ratios = [mine / marginal(loop) for mine, loop in zip(rates, loops, strict=False)]
        large = [run["large"] for run in runs]
        whole = middle([run["records"] / run["cpu"] for run in large])
        start_up = [
            run["large"]["cpu"] - run["large"]["records"] / rate_here
            for run, rate_here in zip(runs, rates, strict=True)
        ]
        rows.append(
            [
                one.title,
                f"**{rate(middle(rates))}**",
                spread(rates),
                f"{middle(ratios):.2f}" if ratios else "",
                f"{large[0]['records']:,}",
                rate(whole),
                seconds(max(0.0, middle(start_up))),
                f"{100 * middle([run['sandbox_cpu'] / run['wall'] for run in large]):.0f} %",
            ]
        )
    head = [
        "program",
        "records per CPU second",
        "least to most",
        "of the bare loop",
        "records read",
        "start-up included",
        "start-up, CPU s",
        "sandbox's CPU",
    ]
    return [
        (
            f"Custom events of {figures['record_bytes']:.0f} bytes on average, a fresh process "
            "each time, pages of 1000, standard output to /dev/null, CPU of user and system. "
            f"{len(figures['runs']['tap'])} rounds, each of them all programs one after another "
            f"(the slow ones: {len(figures['runs']['plain_sdk'])} rounds). Medians."
        ),
        "",
        *table(head, rows),
        "",
        (
            "The first figure is the slope between two sizes (a fifth of the records, and all of "
            "them), so it is free of the start-up; *start-up included* is all records over all "
            "CPU of the larger run. The ratio is that of the two slopes of one round. *Sandbox's "
            "CPU* is its share of one core during the larger run: below 100 %, it is not what is "
            "waited for."
        ),
        "",
        (
            "- *bare loop* fetches one page after another with a `requests.Session`, decodes it "
            "with `orjson.loads` and writes each record with `orjson.dumps`. It counts, orders "
            "and retries nothing, leaves times as numbers and turns integers past 64 bits into "
            "floats."
        ),
        (
            "- *by the SDK's path* is this tap with the SDK's own message writer: what a "
            "stream map, flattening or `--test` make of it."
        ),
        "- *plain SDK RESTStream* is the stream in the twenty lines of the SDK's tutorial.",
        (
            "- *tap-gainsightpx 1.0.8* runs with pages of 1000 (its default is 500) and one "
            "window, because it does not cut the time range itself."
        ),
        (
            "- *dlt* needs a step of its own that makes text of integers past 64 bits, which a "
            "quarter of the records have: without it, it ends with an error. *Rows only* iterates "
            "its resource and dumps each row by orjson, nothing more; *pipeline* extracts, "
            "normalises and loads into JSONL files with one parallel resource."
        ),
    ]
