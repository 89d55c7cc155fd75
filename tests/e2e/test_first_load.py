"""The job for first loads, by the real Meltano: events by psql, then by the loader."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from tests.contract.facts import EVENT_STREAMS
from tests.e2e.by_psql import FOLDER, psql_env
from tests.e2e.equality import differences
from tests.e2e.loader import read_tables
from tests.e2e.meltano_project import LOADER_BIN, Project, production

if TYPE_CHECKING:
    from pathlib import Path

    from demo import services
    from tests.e2e.conftest import Sandbox

FIRST = "prod:tap-gainsight-px-events-to-target-postgres-by-psql"
LATER = "prod:tap-gainsight-px-events-to-target-postgres"


def test_the_hourly_job_goes_on_where_the_first_load_has_ended(
    sandbox: Sandbox,
    wheel_bin: Path,
    postgres: services.Postgres,
    tmp_path: Path,
    clean_env: dict[str, str],
) -> None:
    """By a copy of its STATE, as docs/loading.md says; it reads only what is new.

    Both find the database by the variables of psql.
    """
    project = Project.made_in(tmp_path / "project", clean_env)
    project.use_built(wheel_bin)
    shutil.copytree(FOLDER, project.folder / FOLDER.name)
    # As Meltano installs it: the executable of the plugin is found from there.
    bin_folder = project.folder / ".meltano/loaders/target-postgres/venv/bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "target-postgres").symlink_to(LOADER_BIN / "target-postgres")
    env = production(sandbox, "postgresql+psycopg://", "first_load") | psql_env(postgres.url)

    project.meltano("run", "--no-install", "gainsight-px-events-first-load", env=env)

    tables = read_tables(postgres.url, "first_load")
    assert set(tables) == set(EVENT_STREAMS)
    assert not list(differences(sandbox, tables, tables))

    project.meltano("state", "copy", "--force", FIRST, LATER, env=env)
    (known, *_) = sandbox.truth("custom_events")
    now_ms = int(time.time()) * 1_000 - 2_000  # before the end of the next run, which is exclusive
    sandbox.put("custom_events", {**known, "eventId": "new", "date": now_ms})
    project.meltano("run", "--no-install", "gainsight-px-events", env=env)

    later = read_tables(postgres.url, "first_load")
    assert not list(differences(sandbox, later, later))
    for stream, table in later.items():
        before = tables[stream].by("eventId")
        changed = {key for key, row in table.by("eventId").items() if row != before.get(key)}
        assert changed == ({"new"} if stream == "custom_events" else set())
    assert set(project.kept_state(LATER)["singer_state"]["bookmarks"]) == set(EVENT_STREAMS)
