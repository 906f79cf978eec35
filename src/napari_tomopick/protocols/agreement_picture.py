"""A picture of who agrees with whom: bars of every combination of pickers over a matrix of dots.

The kind of picture that is called an UpSet plot (Lex, Gehlenborg, Strobelt, Vuillemot & Pfister (2014) IEEE
Trans. Vis. Comput. Graph. 20, 1983): circles of a Venn diagram cannot be told apart for more than three sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np

from napari_tomopick.errors import ParameterError
from napari_tomopick.io.atomic import atomic_path
from napari_tomopick.picking.agreement import Agreement

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".svg")
MOST = 20
"""Combinations that are drawn; the rest is one bar."""

INK, FAINT, STRIPE, KEPT, LEFT = "#222222", "#d0d4da", "#f3f5f7", "#1f77b4", "#9aa5b1"
_COLUMN, _ROW, _BAR = 44, 26, 26
_TOP, _HIGH, _WIDE, _EDGE = 46, 180, 150, 16


@dataclass(frozen=True)
class _Shape:
    """Something to draw. ``box``: left, top, right, bottom; of text, its place and size."""

    kind: str  # "bar", "dot", "line", "text"
    box: tuple[float, float, float, float]
    colour: str
    text: str = ""
    anchor: str = "start"


def save_agreement_picture(path: Path, agreement: Agreement, title: str = "") -> None:
    """Draw how many clusters each combination of pickers has, and how many each picker has.

    What the consensus has kept is blue.

    Parameters
    ----------
    path : Path
        .png, for slides, or .svg, to be edited.
    agreement : Agreement
    title : str
        A line above.

    Raises
    ------
    ParameterError
        If it has another suffix.
    TomopickError
        If it cannot be written.
    """
    check_picture(path)
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".svg":
            _write_svg(temporary, *_shapes(agreement, title))
        else:
            agreement_image(agreement, title).save(temporary)


def agreement_image(agreement: Agreement, title: str = "") -> Image:
    """The picture of `save_agreement_picture` as a Pillow image, twice as large as it is to be shown."""
    return _drawn(*_shapes(agreement, title))


def check_picture(path: Path) -> None:
    """Refuse a picture of another kind, before the work that it is of."""
    if path.suffix.lower() not in SUFFIXES:
        raise ParameterError(f"{path}: a picture is {' or '.join(SUFFIXES)}")


def _shapes(agreement: Agreement, title: str) -> tuple[list[_Shape], int, int]:
    totals, kept = agreement.totals(), agreement.kept.sum(axis=1)
    order = np.argsort(-totals, kind="stable")
    shown, rest = order[:MOST], order[MOST:]
    names = [name if len(name) <= 24 else f"{name[:23]}…" for name in agreement.names]
    label = max(len(name) for name in names) * 8 + 16
    left = _EDGE + _WIDE + label
    bars = len(shown) + bool(len(rest))
    width = max(left + bars * _COLUMN + _EDGE, 8 * len(title) + 2 * _EDGE)
    bottom = _TOP + _HIGH
    height = bottom + 12 + len(names) * _ROW + 34
    shapes = [_Shape("text", (_EDGE, 24, 16, 0), INK, title)]
    largest = max(1, int(totals.max(initial=0)), int(totals[rest].sum()))

    def column(k: int, count: int, of_them: int) -> float:
        middle = left + (k + 0.5) * _COLUMN
        high, blue = ((_HIGH - 24) * n / largest for n in (count, of_them))
        shapes.append(_Shape("bar", (middle - _BAR / 2, bottom - high, middle + _BAR / 2, bottom), LEFT))
        shapes.append(_Shape("bar", (middle - _BAR / 2, bottom - blue, middle + _BAR / 2, bottom), KEPT))
        shapes.append(_Shape("text", (middle, bottom - high - 5, 12, 0), INK, str(count), "middle"))
        return middle

    rows = [bottom + 12 + (k + 0.5) * _ROW for k in range(len(names))]
    for k, y in enumerate(rows):
        if k % 2 == 0:
            shapes.append(_Shape("bar", (_EDGE, y - _ROW / 2, width - _EDGE, y + _ROW / 2), STRIPE))
    for k, combination in enumerate(shown):
        middle = column(k, int(totals[combination]), int(kept[combination]))
        voted = [y for y, has in zip(rows, agreement.combinations[combination], strict=True) if has]
        for y in rows:
            box = (middle - 7, y - 7, middle + 7, y + 7)
            shapes.append(_Shape("dot", box, INK if y in voted else FAINT))
        shapes.append(_Shape("line", (middle, voted[0], middle, voted[-1]), INK))
    if len(rest):
        middle = column(len(shown), int(totals[rest].sum()), int(kept[rest].sum()))
        shapes.append(_Shape("text", (middle, rows[0] + 4, 12, 0), INK, f"{len(rest)} more", "middle"))
    each = agreement.by_picker()
    widest = max(1, int(each.max(initial=0)))
    for name, y, count in zip(names, rows, each, strict=True):
        right = _EDGE + _WIDE
        long = (_WIDE - 50) * count / widest
        shapes.append(_Shape("bar", (right - long, y - 8, right, y + 8), INK))
        shapes.append(_Shape("text", (right - long - 5, y + 4, 12, 0), INK, str(count), "end"))
        shapes.append(_Shape("text", (right + 10, y + 5, 13, 0), INK, name))
    legend = height - 18.0
    for x, colour, text in ((left, KEPT, "kept"), (left + 74, LEFT, "not kept")):
        shapes.append(_Shape("bar", (x, legend - 10, x + 12, legend + 2), colour))
        shapes.append(_Shape("text", (x + 17, legend + 1, 12, 0), INK, text))
    return shapes, round(width), round(height)


def _write_svg(path: Path, shapes: list[_Shape], width: int, height: int) -> None:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for shape in shapes:
        a, b, c, d = shape.box
        if shape.kind == "bar":
            lines.append(
                f'<rect x="{a:g}" y="{b:g}" width="{c - a:g}" height="{d - b:g}" fill="{shape.colour}"/>'
            )
        elif shape.kind == "dot":
            centre = f'cx="{(a + c) / 2:g}" cy="{(b + d) / 2:g}"'
            lines.append(f'<circle {centre} r="{(c - a) / 2:g}" fill="{shape.colour}"/>')
        elif shape.kind == "line":
            ends = f'x1="{a:g}" y1="{b:g}" x2="{c:g}" y2="{d:g}"'
            lines.append(f'<line {ends} stroke="{shape.colour}" stroke-width="3"/>')
        elif shape.text:
            style = f'font-size="{c:g}" fill="{shape.colour}" text-anchor="{shape.anchor}"'
            lines.append(f'<text x="{a:g}" y="{b:g}" {style}>{escape(shape.text)}</text>')
    path.write_text("\n".join([*lines, "</svg>", ""]), encoding="utf-8")


def _drawn(shapes: list[_Shape], width: int, height: int) -> Image:
    from PIL import Image, ImageDraw, ImageFont

    # twice as large, for screens of today and for slides
    scale = 2
    picture = Image.new("RGB", (width * scale, height * scale), "#ffffff")
    draw = ImageDraw.Draw(picture)
    fonts: dict[float, Any] = {}
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for shape in shapes:
        a, b, c, d = (value * scale for value in shape.box)
        if shape.kind == "bar":
            if c - a >= 1 and d - b >= 1:
                draw.rectangle((a, b, c - 1, d - 1), fill=shape.colour)
        elif shape.kind == "dot":
            draw.ellipse((a, b, c, d), fill=shape.colour)
        elif shape.kind == "line":
            draw.line((a, b, c, d), fill=shape.colour, width=3 * scale)
        elif shape.text:
            font = fonts.setdefault(c, ImageFont.load_default(c))
            draw.text((a, b), shape.text, fill=shape.colour, font=font, anchor=anchors[shape.anchor])
    return picture
