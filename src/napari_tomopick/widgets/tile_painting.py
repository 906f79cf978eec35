"""How one tile of a grid of pictures is drawn; its picture is scaled once, and kept while it is in sight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen

from napari_tomopick.layers.gallery_view import Tile

FRAME = QColor("#ffb000")
SELECTED = QColor("#4cc9f0")
DELETED = QColor("#e5484d")
# outlines of smaller tiles would hide too much of them
THICK_FROM = 56
WAITING = QColor(128, 128, 128, 40)
# what lies outside the tomogram: hatched, in the colours of nothing that is drawn elsewhere
HATCHING = (70, 110, 160)


class _Scaled(NamedTuple):
    """A picture as it was scaled last; the arrays are held, so that no other has their identity."""

    picture: np.ndarray
    outside: np.ndarray | None
    size: QSize
    image: QImage


class TilePainter:
    """Draws tiles."""

    def __init__(self) -> None:
        self._scaled: dict[int, _Scaled] = {}

    def keep(self, tiles: Iterable[Tile]) -> None:
        """Forget what was scaled of other tiles."""
        known = {id(tile.picture) for tile in tiles}
        self._scaled = {key: scaled for key, scaled in self._scaled.items() if key in known}

    def paint(self, painter: QPainter, rect: QRect, tile: Tile, ground: QColor) -> None:
        """Draw a tile's picture and its marks."""
        if tile.picture is None:
            painter.fillRect(rect, WAITING)
        else:
            painter.drawImage(rect, self._image(tile, rect.size() * painter.device().devicePixelRatioF()))
            height, width = tile.picture.shape
            # sections side by side
            for i in range(1, width // height):
                left = rect.left() + i * rect.width() * height // width
                painter.fillRect(QRect(left - 1, rect.top(), 2, rect.height()), ground)
        width = 3 if rect.height() >= THICK_FROM else 2
        if tile.selected:
            _outline(painter, rect, SELECTED, width)
        if tile.current:
            # of one that is selected too, both are seen
            inner = rect.adjusted(width, width, -width, -width)
            _outline(painter, inner if tile.selected else rect, FRAME, width)

    def _image(self, tile: Tile, size: QSize) -> QImage:
        picture = tile.picture
        assert picture is not None
        known = self._scaled.get(id(picture))
        if known is None or known.size != size or known.outside is not tile.outside:
            image = _grey(picture)
            if tile.outside is not None:
                image = image.convertToFormat(QImage.Format.Format_RGB32)
                over = QPainter(image)
                over.drawImage(0, 0, _hatched(tile.outside))
                over.end()
            modes = Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            # in the format that is drawn quickest
            image = image.scaled(size, *modes).convertToFormat(QImage.Format.Format_RGB32)
            known = self._scaled[id(picture)] = _Scaled(picture, tile.outside, size, image)
        return known.image


def _outline(painter: QPainter, rect: QRect, colour: QColor, width: int) -> None:
    pen = QPen(colour, width)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    painter.setPen(pen)
    painter.drawRect(rect.adjusted(1, 1, -2, -2))


def cross_out(painter: QPainter, rect: QRect) -> None:
    """Show that a tile would be deleted."""
    painter.setPen(QPen(DELETED, 2))
    painter.drawLine(rect.topLeft(), rect.bottomRight())
    painter.drawLine(rect.topRight(), rect.bottomLeft())


def _grey(picture: np.ndarray) -> QImage:
    """A picture whose row 0 is the lowest."""
    rows = np.ascontiguousarray(picture[::-1])
    height, width = rows.shape
    # a copy: Qt does not keep the array
    return QImage(rows.data, width, height, width, QImage.Format.Format_Grayscale8).copy()


def _hatched(outside: np.ndarray) -> QImage:
    """Stripes over what is outside."""
    height, width = outside.shape
    rows, columns = np.indices(outside.shape)
    stripe = max(1, height // 16)
    strength = np.where((rows + columns) // stripe % 2, 200, 110)
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = HATCHING, np.where(outside, strength, 0)
    pixels = np.ascontiguousarray(pixels[::-1])
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
