"""`make demo`: Gainsight PX into Postgres, and what it tells; the second time only what is new."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from demo import marts, page, report, services, terminal

if TYPE_CHECKING:
    from collections.abc import Iterable

PROJECT = Path(__file__).resolve().parent.parent
MELTANO = PROJECT / ".build/meltano/bin/meltano"
PX_SANDBOX = Path(sys.executable).with_name("px-sandbox")

# Half a year of a small product. The same seed and anchor make the same world on every run; from
# the anchor on it grows by some events a minute, so that the next run finds something new.
WORLD = {
    "--seed": "7",
    "--days": "185",
    "--accounts": "150",
    "--users": "1200",
    "--live-per-minute": "12",
}

_TAIL_LINES = 25


def main() -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=PROJECT / ".demo", help="where it keeps all")
    parser.add_argument("--events", type=int, default=60_000, help="events to begin with")
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
    options = WORLD | {"--events": str(events), "--anchor": anchor(home)}
    world = ["--habits", *(text for option in options.items() for text in option)]

    say("\nGainsight PX → Postgres → answers\n")
    with services.sandbox(PX_SANDBOX, *world, log=logs / "sandbox.log") as api_url:
        say(f"1. px-sandbox, a stand-in for the PX API, answers at {api_url}")
        if user := services.user_to_be_made():
            say(f"   Postgres never runs as root: this makes the system user {user} for it")
        with services.postgres(home / "postgres") as database:
            say(f"2. Postgres keeps its data in {shown(home / 'postgres')}")
            load(home, api_url, database)
            answers = transform(home, database)
    say("\nWhat the tables tell\n")
    say_lines(terminal.answer_lines(answers))
    page.write(home / "answers.html", answers)
    say(f"\nThe same as a page, which a browser opens: {shown(home / 'answers.html')}")
    say(f"Everything is stopped again; the logs are in {shown(logs)}.")
    say("`make demo` once more loads only what is new by then; `make demo-reset` starts over.")


def load(home: Path, api_url: str, database: services.Postgres) -> None:
    """Let Meltano load what is new, and say how much that was."""
    say("3. meltano --environment=sandbox run tap-gainsight-px target-postgres …")
    run_start = time.time()
    before = report.read_tables(database.url, 0)
    meltano(home, home / "logs/meltano.log", api_url, database.sqlalchemy_url)
    seconds = time.time() - run_start
    after = report.read_tables(database.url, int(run_start * 1000))
    first, *rest = report.loaded_lines(before, after)
    say_lines([f"{first}, in {seconds:.0f} s", *rest])


def transform(home: Path, database: services.Postgres) -> marts.Answers:
    """Let dbt build the marts, and return what they answer."""
    say("4. dbt build --project-dir transform …")
    start = time.time()
    built = marts.build(database, home / "dbt", home / "logs/dbt.log")
    seconds = time.time() - start
    say_lines(
        [f"{built.marts} marts in {marts.SCHEMA}, {built.tests} tests passed, in {seconds:.0f} s"]
    )
    return marts.read_answers(database.url)


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
        "TAP_GAINSIGHT_PX__SELECT": json.dumps([f"{name}.*" for name in report.STREAMS]),
        "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url,
    }
    command = [str(MELTANO), "--environment=sandbox", "run", "tap-gainsight-px", "target-postgres"]
    with services.process(command, log=log, env=env) as started:
        if started.wait() != 0:
            message = f"Meltano ended with exit code {started.returncode}"
            raise services.ServiceError(message, log)


def say_lines(lines: Iterable[str]) -> None:
    """Print lines that belong to a step."""
    say("\n".join(f"   {line}".rstrip() for line in lines))


def shown(path: Path) -> str:
    """Return a path as short as it can be told from here."""
    return os.path.relpath(path)


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
