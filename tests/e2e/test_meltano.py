"""`meltano.yml` in a project of a user's own, by the real Meltano and with the real loader."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml
from psycopg import sql

from demo import services
from tap_gainsight_px.given.values import understand
from tap_gainsight_px.settings import SETTINGS_SCHEMA
from tap_gainsight_px.tap import TapGainsightPx
from tests.contract.facts import EVENT_STREAMS
from tests.e2e.conftest import PROJECT
from tests.e2e.equality import differences
from tests.e2e.loader import read_tables
from tests.e2e.meltano_project import Project, production
from tests.tap.worlds import iso

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.e2e.conftest import Sandbox

LOADERS = ("target-postgres", "target-snowflake")
PLUGINS = ("tap-gainsight-px", *LOADERS)
GIVEN: dict[str, tuple[str, Any]] = {
    "array": ('["a", "b"]', ["a", "b"]),
    "boolean": ("true", True),
    "date_iso8601": ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z"),
    "file": ("/a/key.p8", "/a/key.p8"),
    "integer": ("17", 17),
    "object": ('{"a": {"b": 1, "c": null}}', {"a": {"b": 1, "c": None}}),
    "string": ("some text", "some text"),
}
"""For each kind of setting: a text in the environment, and what the plugin has to get."""


@pytest.fixture
def project(tmp_path: Path, clean_env: dict[str, str]) -> Project:
    """Copy `meltano.yml` into an empty folder."""
    return Project.made_in(tmp_path / "project", clean_env)


@pytest.mark.parametrize("loader", LOADERS)
def test_our_list_of_settings_is_what_the_loader_says_of_itself(loader: str) -> None:
    """`docs/loaders/` keeps the loader's `--about`, from which `meltano.yml` is made."""
    program = PROJECT / ".build" / loader / "bin" / loader
    if loader == "target-snowflake" and not program.exists():
        pytest.skip("target-snowflake is not among what this step needs")
    printed = subprocess.run(
        [program, "--about", "--format=json"], capture_output=True, check=True, encoding="utf-8"
    ).stdout
    kept = (PROJECT / "docs" / "loaders" / f"{loader}.json").read_text(encoding="utf-8")
    assert json.loads(printed) == json.loads(kept)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_setting_comes_from_the_environment_as_what_it_is(
    project: Project, plugin: str
) -> None:
    """Meltano says nothing of a variable that it does not know, and passes on text where it can."""
    env: dict[str, str] = {}
    expected: dict[str, Any] = {}
    for one in project.plugin(plugin)["settings"]:
        whole, _, part = one["name"].partition(".")
        if part:
            # What JSON lacks comes from the parts' own defaults.
            if "." not in part and "value" in one:
                expected[whole][part] = one["value"]
            continue
        option = one["options"][-1]["value"] if one["kind"] == "options" else None
        text, value = GIVEN.get(one["kind"], (option, option))
        env[_variable(plugin, whole)] = str(text)
        expected[whole] = copy.deepcopy(value)
    assert project.config(plugin, env) == expected


def test_an_empty_variable_is_a_setting_of_the_tap_that_is_not_set(project: Project) -> None:
    """As Docker Compose and CI leave them; Meltano itself would end in a traceback."""
    names = [
        one["name"]
        for one in project.plugin("tap-gainsight-px")["settings"]
        if one["kind"] != "object" and "." not in one["name"] and one["name"] != "api_key"
    ]
    empty = {_variable("tap-gainsight-px", name): "" for name in names}
    config = project.config("tap-gainsight-px", empty)
    assert {config[name] for name in names} == {""}
    schema = copy.deepcopy(SETTINGS_SCHEMA)
    TapGainsightPx.append_builtin_config(schema)
    assert understand(config, schema).keys().isdisjoint(names)


def test_a_wrong_value_is_told_by_the_tap_in_one_line_for_each(
    project: Project, wheel_bin: Path
) -> None:
    """They name the setting, and come before what Meltano says of the failure."""
    project.use_built(wheel_bin)
    wrong = {"PAGE_SIZE": "many", "REGION": "Mars", "SKIP_FORBIDDEN_STREAMS": "perhaps"}
    env = {f"TAP_GAINSIGHT_PX_{name}": value for name, value in wrong.items()}
    done = project.try_meltano("invoke", "--no-install", "tap-gainsight-px", env=env)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if "[error" in line]
    assert [line.partition("tap-gainsight-px ")[2] for line in errors[:3]] == [
        "page_size must be a whole number, not 'many'",
        "region must be one of US, EU, US2, not 'Mars'",
        "skip_forbidden_streams must be true or false, not 'perhaps'",
    ]


