"""Keys go to the canvas when the mouse is over it, so that a key picks what the mouse points at."""

from __future__ import annotations

from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject
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
