"""How the demo tells its answers, in the terminal and on a page, also where there are none."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from demo import page, terminal
from demo.marts import Answers, Feature, Month, Week

if TYPE_CHECKING:
    import pytest

NONE = Answers([], [], [])
MONDAY = date(2026, 6, 1)
SOME = Answers(
    [Week(MONDAY + timedelta(weeks=number), 1_000 + 10 * number, 3) for number in range(60)],
    [Feature("</script><b>", "Modules", 40, 0.4), Feature("Seldom", "Modules", 1, 0.01)],
    [
        Month(date(2026, 6, 1), -20.0, 10, is_complete=True),
        Month(date(2026, 7, 1), 40.0, 5, is_complete=False),
    ],
)


def test_the_terminal_needs_no_more_than_80_columns() -> None:
    """However many weeks there are, with the margin that the demo adds."""
    lines = [f"   {line}" for line in terminal.answer_lines(SOME)]
    assert max(map(len, lines)) <= 80
    assert any(line.endswith("40%") for line in lines)
    assert any("-20" in line and "10 answers" in line for line in lines)
    assert any("+40" in line and line.endswith("5 answers so far") for line in lines)


def test_all_weeks_are_as_wide_and_high_in_any_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last week with the most accounts ends the line of the highest bars."""
    lines = terminal.week_lines(SOME.weeks)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "8")
    assert terminal.week_lines(SOME.weeks) == lines
    highest, *_, lowest = lines[:-2]
    assert highest.startswith("1,590")
    assert lowest.count("█") == 2 * 26


def test_no_answers_are_told_as_such() -> None:
    """A product that nobody has used yet has a page, and lines that say so."""
    lines = list(terminal.answer_lines(NONE))
    assert "no whole week yet" in lines
    assert "none has been used" in lines
    assert "nobody has answered yet" in lines
    assert "<figure" in page.page(NONE, "")


def test_no_name_can_break_the_page() -> None:
    """What a customer has called a feature stays text."""
    text = page.page(SOME, "")
    assert text.count("</script>") == 1
    assert "<b>" not in text.partition("<script")[0]


def test_the_tiles_compare_with_before() -> None:
    """With the week four weeks before; a month that has not ended is not compared."""
    text = page.page(SOME, "")
    assert "+40 on four weeks before" in text
    assert "Net Promoter Score in June" in text
    assert "Net Promoter Score in July" not in text
