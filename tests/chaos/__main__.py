"""The long soak: any number of schedules, each from its seed.

`python -m tests.chaos --seeds 200 --from 1000` plays the schedules 1000 to 1199.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from multiprocessing import Pool
from pathlib import Path

from tests.chaos.judge import Report
from tests.chaos.runner import play
from tests.proxies import proxy_variables


def main() -> int:
    """Play the schedules and print what came of them; return the number that failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (default: %(default)s)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("-v", action="store_true", dest="verbose", help="a line for each seed")
    parser.add_argument("--jobs", type=int, default=2, help="at once (default: %(default)s)")
    arguments = parser.parse_args()
    for name in proxy_variables():
        del os.environ[name]
    total, failed, began = Report(), 0, time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    with Pool(arguments.jobs, maxtasksperchild=20) as pool:
        for seed, report in pool.imap_unordered(outcome, seeds):
            if isinstance(report, str):
                failed += 1
                say(f"seed {seed} FAILED: {report}")
                say(f"  replay: python -m tests.chaos --seeds 1 --from {seed} -v")
                continue
            total.add(report)
            if arguments.verbose:
                say(f"seed {seed}: {told(report)}")
    say(f"{arguments.seeds} seeds in {time.monotonic() - began:.0f} s, {failed} failed")
    say(told(total))
    if arguments.verbose:
        say("faults: " + ", ".join(f"{name} {times}" for name, times in total.faults.most_common()))
    return failed


def outcome(seed: int) -> tuple[int, Report | str]:
    """Play the schedule of a seed; return what came of it, or the promise that was broken."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            return seed, play(seed, Path(folder))
    except AssertionError as error:
        return seed, str(error)


def told(report: Report) -> str:
    """Put a report in a line."""
    exits = ", ".join(f"{code}: {times}" for code, times in sorted(report.exits.items()))
    return (
        f"{report.runs} runs (exit codes {exits}), {report.kills} kills, "
        f"{report.faults.total()} faults, {report.records} records, "
        f"{report.duplicates} of them read before, {report.changes} changes of the past, "
        f"{report.activated} versions activated"
    )


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(min(main(), 1))
