"""The drawings of the documentation, as SVG: no page needs a script or the network to show them.

Entities and layers come from the code, the timelines of syncs from what the tap asks (`timelines`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
  .head { font-weight: 600 }
  .note { fill: #57606a; font-size: 12px }
  .box { fill: #f6f8fa; stroke: #8c959f }
  .line { fill: none; stroke: #8c959f; stroke-width: 1.2 }
  .on { fill: #ffffff }
  .read { fill: #2f81f7 }
  .again { fill: #bf8700 }
  .wait { fill: #d0d7de }
"""
_PADDING = 16


@dataclass
class Drawing:
    """Shapes on a white ground, so that they can be read on a dark page as well."""

    width: int
    height: int
    label: str
    body: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """Put a line of text, with its baseline at `y`."""
        self.body.append(
            f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def box(self, x: float, y: float, width: float, height: float, kind: str = "box") -> None:
        """Put a box."""
        self.body.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4" '
            f'class="{kind}"/>'
        )

    def line(self, *points: tuple[float, float]) -> None:
        """Put a line through some points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.body.append(f'<polyline points="{path}" class="line"/>')

    def curve(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Put a line that leaves and arrives level."""
        middle = (start[0] + end[0]) / 2
        self.body.append(
            f'<path d="M{start[0]:g},{start[1]:g} C{middle:g},{start[1]:g} {middle:g},{end[1]:g} '
            f'{end[0]:g},{end[1]:g}" class="line"/>'
        )

    def svg(self) -> str:
        """Return the whole file."""
        size = f'width="{self.width}" height="{self.height}"'
        return "\n".join(
            [
                (
                    '<svg xmlns="http://www.w3.org/2000/svg" '
                    f'viewBox="0 0 {self.width} {self.height}" {size} role="img" '
                    f'aria-label="{escape(self.label)}">'
                ),
                f"<style>{_STYLE}</style>",
                f'<rect {size} rx="8" fill="#ffffff"/>',
                *self.body,
                "</svg>",
                "",
            ]
        )


_ROW = 18
_BOX_WIDTH = 210


