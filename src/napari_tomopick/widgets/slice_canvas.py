"""`SliceCanvas`: a grey picture with things drawn over it, to be panned and zoomed.

It is painted by Qt itself: crisp, quick over a slow connection, and without a graphics context of its own.
What the mouse and the keys do to it is for its owner to say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QLineF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPaintEvent, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomopick.layers.overlay import Box, Overlay
from napari_tomopick.layers.viewport import Viewport
from napari_tomopick.widgets.overlay_painter import PADDING, OverlayPainter, pen, write

BACKGROUND = QColor(0, 0, 0)
FIT_MARGIN = 3.0
FRAME_WIDTH = 2
# pixels of the screen
_CROSS_GAP = 12.0
_CROSS_OPACITY = 0.85


class SliceCanvas(QWidget):
    """A picture and an overlay; see the module.

    Places in the picture are (right, up) in voxels, a whole number being the centre of a voxel; see
    `napari_tomopick.layers.viewport.Viewport`.

    Parameters
    ----------
    parent : QWidget, optional

    Signals
    -------
    viewport_changed()
        Another part of the picture is seen.
    """

    viewport_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(60, 60)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._viewport = Viewport(max(self.width(), 1), max(self.height(), 1))
        # the picture, and copies of it of half the size each, made when they are needed
        self._grey: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)
        self._images: dict[int, QImage] = {}
        self._corner, self._spacing = (0.0, 0.0), 1.0
        self._overlay = Overlay()
        self._painter = OverlayPainter()
        self._cross: tuple[float, float] | None = None
        self._cross_colours = (QColor("#ffffff"), QColor("#ffffff"))
        self._caption, self._caption_colour, self._note = "", QColor("white"), ""
        self._frame: QColor | None = None
        self._fits = True
        self._extent: Box | None = None

    def sizeHint(self) -> QSize:
        """Room for a small picture."""
        return QSize(240, 220)

    # what is shown

    @property
    def overlay(self) -> Overlay:
        """What is drawn over the picture."""
        return self._overlay

    @property
    def grey(self) -> NDArray[np.uint8]:
        """The picture, ``(height, width)``, row 0 the lowest."""
        return self._grey

    @property
    def box(self) -> Box:
        """The rectangle that the picture fills."""
        left, bottom = self._corner[0] - 0.5, self._corner[1] - 0.5
        height, width = (n * self._spacing for n in self._grey.shape)
        return left, bottom, left + width, bottom + height

    def set_picture(
        self, grey: ArrayLike, *, left: float = 0.0, bottom: float = 0.0, spacing: float = 1.0
    ) -> None:
        """Show another picture.

        Parameters
        ----------
        grey : array, shape (height, width), uint8
            Row 0 is the lowest; not to be written to from now on.
        left, bottom : float
            The place of the centre of its lowest left voxel.
        spacing : float
            Voxels along each of its pixels.
        """
        before = self.box
        self._grey = np.asarray(grey, np.uint8)
        self._corner, self._spacing = (float(left), float(bottom)), float(spacing)
        self._images = {}
        if self._fits and self.box != before:
            self.fit()
        self.update()

    def set_overlay(self, overlay: Overlay) -> None:
        """Draw something else over the picture."""
        self._overlay = overlay
        self.update()

    def set_cross(
        self, place: tuple[float, float] | None, upright: str = "#ffffff", level: str = "#ffffff"
    ) -> None:
        """Draw lines across the canvas through a place, with a gap in the middle; None: no lines."""
        self._cross = place
        self._cross_colours = QColor(upright), QColor(level)
        self.update()

    def set_caption(self, text: str, colour: str = "#ffffff", note: str = "") -> None:
        """Write something in the top left corner, and a note in the lowest left one."""
        wanted = text, QColor(colour), note
        if wanted != (self._caption, self._caption_colour, self._note):
            self._caption, self._caption_colour, self._note = wanted
            self.update()

    def set_frame(self, colour: str | None) -> None:
        """Draw a thin frame about the canvas, or none."""
        self._frame = None if colour is None else QColor(colour)
        self.update()

    # which part of it is seen

    @property
    def viewport(self) -> Viewport:
        """Which part of the picture is seen."""
        return self._viewport

    def set_viewport(self, viewport: Viewport) -> None:
        """Show another part of the picture, at another scale."""
        self._fits = False
        self._set_viewport(viewport)

    def _set_viewport(self, viewport: Viewport) -> None:
        wanted = viewport.resized(max(self.width(), 1), max(self.height(), 1))
        if wanted != self._viewport:
            self._viewport = wanted
            self.update()
            self.viewport_changed.emit()

    def pan(self, right: float, down: float) -> None:
        """Move what is seen by pixels."""
        self.set_viewport(self._viewport.panned(right, down))

    def zoom(self, factor: float, at: ArrayLike | None = None) -> None:
        """Enlarge what is seen; what is at a pixel, or in the middle, stays there."""
        self.set_viewport(self._viewport.zoomed(factor, at))

    def set_extent(self, box: Box | None) -> None:
        """Say of what the picture is a part: that is what `fit` shows; None: it is all there is."""
        if box != self._extent:
            self._extent = box
            if self._fits:
                self.fit()

    def fit(self) -> None:
        """Show the whole picture, also after the canvas or the picture changes in size, until it is moved."""
        self._fits = True
        if self._grey.size or self._extent is not None:
            self._set_viewport(self._viewport.fitted(self._extent or self.box, FIT_MARGIN))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """See Qt."""
        super().resizeEvent(event)
        self._set_viewport(self._viewport)
        if self._fits:
            self.fit()

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), BACKGROUND)
        self._paint_picture(painter)
        self._painter.paint(painter, self._overlay, self._viewport)
        self._paint_cross(painter)
        self._paint_words(painter)
        if self._frame is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(Qt.PenStyle.NoPen)
            w, h = self.width(), self.height()
            for x, y, across, down in (
                (0, 0, w, FRAME_WIDTH),
                (0, h - FRAME_WIDTH, w, FRAME_WIDTH),
                (0, 0, FRAME_WIDTH, h),
                (w - FRAME_WIDTH, 0, FRAME_WIDTH, h),
            ):
                painter.fillRect(x, y, across, down, self._frame)

    def _paint_picture(self, painter: QPainter) -> None:
        if not self._grey.size:
            return
        left, bottom, right, top = self.box
        (x0, y0), (x1, y1) = self._viewport.to_canvas([(left, top), (right, bottom)])
        scale = self._viewport.scale * self._spacing * self.devicePixelRatioF()
        halvings = 0
        # between samples that are two apart, detail would flicker
        while scale * 2**halvings <= 0.5 and min(self._grey.shape) >> (halvings + 1) >= 1:
            halvings += 1
        image = self._image(halvings)
        # voxels are seen as squares where they are large, as in napari
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 1)
        # a copy has only whole blocks; what is left over at the right and the top is a part of one
        step = 2**halvings
        part = QRectF(
            0,
            image.height() - self._grey.shape[0] / step,
            self._grey.shape[1] / step,
            self._grey.shape[0] / step,
        )
        painter.drawImage(QRectF(x0, y0, x1 - x0, y1 - y0), image, part)

    def _image(self, halvings: int) -> QImage:
        if halvings not in self._images:
            self._images[halvings] = _upright_image(_halved(self._grey, halvings))
        return self._images[halvings]

    def _paint_cross(self, painter: QPainter) -> None:
        if self._cross is not None:
            paint_cross(painter, self._viewport, self._cross, *self._cross_colours)

    def _paint_words(self, painter: QPainter) -> None:
        room = QRectF(self.rect()).adjusted(PADDING, PADDING - 2, -PADDING, -PADDING + 2)
        top = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        bottom = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom
        write(painter, room, top, self._caption, self._caption_colour)
        write(painter, room, bottom, self._note, QColor("white"))


def paint_cross(
    painter: QPainter, viewport: Viewport, place: ArrayLike, upright: QColor, level: QColor
) -> None:
    """Draw lines across a canvas through a place, but not over it: what they point at must be seen."""
    x, y = viewport.to_canvas(place)
    right, bottom = viewport.width, viewport.height
    gap = _CROSS_GAP
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for colour, lines in (
        (upright, [QLineF(x, 0, x, y - gap), QLineF(x, y + gap, x, bottom)]),
        (level, [QLineF(0, y, x - gap, y), QLineF(x + gap, y, right, y)]),
    ):
        painter.setPen(pen((*colour.getRgbF()[:3], _CROSS_OPACITY), 1.0))
        painter.drawLines(lines)


def _halved(grey: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """The mean over blocks of 2 x 2, as often as said; the last block of an odd row is half as wide."""
    for _ in range(times):
        rows, columns = (np.arange(n + n % 2).clip(max=n - 1) for n in grey.shape)
        even = grey if not (grey.shape[0] % 2 or grey.shape[1] % 2) else grey[np.ix_(rows, columns)]
        total = even[::2, ::2].astype(np.uint16)
        for part in (even[1::2, ::2], even[::2, 1::2], even[1::2, 1::2]):
            total += part
        grey = ((total + 2) >> 2).astype(np.uint8)
    return grey


def _upright_image(grey: NDArray[np.uint8]) -> QImage:
    """A Qt image of a picture whose row 0 is the lowest, in the format that is drawn the fastest."""
    turned = np.ascontiguousarray(grey[::-1])
    height, width = turned.shape
    image = QImage(turned.data, width, height, width, QImage.Format.Format_Grayscale8)
    # converted, and so no longer on the memory of the array
    return image.convertToFormat(QImage.Format.Format_RGB32)
