"""`make demo`: Gainsight PX into Postgres, then what arrived; the second time only what is new."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from demo import report, services

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

PROJECT = Path(__file__).resolve().parent.parent
MELTANO = PROJECT / ".build/meltano/bin/meltano"
PX_SANDBOX = Path(sys.executable).with_name("px-sandbox")

# Two months of a small product. The same seed and anchor make the same world on every run; from the
# anchor on it grows by some events a minute, so that the next run finds something new.
WORLD = {
    "--seed": "7",
    "--days": "60",
    "--accounts": "200",
    "--users": "2000",
    "--live-per-minute": "60",
}

_TAIL_LINES = 25


def main() -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=PROJECT / ".demo", help="where it keeps all")
    parser.add_argument("--events", type=int, default=20_000, help="custom events to begin with")
    arguments = parser.parse_args()
    # SIGINT too: shells let what they start in the background ignore it.
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without our arrows and bars
    try:
        run(arguments.home.resolve(), arguments.events)
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130
    except services.ServiceError as error:
        say(f"\n{error}")
        if error.log is not None:
            lines = error.log.read_text(encoding="utf-8", errors="replace").splitlines()
            say(f"\nThe end of {shown(error.log)}:\n")
            say("\n".join(lines[-_TAIL_LINES:]))
        return 1
    return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def run(home: Path, events: int) -> None:
    """Start both ends, let Meltano move the data, show what arrived, stop everything."""
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    options = WORLD | {"--custom-events": str(events), "--anchor": anchor(home)}
    world = [text for option in options.items() for text in option]

    say("\nGainsight PX → Postgres\n")
    with services.sandbox(PX_SANDBOX, *world, log=logs / "sandbox.log") as api_url:
        say(f"1. px-sandbox, a stand-in for the PX API, answers at {api_url}")
        if user := services.user_to_be_made():
            say(f"   Postgres never runs as root: this makes the system user {user} for it")
        with services.postgres(home / "postgres") as database:
            say(f"2. Postgres keeps its data in {shown(home / 'postgres')}")
            run_start = time.time()
            before = report.read_tables(database.url, 0)
            say("3. meltano --environment=sandbox run tap-gainsight-px target-postgres …")
            meltano(home, logs / "meltano.log", api_url, database.sqlalchemy_url)
            say(f"   done in {time.time() - run_start:.0f} s")
            after = report.read_tables(database.url, int(run_start * 1000))
            say(f"4. What arrived in the schema {report.SCHEMA}:\n")
            show(before, after, report.read_events_per_day(database.url))
    say(f"\nEverything is stopped again; the logs are in {shown(logs)}.")
    say("`make demo` once more loads only what is new by then; `make demo-reset` starts over.")


def anchor(home: Path) -> str:
    """Return the moment at which this demo's world began to grow: that of the first run."""
    file = home / "anchor"
    if not file.exists():
        file.write_text(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}\n", encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()


def meltano(home: Path, log: Path, api_url: str, sqlalchemy_url: str) -> None:
    """Let Meltano run the pipeline; its state is kept with the data that it speaks of."""
    # What the user has exported for the real PX and the real database must not reach the demo.
    ours = ("MELTANO_", "TAP_GAINSIGHT_PX_", "TARGET_POSTGRES_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    env |= {
        "MELTANO_AUTO_INSTALL": "false",
        "MELTANO_DATABASE_URI": f"sqlite:///{home / 'meltano.db'}",
        "MELTANO_PROJECT_ROOT": str(PROJECT),
        "NO_COLOR": "1",
        "TAP_GAINSIGHT_PX_API_KEY": services.API_KEY,
        "TAP_GAINSIGHT_PX_API_URL": api_url,
        "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url,
    }
    command = [str(MELTANO), "--environment=sandbox", "run", "tap-gainsight-px", "target-postgres"]
    with services.process(command, log=log, env=env) as started:
        if started.wait() != 0:
            message = f"Meltano ended with exit code {started.returncode}"
            raise services.ServiceError(message, log)


def show(
    before: Mapping[str, report.Table],
    after: Mapping[str, report.Table],
    events_per_day: Mapping[date, int],
) -> None:
    """Print the tables, the summary and the chart."""
    lines = [
        *report.table_lines(before, after),
        "",
        *report.summary_lines(before, after),
        "",
        "custom events per day",
        "",
        *report.chart_lines(events_per_day),
    ]
    say("\n".join(f"   {line}".rstrip() for line in lines))


def shown(path: Path) -> str:
    """Return a path as short as it can be told from here."""
    return os.path.relpath(path)


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
