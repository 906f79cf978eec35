"""Small pictures of which a user says that they are a particle, or that they are not."""

from __future__ import annotations

from qtpy.QtCore import QPoint, QRect, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen

from napari_tomopick.models.references import COLOURS, Role
from napari_tomopick.widgets.thumbnails import GAP, SMALLEST, ThumbnailGrid

BADGE = 17
MARKS: dict[Role, str] = {"positive": "+", "negative": "−"}


class AnswerGrid(ThumbnailGrid):
    """A grid of thumbnails with a + and a − on the one under the mouse, or on all.

    Parameters
    ----------
    always : bool
        Whether they are on all.

    Signals
    -------
    answered(place, role)
        The tile was said to be a particle ("positive"), or not ("negative"): by its + or −, or by Ctrl+click.
    visited(place)
        The right button means: go there.
    """

    answered = Signal(int, str)
    visited = Signal(int)

    def __init__(self, *, answers: bool, always: bool = False) -> None:
        super().__init__(72)
        self._answers, self._always = answers, always
        self._pressed_right: int | None = None

    def _fit(self) -> None:
        """Let columns fill the width: a dock at the side has little of it."""
        width = self.width() + GAP
        columns = max(1, round(width / (self._wanted + GAP)))
        self._size = min(max(width // columns - GAP, SMALLEST), max(SMALLEST, self.height() - self._below()))
        if self.capacity != self._capacity:
            self._capacity = self.capacity
            self.capacity_changed.emit(self._capacity)

    def badge(self, index: int, role: Role) -> QRect:
        """Where the + or the − of a tile is."""
        rect = self.tile_rect(index)
        left = rect.left() if role == "positive" else rect.right() + 1 - BADGE
        return QRect(left, rect.bottom() + 1 - BADGE, BADGE, BADGE)

    def role_at(self, point: QPoint) -> Role | None:
        """Which badge of the tile there a point is in."""
        index = self.tile_at(point)
        if index is None or not self._answers:
            return None
        return next((role for role in MARKS if self.badge(index, role).contains(point)), None)

    def paintEvent(self, event: QPaintEvent) -> None:
        """See Qt."""
        super().paintEvent(event)
        if not self._answers or self._crossing:
            return
        painter = QPainter(self)
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        for index in range(len(self.tiles)):
            if not self._always and index != self._under:
                continue
            for role, mark in MARKS.items():
                rect = self.badge(index, role)
                painter.fillRect(rect, QColor(COLOURS[role]))
                painter.setPen(QPen(QColor("white")))
                painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, mark)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """See Qt."""
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.RightButton:
            self._pressed_right = self.tile_at(event.position().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Take an answer, or go there; the rest is as in any grid."""
        at, held = event.position().toPoint(), event.modifiers()
        index = self.tile_at(at)
        if event.button() == Qt.MouseButton.RightButton:
            pressed, self._pressed_right = self._pressed_right, None
            if index is not None and index == pressed:
                self.visited.emit(self.tiles[index].place)
            return
        shift = bool(held & Qt.KeyboardModifier.ShiftModifier)
        role = self.role_at(at)
        if held & Qt.KeyboardModifier.ControlModifier:
            role = "negative"
        answer = self._answers and role is not None and not shift
        if event.button() != Qt.MouseButton.LeftButton or not answer:
            super().mouseReleaseEvent(event)
            return
        pressed, self._pressed = self._pressed, None
        if index is not None and index == pressed:
            self.answered.emit(self.tiles[index].place, role)