def test_parts_of_an_object_come_from_the_environment_too(project: Project) -> None:
    """Who knows `batch_config.encoding.format` from the Meltano Hub writes it so."""
    parts = {"ENCODING_FORMAT": "parquet", "STORAGE_ROOT": "file:///px", "BATCH_SIZE": "500"}
    env = {f"TAP_GAINSIGHT_PX_BATCH_CONFIG_{name}": value for name, value in parts.items()}
    assert project.config("tap-gainsight-px", env)["batch_config"] == {
        "encoding": {"format": "parquet"},
        "storage": {"root": "file:///px"},
        "batch_size": 500,
    }


def test_the_environment_for_files_sets_what_target_snowflake_takes_as_it_is(
    project: Project,
) -> None:
    """JSON lines, gzip, in a folder of the project: docs/choosing.md."""
    printed = project.meltano(
        "--environment=prod-by-files", "config", "--unsafe", "print", "tap-gainsight-px"
    )
    assert json.loads(printed)["batch_config"] == {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": (project.folder / ".meltano/files").as_uri()},
        "batch_size": 10_000,
    }


def test_what_config_set_writes_has_the_right_type(project: Project) -> None:
    """Where a setting is not declared, `true` is kept as text, and the loader stops at it."""
    project.meltano("config", "set", "target-postgres", "hard_delete", "true")
    assert project.config("target-postgres")["hard_delete"] is True