def entities(joins: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """Return the diagram of which stream joins to which.

    Args:
        joins: For each stream, its fields that join and what to (`users.identifyId`). Streams
            without any stand apart.
    """
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    people = ("accounts", "users")
    for stream, links in joins.items():
        if links and stream not in people:
            groups.setdefault(tuple(links), []).append(stream)
    targets = sorted({to.partition(".")[0] for links in groups for _, to in links} - set(people))
    left = _column(people, 20)
    heights = [_ROW * (len(streams) + len(links)) + 26 for links, streams in groups.items()]
    height = max(sum(heights) + _PADDING * (len(heights) + 1), 260)
    drawing = Drawing(820, height, "Which streams of the tap join to which")
    places = {name: (x, 60 + row * (height - 120) / 1.6) for name, (x, row) in left.items()}
    step = (height - 80) / max(len(targets), 1)
    places |= {name: (600, 40 + row * step) for row, name in enumerate(targets)}
    for name, (x, y) in places.items():
        drawing.box(x, y, 200 if x > 300 else 150, 44)  # noqa: PLR2004 - the right column
        drawing.text(x + 10, y + 18, name, "head")
        drawing.text(x + 10, y + 36, _key_of(name, joins), "note")
    (x, top), (_, bottom) = places["accounts"], places["users"]
    drawing.line((x + 75, top + 44), (x + 75, bottom))
    drawing.text(x + 82, (top + bottom) / 2 + 26, "accountId", "note")
    y = float(_PADDING)
    for (links, streams), tall in zip(groups.items(), heights, strict=True):
        _group(drawing, (280, y), streams, links, places)
        y += tall + _PADDING
    return drawing.svg()


def _column(names: Sequence[str], x: int) -> dict[str, tuple[int, int]]:
    return {name: (x, row) for row, name in enumerate(names)}


def _key_of(name: str, joins: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    fields = {
        to.partition(".")[2]
        for links in joins.values()
        for _, to in links
        if to.partition(".")[0] == name
    }
    return ", ".join(sorted(fields))


def _group(
    drawing: Drawing,
    corner: tuple[float, float],
    streams: Sequence[str],
    links: Sequence[tuple[str, str]],
    places: Mapping[str, tuple[float, float]],
) -> None:
    x, y = corner
    drawing.box(x, y, _BOX_WIDTH, _ROW * (len(streams) + len(links)) + 26)
    for row, name in enumerate(streams):
        drawing.text(x + 10, y + 20 + row * _ROW, name, "head")
    y += _ROW * len(streams) + 8
    for row, (name, to) in enumerate(links):
        at = y + 20 + row * _ROW
        drawing.text(x + 10, at, name, "note")
        target_x, target_y = places[to.partition(".")[0]]
        if target_x < x:
            drawing.curve((x, at - 4), (target_x + 150, target_y + 22))
        else:
            drawing.curve((x + _BOX_WIDTH, at - 4), (target_x, target_y + 22))


def layers(rows: Sequence[tuple[str, str]]) -> str:
    """Return the diagram of the layers, the highest on top.

    Args:
        rows: For each layer its modules as `pyproject.toml` writes them, and what it is for.
    """
    drawing = Drawing(820, 40 + 46 * len(rows), "The layers of the tap: each imports from below")
    for number, (modules, purpose) in enumerate(rows):
        y = 16 + 46 * number
        names = [one.strip() for one in modules.replace(":", "|").split("|")]
        width = (590 - 8 * (len(names) - 1)) / len(names)
        for place, name in enumerate(names):
            drawing.box(16 + place * (width + 8), y, width, 34)
            size = "note" if len(names) > 4 else "head"  # noqa: PLR2004 - what fits
            drawing.text(16 + place * (width + 8) + width / 2, y + 22, name, size, "middle")
        drawing.text(620, y + 22, purpose, "note")
    drawing.text(
        16, 46 * len(rows) + 32, "A file imports from its own folder and from below.", "note"
    )
    return drawing.svg()


@dataclass(frozen=True)
class Bar:
    """A stretch on a row of a timeline, from 0 to 100."""

    start: float
    end: float
    kind: str
    text: str = ""


def timeline(
    label: str, rows: Sequence[tuple[str, Sequence[Bar]]], marks: Sequence[tuple[float, str]]
) -> str:
    """Return a timeline.

    Args:
        label: What it shows, for those who cannot see it.
        rows: Title of each row, and the stretches on it.
        marks: Moments, and what they are called.
    """
    left, wide, tall = 150, 640, 40
    bottom = 24 + tall * len(rows)
    drawing = Drawing(820, bottom + 46, label)
    for at, _ in marks:
        x = left + wide * at / 100
        drawing.line((x, 14), (x, bottom + 6))
    for number, (title, bars) in enumerate(rows):
        y = 20 + tall * number
        drawing.text(16, y + 17, title, "head")
        for bar in bars:
            x, width = left + wide * bar.start / 100, wide * (bar.end - bar.start) / 100
            drawing.box(x, y, max(width - 2, 3), 24, bar.kind)
            if bar.text:
                drawing.text(x + 6, y + 17, bar.text, "on" if bar.kind == "read" else "")
    for number, (at, text) in enumerate(marks):
        anchor = "end" if at > 80 else "middle" if at > 8 else "start"  # noqa: PLR2004
        drawing.text(left + wide * at / 100, bottom + 22 + 15 * (number % 2), text, "note", anchor)
    return drawing.svg()


def gap() -> str:
    """Return the drawing of a stretch whose records do not all arrive."""
    return timeline(
        "Where records that PX counts do not arrive, the bookmark stays before the gap",
        [
            (
                "first run",
                [
                    Bar(0, 40, "read", "whole"),
                    Bar(40, 52, "again", "short"),
                    Bar(52, 90, "read", "whole, written"),
                ],
            ),
            ("next run", [Bar(36, 98, "read", "read again from before the gap")]),
        ],
        [(40, "bookmark stays here"), (90, "start of the first run"), (98, "next run")],
    )
