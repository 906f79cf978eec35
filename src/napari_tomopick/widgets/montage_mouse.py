"""Mouse and keys over a montage."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_tomopick.errors import ModelError
from napari_tomopick.layers.montage_scene import NO_SLICE
from napari_tomopick.layers.pointing import Pixel, Spot
from napari_tomopick.widgets.focus import TEXT_FIELDS

if TYPE_CHECKING:
    from napari_tomopick.layers.montage_scene import MontagePane
    from napari_tomopick.widgets.slice_canvas import SliceCanvas

# a press that moves less than this is a click, as in napari
CLICK_PIXELS = 5.0
ZOOM_PER_STEP = 1.1
WHEEL_STEP = 120
NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


class MontageMouse(QObject):
    """Turns what the mouse and the keys do over a canvas into what is meant by it.

    A drag moves the picture and never puts or deletes a point, nor does a click with a modifier put one.

    Parameters
    ----------
    canvas : SliceCanvas
    pane : MontagePane
    reported : callable
        Does something whose errors are to be shown.
    """

    def __init__(
        self, canvas: SliceCanvas, pane: MontagePane, reported: Callable[[Callable[[], Any]], None]
    ) -> None:
        super().__init__(canvas)
        self._canvas, self._pane, self._reported = canvas, pane, reported
        self._at: Pixel = (0.0, 0.0)
        self._pressed: Pixel | None = None
        self._dragging = self._second = False
        self._turned = 0
        canvas.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See Qt."""
        if isinstance(event, QMouseEvent):
            return self._on_mouse(event)
        if isinstance(event, QWheelEvent):
            return self._on_wheel(event)
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._on_key(event)
        if event.type() == QEvent.Type.Enter and not isinstance(QApplication.focusWidget(), TEXT_FIELDS):
            self._canvas.setFocus()
        return False

    def _on_mouse(self, event: QMouseEvent) -> bool:
        before, self._at = self._at, (event.position().x(), event.position().y())
        kind, left = event.type(), event.button() == Qt.MouseButton.LeftButton
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            self._canvas.setFocus()
            if left:
                self._pressed, self._dragging = self._at, False
                self._second = kind == QEvent.Type.MouseButtonDblClick
            elif event.button() == Qt.MouseButton.RightButton:
                self._reported(self._menu)
        elif kind == QEvent.Type.MouseMove and self._pressed is not None:
            away = (self._at[0] - self._pressed[0], self._at[1] - self._pressed[1])
            if self._dragging:
                self._pane.pan(self._at[0] - before[0], self._at[1] - before[1])
            elif max(map(abs, away)) > CLICK_PIXELS:
                self._dragging = True
                self._pane.pan(*away)
        elif kind == QEvent.Type.MouseButtonRelease and left:
            if self._pressed is not None and not self._dragging:
                self._reported(lambda: self._click(event.modifiers()))
            self._pressed = None
        return True

    def _click(self, modifiers: Qt.KeyboardModifier) -> None:
        if modifiers == NONE:
            self._pane.click(self._at, self._second)
        elif modifiers == SHIFT:
            row = self._pane.point_at(self._at)
            if row is not None:
                self._pane.montage.workspace.picking.points_deleted([row])

    def _menu(self) -> None:
        row = self._pane.point_at(self._at)
        if row is not None:
            self._pane.montage.workspace.picking.offer_menu_for(row)

    def _on_wheel(self, event: QWheelEvent) -> bool:
        at = (event.position().x(), event.position().y())
        delta = event.angleDelta().y()
        if event.modifiers() == NONE:
            self._pane.zoom(ZOOM_PER_STEP ** (delta / WHEEL_STEP), at)
        elif event.modifiers() == CTRL:
            # a touch pad turns the wheel by little at a time
            self._turned += delta
            steps = int(self._turned / WHEEL_STEP)
            self._turned -= steps * WHEEL_STEP
            if steps:
                self._pane.scroll(-steps, at)
        return True

    def _on_key(self, event: QKeyEvent) -> bool:
        montage, at = self._pane.montage, self._at
        workspace, picking = montage.workspace, montage.workspace.picking
        keys: dict[tuple[int, Qt.KeyboardModifier], Callable[[], Any]] = {
            (Qt.Key.Key_C, NONE): lambda: picking.add_at(self._spot(at)),
            (Qt.Key.Key_C, SHIFT): lambda: picking.put_marker_at(self._spot(at)),
            (Qt.Key.Key_Delete, NONE): picking.delete,
            (Qt.Key.Key_Backspace, NONE): picking.delete,
            (Qt.Key.Key_O, NONE): montage.track,
            (Qt.Key.Key_O, SHIFT): montage.track_on,
            (Qt.Key.Key_Z, CTRL): workspace.undo,
            (Qt.Key.Key_Z, CTRL | SHIFT): workspace.redo,
        }
        action = keys.get((event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier))
        if action is None:
            return False
        self._reported(action)
        return True

    def _spot(self, at: Pixel) -> Spot:
        spot = self._pane.spot(at)
        if spot is None:
            raise ModelError(NO_SLICE)
        return spot
