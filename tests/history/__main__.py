"""Simulated weeks of runs: `python -m tests.history --days 30 --hours 1 --seeds 3`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time

from tests.history.simulation import Course, Simulation
from tests.proxies import proxy_variables


def main() -> int:
    """Play the courses and print what they cost; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.history", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many (default: %(default)s)")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    parser.add_argument("--days", type=int, default=30, help="how long (default: %(default)s)")
    parser.add_argument("--hours", type=int, default=1, help="between runs (default: %(default)s)")
    parser.add_argument("--broken-share", type=float, default=0.2, help="runs broken off")
    parser.add_argument("-v", action="store_true", dest="verbose", help="with the tap's log")
    arguments = parser.parse_args()
    for name in proxy_variables():
        del os.environ[name]
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.CRITICAL)
    failed = 0
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        course = Course(
            seed,
            days=arguments.days,
            hours=arguments.hours,
            broken_share=arguments.broken_share,
        )
        simulation, began = Simulation(course), time.monotonic()
        try:
            simulation.play()
            outcome = "tables and server are equal"
        except AssertionError as error:
            failed = 1
            outcome = f"FAILED: {error}"
        say(f"seed {seed}: {outcome}, in {time.monotonic() - began:.0f} s")
        say(str(simulation.spent))
    return failed


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
