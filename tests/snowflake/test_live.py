"""The script for a live account works, as far as an imitation can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.snowflake import expected, live

if TYPE_CHECKING:
    import pytest

    from tests.tap.harness import Json


def test_it_loads_compares_and_drops_what_it_has_made(capsys: pytest.CaptureFixture[str]) -> None:
    """By RECORD messages and by BATCH files; each line says what was seen."""
    assert live.main(["--imitation"], {}) == 0
    said = capsys.readouterr().out
    assert said.count("33 tables have the columns and types that they should") == 2
    assert said.count("hold every value as it was sent") == 2
    assert said.count("the schema is dropped") == 2


def test_it_keeps_the_schema_where_something_differs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that somebody can look; the line says what, and how to drop it."""

    def differ(tables: Json, _: object) -> None:
        assert not tables, "users: a value differs"

    monkeypatch.setattr(expected, "check_rows", differ)
    monkeypatch.setattr(live, "WAYS", ("RECORD",))
    assert live.main(["--imitation"], {}) == 1
    said = capsys.readouterr().out
    assert "FAILED: users: a value differs" in said
    assert "DROP SCHEMA IF EXISTS PX_DB.PX_TRY_" in said
    assert "dropped" not in said


def test_without_a_login_it_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, before anything else is done."""
    assert live.main([], {"TARGET_SNOWFLAKE_ACCOUNT": "a", "TARGET_SNOWFLAKE_PASSWORD": "p"}) == 2
    assert capsys.readouterr().out == (
        "Set TARGET_SNOWFLAKE_USER, TARGET_SNOWFLAKE_DATABASE, TARGET_SNOWFLAKE_WAREHOUSE, "
        "TARGET_SNOWFLAKE_ROLE (docs/snowflake.md).\n"
    )
