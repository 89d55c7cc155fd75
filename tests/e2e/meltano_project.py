"""A Meltano project of a user's own, by the real Meltano: only `meltano.yml` is ours."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from demo import services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.conftest import Sandbox

PROJECT = Path(__file__).resolve().parents[2]
LOADER_BIN = PROJECT / ".build/target-postgres/bin"


@dataclass(frozen=True)
class Project:
    """A Meltano project with nothing in it but a copy of our `meltano.yml`."""

    folder: Path
    env: Mapping[str, str]
    program: Path = field(default=PROJECT / ".build/meltano/bin/meltano")

    @classmethod
    def made_in(cls, folder: Path, env: Mapping[str, str], **options: Any) -> Project:
        """Copy `meltano.yml` into a new folder."""
        folder.mkdir()
        text = (PROJECT / "meltano.yml").read_text(encoding="utf-8")
        (folder / "meltano.yml").write_text(text, encoding="utf-8")
        return cls(folder, {**env, "NO_COLOR": "1"}, **options)

    def moved_to(self, folder: Path) -> Project:
        """Return a project of the same definition in a new folder, with nothing of its runs."""
        folder.mkdir()
        shutil.copy(self.folder / "meltano.yml", folder)
        return replace(self, folder=folder)

    @property
    def definition(self) -> dict[str, Any]:
        """What stands in its `meltano.yml`."""
        text = (self.folder / "meltano.yml").read_text(encoding="utf-8")
        read: dict[str, Any] = yaml.safe_load(text)
        return read

    def plugin(self, name: str) -> dict[str, Any]:
        """Return the definition of a plugin."""
        plugins = (one for kind in self.definition["plugins"].values() for one in kind)
        return next(one for one in plugins if one["name"] == name)

    def use_built(self, wheel_bin: Path) -> None:
        """Let the plugins be the programs that are there already, so that nothing is installed."""
        definition = self.definition
        for plugin in (one for kind in definition["plugins"].values() for one in kind):
            if "inherit_from" in plugin:
                continue
            folder = LOADER_BIN if plugin["name"] == "target-postgres" else wheel_bin
            plugin["executable"] = str(folder / plugin.get("executable", plugin["name"]))
            # Not -e: of a tap that is being worked on Meltano keeps no catalog anyway.
            plugin["pip_url"] = str(folder.parent)
        (self.folder / "meltano.yml").write_text(yaml.safe_dump(definition), encoding="utf-8")

    def meltano(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run Meltano to its end, which has to be a good one, and return what it printed."""
        done = self.try_meltano(*arguments, env=env)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def try_meltano(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Meltano to its end, whatever that is."""
        return subprocess.run(
            [self.program, *arguments],
            capture_output=True,
            check=False,
            cwd=self.folder,
            encoding="utf-8",
            env={**self.env, **(env or {})},
        )

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start Meltano; all that is printed goes into the file `log` of the project."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self.program, *arguments],
                cwd=self.folder,
                env={**self.env, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """What the runs that were started have printed."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def config(self, plugin: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the configuration that a plugin would get."""
        printed = self.meltano("config", "--unsafe", "print", plugin, env=env)
        config: dict[str, Any] = json.loads(printed)
        return config

    def kept_state(self, state_id: str) -> dict[str, Any]:
        """Return the STATE that Meltano keeps, without asking it: each call takes seconds.

        What is partial comes on top of what is complete; {} if there is none.
        """
        query = "SELECT completed_state, partial_state FROM state WHERE state_id = ?"
        with closing(sqlite3.connect(self.folder / ".meltano" / "meltano.db")) as database:
            found = database.execute(query, (state_id,)).fetchone() or ()
        state: dict[str, Any] = {}
        for text in found:
            state |= json.loads(text or "{}")
        return state


def production(sandbox: Sandbox, sqlalchemy_url: str, schema: str) -> dict[str, str]:
    """Return the environment of a user: `prod`, the key, the addresses of both ends."""
    return {
        "MELTANO_ENVIRONMENT": "prod",
        "TAP_GAINSIGHT_PX_API_KEY": services.API_KEY,
        "TAP_GAINSIGHT_PX_API_URL": sandbox.url,
        "TARGET_POSTGRES_SQLALCHEMY_URL": sqlalchemy_url,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": schema,
    }
