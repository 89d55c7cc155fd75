"""What the tap sends, through target-snowflake's own code: types, casts, merges and deletions.

`loader.py` says how much of this is real. `make snowflake` prepares in `.build` what it needs.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tests.snowflake import expected
from tests.snowflake.expected import files_in, held, schemas_in, table_of, two_runs
from tests.snowflake.process import StepError, shipped_settings, warehouse
from tests.streams.rich import empty_world
from tests.streams.truth import DAY
from tests.tap.harness import Output, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.snowflake.process import Process
    from tests.tap.harness import Json

LOGIN = {"account": "a", "user": "u", "password": "p", "database": "PX_DB"}
"""One that nobody checks."""


@contextmanager
def loading(folder: Path, *runs: Output, **options: Any) -> Iterator[Process]:
    """Ask the loader to take in each run and then to tell what is in its tables."""
    settings = {**LOGIN, **shipped_settings(), **options}
    with warehouse("loader", folder, settings) as process:
        for number, run in enumerate(runs):
            messages = folder / f"run-{number}"
            messages.write_text(run.text, encoding="utf-8")
            process.ask(load=str(messages))
            process.ask(tables=settings["default_target_schema"])
        yield process


def after_each(process: Process, *runs: Output) -> list[Json]:
    """Return the tables after each run."""
    return [(process.answer(), process.answer())[1] for _ in runs]


def loaded(folder: Path, *runs: Output, **options: Any) -> list[Json]:
    """Load runs and return the tables after each."""
    with loading(folder, *runs, **options) as process:
        return after_each(process, *runs)


@pytest.fixture(scope="module")
def sent() -> tuple[Output, Output]:
    """Return two runs of the tap, in RECORD messages."""
    return two_runs()


@pytest.fixture(scope="module")
def both_ways(
    sent: tuple[Output, Output], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Json]:
    """Return what the loader makes of both runs, sent as RECORD messages and as BATCH files."""
    folders = {way: tmp_path_factory.mktemp(way) for way in ("RECORD", "BATCH")}
    runs = {"RECORD": sent, "BATCH": two_runs(batch_config=files_in(folders["BATCH"]))}
    # Both are at work while the first is waited for.
    with ExitStack() as stack:
        processes = {way: stack.enter_context(loading(folders[way], *runs[way])) for way in folders}
        return {
            way: {"tables": after_each(one, *runs[way])[-1], "nulls": one.do(nulls=None)}
            for way, one in processes.items()
        }


@pytest.fixture(params=["RECORD", "BATCH"])
def tables(request: pytest.FixtureRequest, both_ways: dict[str, Json]) -> Json:
    """Return what the loader makes of both runs, one way and the other."""
    return both_ways[request.param]


def test_every_stream_has_a_table_with_the_columns_that_its_schema_asks_for(
    tables: Json, sent: tuple[Output, Output]
) -> None:
    """Times are times with their zone, what has no one type is VARIANT, text and numbers fit."""
    expected.check_types(tables["tables"], sent)


def test_every_row_holds_what_px_sent(tables: Json, sent: tuple[Output, Output]) -> None:
    """Two runs, each key once, every value as it left the tap; what it lacks is NULL."""
    expected.check_rows(tables["tables"], sent)


def test_no_file_has_null_for_a_column_of_objects(tables: Json) -> None:
    """Snowflake would keep a JSON null there, which `IS NULL` does not find."""
    assert tables["nulls"] == []


def test_exactly_what_is_gone_from_px_is_marked(tables: Json, sent: tuple[Output, Output]) -> None:
    """In a full table it is what the second run did not bring; elsewhere nothing is known."""
    expected.check_marks(tables["tables"], sent)


def test_the_columns_of_the_loader_say_the_same_either_way(
    tables: Json, sent: tuple[Output, Output]
) -> None:
    """The version of the run that brought the row last, or none; times and numbers, never null."""
    first, second = sent
    for stream, schema in schemas_in(second).items():
        table, key = table_of(tables["tables"], stream), schema["key_properties"][0]
        last = set(second.values(stream, key))
        for row in table["rows"]:
            run = second if row[key.upper()] in last else first
            version = run.activated.get(stream) or run.bookmark(stream).get("version")
            assert row["_SDC_TABLE_VERSION"] == version
            for name in ("EXTRACTED_AT", "RECEIVED_AT", "BATCHED_AT"):
                assert table["types"][f"_SDC_{name}"] == "TIMESTAMP_TZ"
                assert held(row[f"_SDC_{name}"], "TIMESTAMP_TZ").utcoffset() is not None
            for name in ("SEQUENCE", "SYNC_STARTED_AT"):
                assert row[f"_SDC_{name}"] > 1_700_000_000_000


@pytest.mark.parametrize("hard_delete", [False, True], ids=["mark", "delete"])
def test_a_row_goes_and_comes_back(tmp_path: Path, *, hard_delete: bool) -> None:
    """What is there again is not deleted any more; with hard delete, a row is there or not."""
    made, runs = empty_world(), []
    made.put("segments", {"id": "stays", "name": "N"})
    with SandboxServer(made) as sandbox:
        for is_there in (True, False, True):
            if is_there:
                made.put("segments", {"id": "back", "name": "N"})
            else:
                made.delete("segments", "back")
            made.clock.advance(seconds=3_600)
            runs.append(sync(sandbox, "segments", batch_config=files_in(tmp_path)))
    tables = loaded(tmp_path, *runs, hard_delete=hard_delete)
    marks = [
        {row["ID"]: bool(row["_SDC_DELETED_AT"]) for row in after["SEGMENTS"]["rows"]}
        for after in tables
    ]
    gone = {"stays": False} if hard_delete else {"stays": False, "back": True}
    assert marks == [{"stays": False, "back": False}, gone, {"stays": False, "back": False}]


@pytest.mark.parametrize("hard_delete", [False, True], ids=["mark", "delete"])
def test_users_who_are_gone_go_with_a_full_reading(tmp_path: Path, *, hard_delete: bool) -> None:
    """And who was loaded before there were versions stays: docs/loading.md says what to do."""
    made, runs = empty_world(), []
    for key in ("without a version", "gone", "stays"):
        made.put("users", {"aptrinsicId": key, "lastModifiedDate": made.clock.now_ms() - DAY})
    with SandboxServer(made) as sandbox:
        runs.append(sync(sandbox, "users", emit_activate_version_messages=False))
        for key in ("gone", "stays"):
            made.put("users", {"aptrinsicId": key, "lastModifiedDate": made.clock.now_ms()})
        made.delete("users", "without a version")
        for days in (1, 7):
            made.clock.advance(days=days)
            runs.append(sync(sandbox, "users", state=runs[-1].state))
            made.delete("users", "gone")
        made.clock.advance(days=7)
        runs.append(sync(sandbox, "users", state=runs[-1].state))
    tables = loaded(tmp_path, *runs, hard_delete=hard_delete)
    rows = tables[-1]["USERS"]["rows"]
    marks = {row["APTRINSICID"]: bool(row["_SDC_DELETED_AT"]) for row in rows}
    gone = {} if hard_delete else {"gone": True}
    assert marks == {"without a version": False, "stays": False, **gone}


def test_the_loader_refuses_parquet(tmp_path: Path) -> None:
    """The documentation says so. If this fails, it can say something better."""
    made = empty_world()
    made.put("segments", {"id": "s", "name": "N"})
    with SandboxServer(made) as sandbox:
        run = sync(sandbox, "segments", batch_config=files_in(tmp_path, "parquet"))
    with pytest.raises(StepError, match="Unsupported batch file encoding: parquet"):
        loaded(tmp_path, run)
