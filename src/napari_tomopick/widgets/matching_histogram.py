"""The scores of candidates beside what chance has there, and the threshold, which can be dragged."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomopick.layers.matching_histogram import Histogram

HEIGHT = 96
COUNTED, LEFT_OUT, CHANCE = QColor("#4d8dff"), QColor(77, 141, 255, 90), QColor("#e69f00")
NEAR = 6  # pixels


class HistogramPlot(QWidget):
    """Bars for candidates, a line for chance, and an upright line at the threshold.

    Signals
    -------
    moved(score)
        The threshold is being dragged.
    settled()
        It was let go.
    """

    moved = Signal(float)
    settled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("score-histogram")
        self.setToolTip(
            "How many candidates have which score (blue: those from the threshold up), and how many places "
            "would by chance (orange). Click or drag to move the threshold"
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.histogram: Histogram | None = None
        self.threshold = 0.0
        self._dragging = False

    def show_histogram(self, histogram: Histogram | None, threshold: float) -> None:
        """Draw this one with its threshold, or nothing."""
        if histogram is not self.histogram or threshold != self.threshold:
            self.histogram, self.threshold = histogram, threshold
            self.setCursor(Qt.CursorShape.ArrowCursor if histogram is None else Qt.CursorShape.SizeHorCursor)
            self.update()

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(120, HEIGHT)

    # the mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        if self.histogram is not None and event.button() == Qt.MouseButton.LeftButton:
            self._dragging = True
            self.moved.emit(self.score_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        if self._dragging:
            self.moved.emit(self.score_at(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        if self._dragging and event.button() == Qt.MouseButton.LeftButton:
            self._dragging = False
            self.settled.emit()

    # where things are

    @property
    def _frame(self) -> QRectF:
        return QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -self.fontMetrics().height() - 1.5)

    def score_at(self, x: float) -> float:
        """The score that is drawn at a place, in pixels from the left."""
        assert self.histogram is not None
        low, high = self.histogram.range
        part = (x - self._frame.left()) / self._frame.width()
        return float(low + (high - low) * min(max(part, 0.0), 1.0))

    def place_of(self, score: float) -> float:
        """Where a score is drawn."""
        assert self.histogram is not None
        low, high = self.histogram.range
        return float(self._frame.left() + (score - low) / (high - low) * self._frame.width())

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        frame = self._frame
        ink = self.palette().color(self.foregroundRole())
        faint = QColor(ink)
        faint.setAlpha(70)
        painter.setPen(QPen(faint, 1))
        painter.drawRect(frame)
        if self.histogram is not None:
            self._draw(painter, frame, self.histogram, ink)
        painter.end()

    def _draw(self, painter: QPainter, frame: QRectF, histogram: Histogram, ink: QColor) -> None:
        chance = np.where(np.isfinite(histogram.by_chance), histogram.by_chance, 0.0)
        # roots, as a few particles are to be seen beside hundreds of other places
        top = np.sqrt(max(histogram.candidates.max(initial=0), chance.max(initial=0.0), 1.0)) * 1.08

        def height(values: np.ndarray) -> np.ndarray:
            return np.minimum(np.sqrt(values) / top, 1.0) * (frame.height() - 2)

        edges = [self.place_of(edge) for edge in histogram.edges]
        for i, tall in enumerate(height(histogram.candidates)):
            if tall > 0:
                counts = histogram.edges[i + 1] > self.threshold
                bar = QRectF(edges[i], frame.bottom() - tall, max(edges[i + 1] - edges[i] - 0.6, 1.0), tall)
                painter.fillRect(bar, COUNTED if counts else LEFT_OUT)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(CHANCE, 1.6))
        middles = [(a + b) / 2 for a, b in pairwise(edges)]
        line = [QPointF(x, frame.bottom() - y) for x, y in zip(middles, height(chance).tolist(), strict=True)]
        painter.drawPolyline(QPolygonF(line))
        at = self.place_of(min(max(self.threshold, histogram.range[0]), histogram.range[1]))
        painter.setPen(QPen(ink, 2))
        painter.drawLine(QPointF(at, frame.top()), QPointF(at, frame.bottom()))
        self._write(painter, frame, histogram, ink)

    def _write(self, painter: QPainter, frame: QRectF, histogram: Histogram, ink: QColor) -> None:
        metrics = painter.fontMetrics()
        painter.setPen(ink)
        below = self.height() - metrics.descent() - 1
        low, high = histogram.range
        texts = ((f"{low:.2f}", 0.0, ink), (f"{high:.2f}", 1.0, ink))
        middle = metrics.horizontalAdvance("candidates  by chance") / 2
        for text, where, colour in texts:
            painter.setPen(colour)
            room = frame.width() - metrics.horizontalAdvance(text)
            painter.drawText(QPointF(frame.left() + where * room, float(below)), text)
        at = frame.center().x() - middle
        for text, colour in (("candidates  ", COUNTED), ("by chance", CHANCE)):
            painter.setPen(colour)
            painter.drawText(QPointF(at, float(below)), text)
            at += metrics.horizontalAdvance(text)
