"""What the keyboard and the wheel mean depends on where the mouse is, and on what was clicked."""

from __future__ import annotations

import weakref
from functools import partial

from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from napari_tomopick.layers import compat
from napari_tomopick.layers.workspace import Workspace, workspace_for
from napari_tomopick.widgets.eraser_ring import EraserRing
from napari_tomopick.widgets.mark_outline import MarkOutline

TEXT_FIELDS = (QAbstractSpinBox, QLineEdit, QPlainTextEdit, QTextEdit)
UNDOING = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)


class _SliceViewerKeys(QObject):
    """Gives the canvas of the slice viewer the keyboard when the mouse enters it.

    Also says when the mouse leaves, and hands on the keys that napari has no name for, such as "?".
    """

    def __init__(self, canvas: QWidget, workspace: Workspace) -> None:
        super().__init__(canvas)
        self._workspace = weakref.ref(workspace)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        workspace, kind = self._workspace(), event.type()
        if workspace is None:
            return False
        if kind == QEvent.Type.Enter:
            assert isinstance(watched, QWidget)
            take_keyboard(watched)
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
        ring = EraserRing(canvas, workspace.main_pane, workspace.hand)
        MarkOutline(canvas, workspace.main_pane, workspace.review.marking)
        # napari zooms by itself
        viewer.viewer.scene.camera.events.zoom.connect(ring.follow)
        here = weakref.ref(window)
        workspace.controls.actions["help"] = partial(_show, weakref.ref(workspace), here, "show_help")
        workspace.controls.actions["options"] = partial(_show, weakref.ref(workspace), here, "show_options")


def take_keyboard(picture: QWidget) -> None:
    """Give a picture that the mouse enters the keyboard, unless someone is typing.

    Who is typing keeps typing, wherever the mouse is pushed; but no number has letters: with the first of
    them, or a key that turns pages, the picture has the keyboard.
    """
    field = QApplication.focusWidget()
    if not isinstance(field, TEXT_FIELDS) or (isinstance(field, QAbstractSpinBox) and not _half_typed(field)):
        picture.setFocus()
    elif isinstance(field, QAbstractSpinBox):
        _NumberTyped(field, picture)


def _half_typed(field: QAbstractSpinBox) -> bool:
    line = field.lineEdit()
    return line is not None and line.isModified()


class _NumberTyped(QObject):
    """Until a field of numbers loses the keyboard, it leaves other keys to the picture under the mouse."""

    def __init__(self, field: QAbstractSpinBox, picture: QWidget) -> None:
        super().__init__(field)
        self._picture = weakref.ref(picture)
        field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        picture = self._picture()
        if event.type() == QEvent.Type.FocusOut:
            watched.removeEventFilter(self)
            self.deleteLater()
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            meant = event.text().isalpha() or event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
            if meant and picture is not None and picture.underMouse():
                picture.setFocus()
                return QApplication.sendEvent(picture, event)
        return False


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


class _Passing(QObject):
    """Hands on what a field would only swallow: see `wheel_scrolls_past`."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        assert isinstance(watched, QWidget)
        past = event.type() == QEvent.Type.Wheel and not watched.hasFocus()
        if isinstance(event, QKeyEvent) and isinstance(watched, QAbstractSpinBox):
            undoing = any(event.matches(key) for key in UNDOING)
            past = event.type() == QEvent.Type.KeyPress and undoing and not _half_typed(watched)
        if past:
            event.ignore()
        return past


def wheel_scrolls_past(field: QWidget) -> None:
    """Let the wheel change a field only once it was clicked, and not when it scrolls the page.

    Undo and redo are for the project, too, unless a number is half typed.
    """
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    if isinstance(field, QAbstractSpinBox):
        # Enter ends the typing: see `take_keyboard`
        field.editingFinished.connect(lambda: field.lineEdit().setModified(False))
    field.installEventFilter(_Passing(field))
