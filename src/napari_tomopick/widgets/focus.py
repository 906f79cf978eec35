"""What the keyboard and the wheel mean depends on where the mouse is, and on what was clicked."""

from __future__ import annotations

import weakref
from functools import partial

from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from napari_tomopick.layers import compat
from napari_tomopick.layers.workspace import Workspace, workspace_for

TEXT_FIELDS = (QAbstractSpinBox, QLineEdit, QPlainTextEdit, QTextEdit)


class _SliceViewerKeys(QObject):
    """Gives the canvas of the slice viewer the keyboard when the mouse enters it.

    Also says when the mouse leaves, and hands on the keys that napari has no name for, such as "?".
    """

    def __init__(self, canvas: QWidget, workspace: Workspace) -> None:
        super().__init__(canvas)
        self._workspace = weakref.ref(workspace)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        workspace, kind = self._workspace(), event.type()
        if kind == QEvent.Type.Enter and not isinstance(QApplication.focusWidget(), TEXT_FIELDS):
            # someone who is typing keeps typing, wherever the mouse is pushed
            assert isinstance(watched, QWidget)
            watched.setFocus()
        elif workspace is None:
            return False
        elif kind == QEvent.Type.Leave:
            workspace.pointing.leave(workspace.main_pane)
        elif kind == QEvent.Type.FocusOut:
            workspace.hand.let_go()
        elif kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            from napari_tomopick.widgets.hand_events import key_name

            name = key_name(event)
            return bool(name) and compat.napari_key(name) is None and press(workspace, event)
        return False


def canvas_follows_mouse(window: QWidget) -> None:
    """Let the canvas of a napari window take the keyboard when the mouse enters it; once is enough.

    The help and the display options of this window open with their keys from then on.
    """
    viewer = window.findChild(QtViewer)
    if viewer is None:
        return
    canvas = viewer.canvas.native
    if canvas.findChild(_SliceViewerKeys) is None:
        workspace = workspace_for(viewer.viewer)
        canvas.installEventFilter(_SliceViewerKeys(canvas, workspace))
        here = weakref.ref(window)
        workspace.controls.actions["help"] = partial(_show, weakref.ref(workspace), here, "show_help")
        workspace.controls.actions["options"] = partial(_show, weakref.ref(workspace), here, "show_options")


def press(workspace: Workspace, event: QKeyEvent) -> bool:
    """Let a key that nobody else had a use for mean what it means over the picture under the mouse.

    Returns whether it meant anything.
    """
    from napari_tomopick.widgets.hand_events import key_name

    name, hand = key_name(event), workspace.hand
    taken = bool(name) and hand.key(hand.pointing.pane, hand.pointing.at, name, repeated=event.isAutoRepeat())
    if taken:
        # nobody here would tell when it is let go
        hand.key_up(name)
    return taken


def _show(workspace: weakref.ref[Workspace], window: weakref.ref[QWidget], what: str) -> None:
    from napari_tomopick.widgets import controls_panel

    here, parent = workspace(), window()
    if here is not None and parent is not None:
        getattr(controls_panel, what)(here, parent)


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
