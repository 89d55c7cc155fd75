"""`python -m benchmarks [--quick] [section …]`: measures, and writes docs/performance.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import chart, report
from benchmarks.place import PROJECT, Place, circumstances


def main() -> int:
    """Run the sections asked for and write the page from all that were ever measured here."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(report.SECTIONS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the records, two rounds")
    parser.add_argument("--render", action="store_true", help="only write the page anew")
    parser.add_argument(
        "--build", type=Path, default=PROJECT / ".build", help="folder of the environments"
    )
    parser.add_argument(
        "--docs", type=Path, default=PROJECT / "docs", help="folder that the page goes to"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(report.SECTIONS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    build = arguments.build.resolve()
    # A quick try must not stand among the figures of a whole run.
    kept = build / ("benchmarks-quick" if arguments.quick else "benchmarks")
    kept.mkdir(parents=True, exist_ok=True)
    for name in [] if arguments.render else arguments.sections or list(report.SECTIONS):
        _say(f"{name} …")
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="px-bench-") as folder:
            result = _measure(name, Place(build, Path(folder), arguments.quick))
        (kept / f"{name}.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
        _say("\n".join(report.section(report.SECTIONS[name], result)))
        _say(f"({time.monotonic() - begin:.0f} s)\n")
    _write(kept, kept if arguments.quick else arguments.docs)
    return 0


def _measure(name: str, place: Place) -> dict[str, Any]:
    before = circumstances()
    figures = report.SECTIONS[name].measure(place)
    after = circumstances()["load"]
    told = {**before, "load_after": after, "quick": place.quick}
    # By way of JSON, so that what is rendered now is what would be rendered later.
    result: dict[str, Any] = json.loads(json.dumps({"circumstances": told, "figures": figures}))
    return result


def _write(kept: Path, docs: Path) -> None:
    results = {
        name: json.loads((kept / f"{name}.json").read_text(encoding="utf-8"))
        for name in report.SECTIONS
        if (kept / f"{name}.json").exists()
    }
    page = docs / "performance.md"
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    page.write_text(report.page(results, before), encoding="utf-8")
    if "cpu" in results and "waiting" in results:
        drawing = chart.draw(results["cpu"]["figures"], results["waiting"]["figures"])
        (docs / "performance.svg").write_text(drawing, encoding="utf-8")
    _say(f"written: {page}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
