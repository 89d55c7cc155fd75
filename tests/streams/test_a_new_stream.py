"""A new stream is one entry in `streams.py` and one file in `schemas/`: shown on a copy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer, World
from tests.contract.facts import PROJECT, schema_of
from tests.streams.rich import records_of
from tests.streams.runs import Run, config, messages_in, names_of, select
from tests.streams.truth import bodies, converted, in_order

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


def copy_of_the_tap(folder: Path, stream: str) -> None:
    """Copy the tap, and add one entry and one schema file to it."""
    shutil.copytree(PROJECT / "tap_gainsight_px", folder / "tap_gainsight_px")
    shutil.copytree(PROJECT / "schemas", folder / "schemas")
    table = folder / "tap_gainsight_px" / "catalog" / "streams.py"
    text = table.read_text(encoding="utf-8")
    table.write_text(f"{text}\nSTREAMS = (*STREAMS, {ENTRIES[stream]})\n", encoding="utf-8")
    schema = schema_of(KINDS[stream])
    schema["properties"]["articleId"] = {"type": "string", "description": "Asked for."}
    (folder / "schemas" / f"{stream}.json").write_text(json.dumps(schema), encoding="utf-8")


def run_copy(folder: Path, *options: str, **files: Any) -> str:
    """Run the copy as a program; return what it printed."""
    command = [sys.executable, "-m", "tap_gainsight_px", *options]
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        command += [f"--{name}", str(path)]
    done = subprocess.run(  # noqa: S603 - our own program
        command,
        capture_output=True,
        check=True,
        cwd=folder,
        encoding="utf-8",
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.stdout


@pytest.mark.parametrize("stream", ENTRIES)
def test_a_33rd_stream_takes_one_entry_and_one_schema_file(tmp_path: Path, stream: str) -> None:
    """It is discovered, selected, read whole, converted, and activated like the others."""
    copy_of_the_tap(tmp_path, stream)
    world = World()
    kind = KINDS[stream]
    world.put_many(kind, records_of(kind))
    with SandboxServer(world) as sandbox:
        settings = config(sandbox)
        catalog = json.loads(run_copy(tmp_path, "--discover", config=settings))
        output = run_copy(tmp_path, config=settings, catalog=select(catalog, stream))
    assert len(names_of(catalog)) == 33
    run = Run(messages_in(output))
    expected = [converted(record, kind) for record in bodies(world, kind)]
    if "{" in ENTRIES[stream]:
        expected = [{**record, "articleId": record["id"]} for record in expected]
    assert in_order(run.records(stream)) == in_order(expected)
    assert list(run.activated) == [stream]
    assert len(expected) > 5
