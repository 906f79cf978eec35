"""How the loss of a network falls while it is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

HEIGHT = 54
CURVE = QColor("#4d8dff")
RAW = QColor(77, 141, 255, 80)
# the mean over this part of the steps is the line that is looked at
SMOOTHING = 0.05


class LossPlot(QWidget):
    """A small curve: the loss of each step, faint, and its running mean."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("loss-plot")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("The loss in training: it should fall, and then stay level")
        self._loss: tuple[float, ...] = ()
        self._text = ""

    @property
    def loss(self) -> tuple[float, ...]:
        """What is drawn."""
        return self._loss

    def text(self) -> str:
        """What stands over it."""
        return self._text

    def show_loss(self, loss: Sequence[float], text: str = "") -> None:
        """Draw this curve, and a line or two over it."""
        if text != self._text or tuple(loss) != self._loss:
            self._loss, self._text = tuple(loss), text
            self.update()

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(120, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        ink = self.palette().color(self.foregroundRole())
        faint = QColor(ink)
        faint.setAlpha(70)
        painter.setPen(QPen(faint, 1))
        painter.drawRect(frame)
        values = np.asarray([v for v in self._loss if np.isfinite(v)], float)
        if len(values) > 1:
            window = max(1, int(len(values) * SMOOTHING))
            mean = _running_mean(values, window)
            # a single bad step is not to press all others flat
            high, low = float(max(np.percentile(values, 98), mean.max())), float(values.min())
            span = max(high - low, 1e-12)
            painter.setClipRect(frame)
            for line, colour, width in ((values, RAW, 1.0), (mean, CURVE, 2.0)):
                painter.setPen(QPen(colour, width))
                painter.drawPolyline(_polygon((line - low) / span, frame))
            painter.setClipping(False)
        painter.setPen(ink)
        loss = f"loss {mean[-1]:.3g}, {len(values)} rounds" if len(values) > 1 else ""
        corner = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
        room = frame.adjusted(4, 2, -4, -2)
        metrics = painter.fontMetrics()
        # the name of a file may be long
        lines = [
            metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, int(room.width()))
            for line in (*self._text.splitlines(), loss)
            if line
        ]
        painter.drawText(room, corner, "\n".join(lines))
        painter.end()


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """The mean over the last so many, of fewer at the beginning."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _polygon(values: np.ndarray, frame: QRectF) -> QPolygonF:
    """A line through values from 0 to 1."""
    # no more points than pixels
    chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), int(frame.width()))).astype(int))
    across = frame.left() + chosen / max(len(values) - 1, 1) * frame.width()
    up = frame.bottom() - 2 - np.clip(values[chosen], 0, 1) * (frame.height() - 4)
    return QPolygonF([QPointF(x, y) for x, y in zip(across.tolist(), up.tolist(), strict=True)])
