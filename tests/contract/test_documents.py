"""What the documents point to exists: tests, files and decisions."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.contract.facts import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

TESTS = PROJECT / "tests"
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("0*.md"))
DOCUMENTS = sorted(
    [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"), *(PROJECT / "docs").glob("*/*.md")]
)


def functions_in(file: Path) -> set[str]:
    """Return the names of the test functions of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}


def named_tests(text: str) -> list[tuple[str, str]]:
    """Return file and function of each test that a text names; no function for a whole file.

    `::name` alone is in the file named before it.
    """
    found = []
    file = ""
    for path, name in re.findall(r"`([\w/]*test_\w+\.py)?(?:::(test_\w+))?`", text):
        file = path or file
        if path or name:
            found.append((file, name))
    return found


def test_every_test_that_reliability_names_exists() -> None:
    """A promise is shown by a test, and not by the memory of one."""
    text = (PROJECT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = named_tests(text)
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (TESTS / file).is_file() or (name and name not in functions_in(TESTS / file))
    ]
    assert missing == []
    assert len(named) > 20


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_links_lead_to_files_that_exist(document: Path) -> None:
    """Files get other names; links to them are not noticed by any compiler."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("record", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_a_date_a_status_and_the_options_not_taken(record: Path) -> None:
    """Who reads it later sees when it was made, whether it still holds, and what was weighed."""
    text = record.read_text(encoding="utf-8")
    head = re.search(
        r"^Date: (\d{4}-\d\d-\d\d)\. Status: (accepted|superseded)", text, re.MULTILINE
    )
    assert head is not None
    assert "\nNot taken:\n\n- " in text


def test_contributing_says_what_every_module_is_for() -> None:
    """A module that is not in the table of `CONTRIBUTING.md` is one that nobody finds."""
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## Where a line lives")[2].partition("\n## ")[0]
    modules = (PROJECT / "tap_gainsight_px").rglob("*.py")
    names = {file.stem for file in modules if file.stem != "__init__"}
    assert names - set(re.findall(r"`(\w+)`", table)) == set()
