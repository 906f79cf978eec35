"""The box or lasso with which particles are being selected, drawn over the picture it is drawn in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_tomopick.widgets.deletion import until_deleted

if TYPE_CHECKING:
    from napari_tomopick.layers.pointing import Pane
    from napari_tomopick.layers.review_marking import Marking

GROUND, LINE, INSIDE = QColor(0, 0, 0, 170), QColor(255, 255, 255), QColor(255, 255, 255, 28)


class MarkOutline(QWidget):
    """A polygon over a picture, which the mouse goes through; it is there while it is being drawn.

    Parameters
    ----------
    picture : QWidget
    pane : Pane
        What the picture is to the hand.
    marking : Marking
    """

    def __init__(self, picture: QWidget, pane: Pane, marking: Marking) -> None:
        super().__init__(picture)
        self.setObjectName("mark-outline")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._pane, self._marking = pane, marking
        self.hide()
        until_deleted(self, self.follow, marking.changed)

    def follow(self) -> None:
        """Be there, and as large as the picture, while something is drawn in it."""
        outline = self._marking.outline
        if outline is None or outline.pane is not self._pane:
            self.hide()
            return
        picture = self.parentWidget()
        assert picture is not None
        self.setGeometry(picture.rect())
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        outline = self._marking.outline
        if outline is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        polygon = QPolygonF([QPointF(x, y) for x, y in outline.corners])
        painter.setBrush(INSIDE)
        painter.setPen(QPen(GROUND, 3.0))
        painter.drawPolygon(polygon)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(LINE, 1.4, Qt.PenStyle.DashLine))
        painter.drawPolygon(polygon)
