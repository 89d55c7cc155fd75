"""Tries what the tap sends on a live Snowflake account: `python -m tests.snowflake.live`.

Only somebody who wants to runs this; no test does, but for `--imitation`. docs/snowflake.md has the
checklist. The account is named by the variables that target-snowflake has in Meltano:
TARGET_SNOWFLAKE_ACCOUNT, _USER, _DATABASE, _WAREHOUSE, _ROLE, and _PRIVATE_KEY_PATH (with
_PRIVATE_KEY_PASSPHRASE) or _PASSWORD.

The records are those of a sandbox; no key of PX is needed. Each way, by RECORD messages and by
BATCH files, gets a schema of its own, made here. It is dropped when all that it holds has been
compared with what was sent, and kept, with a line that says so, where something differs.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.snowflake import expected
from tests.snowflake.process import PROJECT, PYTHON, StepError, shipped_settings, warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.snowflake.process import Process
    from tests.tap.harness import Output

PREFIX = "TARGET_SNOWFLAKE_"
NEEDED = ("account", "user", "database", "warehouse", "role")
KEYS = ("private_key_path", "private_key_passphrase", "password")
IMITATED = {"account": "a", "user": "u", "password": "p", "database": "PX_DB"}
WAYS = ("RECORD", "BATCH")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Try both ways and say what was done; 0 if all is as it has to be, 1 if not, 2 without login.

    Args:
        arguments: Those of the command line.
        environment: Where the login is named.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.snowflake.live", description=__doc__)
    parser.add_argument("--imitation", action="store_true", help="fakesnow instead of an account")
    parser.add_argument("--keep", action="store_true", help="drop no schema, to look at the tables")
    options = parser.parse_args(arguments)
    login = IMITATED if options.imitation else login_in(environment)
    missing = [f"{PREFIX}{name.upper()}" for name in NEEDED if not login.get(name)]
    if not options.imitation and (missing or not any(login.get(name) for name in KEYS)):
        say(f"Set {', '.join(missing) or f'{PREFIX}PRIVATE_KEY_PATH'} (docs/snowflake.md).")
        return 2
    if not PYTHON.exists():
        say("The loader is not there: make snowflake prepares it.")
        return 2
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")
    sent = expected.two_runs()
    login = {**login, "default_target_schema": f"PX_TRY_{stamp}"}
    return max(
        try_one(way, login, sent, imitation=options.imitation, keep=options.keep) for way in WAYS
    )


def login_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment says of the account, by the loader's names of settings."""
    named = {name: environment.get(f"{PREFIX}{name.upper()}", "") for name in (*NEEDED, *KEYS)}
    return {name: value for name, value in named.items() if value}


def try_one(
    way: str,
    login: Mapping[str, str],
    sent: tuple[Output, Output],
    *,
    imitation: bool,
    keep: bool,
) -> int:
    """Load two runs one way into a schema of its own and compare; 0 if all is as it has to be.

    Args:
        way: RECORD or BATCH.
        login: The account, and what the name of the schema begins with.
        sent: What both runs send, in RECORD messages.
        imitation: Whether the account is none.
        keep: Whether the schema stays in any case.
    """
    schema = f"{login['default_target_schema']}_{way}"
    say(f"{way}: schema {login['database']}.{schema}")
    settings = {**shipped_settings(), **login, "default_target_schema": schema}
    with TemporaryDirectory() as name:
        folder, runs = Path(name), sent
        if way == "BATCH":
            runs = expected.two_runs(batch_config=expected.files_in(folder, size=1_000))
        try:
            with warehouse("loader" if imitation else "warehouse", folder, settings) as process:
                # The imitation has made it when the loader logged in.
                new = "if not exists " if imitation else ""
                process.do(execute=f"create schema {new}{schema}")
                load_and_compare(process, folder, schema, runs, sent)
                if not imitation:
                    look_at_the_account(process, schema)
                if keep:
                    say(f"  kept: DROP SCHEMA {login['database']}.{schema}")
                    return 0
                process.do(execute=f"drop schema {schema} cascade")
                assert process.do(tables=schema) == {}
                say("  the schema is dropped")
        except (AssertionError, StepError) as error:
            say(f"  FAILED: {error}")
            say(f"  kept, if it was made: DROP SCHEMA IF EXISTS {login['database']}.{schema}")
            return 1
    return 0


def load_and_compare(
    process: Process,
    folder: Path,
    schema: str,
    runs: tuple[Output, Output],
    sent: tuple[Output, Output],
) -> None:
    """Load both runs and hold the tables against what was sent; each line says what was seen."""
    for number, run in enumerate(runs, 1):
        messages = folder / f"run-{number}"
        messages.write_text(run.text, encoding="utf-8")
        process.do(load=str(messages))
        say(f"  run {number} is loaded")
    tables = process.do(tables=schema)
    expected.check_types(tables, sent)
    say(f"  {len(tables)} tables have the columns and types that they should")
    expected.check_rows(tables, sent)
    rows = sum(len(table["rows"]) for table in tables.values())
    say(f"  {rows:,} rows, each key once, hold every value as it was sent")
    expected.check_marks(tables, sent)
    say("  what was gone in the second run is marked, and nothing else")
    text = (PROJECT / "docs/snowflake.md").read_text(encoding="utf-8")
    for query in re.findall(r"```sql\n(SELECT.*?);\n```", text, re.DOTALL):
        process.do(execute=query.replace("gainsight_px.", f"{schema}."))
    say("  the queries of docs/snowflake.md run")


def look_at_the_account(process: Process, schema: str) -> None:
    """Look at what no imitation shows: nulls of JSON, and what is left on the stage."""
    columns: list[Any] = process.do(
        execute="select table_name, column_name from information_schema.columns "  # noqa: S608
        f"where table_schema = '{schema}' and data_type = 'VARIANT'"
    )
    for table, column in columns:
        ((nulls,),) = process.do(
            execute=f'select count(*) from {schema}."{table}" '  # noqa: S608 - names of the account
            f"where typeof(\"{column}\") = 'NULL_VALUE'"
        )
        assert nulls == 0, f"{table}.{column} holds {nulls} nulls of JSON, which IS NULL misses"
    say(f"  {len(columns)} VARIANT columns hold no null of JSON")
    left = process.do(execute="list @~/target-snowflake")
    say(f"  files left on the stage, of whatever load: {len(left)}")


def say(line: str) -> None:
    """Tell the person who looks on."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
