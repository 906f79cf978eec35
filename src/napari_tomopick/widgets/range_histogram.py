"""A histogram with two ends that can be dragged: what lies between them passes."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomopick.layers.quantity_histogram import QuantityHistogram

HEIGHT = 46
IN, OUT = QColor("#4d8dff"), QColor(128, 140, 160, 110)
HANDLE = 5.0


class RangeHistogram(QWidget):
    """Bars, and a handle at each end of what passes; at the edge of the picture an end is open.

    Parameters
    ----------
    name : str
        Object name.

    Signals
    -------
    moved(low, high)
        An end is being dragged; None where it is open.
    """

    moved = Signal(object, object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.histogram: QuantityHistogram | None = None
        self.low: float | None = None
        self.high: float | None = None
        self._held: str = ""

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(120, HEIGHT)

    def show_histogram(
        self, histogram: QuantityHistogram | None, low: float | None, high: float | None
    ) -> None:
        """Draw this one, with these ends."""
        if histogram is not self.histogram or (low, high) != (self.low, self.high):
            self.histogram, self.low, self.high = histogram, low, high
            self.update()

    # where things are

    @property
    def _frame(self) -> QRectF:
        return QRectF(self.rect()).adjusted(HANDLE, 0.5, -HANDLE, -HANDLE - 0.5)

    def place_of(self, value: float) -> float:
        """Where a value is drawn, in pixels from the left."""
        assert self.histogram is not None
        low, high = self.histogram.range
        part = min(max((value - low) / (high - low), 0.0), 1.0)
        return float(self._frame.left() + part * self._frame.width())

    def value_at(self, x: float) -> float | None:
        """The value that is drawn at a place; None at the edges and beyond."""
        assert self.histogram is not None
        low, high = self.histogram.range
        part = (x - self._frame.left()) / self._frame.width()
        return None if not 0 < part < 1 else self.histogram.rounded(low + (high - low) * part)

    @property
    def _ends(self) -> tuple[float, float]:
        frame = self._frame
        left = frame.left() if self.low is None else self.place_of(self.low)
        right = frame.right() if self.high is None else self.place_of(self.high)
        return left, right

    # the mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """See Qt: the nearer end comes to the mouse."""
        if self.histogram is not None and event.button() == Qt.MouseButton.LeftButton:
            x, (left, right) = event.position().x(), self._ends
            if left == right:
                self._held = "low" if x < left else "high"
            else:
                self._held = "low" if abs(x - left) <= abs(x - right) else "high"
            self._move(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        if self._held:
            self._move(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        self._held = ""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """See Qt: both ends are open again."""
        self._held = ""
        self.moved.emit(None, None)

    def _move(self, x: float) -> None:
        low, high = self.low, self.high
        value = self.value_at(x)
        if self._held == "low":
            low = value if x < self._frame.right() else self.histogram.highest  # type: ignore[union-attr]
            if low is not None and high is not None:
                low = min(low, high)
        else:
            high = value if x > self._frame.left() else self.histogram.lowest  # type: ignore[union-attr]
            if low is not None and high is not None:
                high = max(low, high)
        if (low, high) != (self.low, self.high):
            self.moved.emit(low, high)

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter, frame = QPainter(self), self._frame
        ink = self.palette().color(self.foregroundRole())
        faint = QColor(ink)
        faint.setAlpha(70)
        painter.setPen(QPen(faint, 1))
        painter.drawLine(frame.bottomLeft(), frame.bottomRight())
        if self.histogram is not None:
            self._draw_bars(painter, frame, self.histogram)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for x in self._ends:
                painter.setPen(QPen(ink, 1.4))
                painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(ink)
                below = frame.bottom()
                corners = ((0.0, 0.0), (-HANDLE, HANDLE), (HANDLE, HANDLE))
                painter.drawPolygon(QPolygonF([QPointF(x + dx, below + dy) for dx, dy in corners]))
        painter.end()

    def _draw_bars(self, painter: QPainter, frame: QRectF, histogram: QuantityHistogram) -> None:
        # roots, as a few particles are to be seen beside thousands
        heights = np.sqrt(histogram.counts / max(int(histogram.counts.max(initial=0)), 1))
        edges = [self.place_of(edge) for edge in histogram.edges]
        left, right = self._ends
        for i, part in enumerate(heights.tolist()):
            if part > 0:
                tall = max(part * (frame.height() - 2), 1.0)
                bar = QRectF(edges[i], frame.bottom() - tall, max(edges[i + 1] - edges[i] - 0.6, 1.0), tall)
                middle = bar.center().x()
                painter.fillRect(bar, IN if left <= middle <= right else OUT)