def test_the_recipe_for_personal_data_comes_through_meltano_whole(project: Project) -> None:
    """A `null` would not: Meltano drops it, and the field would be in the table all the same."""
    page = (PROJECT / "docs" / "recipes.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r'```json\n(\{\s+"stream_maps".+?)```', page, re.DOTALL)
    definition = project.definition
    definition["plugins"]["extractors"][0]["config"] = json.loads(recipe)
    (project.folder / "meltano.yml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    config = project.config("tap-gainsight-px")
    assert {name: config[name] for name in json.loads(recipe)} == json.loads(recipe)


def test_what_is_new_in_px_is_in_the_next_catalog(
    project: Project, sandbox: Sandbox, wheel_bin: Path
) -> None:
    """Meltano keeps the catalog of an earlier run, unless the definition says that it must not."""
    project.use_built(wheel_bin)
    env = {
        "TAP_GAINSIGHT_PX_API_KEY": services.API_KEY,
        "TAP_GAINSIGHT_PX_API_URL": sandbox.url,
        "TAP_GAINSIGHT_PX_REQUESTS_PER_SECOND": "200",
    }
    (old, *_) = sandbox.truth("user_attributes")
    catalog = ("invoke", "--no-install", "--dump=catalog", "tap-gainsight-px")
    assert "madeLater" not in _custom_attributes(project.meltano(*catalog, env=env))

    sandbox.put("user_attributes", old | {"id": "later", "apiName": "madeLater"})

    attributes = _custom_attributes(project.meltano(*catalog, env=env))
    assert "madeLater" in attributes


def _custom_attributes(catalog: str) -> Iterable[str]:
    (users,) = [one for one in json.loads(catalog)["streams"] if one["tap_stream_id"] == "users"]
    names: dict[str, Any] = users["schema"]["properties"]["customAttributes"]["properties"]
    return names


def _variable(plugin: str, setting: str) -> str:
    text = f"{plugin}_{setting}"
    return "".join(letter if letter.isalnum() else "_" for letter in text).upper()


def test_a_project_takes_the_definitions_of_this_repository(
    tmp_path: Path, clean_env: dict[str, str]
) -> None:
    """`meltano add --from-ref`, as the page on getting started has it; nothing asks the Hub."""
    (tmp_path / "meltano.yml").write_text("send_anonymous_usage_stats: false\n", encoding="utf-8")
    empty = Project(tmp_path, clean_env | {"NO_COLOR": "1"})
    for plugin in ("tap-gainsight-px", "target-postgres"):
        file = PROJECT / "definitions" / f"{plugin}.yml"
        empty.meltano("add", "--no-install", "--from-ref", str(file), plugin)
    added = empty.plugin("tap-gainsight-px")
    assert added["pip_url"] == "tap-gainsight-px"
    assert empty.plugin("target-postgres")["env"] == {"PGTZ": "UTC"}
    told = {"TAP_GAINSIGHT_PX_API_KEY": "key", "TAP_GAINSIGHT_PX_PAGE_SIZE": "17"}
    config = empty.config("tap-gainsight-px", told)
    assert (config["api_key"], config["page_size"], config["region"]) == ("key", "17", "US")


JOB = "prod:tap-gainsight-px-to-target-postgres"


def test_a_stretch_is_read_again_and_the_job_knows_nothing_of_it(
    project: Project, sandbox: Sandbox, wheel_bin: Path, postgres: services.Postgres
) -> None:
    """As docs/recipes.md shows it: lost rows are back, in the tables and columns that were."""
    project.use_built(wheel_bin)
    events = sandbox.truth("custom_events")
    dates = sorted(one["date"] for one in events)
    start, end = (iso(dates[len(dates) * part // 4]) for part in (1, 2))
    env = production(sandbox, postgres.sqlalchemy_url, "again") | {
        "TAP_GAINSIGHT_PX_CUSTOM_EVENT_STREAMS": json.dumps([events[0]["eventName"]]),
        "TAP_GAINSIGHT_PX__SELECT": json.dumps(["custom_event*.*"]),
    }
    run = ("run", "--no-install", "tap-gainsight-px", "target-postgres")
    project.meltano(*run, env=env)
    before, state = _rows(postgres, "again"), project.kept_state(JOB)
    with psycopg.connect(postgres.url) as connection:
        for table in before:
            lost = sql.SQL("DELETE FROM again.{} WHERE date >= %s AND date < %s")
            connection.execute(lost.format(sql.Identifier(table)), (start, end))
    types = {
        stream: {part: entry[part] for part in ("types", "columns") if part in entry}
        for stream, entry in state["singer_state"]["bookmarks"].items()
    }
    assert any(types.values())
    given = {"singer_state": {"bookmarks": types}}
    project.meltano("state", "set", "--force", f"{JOB}:again", json.dumps(given))

    stretch = {"TAP_GAINSIGHT_PX_START_DATE": start, "TAP_GAINSIGHT_PX_END_DATE": end}
    project.meltano(*run, "--state-id-suffix=again", env=env | stretch)

    assert _rows(postgres, "again") == before
    assert sum(len(rows) for rows in before.values()) > len(events)
    assert project.kept_state(JOB) == state


def test_two_jobs_at_once_load_what_they_would_load_alone(
    project: Project, sandbox: Sandbox, wheel_bin: Path, postgres: services.Postgres
) -> None:
    """Each has an extractor of its own. With one for both, each reads the other's streams."""
    project.use_built(wheel_bin)
    env = production(sandbox, postgres.sqlalchemy_url, "at_once")
    project.meltano("state", "list", env=env)  # makes Meltano's own database
    jobs = ("gainsight-px-entities", "gainsight-px-events")

    runs = [project.start("run", "--no-install", job, env=env) for job in jobs]

    assert [run.wait() for run in runs] == [0, 0], project.log
    tables = read_tables(postgres.url, "at_once")
    assert set(tables) == {"users", "accounts", *EVENT_STREAMS}
    assert not list(differences(sandbox, tables, tables))
    entities, events = (project.kept_state(f"prod:tap-{job}-to-target-postgres") for job in jobs)
    assert set(entities["singer_state"]["bookmarks"]) == {"users", "accounts"}
    assert set(events["singer_state"]["bookmarks"]) == set(EVENT_STREAMS)


def _rows(postgres: services.Postgres, schema: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all tables in the order of their keys, without when they were loaded."""
    return {
        name: sorted(
            (
                {column: value for column, value in row.items() if not column.startswith("_sdc_")}
                for row in table.rows
            ),
            key=lambda row: str(row["eventId"]),
        )
        for name, table in read_tables(postgres.url, schema).items()
    }
