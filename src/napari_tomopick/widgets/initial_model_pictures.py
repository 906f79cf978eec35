"""Pictures of a model: its central sections, its surface, and where its particles point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomopick.layers.initial_model_pictures import Sections, on_hemisphere

GAP = 4
GROUND = QColor("#101318")
MARK = QColor("#78b2ff")
LETTER = QColor(255, 255, 255, 210)
RINGS = (30, 60)
PLANES = ("x → y ↑", "x → z ↑", "y → z ↑")
NARROWEST, SECTION, SQUARE = 60, 103, 126


class SectionsView(QWidget):
    """Three sections side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("model-sections")
        self.setToolTip(
            "Sections through the middle of the model, bright where it is dense: across z, y and x"
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._images: tuple[QImage, ...] = ()
        self._sections: Sections | None = None

    def show_sections(self, sections: Sections | None) -> None:
        """Show these, or none."""
        if sections is not self._sections:
            self._sections = sections
            self._images = () if sections is None else tuple(_grey(each) for each in sections)
            self.update()

    def sizeHint(self) -> QSize:
        """See Qt."""
        # the same for every width: were it lower in a narrower page, a scroll bar would come and go for ever
        return QSize(3 * NARROWEST + 2 * GAP, SECTION)

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        room = (self.width() - 2 * GAP) / 3
        side = min(room, self.height())
        for number in range(3):
            area = QRectF(number * (room + GAP) + (room - side) / 2, (self.height() - side) / 2, side, side)
            painter.fillRect(area, GROUND)
            if self._images:
                painter.drawImage(area, self._images[number])
                painter.setPen(Qt.GlobalColor.black)
                painter.drawText(area.adjusted(5, 3, 0, 0), PLANES[number])
                painter.setPen(LETTER)
                painter.drawText(area.adjusted(4, 2, 0, 0), PLANES[number])
        painter.end()


class _Square(QWidget):
    """Something square in the middle of the room there is."""

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(NARROWEST)

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(SQUARE, SQUARE)

    def square(self) -> QRectF:
        """The largest there is room for."""
        side = min(self.width(), self.height())
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)


class SolidView(_Square):
    """The surface of a model."""

    def __init__(self) -> None:
        super().__init__(
            "model-solid",
            "The surface of the model, its z axis pointing up and a little towards you. Show in 3D turns it.",
        )
        self._image: QImage | None = None
        self._pixels: NDArray[np.uint8] | None = None

    def show_solid(self, pixels: NDArray[np.uint8] | None) -> None:
        """Show this picture, or none."""
        if pixels is not self._pixels:
            self._pixels = pixels
            self._image = None if pixels is None else _coloured(pixels)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), GROUND)
        if self._image is not None:
            painter.drawImage(self.square(), self._image)
        painter.end()


class DirectionsView(_Square):
    """Where the z axes of particles point, as seen along the z axis of the tomogram."""

    def __init__(self) -> None:
        super().__init__(
            "model-directions",
            "Where the particles' own z axes point in the tomogram, seen along its z axis (the beam).\n"
            "Filled: towards you; open: away from you. Rings: 30° and 60° from the z axis; the edge: 90°.\n"
            "Particles without a direction of their own should be spread over all of it.",
        )
        self._places = np.zeros((0, 2))
        self._towards = np.zeros(0, bool)

    @property
    def count(self) -> int:
        """How many are drawn."""
        return len(self._places)

    def show_directions(self, directions: NDArray[np.float64]) -> None:
        """Show these, ``(n, 3)`` x, y, z."""
        self._places, self._towards = on_hemisphere(directions)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), GROUND)
        area = self.square()
        letter = painter.fontMetrics().height()
        radius, centre = area.width() / 2 - letter, area.center()
        lines = QColor(255, 255, 255, 70)
        painter.setPen(QPen(lines, 1))
        painter.drawEllipse(centre, radius, radius)
        for ring in RINGS:
            r = radius * np.sqrt(1 - np.cos(np.deg2rad(ring)))
            painter.drawEllipse(centre, r, r)
        for x, y in ((1, 0), (0, 1)):
            reach = QPointF(x * radius, y * radius)
            painter.drawLine(centre - reach, centre + reach)
        painter.setPen(LETTER)
        middle = painter.fontMetrics().horizontalAdvance("x") / 2
        painter.drawText(QPointF(centre.x() + radius + 3, centre.y() + letter / 4), "x")
        painter.drawText(QPointF(centre.x() - middle, centre.y() - radius - 3), "y")
        size = 3.2 if self.count < 300 else 1.8
        for (x, y), towards in zip(self._places.tolist(), self._towards.tolist(), strict=True):
            painter.setPen(QPen(MARK, 1.2))
            painter.setBrush(MARK if towards else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(centre.x() + x * radius, centre.y() - y * radius), size, size)
        painter.end()


def _grey(pixels: NDArray[np.uint8]) -> QImage:
    height, width = pixels.shape
    return _copied(pixels, width, height, width, QImage.Format.Format_Grayscale8)


def _coloured(pixels: NDArray[np.uint8]) -> QImage:
    height, width, _ = pixels.shape
    return _copied(pixels, width, height, 4 * width, QImage.Format.Format_RGBA8888)


def _copied(pixels: NDArray[np.uint8], width: int, height: int, stride: int, kind: QImage.Format) -> QImage:
    # Qt does not hold the bytes, so that they must be there until it has a copy
    data = pixels.tobytes()
    image = QImage(data, width, height, stride, kind).copy()
    del data
    return image
