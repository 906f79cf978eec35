"""The cross-hair of the linked views on napari's own canvas: glass over it, which the mouse goes through."""

from __future__ import annotations

from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QWidget

from napari_tomopick.layers.linked import COLOURS, IN_PLANE, LinkedViews
from napari_tomopick.layers.overlay import Overlay
from napari_tomopick.layers.viewport import Viewport
from napari_tomopick.widgets.overlay_painter import OverlayPainter
from napari_tomopick.widgets.slice_canvas import paint_cross


class CrossHair(QWidget):
    """Draws where the other views cut the slice of the viewer.

    Parameters
    ----------
    views : LinkedViews
    viewer : QtViewer
        napari's own widget.
    """

    def __init__(self, views: LinkedViews, viewer: QtViewer) -> None:
        canvas = viewer.canvas.native
        super().__init__(canvas)
        self.setObjectName("tomopick-cross-hair")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._views, self._painter = views, OverlayPainter()
        self._overlay, self._drawn = Overlay(), None
        canvas.installEventFilter(self)
        self.setGeometry(canvas.rect())

    def follow(self) -> None:
        """Draw it where it is now; only if it has moved."""
        state = self._state()
        if state != self._drawn:
            self._drawn = state
            self._overlay = self._lines()
            self.update()

    def remove(self) -> None:
        """Take it off the canvas at once."""
        canvas = self.parentWidget()
        if canvas is not None:
            canvas.removeEventFilter(self)
        self.hide()
        self.setParent(None)
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay as large as the canvas."""
        if event.type() == QEvent.Type.Resize:
            assert isinstance(watched, QWidget)
            self.setGeometry(watched.rect())
            self.follow()
        return False

    def _state(self) -> tuple[object, ...]:
        views, viewport = self._views, self._viewport()
        if viewport is None or not views.cross_shown:
            return ()
        return viewport, tuple(views.focus), views.main_axis, views.attitude, views.oblique_shown

    def _viewport(self) -> Viewport | None:
        viewport = self._views.main_viewport
        return None if viewport is None else viewport.resized(self.width(), self.height())

    def _lines(self) -> Overlay:
        views = self._views
        return views.lines_in(views.main_axis, views.main_plane) if self._drawn else Overlay()

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        viewport = self._viewport()
        if viewport is None or not self._drawn:
            return
        views = self._views
        painter = QPainter(self)
        self._painter.paint(painter, self._overlay, viewport)
        (place,), _ = views.main_plane.coordinates(views.focus)
        right, up = IN_PLANE[views.main_axis]
        paint_cross(painter, viewport, place, QColor(COLOURS[right]), QColor(COLOURS[up]))
