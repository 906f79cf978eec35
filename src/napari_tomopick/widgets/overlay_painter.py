"""Draws an `Overlay` with Qt.

What Qt is to draw is worked out once for a scale and kept while the picture is panned: of ten thousand marks,
that takes longer than the drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QByteArray, QDataStream, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from napari_tomopick.layers.overlay import Arrows, Box, Circles, Crosses, Frames, Lines, Overlay, Texts
from napari_tomopick.layers.viewport import Viewport

# in pixels of the screen
PADDING = 6
HEAD = 6.0
# what is shorter than half of it is drawn in pieces of about this length
PIECE = 3.0
OUTLINE = QColor(255, 255, 255)
SHADE = QColor(0, 0, 0, 130)
# what lies below a side marker is to be seen
CROSS_OPACITY = 0.8
# as Qt writes paths
MOVE_TO, LINE_TO, WINDING = 0, 1, 1
# widths that are told apart, so that marks that look nearly the same are drawn in one stroke
_STEPS_PER_PIXEL = 8
_MAX_WIDTH = 255 / _STEPS_PER_PIXEL
# the corners of an upright cross with arms of length 1, one quarter after the other
_T = 1 / 3
_QUARTER = ((-_T, -_T), (-_T, -1.0), (_T, -1.0))
_PLUS = np.array(
    [(a * x - b * y, b * x + a * y) for a, b in ((1, 0), (0, 1), (-1, 0), (0, -1)) for x, y in _QUARTER]
)

Stroke = Callable[[QPainter], None]


class OverlayPainter:
    """Draws an overlay again and again, as it is seen in a viewport."""

    def __init__(self) -> None:
        self._overlay: Overlay | None = None
        self._scale = 0.0
        self._region: Box = (0.0, 0.0, 0.0, 0.0)
        self._strokes: list[Stroke] = []

    def paint(self, painter: QPainter, overlay: Overlay, viewport: Viewport) -> None:
        """Draw it."""
        left, bottom, right, top = seen = viewport.seen
        inside = (
            self._region[0] <= left
            and self._region[1] <= bottom
            and right <= self._region[2]
            and top <= self._region[3]
        )
        if overlay is not self._overlay or viewport.scale != self._scale or not inside:
            self._overlay, self._scale = overlay, viewport.scale
            # with as much on either side as is seen, so that panning seldom needs more
            wide, high = right - left, top - bottom
            self._region = (left - wide, bottom - high, right + wide, top + high)
            self._strokes = list(_strokes(overlay, viewport.scale, self._region))
        x, y = viewport.to_canvas((0.0, 0.0))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.translate(x, y)
        for stroke in self._strokes:
            stroke(painter)
        painter.restore()
        # short ones, of which few are seen: to be written where there is room
        _write_texts(painter, overlay.texts, viewport, seen)


def pen(rgba: ArrayLike, width: float, dashed: bool = False) -> QPen:
    """A pen for lines that end where they end."""
    found = QPen(_colour(rgba), float(width))
    found.setCapStyle(Qt.PenCapStyle.FlatCap)
    found.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    if dashed:
        found.setDashPattern([3, 2])
    return found


def write(painter: QPainter, room: QRectF, where: Qt.AlignmentFlag, text: str, colour: QColor) -> None:
    """Write on a dark ground, to be read on anything."""
    if not text:
        return
    box = painter.boundingRect(room, int(where), text)
    painter.fillRect(box.adjusted(-3, -1, 3, 1), SHADE)
    painter.setPen(colour)
    painter.drawText(room, int(where), text)


def _colour(rgba: ArrayLike) -> QColor:
    return QColor.fromRgbF(*np.clip(np.asarray(rgba, float), 0, 1).tolist())


def _strokes(overlay: Overlay, scale: float, region: Box) -> Iterator[Stroke]:
    """What is to be drawn, in pixels from the place (0, 0)."""
    pixels = np.array([scale, -scale])
    yield from _line_strokes(_lines_in(overlay.lines, region), pixels)
    yield from _arrow_strokes(_lines_in(overlay.arrows, region), pixels)
    yield from _circle_strokes(overlay.circles, scale, region)
    yield from _cross_strokes(overlay.crosses, scale)
    yield from _frame_strokes(overlay.frames, pixels)


def _alike(marks: Lines | Circles, fills: ArrayLike = 0.0) -> Iterator[tuple[NDArray[np.intp], QPen, QColor]]:
    """Rows that look the same, a pen for them, and the colour of their inside."""
    parts = np.clip(np.column_stack([marks.rgba, np.broadcast_to(fills, len(marks))]), 0, 1) * 255
    # 40 bits for the colours, 8 for the width, 1 for dashes
    codes = np.zeros(len(marks), np.int64)
    for value in (*np.round(parts).T, np.round(np.clip(marks.widths, 0, _MAX_WIDTH) * _STEPS_PER_PIXEL)):
        codes = codes << 8 | value.astype(np.int64)
    codes = codes << 1 | np.asarray(marks.dashed, np.int64)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        first, filled = rows[0], parts[rows[0], 4] / 255
        rgba = parts[first, :4] / 255
        yield (
            rows,
            pen(rgba, marks.widths[first], bool(marks.dashed[first])),  # type: ignore[index]
            _colour((*rgba[:3], rgba[3] * filled)),
        )


def _lines_in(lines: Lines, region: Box) -> Lines:
    low, high = lines.ends.min(axis=1), lines.ends.max(axis=1)
    seen = (high >= region[:2]).all(axis=1) & (low <= region[2:]).all(axis=1)
    return lines.rows(seen & (lines.rgba[:, 3] > 0.02))


def _thinned(lines: Lines, scale: float) -> Lines:
    """The same curves in longer pieces, where most pieces are too short on the screen to be told apart."""
    length = np.median(np.linalg.norm(lines.ends[:, 1] - lines.ends[:, 0], axis=1)) * scale
    each = int(PIECE / max(length, PIECE / 64))
    if each < 2:
        return lines
    goes_on = np.zeros(len(lines), bool)
    goes_on[1:] = (lines.ends[1:, 0] == lines.ends[:-1, 1]).all(axis=1)
    for look in (lines.rgba.T, [lines.widths], [lines.dashed]):
        for values in look:
            goes_on[1:] &= values[1:] == values[:-1]
    number = np.arange(len(lines))
    in_curve = number - np.maximum.accumulate(np.where(goes_on, 0, number))
    first = np.flatnonzero(in_curve % each == 0)
    last = np.append(first[1:], len(lines)) - 1
    return lines.rows(first).moved_to(np.stack([lines.ends[first, 0], lines.ends[last, 1]], axis=1))


def _line_strokes(lines: Lines, pixels: NDArray[np.float64]) -> Iterator[Stroke]:
    if not len(lines):
        return
    lines = _thinned(lines, float(pixels[0]))
    ends = lines.ends * pixels
    for rows, with_pen, _ in _alike(lines):
        yield _path_with(with_pen, None, _path(ends[rows]))


def _path(places: NDArray[np.float64]) -> QPainterPath:
    """Lines between places ``(n, k, 2)``: n of them, each through k places.

    It is read from bytes, for a thousand Qt objects take long to make, and many times as long to be looked
    through whenever Python collects what it no longer needs.
    """
    found = QPainterPath()
    if len(places):
        elements = np.empty(places.shape[:2], [("kind", ">i4"), ("x", ">f8"), ("y", ">f8")])
        elements["kind"], elements["kind"][:, 0] = LINE_TO, MOVE_TO
        elements["x"], elements["y"] = places[..., 0], places[..., 1]
        number, tail = np.array([elements.size], ">i4"), np.array([0, WINDING], ">i4")
        QDataStream(QByteArray(number.tobytes() + elements.tobytes() + tail.tobytes())) >> found
    return found


def _path_with(with_pen: QPen, inside: QColor | None, path: QPainterPath) -> Stroke:
    def draw(painter: QPainter) -> None:
        painter.setPen(with_pen)
        painter.setBrush(Qt.BrushStyle.NoBrush if inside is None else inside)
        painter.drawPath(path)

    return draw


def _arrow_strokes(arrows: Arrows, pixels: NDArray[np.float64]) -> Iterator[Stroke]:
    if not len(arrows):
        return
    ends = arrows.ends * pixels
    way = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(way, axis=1, keepdims=True)
    # one that points at the eye is a dot, and not a head without a shaft
    along = way / np.maximum(length, 1e-9) * np.minimum(HEAD, 0.6 * length)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * 0.5
    neck = ends[:, 1] - along
    corners = np.stack([ends[:, 1], neck + across, neck - across], axis=1)
    shafts = np.stack([ends[:, 0], neck], axis=1)
    for rows, with_pen, _ in _alike(arrows):
        yield _path_with(with_pen, None, _path(shafts[rows]))
        yield _path_with(QPen(Qt.PenStyle.NoPen), with_pen.color(), _path(corners[rows]))


def _polygons_with(with_pen: QPen, inside: QColor, polygons: list[QPolygonF]) -> Stroke:
    def draw(painter: QPainter) -> None:
        painter.setPen(with_pen)
        painter.setBrush(inside)
        for polygon in polygons:
            painter.drawPolygon(polygon)

    return draw


def _circle_strokes(circles: Circles, scale: float, region: Box) -> Iterator[Stroke]:
    radii = np.maximum(circles.radii, circles.least / scale)
    low, high = circles.centres - radii[:, None], circles.centres + radii[:, None]
    seen = np.flatnonzero((high >= region[:2]).all(axis=1) & (low <= region[2:]).all(axis=1))
    if not len(seen):
        return
    circles, pixels = circles.rows(seen), radii[seen] * scale
    places = circles.centres * (scale, -scale)
    boxes = np.column_stack([places - pixels[:, None], 2 * pixels, 2 * pixels])
    for rows, with_pen, inside in _alike(circles, circles.fills):
        yield _ellipses_with(with_pen, inside, boxes[rows].T.tolist())


def _ellipses_with(with_pen: QPen, inside: QColor, boxes: list[list[float]]) -> Stroke:
    """Ellipses in boxes, given as left, top, width and height; one path of them all would be slow to fill."""

    def draw(painter: QPainter) -> None:
        painter.setPen(with_pen)
        painter.setBrush(inside if inside.alpha() else Qt.BrushStyle.NoBrush)
        for box in zip(*boxes, strict=True):
            painter.drawEllipse(QRectF(*box))

    return draw


def _cross_strokes(crosses: Crosses, scale: float) -> Iterator[Stroke]:
    if not len(crosses):
        return
    arms = np.maximum(crosses.radii * scale, crosses.least)[:, None, None]
    corners = (crosses.centres * (scale, -scale))[:, None] + arms * _PLUS
    looks, which = np.unique(crosses.rgba, axis=0, return_inverse=True)
    for k, rgba in enumerate(looks):
        outline = QColor(OUTLINE)
        outline.setAlphaF(float(rgba[3]))
        inside = _colour((*rgba[:3], rgba[3] * CROSS_OPACITY))
        alike = corners[which.ravel() == k].tolist()
        yield _polygons_with(QPen(outline, 1.0), inside, [QPolygonF([QPointF(*c) for c in p]) for p in alike])


def _frame_strokes(frames: Frames, pixels: NDArray[np.float64]) -> Iterator[Stroke]:
    for (low, high), rgba, width in zip(frames.corners * pixels, frames.rgba, frames.widths, strict=True):
        # the line lies inside
        left, bottom, right, top = (
            low[0] + width / 2,
            low[1] - width / 2,
            high[0] - width / 2,
            high[1] + width / 2,
        )
        yield _polygons_with(
            pen(rgba, width),
            QColor(0, 0, 0, 0),
            [QPolygonF([QPointF(*c) for c in ((left, bottom), (right, bottom), (right, top), (left, top))])],
        )


def _write_texts(painter: QPainter, texts: Texts, viewport: Viewport, seen: Box) -> None:
    if not len(texts):
        return
    metrics = painter.fontMetrics()
    shown = texts.rows(((texts.places >= seen[:2]) & (texts.places <= seen[2:])).all(axis=1))
    for (x, y), text, rgba in zip(viewport.to_canvas(shown.places), shown.texts, shown.rgba, strict=True):
        room = QRectF(
            x + PADDING, y + PADDING / 2, metrics.horizontalAdvance(str(text)) + 4, metrics.height()
        )
        write(painter, room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, str(text), _colour(rgba))
