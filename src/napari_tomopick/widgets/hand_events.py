"""Hands the mouse and the keys over a widget to a `Hand`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QEnterEvent, QKeyEvent, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QWidget

from napari_tomopick.errors import ParameterError
from napari_tomopick.layers.gesture_names import gesture
from napari_tomopick.widgets.eraser_ring import EraserRing
from napari_tomopick.widgets.focus import take_keyboard
from napari_tomopick.widgets.mark_outline import MarkOutline

if TYPE_CHECKING:
    from napari_tomopick.layers.hand import Hand
    from napari_tomopick.layers.pointing import Pane, Pixel

BUTTONS = {
    Qt.MouseButton.LeftButton: "left",
    Qt.MouseButton.RightButton: "right",
    Qt.MouseButton.MiddleButton: "middle",
}
# Qt calls Cmd "Control" on a Mac, as napari does
MODIFIERS = {
    Qt.KeyboardModifier.ControlModifier: "Ctrl",
    Qt.KeyboardModifier.AltModifier: "Alt",
    Qt.KeyboardModifier.ShiftModifier: "Shift",
    Qt.KeyboardModifier.MetaModifier: "Meta",
}
NAMED_KEYS = {
    int(getattr(Qt.Key, f"Key_{name}")): name
    for name in (
        *("Delete", "Backspace", "Escape", "Space", "Tab", "Insert", "Home", "End", "PageUp", "PageDown"),
        *("Up", "Down", "Left", "Right", *(f"F{n}" for n in range(1, 13))),
    )
} | {int(Qt.Key.Key_Return): "Enter", int(Qt.Key.Key_Enter): "Enter"}
NOTCH = 120
# pixels of a touch pad that count as a notch, where it tells no more
NOTCH_PIXELS = 50


class HandEvents(QObject):
    """An event filter on a widget that shows a picture; it lives as long as the widget.

    What the hand makes nothing of goes on to the widget, as do the keys in ``own_keys``; a double click goes
    there as well.

    Parameters
    ----------
    widget : QWidget
    pane : Pane
        The picture; kept alive.
    hand : Hand
    own_keys : collection of str, optional
        Keys that the widget has a use for, as "PageUp".
    """

    def __init__(self, widget: QWidget, pane: Pane, hand: Hand, own_keys: Collection[str] = ()) -> None:
        super().__init__(widget)
        self._pane, self._hand, self._pointing = pane, hand, hand.pointing
        self._own_keys = frozenset(own_keys)
        widget.setMouseTracking(True)
        if widget.focusPolicy() == Qt.FocusPolicy.NoFocus:
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        widget.installEventFilter(self)
        EraserRing(widget, pane, hand)
        if hand.marking is not None:
            MarkOutline(widget, pane, hand.marking)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See Qt."""
        hand, pane = self._hand, self._pane
        if isinstance(event, QMouseEvent):
            return self._on_mouse(event)
        if isinstance(event, QWheelEvent):
            steps = _notches(event)
            return bool(steps) and hand.wheel(pane, _at(event), steps, modifiers(event))
        if isinstance(event, QKeyEvent):
            return self._on_key(event)
        if isinstance(event, QEnterEvent):
            assert isinstance(watched, QWidget)
            self._pointing.move(pane, _at(event))
            take_keyboard(watched)
        elif event.type() in (QEvent.Type.Leave, QEvent.Type.Hide):
            self._pointing.leave(pane)
        elif event.type() == QEvent.Type.FocusOut:
            hand.let_go()
        return False

    def _on_mouse(self, event: QMouseEvent) -> bool:
        hand, pane, at, kind = self._hand, self._pane, _at(event), event.type()
        button = BUTTONS.get(event.button(), "")
        second = kind == QEvent.Type.MouseButtonDblClick
        if button and (second or kind == QEvent.Type.MouseButtonPress):
            hand.press(pane, at, button, modifiers(event), second=second)
            return not second
        if button and kind == QEvent.Type.MouseButtonRelease:
            return hand.release(pane, at, button)
        if kind == QEvent.Type.MouseMove:
            return hand.move(pane, at)
        return False

    def _on_key(self, event: QKeyEvent) -> bool:
        name = key_name(event)
        if not name or name in self._own_keys:
            return False
        kind = event.type()
        if kind == QEvent.Type.ShortcutOverride:
            return False
        if kind == QEvent.Type.KeyRelease:
            return not event.isAutoRepeat() and self._hand.key_up(name)
        # the mouse may be over a picture in another window, which has no keyboard
        at = self._pointing.at
        taken = self._hand.key(self._pointing.pane, at, name, repeated=event.isAutoRepeat())
        if taken:
            event.accept()
        return taken


def modifiers(event: QMouseEvent | QWheelEvent | QKeyEvent) -> tuple[str, ...]:
    """The modifiers that are held during an event."""
    held = event.modifiers()
    return tuple(name for flag, name in MODIFIERS.items() if held & flag)


def key_name(event: QKeyEvent) -> str:
    """A key with its modifiers as in `napari_tomopick.layers.gesture_names`; "" if it has no name there."""
    key, held = int(event.key()), list(modifiers(event))
    if key in NAMED_KEYS:
        name = NAMED_KEYS[key]
    elif ord("A") <= key <= ord("Z"):
        name = chr(key)
    elif 0x20 < key < 0x7F:
        # Shift has gone into the sign, as "?" and not "Shift+/"
        name, held = chr(key), [name for name in held if name != "Shift"]
    else:
        return ""
    try:
        return gesture("+".join([*held, name]))
    except ParameterError:
        return ""


def _at(event: QMouseEvent | QWheelEvent | QEnterEvent) -> Pixel:
    place = event.position()
    return place.x(), place.y()


def _notches(event: QWheelEvent) -> float:
    """How far the wheel was turned, away from the user if positive."""
    angle, pixels = event.angleDelta(), event.pixelDelta()
    # Alt turns the wheel sideways on some systems
    turned = (angle.y() or angle.x()) / NOTCH
    return turned or (pixels.y() or pixels.x()) / NOTCH_PIXELS
