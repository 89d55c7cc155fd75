"""The marts: dbt builds them in the demo's database, and their answers are read from there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import class_row

from demo import services

if TYPE_CHECKING:
    from datetime import date

PROJECT = Path(__file__).resolve().parent.parent
DBT = PROJECT / ".build/dbt/bin/dbt"
PACKAGE = PROJECT / "transform"
SCHEMA = "gainsight_px_marts"


@dataclass(frozen=True)
class Built:
    """What a run of dbt has made and found right."""

    marts: int
    tests: int


@dataclass(frozen=True)
class Week:
    """Active accounts of a whole week; `new` ones of them were never active before."""

    week: date
    active: int
    new: int


@dataclass(frozen=True)
class Feature:
    """A feature, and the share (0 to 1) of the users active in four weeks who used it in them."""

    name: str
    module: str
    users: int
    share: float


@dataclass(frozen=True)
class Month:
    """Net Promoter Score of a month, -100 to 100, by so many answers."""

    month: date
    nps: float
    answers: int
    is_complete: bool


@dataclass(frozen=True)
class Answers:
    """What a product manager would look at."""

    weeks: list[Week]
    features: list[Feature]
    months: list[Month]


# Weeks that have not ended, or that had begun before the history of events, are no fair comparison.
_WEEKS = f"""
    SELECT week, active_accounts AS active, new_accounts AS new
    FROM {SCHEMA}.gainsight_px__weekly_active
    WHERE is_complete AND week >= (SELECT min(day) FROM {SCHEMA}.int_gainsight_px__days)
    ORDER BY week
"""  # noqa: S608  # of constants
_FEATURES = f"""
    SELECT feature_name AS name, coalesce(module_name, '') AS module, users_in_four_weeks AS users,
        share_of_active_users::float AS share
    FROM {SCHEMA}.gainsight_px__feature_adoption
    WHERE users_in_four_weeks > 0
    ORDER BY users_in_four_weeks DESC, feature_name
    LIMIT 10
"""  # noqa: S608
_MONTHS = f"""
    SELECT month, nps::float AS nps, responses AS answers,
        month < date_trunc('month', last_day) AS is_complete
    FROM {SCHEMA}.gainsight_px__nps_monthly
    CROSS JOIN (SELECT max(day) AS last_day FROM {SCHEMA}.int_gainsight_px__days) AS days
    ORDER BY month
"""  # noqa: S608


def build(database: services.Postgres, target: Path, log: Path) -> Built:
    """Let dbt make the marts of what is loaded, and test them; raises where it finds a fault.

    Args:
        database: Where the loader's tables are, and the marts will be.
        target: Folder for what dbt writes down.
        log: File for what it prints.
    """
    # What the user has exported for another database or another project must not reach the demo.
    theirs = ("PG", "DBT_", "GAINSIGHT_PX_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    env |= {
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GAINSIGHT_PX_MARTS_SCHEMA": SCHEMA,
        "PGHOST": str(database.folder),
        "PGUSER": "postgres",
    }
    command: list[str | Path] = [
        *(DBT, "--no-use-colors", "build"),
        *("--project-dir", PACKAGE, "--profiles-dir", PACKAGE),
        *("--target-path", target, "--log-path", target / "logs"),
    ]
    with services.process(command, log=log, env=env) as started:
        if started.wait() != 0:
            message = f"dbt ended with exit code {started.returncode}"
            raise services.ServiceError(message, log)
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    names = [one["unique_id"] for one in results if one["status"] in ("success", "pass")]
    return Built(
        marts=sum(name.startswith("model.gainsight_px.gainsight_px__") for name in names),
        tests=sum(name.startswith(("test.", "unit_test.")) for name in names),
    )


def read_answers(url: str) -> Answers:
    """Ask the marts."""
    with psycopg.connect(url) as connection:
        return Answers(
            connection.cursor(row_factory=class_row(Week)).execute(_WEEKS).fetchall(),
            connection.cursor(row_factory=class_row(Feature)).execute(_FEATURES).fetchall(),
            connection.cursor(row_factory=class_row(Month)).execute(_MONTHS).fetchall(),
        )
