"""The whole pipe: sandbox → tap → target-postgres → a real Postgres."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks import contenders
from benchmarks.contenders import Job
from benchmarks.sandbox import Sandbox, sandbox
from benchmarks.tables import middle, rate, seconds, table

if TYPE_CHECKING:
    from benchmarks.contenders import Contender
    from benchmarks.place import Place

TITLE = "The whole pipe into Postgres"

_RECORDS = 20_000
_DAYS = 180
_ROUNDS = 3
_PROJECT = Path(__file__).resolve().parents[2]
_SHIPPED = "meltano.yml's"
_OWN = "its own"


def _shipped() -> dict[str, Any]:
    """Return the settings of target-postgres that `meltano.yml` ships."""
    document = yaml.safe_load((_PROJECT / "meltano.yml").read_text(encoding="utf-8"))
    loaders = document["plugins"]["loaders"]
    (loader,) = (one for one in loaders if one["name"] == "target-postgres")
    whole = (one for one in loader["settings"] if "." not in one["name"])
    return {one["name"]: one["value"] for one in whole if "value" in one}


# The shipped settings need a tap whose records fit its schemas.
_RUNS = ((contenders.THIS_TAP, _SHIPPED), (contenders.THIS_TAP, _OWN), (contenders.PEER, _OWN))


def measure(place: Place) -> dict[str, Any]:
    """Load the same events by this tap and by the earlier one, into a schema for each run."""
    # Imported here: it starts nothing, but wants to own a folder for locks.
    from demo.services import postgres  # noqa: PLC0415

    records = place.size(_RECORDS)
    runs: dict[str, list[dict[str, float]]] = {}
    with (
        # Postgres refuses to run as root and then takes another user, who has to get in here.
        tempfile.TemporaryDirectory(prefix="px-bench-") as folder,
        postgres(Path(folder) / "data") as database,
        sandbox(custom_events=records, days=_DAYS) as world,
    ):
        for number in range(place.rounds(_ROUNDS)):
            for tap, settings in _RUNS:
                if tap not in contenders.present(place, (tap,)):
                    continue
                target = dict(_shipped()) if settings == _SHIPPED else {}
                target["sqlalchemy_url"] = database.sqlalchemy_url
                target["default_target_schema"] = f"{tap.key}_{len(target)}_{number}"
                run = _load(place, world, tap, target)
                runs.setdefault(f"{tap.key}/{settings}", []).append(run)
    return {"records": records, "runs": runs}


def _load(
    place: Place, world: Sandbox, tap: Contender, target_settings: dict[str, Any]
) -> dict[str, float]:
    settings = {"page_size": 1000} if tap is contenders.PEER else {}
    job = Job(place, world, world.start, world.end, settings)
    target = job.write("target.json", target_settings)
    source = [str(part) for part in tap.commands(job)[0]]
    loader = [str(place.target_postgres), "--config", str(target)]
    world.forget()
    before = world.cpu_seconds()
    begin = time.monotonic()
    log = place.folder / "pipe.log"
    with log.open("w", encoding="utf-8") as errors:
        first = subprocess.Popen(source, stdout=subprocess.PIPE, stderr=errors)  # noqa: S603
        states = subprocess.PIPE
        second = subprocess.Popen(loader, stdin=first.stdout, stdout=states, stderr=errors)  # noqa: S603
        assert first.stdout is not None  # noqa: S101 - it was asked for
        assert second.stdout is not None  # noqa: S101
        first.stdout.close()  # the loader has it now, and only its end may count
        last_state = second.stdout.read().splitlines()[-1:]
        usages = []
        for process in (first, second):
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            usages.append(used.ru_utime + used.ru_stime)
    wall = time.monotonic() - begin
    if first.returncode or second.returncode or not last_state:
        message = f"the pipe from {tap.title} broke; its log: {log}"
        raise RuntimeError(message)
    json.loads(last_state[0])
    return {
        "wall": wall,
        "tap_cpu": usages[0],
        "target_cpu": usages[1],
        "sandbox_cpu": world.cpu_seconds() - before,
    }


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    titles = {one.key: one.title for one in contenders.ALL}
    rows = []
    for name, runs in figures["runs"].items():
        key, _, settings = name.partition("/")
        shares = [run["tap_cpu"] / (run["tap_cpu"] + run["target_cpu"]) for run in runs]
        rows.append(
            [
                titles[key],
                settings,
                f"**{rate(middle([figures['records'] / run['wall'] for run in runs]))}**",
                seconds(middle([run["wall"] for run in runs])),
                seconds(middle([run["tap_cpu"] for run in runs])),
                seconds(middle([run["target_cpu"] for run in runs])),
                f"{100 * middle(shares):.0f} %",
            ]
        )
    head = [
        "tap",
        "loader's settings",
        "rows a second",
        "wall, s",
        "tap, CPU s",
        "target-postgres, CPU s",
        "the tap's share of both",
    ]
    return [
        (
            f"{figures['records']:,} custom events by `tap | target-postgres` into an empty schema "
            "of a local Postgres. Medians. The CPU of Postgres itself is not counted."
        ),
        "",
        *table(head, rows),
        "",
        (
            "The loader is what is waited for: it rebuilds each record in Python, and by its own "
            "settings validates it too ([loading](loading.md)). From tap-gainsightpx it gets times "
            "as numbers of milliseconds, which it need not parse, and which stay numbers in the "
            "table; this tap has one more column (`_unexpected`) as well."
        ),
    ]
