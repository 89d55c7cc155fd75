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
    from collections.abc import Iterable, Iterator

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
    "singer/stream_maps.py",
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


def literals() -> str:
    """Return all texts of the code, one a line."""
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in sorted(PACKAGE.rglob("*.py")))
    return "\n".join(
        template(node)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, (ast.Constant, ast.JoinedStr))
    )


def _texts(path: str, tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Yield the lines of a module, each with the node that holds it."""
    for one in tree.body:
        if isinstance(one, ast.Assign) and path in _ADVISING:
            name = getattr(one.targets[0], "id", "")
            if name == "_ADVICE" and isinstance(one.value, ast.Dict):
                yield from _long_texts(one.value.values)
            if name == "_CAUSES" and isinstance(one.value, ast.Tuple):
                rows = [row.elts for row in one.value.elts if isinstance(row, ast.Tuple)]
                # The first of a row is what the HTTP library says, which nobody is told.
                yield from _long_texts([text for row in rows for text in row[1:]])
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        named = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        ]
        for node in ast.walk(function):
            for value in _told(path, function.name, node):
                text = template(_nearest(value, named))
                if len(text.replace("…", "").split()) > 1:
                    yield value, text


def _long_texts(values: Iterable[ast.expr]) -> Iterator[tuple[ast.expr, str]]:
    """Yield causes and advice out of a table of them."""
    for node in values:
        text = template(node)
        if len(text) >= _SHORTEST_ADVICE:
            yield node, text


def _nearest(value: ast.expr, named: list[ast.Assign]) -> ast.expr:
    """Return what was last given to a name before it is used."""
    if not isinstance(value, ast.Name):
        return value
    before = [
        one
        for one in named
        if isinstance(one.targets[0], ast.Name)
        and one.targets[0].id == value.id
        and one.lineno <= value.lineno
    ]
    return before[-1].value if before else value


def _told(path: str, function: str, node: ast.AST) -> Iterator[ast.expr]:
    """Yield what a node of the code tells a user."""
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        is_super = isinstance(node.func, ast.Attribute) and node.func.attr == "__init__"
        if name in _NAMES or (is_super and path == "errors.py") or path == "cancellation.py":
            yield from node.args[:1]
            yield from (word.value for word in node.keywords if word.arg == "advice")
    if isinstance(node, ast.Yield) and node.value is not None and path in _GATHERING:
        yield node.value
    if isinstance(node, ast.Return) and node.value is not None and function.endswith("_line"):
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
