"""A grid of small pictures, as many as there is room for, with the gestures of EMAN2's lists of images."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import (
    QEnterEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_tomopick.layers.gallery_view import Tile
from napari_tomopick.widgets.focus import take_keyboard
from napari_tomopick.widgets.tile_painting import TilePainter, cross_out

SMALLEST, LARGEST = 40, 320
GAP = 5
# below this size there is no room to read a caption
CAPTIONED = 48
STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}


class ThumbnailGrid(QWidget):
    """Shows one page of tiles, and tells what the user does to them.

    A click chooses one, Shift+click deletes it, Ctrl+Shift+click deletes it and all after it: what would go
    is crossed out while the keys are held. The wheel turns pages, Ctrl+wheel changes the size. With the mouse
    over it, arrow keys step from one to the next and Delete deletes the framed one.

    Parameters
    ----------
    size : int
        Wanted width of a picture on the screen; it is changed as far as the rows then fill the height.

    Signals
    -------
    chosen(place), deleted(place), deleted_from(place)
        Something is meant for the tile of this `Tile.place`.
    stepped(by)
        The tile so many places on is meant.
    delete_pressed()
        The framed one is to be deleted.
    turned(pages)
        So many pages on are to be shown.
    capacity_changed(tiles)
        There is room for another number of tiles.
    """

    chosen = Signal(int)
    deleted = Signal(int)
    deleted_from = Signal(int)
    stepped = Signal(int)
    delete_pressed = Signal()
    turned = Signal(int)
    capacity_changed = Signal(int)

    def __init__(self, size: int = 80) -> None:
        super().__init__()
        self.setObjectName("thumbnails")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._tiles: Sequence[Tile] = ()
        self._painter = TilePainter()
        # pictures are so many times wider than they are high
        self._parts = 1
        self._wanted = self._size = size
        self._capacity = 0
        self._pressed: int | None = None
        self._under: int | None = None
        self._crossing = ""
        self._turned = 0

    # what is shown

    def show_tiles(self, tiles: Sequence[Tile]) -> None:
        """Show these, in rows."""
        self._tiles = tiles
        self._painter.keep(tiles)
        self.update()

    def set_parts(self, parts: int) -> None:
        """Make room for pictures of so many sections side by side."""
        if parts != self._parts:
            self._parts = parts
            self._fit()
            self.update()

    @property
    def tiles(self) -> Sequence[Tile]:
        """What is shown."""
        return self._tiles

    @property
    def tile_size(self) -> int:
        """Wanted width of a picture on the screen."""
        return self._wanted

    def set_tile_size(self, size: int) -> None:
        """Show pictures larger or smaller."""
        self._wanted = min(max(size, SMALLEST), LARGEST)
        self.updateGeometry()
        self._fit()
        self.update()

    @property
    def columns(self) -> int:
        """Pictures side by side."""
        return max(1, (self.width() + GAP) // self._cell().width())

    @property
    def capacity(self) -> int:
        """How many tiles there is room for."""
        return self.columns * max(1, (self.height() + GAP) // self._cell().height())

    def tile_rect(self, index: int) -> QRect:
        """Where the picture of a tile is, counted from the first that is shown."""
        cell = self._cell()
        row, column = divmod(index, self.columns)
        return QRect(column * cell.width(), row * cell.height(), self._parts * self._size, self._size)

    def sizeHint(self) -> QSize:
        """Room for two rows of three."""
        return QSize(3 * (self._wanted + GAP), 2 * (self._wanted + self._below()))

    def minimumSizeHint(self) -> QSize:
        """Room for a small one."""
        return QSize(SMALLEST + GAP, SMALLEST + self._below())

    def _below(self) -> int:
        """Height of a caption with the gap to the next row."""
        return (self.fontMetrics().height() if self._wanted >= CAPTIONED else 0) + GAP

    def _cell(self) -> QSize:
        return QSize(self._parts * self._size + GAP, self._size + self._below())

    def _fit(self) -> None:
        """Let rows fill the height, so that none is lost for a few pixels, and the width as far as may be."""
        height, below = self.height() + GAP, self._below()
        usual = max(1, round(height / (self._wanted + below)))
        sizes = []
        for rows in (usual, usual + 1, max(1, usual - 1)):
            self._size = min(
                max(height // rows - below, SMALLEST), max(SMALLEST, self.width() // self._parts)
            )
            left = self.width() + GAP - self.columns * self._cell().width()
            if rows == usual or 0.8 < self._size / self._wanted < 1.25:
                sizes.append((left, self._size))
        # of these, the one that leaves the least beside the last column
        self._size = min(sizes, key=lambda found: found[0])[1]
        if self.capacity != self._capacity:
            self._capacity = self.capacity
            self.capacity_changed.emit(self._capacity)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """See Qt."""
        super().resizeEvent(event)
        self._fit()

    # drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        under = self._under
        for index, tile in enumerate(self._tiles):
            rect = self.tile_rect(index)
            if not rect.intersects(event.rect().adjusted(0, -self._cell().height(), 0, 0)):
                continue
            self._painter.paint(painter, rect, tile, self.palette().color(self.backgroundRole()))
            if self._wanted >= CAPTIONED:
                self._write(painter, rect, tile.caption)
            goes = under is not None and (
                index == under if self._crossing == "one" else index >= under and self._crossing == "rest"
            )
            if goes:
                cross_out(painter, rect)
        painter.end()

    def _write(self, painter: QPainter, rect: QRect, caption: str) -> None:
        painter.setPen(self.palette().color(self.foregroundRole()))
        below = QRect(rect.left(), rect.bottom() + 1, rect.width(), self.fontMetrics().height())
        text = self.fontMetrics().elidedText(caption, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, text)

    # what the user does

    def tile_at(self, point: QPoint) -> int | None:
        """Which of the shown tiles is at a point of the widget."""
        for index in range(len(self._tiles)):
            if self.tile_rect(index).adjusted(0, 0, 0, self._below() - GAP).contains(point):
                return index
        return None

    def event(self, event: QEvent) -> bool:
        """Tell about the tile under the mouse."""
        if event.type() == QEvent.Type.ToolTip:
            assert isinstance(event, QHelpEvent)
            index = self.tile_at(event.pos())
            QToolTip.showText(event.globalPos(), "" if index is None else self._tiles[index].tip, self)
            return True
        return super().event(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Take the keys, unless someone is typing."""
        super().enterEvent(event)
        take_keyboard(self)

    def leaveEvent(self, event: QEvent) -> None:
        """See Qt."""
        super().leaveEvent(event)
        self._under = None
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self.tile_at(event.position().toPoint())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Cross out what a click would delete."""
        self._point_at(self.tile_at(event.position().toPoint()), event.modifiers())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Do what is meant, if the mouse is still where it was pressed."""
        index, pressed = self.tile_at(event.position().toPoint()), self._pressed
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._pressed = None
        if index is None or index != pressed:
            return
        place = self._tiles[index].place
        meant = self._meant(event.modifiers())
        (self.deleted if meant == "one" else self.deleted_from if meant == "rest" else self.chosen).emit(
            place
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step, delete, or show what a click would delete."""
        step = STEPS.get(event.key())
        if step is not None:
            self.stepped.emit(step[0] + step[1] * self.columns)
        elif event.key() in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            self.turned.emit(1 if event.key() == Qt.Key.Key_PageDown else -1)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_pressed.emit()
        else:
            # of the event: Qt's own notion lags behind the key that is a modifier itself
            self._point_at(self._under, event.modifiers())
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """See Qt."""
        self._point_at(self._under, event.modifiers())
        super().keyReleaseEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Turn pages, one for each notch, or scroll; with Ctrl change the size."""
        # fine wheels and touch pads send a notch in parts
        self._turned += event.angleDelta().y()
        notches = int(self._turned / 120)
        self._turned -= 120 * notches
        if notches and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_tile_size(round(self._wanted * 1.15**notches))
        elif notches:
            self._scroll(-notches)
        event.accept()

    def _scroll(self, notches: int) -> None:
        self.turned.emit(notches)

    def _point_at(self, index: int | None, modifiers: Qt.KeyboardModifier) -> None:
        crossing = self._meant(modifiers)
        if (index, crossing) != (self._under, self._crossing):
            self._under, self._crossing = index, crossing
            self.update()

    def _meant(self, modifiers: Qt.KeyboardModifier) -> str:
        """What a click with these keys would delete: "", "one" or the "rest" too."""
        if not modifiers & Qt.KeyboardModifier.ShiftModifier:
            return ""
        return "rest" if modifiers & Qt.KeyboardModifier.ControlModifier else "one"
