"""Puts the sections together into one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.sections import (
    cpu,
    memory,
    odd,
    pipe,
    profile,
    saturation,
    small_streams,
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
    "profile": profile,
}

_HEAD = """# Performance

Written by `python -m benchmarks`, which anyone can run (`make bench`); do not edit. Reports, never
gates: the figures are those of one machine at one time, so trust the ratios within a table and not
the last digit. All programs of a table read the same `px-sandbox` in the same run.

![Records per CPU second, and wall time with 200 ms of latency](performance.svg)
"""


def page(results: dict[str, dict[str, Any]]) -> str:
    """Return the page; `results` are circumstances and figures by section."""
    lines = [_HEAD]
    for name, module in SECTIONS.items():
        if name not in results:
            continue
        lines += section(module, results[name])
    return "\n".join(lines).rstrip() + "\n"


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
