"""A small plot of a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

CURVE = QColor("#4d8dff")
FAINT_ALPHA = 70
MARGIN = 4.0


@dataclass(frozen=True, eq=False)
class Line:
    """One line, through whole numbers from 0 on unless it is said where.

    Parameters
    ----------
    values : sequence of float
    strong : bool
        Whether it is the one to be looked at.
    at : sequence of float, optional
    """

    values: Sequence[float]
    strong: bool = True
    at: Sequence[float] | None = None


@dataclass(frozen=True, eq=False)
class Plot:
    """What is drawn.

    Parameters
    ----------
    lines : tuple of Line
    text : str
        Stands in the upper right corner.
    x, y : (float, float), optional
        From where to where the axes go. Default: as the lines do.
    marks : tuple of (float, str)
        Values marked by a dotted line across, and what is written at its left end.
    ticks : tuple of (float, str)
        Places marked below.
    """

    lines: tuple[Line, ...]
    text: str = ""
    x: tuple[float, float] | None = None
    y: tuple[float, float] | None = None
    marks: tuple[tuple[float, str], ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()


class LinePlot(QWidget):
    """A frame with a `Plot`.

    Parameters
    ----------
    name : str
        Object name.
    height : int
    tip : str
    """

    def __init__(self, name: str, height: int, tip: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._height = height
        self.plot = Plot(())

    def show_plot(self, plot: Plot) -> None:
        """Draw this."""
        self.plot = plot
        self.update()

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(120, self._height)

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        plot = self.plot
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        below = metrics.height() + 1 if plot.ticks else 0.5
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -below)
        ink = self.palette().color(self.foregroundRole())
        faint = QColor(ink)
        faint.setAlpha(FAINT_ALPHA)
        painter.setPen(QPen(faint, 1))
        painter.drawRect(frame)
        lines = [line for line in plot.lines if len(line.values) > 1]
        if lines:
            (left, right), (low, high) = self._ranges(lines)

            def place(x: float, y: float) -> QPointF:
                across, up = (x - left) / (right - left), (y - low) / (high - low)
                return QPointF(frame.left() + across * frame.width(), frame.bottom() - up * frame.height())

            for value, text in plot.marks:
                at = place(left, value).y()
                painter.setPen(QPen(faint, 1, Qt.PenStyle.DotLine))
                painter.drawLine(QPointF(frame.left(), at), QPointF(frame.right(), at))
                painter.setPen(ink)
                painter.drawText(QPointF(frame.left() + MARGIN, at - 2), text)
            for x, text in plot.ticks:
                at = place(x, low).x()
                painter.setPen(QPen(faint, 1))
                painter.drawLine(QPointF(at, frame.bottom() - 4), QPointF(at, frame.bottom()))
                painter.setPen(ink)
                width = metrics.horizontalAdvance(text)
                start = min(max(at - width / 2, 0.0), self.width() - width)
                painter.drawText(QPointF(start, self.height() - metrics.descent() - 1), text)
            painter.setClipRect(frame)
            for line in sorted(lines, key=lambda each: each.strong):
                colour = QColor(CURVE)
                colour.setAlpha(255 if line.strong else FAINT_ALPHA + 40)
                painter.setPen(QPen(colour, 2.0 if line.strong else 1.0))
                at = range(len(line.values)) if line.at is None else line.at
                points = [place(x, y) for x, y in zip(at, line.values, strict=True) if np.isfinite(y)]
                painter.drawPolyline(QPolygonF(points))
            painter.setClipping(False)
        painter.setPen(ink)
        corner = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
        painter.drawText(frame.adjusted(MARGIN, 2, -MARGIN, -2), corner, plot.text)
        painter.end()

    def _ranges(self, lines: Sequence[Line]) -> tuple[tuple[float, float], tuple[float, float]]:
        at = [
            (0.0, len(line.values) - 1.0) if line.at is None else (min(line.at), max(line.at))
            for line in lines
        ]
        x = self.plot.x or (min(a for a, _ in at), max(b for _, b in at))
        values = np.concatenate([np.asarray(line.values, float) for line in lines])
        values = values[np.isfinite(values)]
        y = self.plot.y
        if y is None:
            low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
            # the text stands above the lines
            y = low - 0.05 * (high - low), high + 0.35 * (high - low)
        return _wide(x), _wide(y)


def _wide(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    return (low, high) if high > low else (low - 0.5, high + 0.5)
