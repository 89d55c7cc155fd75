"""From the start of the process to the first request."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped,unused-ignore]

from benchmarks import contenders
from benchmarks.contenders import Job
from benchmarks.measure import use
from benchmarks.place import OWN_PYTHON
from benchmarks.sandbox import Sandbox, sandbox
from benchmarks.tables import middle, seconds, table

if TYPE_CHECKING:
    from benchmarks.place import Place

TITLE = "Start-up"

_RECORDS = 100
_LATENCY_MS = 600
_LOOK_EVERY_SECONDS = 0.02
_SETTLE_SECONDS = 0.1
_GIVE_UP_SECONDS = 30
_ROUNDS = 7
_IMPORTS = {
    "the tap and all it needs": "tap_gainsight_px.tap",
    "of it the Singer SDK": "singer_sdk",
    "of it requests": "requests",
    "nothing": "sys",
}
# As the tap does it (see its `__main__`), and without the taking down at the end.
_IMPORT = "import gc, os; gc.disable(); import {}; os._exit(0)"
_PEERS = (
    contenders.THIS_TAP,
    contenders.BARE_LOOP,
    contenders.PLAIN_SDK,
    contenders.PEER,
    contenders.DLT_ROWS,
)


def measure(place: Place) -> dict[str, Any]:
    """Start each program some times; the first answer comes late enough to look at it."""
    starts: dict[str, list[tuple[float, float]]] = {}
    imports: dict[str, list[float]] = {}
    with sandbox(custom_events=_RECORDS, days=30, latency_ms=_LATENCY_MS) as world:
        job = Job(place, world, world.start, world.end)
        for _ in range(place.rounds(_ROUNDS)):
            for one in contenders.present(place, _PEERS):
                command = [str(part) for part in one.commands(job)[0]]
                starts.setdefault(one.key, []).append(_until_first_request(command, world))
            for what, module in _IMPORTS.items():
                command = [str(OWN_PYTHON), "-c", _IMPORT.format(module)]
                used = use([command], world, log=place.folder / "import.log")
                imports.setdefault(what, []).append(used.wall)
    return {"starts": starts, "imports": imports}


def _until_first_request(command: list[str], world: Sandbox) -> tuple[float, float]:
    """Return wall and CPU seconds until a program's first request reached the sandbox."""
    world.forget()
    begin = time.time()
    null = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=null, stdout=null, stderr=null) as process:  # noqa: S603
        while not (entries := world.request_log()["requests"]):
            if time.time() - begin > _GIVE_UP_SECONDS or process.poll() is not None:
                message = f"{command[0]} sent no request"
                raise RuntimeError(message)
            time.sleep(_LOOK_EVERY_SECONDS)
        time.sleep(_SETTLE_SECONDS)
        used = psutil.Process(process.pid).cpu_times()
        process.wait()
    return entries[0]["time_ms"] / 1000 - begin, used.user + used.system


def render(figures: dict[str, Any]) -> list[str]:
    """Return the section."""
    titles = {one.key: one.title for one in contenders.ALL}
    rows = []
    for key, runs in figures["starts"].items():
        walls = [wall for wall, _ in runs]
        rows.append(
            [
                titles[key],
                f"**{seconds(middle(walls))}**",
                f"{seconds(min(walls))} to {seconds(max(walls))}",
                seconds(middle([cpu for _, cpu in runs])),
            ]
        )
    base = middle(figures["imports"]["nothing"])
    imports = [
        [what, seconds(middle(walls) - base)]
        for what, walls in figures["imports"].items()
        if what != "nothing"
    ]
    return [
        (
            "From the start of the process to the arrival of its first request at the sandbox. "
            f"Medians of {len(figures['starts']['tap'])} interleaved rounds, files in the disk "
            "cache."
        ),
        "",
        *table(["program", "wall, s", "least to most", "CPU s"], rows),
        "",
        f"The part of it that is importing modules, beyond an empty Python ({seconds(base)} s):",
        "",
        *table(["import", "wall, s"], imports),
    ]
