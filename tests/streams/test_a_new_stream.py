"""The stream table by itself says what a stream is: shown on copies of the tap with another table.

A new stream is one entry in `streams.py` and one file in `schemas/`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.contract.facts import PROJECT, STREAM_FACTS, schema_of
from tests.streams.rich import empty_world, now, records_of
from tests.streams.runs import names_of, select
from tests.streams.truth import DAY, bodies, converted, in_order, iso
from tests.tap.harness import Output, config, entry_of, messages_in, root

if TYPE_CHECKING:
    from pathlib import Path

# One that is listed, and one that is asked for each record of another stream.
ENTRIES = {
    "names_of_segments": '_listing("names_of_segments", "/v1/segment", "segments", 200)',
    "single_articles": """StreamSpec(
        name="single_articles",
        path="/v1/articles/{articleId}",
        records_key=None,
        paging=Paging.SINGLE,
        page_size_max=None,
        primary_keys=("articleId",),
        parent=Parent("articles", "id", "articleId"),
    )""",
}
KINDS = {"names_of_segments": "segments", "single_articles": "articles"}


def copy_of_the_tap(folder: Path, old: str, new: str) -> None:
    """Copy the tap, and change one place of its stream table."""
    shutil.copytree(PROJECT / "tap_gainsight_px", folder / "tap_gainsight_px")
    shutil.copytree(PROJECT / "schemas", folder / "schemas")
    table = folder / "tap_gainsight_px" / "catalog" / "streams.py"
    text = table.read_text(encoding="utf-8")
    assert text.count(old) == 1
    table.write_text(text.replace(old, new), encoding="utf-8")


def add_stream(folder: Path, stream: str) -> None:
    """Copy the tap, and add one entry and one schema file to it."""
    start = "check_table(\n    [\n"
    copy_of_the_tap(folder, start, f"{start}{ENTRIES[stream]},\n")
    schema = schema_of(KINDS[stream])
    schema["properties"]["articleId"] = {"type": "string", "description": "Asked for."}
    (folder / "schemas" / f"{stream}.json").write_text(json.dumps(schema), encoding="utf-8")


def run_copy(folder: Path, *options: str, **files: Any) -> subprocess.CompletedProcess[str]:
    """Run the copy as a program."""
    command = [sys.executable, "-m", "tap_gainsight_px", *options]
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        command += [f"--{name}", str(path)]
    return subprocess.run(  # noqa: S603 - our own program
        command,
        capture_output=True,
        check=False,
        cwd=folder,
        encoding="utf-8",
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


@pytest.mark.parametrize("stream", ENTRIES)
def test_a_new_stream_takes_one_entry_and_one_schema_file(tmp_path: Path, stream: str) -> None:
    """It is discovered, selected, read whole, converted, and activated like the others."""
    add_stream(tmp_path, stream)
    world = empty_world()
    kind = KINDS[stream]
    world.put_many(kind, records_of(kind))
    with SandboxServer(world) as sandbox:
        settings = config(sandbox)
        catalog = json.loads(run_copy(tmp_path, "--discover", config=settings).stdout)
        output = run_copy(tmp_path, config=settings, catalog=select(catalog, stream))
    assert set(names_of(catalog)) == {*STREAM_FACTS, stream}
    run = Output(messages_in(output.stdout))
    expected = [converted(record, kind) for record in bodies(world, kind)]
    if "{" in ENTRIES[stream]:
        expected = [{**record, "articleId": record["id"]} for record in expected]
    assert in_order(run.records(stream)) == in_order(expected)
    assert list(run.activated) == [stream]
    assert len(expected) > 5


@pytest.mark.parametrize("fact", ["documented=False", "records_change=True"])
def test_users_before_the_start_date_are_read_whatever_is_known_of_the_filter(
    tmp_path: Path, fact: str
) -> None:
    """That a full table and a first sync hold everything is a fact of its own."""
    name, _, value = fact.partition("=")
    copy_of_the_tap(tmp_path, fact, f"{name}={value != 'True'}")
    world = empty_world()
    for number in range(21):
        changed = now() - number * 30 * DAY - DAY
        world.put("users", {"aptrinsicId": f"u{number}", "lastModifiedDate": changed})
    with SandboxServer(world) as sandbox:
        settings = config(sandbox, start_date=iso(now() - 150 * DAY))
        catalog = json.loads(run_copy(tmp_path, "--discover", config=settings).stdout)
        select(catalog, "users")
        for method in ("INCREMENTAL", "FULL_TABLE"):
            root(entry_of(catalog, "users"))["forced-replication-method"] = method
            entry_of(catalog, "users")["replication_method"] = method
            run = Output(messages_in(run_copy(tmp_path, config=settings, catalog=catalog).stdout))
            assert len(set(run.values("users", "aptrinsicId"))) == 21
            assert ("users" in run.activated) == (method == "FULL_TABLE")


def test_a_contradiction_ends_every_command_with_a_line_that_names_the_stream(
    tmp_path: Path,
) -> None:
    """Also one that reads nothing: the table is checked when it is imported."""
    copy_of_the_tap(tmp_path, "/v1/feature/adoption/{featureId}", "/v1/feature/adoption/{id}")
    done = run_copy(tmp_path, "--version")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith(
        "SpecError: stream table: feature_adoption: the path /v1/feature/adoption/{id} has the "
        "placeholders ['id'], not ['featureId']"
    )
