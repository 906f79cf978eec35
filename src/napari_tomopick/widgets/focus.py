"""What the keyboard and the wheel mean depends on where the mouse is, and on what was clicked."""

from __future__ import annotations

from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

TEXT_FIELDS = (QAbstractSpinBox, QLineEdit, QPlainTextEdit, QTextEdit)


class _FocusFollowsMouse(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # someone who is typing keeps typing, wherever the mouse is pushed
        if event.type() == QEvent.Type.Enter and not isinstance(QApplication.focusWidget(), TEXT_FIELDS):
            assert isinstance(watched, QWidget)
            watched.setFocus()
        return False


def canvas_follows_mouse(window: QWidget) -> None:
    """Let the canvas of a napari window take the keyboard when the mouse enters it; once is enough."""
    viewer = window.findChild(QtViewer)
    if viewer is None:
        return
    canvas = viewer.canvas.native
    if canvas.findChild(_FocusFollowsMouse) is None:
        canvas.installEventFilter(_FocusFollowsMouse(canvas))


class _WheelScrollsPast(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        assert isinstance(watched, QWidget)
        if event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return False


def wheel_scrolls_past(field: QWidget) -> None:
    """Let the wheel change a field only once it was clicked, and not when it scrolls the page."""
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    field.installEventFilter(_WheelScrollsPast(field))
