"""The template's central sections with the outline of its mask, and what the tilts have measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QLineF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_tomopick.layers.matching_pictures import Section

GAP = 4
TILES = 4
WIDEST = 110
MASK = QColor("#f0e442")
MEASURED, MISSED, GROUND = (77, 141, 255), (58, 58, 64), (26, 26, 30)
LETTERS = QColor(0, 0, 0, 150)


class TemplatePictures(QWidget):
    """Four tiles side by side: xy, xz, yz, and the measured part of Fourier space."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("template-pictures")
        self.setToolTip(
            "The template's central sections, protein bright, with the outline of its mask; and which "
            "frequencies across the tilt axis the tilt series has measured (blue)"
        )
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._sections: tuple[Section, ...] = ()
        self._images: list[QImage] = []
        self._wedge: QImage | None = None
        self._wedge_text = ""

    @property
    def sections(self) -> tuple[Section, ...]:
        """What is drawn of the template."""
        return self._sections

    @property
    def has_wedge(self) -> bool:
        """Whether it is known what was measured."""
        return self._wedge is not None

    def show_sections(self, sections: Sequence[Section]) -> None:
        """Draw these, or none."""
        if tuple(sections) is not self._sections:
            self._sections = tuple(sections)
            self._images = [_grey(section.grey) for section in sections]
            self.update()

    def show_wedge(self, measured: NDArray[np.bool_] | None, axes: str) -> None:
        """Draw what was measured, row 0 the lowest, or that it is not known."""
        self._wedge = None if measured is None else _coloured(measured)
        self._wedge_text = axes
        self.update()

    @property
    def _side(self) -> float:
        return min(WIDEST, (self.width() - (TILES - 1) * GAP) / TILES)

    def hasHeightForWidth(self) -> bool:
        """See Qt."""
        return True

    def heightForWidth(self, width: int) -> int:
        """See Qt."""
        return int(min(WIDEST, (width - (TILES - 1) * GAP) / TILES))

    def sizeHint(self) -> QSize:
        """See Qt."""
        return QSize(300, self.heightForWidth(300))

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        side = self._side
        for tile in range(TILES):
            frame = QRectF(tile * (side + GAP), 0, side, side)
            if tile < len(self._images):
                painter.drawImage(frame, self._images[tile])
                self._outline(painter, frame, self._sections[tile].mask)
                self._letter(painter, frame, self._sections[tile].axes)
            elif tile == TILES - 1 and self._wedge is not None:
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
                painter.drawImage(frame, self._wedge)
                self._letter(painter, frame, self._wedge_text)
            else:
                painter.fillRect(frame, QColor(*GROUND))
                if tile == TILES - 1:
                    self._letter(painter, frame, "tilts?")
        painter.end()

    def _outline(self, painter: QPainter, frame: QRectF, mask: NDArray[np.bool_]) -> None:
        painter.setPen(QPen(MASK, 1.2))
        h, w = mask.shape
        across, up = frame.width() / w, frame.height() / h
        painter.drawLines(
            [
                QLineF(
                    frame.left() + x0 * across,
                    frame.bottom() - y0 * up,
                    frame.left() + x1 * across,
                    frame.bottom() - y1 * up,
                )
                for x0, y0, x1, y1 in edges(mask)
            ]
        )

    def _letter(self, painter: QPainter, frame: QRectF, text: str) -> None:
        room = painter.fontMetrics().boundingRect(text).adjusted(-2, 0, 3, 0)
        ground = QRectF(frame.left(), frame.top(), room.width(), room.height())
        painter.fillRect(ground, LETTERS)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(ground, Qt.AlignmentFlag.AlignCenter, text)


def edges(mask: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """The sides of pixels that part what is within from what is not: ``(x0, y0, x1, y1)``, corners."""
    padded = np.pad(mask, 1)
    upright = np.argwhere(padded[1:-1, :-1] != padded[1:-1, 1:]).tolist()
    level = np.argwhere(padded[:-1, 1:-1] != padded[1:, 1:-1]).tolist()
    return [(x, y, x, y + 1) for y, x in upright] + [(x, y, x + 1, y) for y, x in level]


def _grey(grey: NDArray[np.uint8]) -> QImage:
    """A picture whose row 0 is the lowest."""
    upright = np.ascontiguousarray(grey[::-1])
    h, w = upright.shape
    return QImage(upright.tobytes(), w, h, w, QImage.Format.Format_Grayscale8).copy()


def _coloured(measured: NDArray[np.bool_]) -> QImage:
    n = len(measured)
    k = np.arange(n) - (n - 1) / 2
    rgb = np.empty((n, n, 3), np.uint8)
    rgb[:] = GROUND
    rgb[np.hypot(*np.meshgrid(k, k)) <= n / 2] = MISSED
    rgb[measured] = MEASURED
    upright = np.ascontiguousarray(rgb[::-1])
    return QImage(upright.tobytes(), n, n, 3 * n, QImage.Format.Format_RGB888).copy()
