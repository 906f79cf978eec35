"""The reach of the eraser, drawn about the mouse in whatever picture it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from napari_tomopick.widgets.deletion import until_deleted

if TYPE_CHECKING:
    from napari_tomopick.layers.hand import Hand
    from napari_tomopick.layers.pointing import Pane

# pixels of the screen
MARGIN = 4
LINES = ((QColor(0, 0, 0, 180), 4.0), (QColor(255, 110, 90), 2.0))


class EraserRing(QWidget):
    """A ring on a picture, no larger than itself, which the mouse goes through.

    Parameters
    ----------
    picture : QWidget
    pane : Pane
        What the picture is to the hand.
    hand : Hand
    """

    def __init__(self, picture: QWidget, pane: Pane, hand: Hand) -> None:
        super().__init__(picture)
        self.setObjectName("eraser-ring")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._pane, self._pointing, self._picking = pane, hand.pointing, hand.picking
        self.radius = 0.0
        self.hide()
        until_deleted(self, self.follow, self._pointing.moved, self._picking.mode_changed)

    def follow(self) -> None:
        """Be where the eraser is now, as large as it is; hidden where there is none."""
        pointing = self._pointing
        here = self._picking.mode == "erase" and pointing.over and pointing.pane is self._pane
        spot = self._pane.spot(pointing.at) if here else None
        if spot is None:
            self.hide()
            return
        self.radius = self._picking.eraser_radius / spot.voxels_per_pixel
        half = int(self.radius) + MARGIN
        x, y = (round(place) for place in pointing.at)
        self.setGeometry(x - half, y - half, 2 * half + 1, 2 * half + 1)
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, r = QRectF(self.rect()).center(), self.radius
        for colour, width in LINES:
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(middle, r, r)
