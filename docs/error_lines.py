"""The lines that the code tells its users when something is wrong, as templates.

What stands in a line at run time is `…` in its template. `docs/errors.md` has to name each of them;
`tests/contract/test_errors_page.py` sees to it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tap_gainsight_px import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(errors.__file__).parent

# The reader answers these by reading a window again: no user ever sees them.
_INTERNAL = {"ScrollLostError", "RangeIgnoredError", "TooLargeError"}
_NAMES = {
    name
    for name, one in vars(errors).items()
    if isinstance(one, type) and issubclass(one, errors.TapError) and name not in _INTERNAL
}
# These yield or gather lines, and raise them elsewhere.
_GATHERING = {
    "config_checks.py",
    "given/catalog.py",
    "given/catalog_keys.py",
    "given/environment.py",
    "stream_maps.py",
}
_ADVISING = {"api/responses.py", "api/failures.py"}
_SHORTEST_ADVICE = 20


@dataclass(frozen=True)
class Line:
    """A line of the code's, and where it stands."""

    place: str
    text: str


def lines() -> list[Line]:
    """Return every line once, in the order of the files."""
    found: dict[str, Line] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        path = file.relative_to(PACKAGE).as_posix()
        for node, text in _texts(path, ast.parse(file.read_text(encoding="utf-8"))):
            found.setdefault(text, Line(f"{path}:{node.lineno}", text))
    return list(found.values())


def _texts(path: str, tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        named = {
            node.targets[0].id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(function):
            for value in _told(path, node):
                known = named.get(value.id, value) if isinstance(value, ast.Name) else value
                text = template(known)
                if len(text.replace("…", "").split()) > 1:
                    yield value, text


def _told(path: str, node: ast.AST) -> Iterator[ast.expr]:
    """Yield what a node of the code tells a user."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _NAMES:
        yield from node.args[:1]
        yield from (word.value for word in node.keywords if word.arg == "advice")
    if isinstance(node, ast.Yield) and node.value is not None and path in _GATHERING:
        yield node.value


def template(node: ast.expr) -> str:
    """Return a text of the code with `…` for what is put into it; empty if it is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            template(one) if isinstance(one, ast.Constant) else "…" for one in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left) + template(node.right)
    return ""
