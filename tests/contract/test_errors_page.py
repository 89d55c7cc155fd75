"""The page on errors names every line that the code may tell its users, and no other."""

from __future__ import annotations

import ast
import re

from docs.error_lines import lines, literals, template
from tests.contract.facts import PROJECT

PAGE = (PROJECT / "docs" / "errors.md").read_text(encoding="utf-8")
LINES = lines()
SHORTEST_PART = 12


def plain(text: str) -> str:
    """Return a template without what it is filled with, and without the marks around that."""
    return re.sub(r"[\s…().:,;`]+", " ", text).strip()


# A row begins with one line, or more; warnings stand in a sentence.
ROWS = [row.split(" | ")[0] for row in PAGE.splitlines() if row.startswith("| `")]
WARNINGS = PAGE.partition("Warnings, which end nothing")[2].partition("\n\n")[0]
SHOWN = [one for text in [*ROWS, WARNINGS] for one in re.findall("`([^`]+)`", text)]
"""The lines on the page."""
TOLD = [plain(one) for one in SHOWN]


def test_each_line_of_the_code_is_on_the_page() -> None:
    """Whole, or a telling part of it; advice may stand behind what happened."""
    missing = [
        line
        for line in LINES
        if (text := plain(line.text))
        and not any(text in one or (len(one) >= SHORTEST_PART and one in text) for one in TOLD)
    ]
    assert missing == []


def test_each_line_of_the_page_is_in_the_code() -> None:
    """Somebody searches the page for the words of a log: each is one of the code's."""
    known = plain(literals())
    parts = [plain(part) for told in SHOWN for part in re.split(r"…|\. |: ", told)]
    assert [part for part in parts if len(part) >= SHORTEST_PART and part not in known] == []


def test_there_are_as_many_lines_as_one_would_think() -> None:
    """A reader of the code that finds nothing would agree with any page."""
    assert len(LINES) > 90
    assert {line.place.partition(":")[0] for line in LINES} >= {
        "api/failures.py",
        "api/responses.py",
        "config_checks.py",
        "given/catalog.py",
        "output/message_writer.py",
        "output/state.py",
    }


def test_what_is_put_into_a_line_is_left_out() -> None:
    """Of a sum of texts as of one."""
    node = ast.parse('f"the {name} is" + " wrong"', mode="eval").body
    assert template(node) == "the … is wrong"
