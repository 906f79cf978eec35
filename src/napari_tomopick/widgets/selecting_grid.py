"""A grid of small pictures that scrolls, and in which they are selected."""

from __future__ import annotations

from qtpy.QtCore import QPoint, QRect, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent, QPen

from napari_tomopick.widgets.thumbnails import STEPS, ThumbnailGrid
from napari_tomopick.widgets.tile_painting import SELECTED

# pixels that the mouse may slip in a click
SLIP = 6
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class SelectingGrid(ThumbnailGrid):
    """A grid whose tiles are selected besides: Ctrl+click, a rectangle drawn with the mouse, keys.

    Attributes
    ----------
    shift_selects : bool
        Whether Shift+click selects all up to there, instead of deleting that one.

    Signals
    -------
    toggled(place)
        The tile is to be selected, or no more.
    selected_to(place)
        All from the framed tile to this one are to be selected.
    boxed(places, as_well)
        These tiles were drawn round; ``as_well`` as those that are selected, or instead.
    extended(by)
        The tile so many places on is to be framed, and selected as well.
    scrolled(rows)
        So many rows on are to be shown.
    pressed(what)
        "all", "none" or "others" are to be selected.
    """

    toggled = Signal(int)
    selected_to = Signal(int)
    boxed = Signal(list, bool)
    extended = Signal(int)
    scrolled = Signal(int)
    pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__(70)
        self.shift_selects = False
        self._start: QPoint | None = None
        self._band: QRect | None = None

    def _meant(self, modifiers: Qt.KeyboardModifier) -> str:
        meant = super()._meant(modifiers)
        return "" if self._band is not None or (meant == "one" and self.shift_selects) else meant

    def _scroll(self, notches: int) -> None:
        self.scrolled.emit(notches)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self._start = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw a rectangle while the button is held."""
        at = event.position().toPoint()
        if self._start is not None and event.buttons() & Qt.MouseButton.LeftButton:
            if self._band is not None or (at - self._start).manhattanLength() > SLIP:
                self._band = QRect(self._start, at).normalized()
                self.update()
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Select what is meant; the rest is as in any grid."""
        held, band = event.modifiers(), self._band
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._start = self._band = None
        index, pressed = self.tile_at(event.position().toPoint()), self._pressed
        alone = index is not None and index == pressed
        # a slip of the mouse on one tile is still a click
        if band is not None and not (alone and max(band.width(), band.height()) < 3 * SLIP):
            self._pressed = None
            self.update()
            inside = [t.place for i, t in enumerate(self.tiles) if band.intersects(self.tile_rect(i))]
            self.boxed.emit(inside, bool(held & (CTRL | SHIFT)))
        elif index is not None and alone and held & CTRL and not held & SHIFT:
            self.toggled.emit(self.tiles[index].place)
        elif index is not None and alone and held & SHIFT and not held & CTRL and self.shift_selects:
            self.selected_to.emit(self.tiles[index].place)
        else:
            super().mouseReleaseEvent(event)
        self._pressed = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See Qt."""
        step = STEPS.get(event.key())
        if event.matches(QKeySequence.StandardKey.SelectAll):
            self.pressed.emit("all")
        elif event.key() == Qt.Key.Key_I and event.modifiers() == CTRL:
            self.pressed.emit("others")
        elif event.key() == Qt.Key.Key_Escape:
            self.pressed.emit("none")
        elif step is not None and event.modifiers() & SHIFT:
            self.extended.emit(step[0] + step[1] * self.columns)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        super().paintEvent(event)
        if self._band is not None:
            painter = QPainter(self)
            inside = QColor(SELECTED)
            inside.setAlpha(50)
            painter.fillRect(self._band, inside)
            painter.setPen(QPen(SELECTED, 1, Qt.PenStyle.DashLine))
            painter.drawRect(self._band)
            painter.end()
