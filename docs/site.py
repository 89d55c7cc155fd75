"""Puts the pages of the site together: `python docs/site.py FOLDER`.

The documents stay where people and code hosts look for them (README.md, CHANGELOG.md, docs/ …); in
the site each has a place of its own. So the links between them are written anew, and a file
that a page links to (meltano.yml) comes along.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"
# Where a document outside of docs/, or one that a code host wants to have another name, stands.
_PLACES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "docs/streams/README.md": "streams/index.md",
    "docs/decisions/README.md": "decisions/index.md",
}
_FILES = "files"
_LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")
_COG = re.compile(r"^<!-- \[\[\[.*?(?:\]\]\] )?-->\n", re.DOTALL | re.MULTILINE)


def place_of(file: Path) -> Path:
    """Return where a file of the project stands in the site, relative to its root."""
    path = file.relative_to(PROJECT).as_posix()
    if path in _PLACES:
        return Path(_PLACES[path])
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS)
    # A file whose name begins with a dot is no part of a site.
    return Path(_FILES, f"{path.lstrip('.')}.txt")


def collect() -> dict[Path, Path]:
    """Return the place in the site of each page and picture."""
    found = [PROJECT / path for path in _PLACES]
    found += [one for kind in ("*.md", "*.svg", "*.png", "*.css") for one in DOCS.rglob(kind)]
    return {file: place_of(file) for file in found}


def rewritten(file: Path, text: str) -> tuple[str, set[Path]]:
    """Return a page with its links as they are in the site, and the files that it links to.

    Args:
        file: Where the page stands in the project.
        text: What it says.
    """
    here = place_of(file).parent
    linked: set[Path] = set()

    def moved(found: re.Match[str]) -> str:
        target = (file.parent / found[2]).resolve()
        if not target.exists():
            return found[0]  # the build tells
        linked.add(target)
        return found[1] + os.path.relpath(place_of(target), here) + found[3]

    return _LINK.sub(moved, _COG.sub("", text)), linked


def main(folder: Path) -> None:
    """Write all pages into a folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = collect()
    files: set[Path] = set()
    for file, place in pages.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            text, linked = rewritten(file, file.read_text(encoding="utf-8"))
            target.write_text(text, encoding="utf-8")
            files |= linked - pages.keys()
        else:
            shutil.copyfile(file, target)
    for file in files:
        target = folder / place_of(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
