"""Meltano as the DAGs call it: in one project, each run below its share of the account's limit.

Reads the environment of Airflow's workers:

    MELTANO_PROJECT_ROOT              the project; default: the folder above this one's
    MELTANO_EXECUTABLE                default: `meltano`
    MELTANO_ENVIRONMENT               default: `default_environment` of meltano.yml
    GAINSIGHT_PX_REQUESTS_PER_SECOND  for all tasks together; default: 100
    GAINSIGHT_PX_POOL_SLOTS           slots of the pool `gainsight_px`; default: 2
    GAINSIGHT_PX_RETRY_SECONDS        how long after a failure a task runs again; default: 300
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

POOL = "gainsight_px"
"""The pool of all tasks that ask PX for anything."""

PROJECT = Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path(__file__).parents[2])
EXECUTABLE = os.environ.get("MELTANO_EXECUTABLE", "meltano")
SLOTS = int(os.environ.get("GAINSIGHT_PX_POOL_SLOTS", "2"))
RETRY_DELAY = timedelta(seconds=int(os.environ.get("GAINSIGHT_PX_RETRY_SECONDS", "300")))
_REQUESTS_PER_SECOND = int(os.environ.get("GAINSIGHT_PX_REQUESTS_PER_SECOND", "100"))

# Meltano's word for "not by itself".
_NEVER = ("@manual", "@none", "@once", None)
_FOLDERS = "shards"
# Of these each run has its own; all else in Meltano's system folder is shared.
_OWN = ("logs", "run", _FOLDERS)


def definition() -> dict[str, Any]:
    """Return what stands in meltano.yml."""
    read: dict[str, Any] = yaml.safe_load((PROJECT / "meltano.yml").read_text(encoding="utf-8"))
    return read


def schedules() -> dict[str, str]:
    """Return the schedules of meltano.yml that run by themselves: their interval by name.

    Meltano itself is not asked: Airflow does this twice a minute, and Meltano takes seconds.
    """
    found = definition().get("schedules") or []
    return {one["name"]: one["interval"] for one in found if one.get("interval") not in _NEVER}


def share() -> int:
    """Return how many requests a second one task may send, so that all together keep the limit."""
    return max(1, _REQUESTS_PER_SECOND // SLOTS)


def variables(plugin: str, **settings: str) -> dict[str, str]:
    """Return settings of a plugin as the variables that Meltano takes them from."""
    prefix = re.sub(r"\W", "_", plugin)
    return {f"{prefix}_{name}".upper(): value for name, value in settings.items()}


def state_id(extractor: str, loader: str, suffix: str | None = None) -> str:
    """Return the name under which `meltano run` keeps the STATE of the two."""
    environment = os.environ.get("MELTANO_ENVIRONMENT") or definition()["default_environment"]
    parts = [environment, f"{extractor}-to-{loader}", suffix]
    return ":".join(part for part in parts if part)


def bookmarks(name: str) -> dict[str, Any]:
    """Return the bookmarks of a STATE by stream; none where there is no STATE.

    Args:
        name: Its state ID.
    """
    printed = _call("state", "get", name)
    state = json.loads(printed or "{}").get("singer_state", {})
    kept: dict[str, Any] = state.get("bookmarks", {})
    return kept


def set_bookmarks(name: str, kept: Mapping[str, Any]) -> None:
    """Put bookmarks in the place of those that a STATE has."""
    _call("state", "set", "--force", name, json.dumps({"singer_state": {"bookmarks": kept}}))


def clear(name: str) -> None:
    """Forget a STATE."""
    _call("state", "clear", "--force", name)


def own_folder(suffix: str, project: Path = PROJECT) -> Path:
    """Make a system folder for one run and return it.

    Meltano writes configuration and catalog of a plugin into its system folder, under one name for
    all runs. Runs side by side that share the folder read each other's. What else is in there
    (plugins, database) is linked.

    Each call makes another one. The run of a worker that was killed may go on without it, while the
    task runs again.

    Args:
        suffix: What tells the run from others.
        project: The Meltano project.
    """
    shared = project / ".meltano"
    (shared / _FOLDERS).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{suffix}.", dir=shared / _FOLDERS))
    for one in shared.iterdir():
        is_shared = one.is_dir() or one.name == "meltano.db"
        if is_shared and one.name not in _OWN:
            (folder / one.name).symlink_to(one)
    return folder


def remove_folders(suffix: str, project: Path = PROJECT) -> None:
    """Remove the system folders of runs that have not removed theirs: those that were killed."""
    for folder in (project / ".meltano" / _FOLDERS).glob(f"{suffix}.*"):
        shutil.rmtree(folder, ignore_errors=True)


def _call(*arguments: str) -> str:
    """Run Meltano and return what it prints; what it logs goes to the log of the task."""
    return subprocess.run(  # noqa: S603  # the executable of the user's own environment
        [EXECUTABLE, *arguments], check=True, cwd=PROJECT, encoding="utf-8", stdout=subprocess.PIPE
    ).stdout
