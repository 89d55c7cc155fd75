"""`docs/performance.md`: what was not measured anew stays as it is."""

from __future__ import annotations

from benchmarks import report
from tests.contract.facts import PROJECT

PAGE = (PROJECT / "docs" / "performance.md").read_text(encoding="utf-8")


def test_sections_without_new_figures_stay_as_they_are() -> None:
    """With the date at which each was measured."""
    assert report.page({}, PAGE) == PAGE


def test_a_section_with_new_figures_takes_the_place_of_the_old_one() -> None:
    """And no other line changes."""
    told = {
        "when": "2026-01-31 12:00 UTC",
        "system": "Linux",
        "cores": "2",
        "memory": "1 GiB",
        "python": "3.12",
        "load": "0.0",
        "load_after": "0.0",
        "quick": False,
    }
    figures = {"records": 5, "runs": {}, "small": {}}
    page = report.page({"snowflake": {"circumstances": told, "figures": figures}}, PAGE)
    title = f"## {report.SECTIONS['snowflake'].TITLE}\n"
    before, _, rest = PAGE.partition(title)
    after = rest.partition("\n## ")[2]
    assert page.startswith(f"{before}{title}")
    assert page.endswith(f"\n## {after}")
    assert "2026-01-31 12:00 UTC" in page
    assert "2026-01-31 12:00 UTC" not in PAGE
