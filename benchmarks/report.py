"""Puts the sections together into one page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from benchmarks.sections import (
    cpu,
    memory,
    odd,
    pipe,
    profile,
    saturation,
    small_streams,
    snowflake,
    startup,
    waiting,
)

if TYPE_CHECKING:
    from types import ModuleType

SECTIONS: dict[str, ModuleType] = {
    "cpu": cpu,
    "odd": odd,
    "waiting": waiting,
    "saturation": saturation,
    "small_streams": small_streams,
    "memory": memory,
    "startup": startup,
    "pipe": pipe,
    "snowflake": snowflake,
    "profile": profile,
}

_HEAD = """# Performance

Written by `python -m benchmarks`, which anyone can run (`make bench`); do not edit. Reports, never
gates: the figures are those of one machine at one time, so trust the ratios within a table and not
the last digit. All programs of a table read the same `px-sandbox` in the same run.

![Records per CPU second, and wall time with 200 ms of latency](performance.svg)
"""


def page(results: dict[str, dict[str, Any]], before: str = "") -> str:
    """Return the page.

    Args:
        results: Circumstances and figures by section.
        before: The page as it was: sections without figures stay as they are in it.
    """
    there = _sections(before)
    parts = [_HEAD.rstrip()]
    for name, module in SECTIONS.items():
        if name in results:
            parts.append("\n".join(section(module, results[name])).rstrip())
        elif module.TITLE in there:
            parts.append(there[module.TITLE])
    return "\n\n".join(parts) + "\n"


def _sections(text: str) -> dict[str, str]:
    """Return the sections of a page by their titles."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0].removeprefix("## "): part.rstrip() for part in parts}


def section(module: ModuleType, result: dict[str, Any]) -> list[str]:
    """Return one section with the circumstances under which it was measured."""
    told = result["circumstances"]
    return [
        f"## {module.TITLE}",
        "",
        *module.render(result["figures"]),
        "",
        (
            f"<sub>{told['when']}, {told['system']}, {told['cores']} cores, {told['memory']}, "
            f"Python {told['python']}; load average {told['load']} before and {told['load_after']} "
            f"after{', quick' if told['quick'] else ''}.</sub>"
        ),
        "",
    ]
