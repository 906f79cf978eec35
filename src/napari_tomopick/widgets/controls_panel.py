"""The list of all keys and mouse gestures, in which each can be changed, and the switch between schemes."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from napari.qt import QtViewer
from psygnal import SignalInstance
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_tomopick.errors import ParameterError, TomopickError
from napari_tomopick.layers.controls import Binding, Controls, check_suits
from napari_tomopick.layers.gesture_names import together
from napari_tomopick.layers.schemes import (
    ACTIONS,
    BOXING,
    DRAGS,
    MOVING,
    PICKING,
    TOMOGRAMS,
    TRACKING,
    WHEELS,
    Scheme,
)
from napari_tomopick.layers.workspace import Workspace
from napari_tomopick.widgets.deletion import when_deleted
from napari_tomopick.widgets.focus import press
from napari_tomopick.widgets.hand_events import BUTTONS, key_name, modifiers

SPACING = 6
COLUMNS = ((PICKING, TRACKING, BOXING), (MOVING, TOMOGRAMS))
ARROWS = {"Left", "Right", "Up", "Down"}
# what a user of each scheme should know first
HINT_ACTIONS = {
    Scheme.NAPARI: ("add_point", "slices", "zoom"),
    Scheme.DYNAMO: ("add_point", "slices_up", "zoom"),
    Scheme.EMAN2: ("add_or_select", "slices_up", "pan"),
}
SHORT = {
    "add_point": "point",
    "add_or_select": "point",
    "slices": "slices",
    "slices_up": "slices",
    "zoom": "zoom",
    "pan": "pan",
}


class SchemeSwitch(QWidget):
    """Whose habits keys and mouse follow, what that means in a few words, and a button for all of it.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.setObjectName("scheme-switch")
        self._workspace = workspace
        self._controls = workspace.controls
        self.choice = QComboBox()
        self.choice.setObjectName("scheme")
        self.choice.addItems([str(scheme) for scheme in Scheme])
        self.choice.setToolTip("Whose habits keys and mouse follow")
        self.choice.activated.connect(self._choose)
        self.help = QToolButton()
        self.help.setObjectName("show-controls")
        self.help.setText("?")
        self.help.setToolTip("All keys and mouse gestures, to read and to change (F1)")
        self.help.clicked.connect(lambda: show_help(workspace, self.window()))
        self.hint = QLabel()
        self.hint.setObjectName("scheme-hint")
        self.hint.setWordWrap(True)
        line = QHBoxLayout()
        line.setSpacing(SPACING)
        line.addWidget(QLabel("Controls"))
        line.addWidget(self.choice, 1)
        line.addWidget(self.help)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addWidget(self.hint)
        follow(self, self._controls.changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the scheme in use."""
        self.choice.setCurrentText(str(self._controls.scheme))
        self.hint.setText(hint(self._controls))

    def _choose(self, index: int) -> None:
        with self._workspace.reporting():
            self._controls.set_scheme(list(Scheme)[index])


def hint(controls: Controls) -> str:
    """The first things to know of the scheme in use, as they are bound now."""
    known = [(controls.gestures(action), SHORT[action]) for action in HINT_ACTIONS[controls.scheme]]
    words = [f"{gestures[0]}: {what}" for gestures, what in known if gestures]
    return " · ".join([*words, *(f"{key}: all keys" for key in controls.gestures("help")[:1])])


class ControlsPanel(QDialog):
    """All keys and gestures of the scheme in use; a click on one lets the user do another for it.

    Parameters
    ----------
    workspace : Workspace
    parent : QWidget
    """

    def __init__(self, workspace: Workspace, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setObjectName("controls-panel")
        self.setWindowTitle("Keys and mouse")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._workspace, self._controls = workspace, workspace.controls
        self.scheme = QComboBox()
        self.scheme.setObjectName("panel-scheme")
        self.scheme.addItems([str(scheme) for scheme in Scheme])
        self.scheme.activated.connect(lambda i: self._try(lambda: self._controls.set_scheme(list(Scheme)[i])))
        top = QHBoxLayout()
        top.addWidget(QLabel("<b>As in</b>"))
        top.addWidget(self.scheme)
        self.note = QLabel("Click a key or gesture to change it.")
        top.addWidget(self.note, 1)
        self.reset_all = QPushButton("Reset all")
        self.reset_all.setObjectName("reset-all")
        self.reset_all.setAutoDefault(False)
        self.reset_all.clicked.connect(lambda: self._try(self._controls.reset_all))
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.close)
        top.addWidget(self.reset_all)
        top.addWidget(close)
        self._body = QHBoxLayout()
        self._body.setSpacing(24)
        outer = QVBoxLayout(self)
        outer.addLayout(top)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        outer.addWidget(line)
        outer.addLayout(self._body)
        outer.addStretch(1)
        follow(self, self._controls.changed, self.refresh)
        self.refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See Qt: the key that has opened it closes it, wherever the keyboard is."""
        if self._controls.action(key_name(event)) == "help":
            self.close()
        else:
            super().keyPressEvent(event)

    def refresh(self) -> None:
        """Show what is bound now."""
        while self._body.count():
            old = self._body.takeAt(0).widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        bindings = self._controls.bindings
        for groups in COLUMNS:
            column = QWidget()
            grid = QGridLayout(column)
            grid.setContentsMargins(0, 0, 0, 0)
            grid.setVerticalSpacing(1)
            grid.setHorizontalSpacing(8)
            grid.setColumnStretch(1, 1)
            for group in groups:
                self._add_group(grid, group, [b for b in bindings if b.action.group == group])
            grid.setRowStretch(grid.rowCount(), 1)
            self._body.addWidget(column, 1, Qt.AlignmentFlag.AlignTop)
        self.scheme.setCurrentText(str(self._controls.scheme))
        self.reset_all.setEnabled(self._controls.is_changed)

    def _add_group(self, grid: QGridLayout, group: str, bindings: list[Binding]) -> None:
        title = QLabel(f"<b>{group}</b>")
        if grid.count():
            grid.addWidget(QLabel(), grid.rowCount(), 0)
        grid.addWidget(title, grid.rowCount(), 0, 1, 3)
        before = ""
        for binding in bindings:
            row = grid.rowCount()
            arrow = " arrow" if binding.gesture.split("+")[-1] in ARROWS else ""
            key = QPushButton(binding.gesture + arrow)
            key.setObjectName(f"binding {binding.gesture}")
            key.setAutoDefault(False)
            key.setToolTip("Click to do this with another key or gesture")
            key.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            key.setStyleSheet("QPushButton { padding: 0px 6px; text-align: left; }")
            key.clicked.connect(lambda _=False, b=binding: self._change(b))
            grid.addWidget(key, row, 0)
            text = "the same" if binding.action.name == before else binding.action.help
            grid.addWidget(QLabel(f"<i>{text}</i>" if binding.changed else text), row, 1)
            before = binding.action.name
            if binding.changed:
                reset = QToolButton()
                reset.setObjectName(f"reset {binding.gesture}")
                reset.setText("Reset")
                reset.setToolTip("As it is by default")
                reset.clicked.connect(
                    lambda _=False, g=binding.gesture: self._try(lambda: self._controls.reset(g))
                )
                grid.addWidget(reset, row, 2)

    def _change(self, binding: Binding) -> None:
        asking = GestureDialog(self._controls, binding, self)
        asking.finished.connect(lambda done: done and self._take(binding, asking.gesture))
        asking.open()

    def _take(self, binding: Binding, gesture: str) -> None:
        self._try(lambda: self._controls.rebind(binding.gesture, gesture, swap=True))

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except TomopickError as error:
            QMessageBox.warning(self, "Keys and mouse", str(error))


class GestureDialog(QDialog):
    """Waits for the key or the gesture that is to do something.

    Parameters
    ----------
    controls : Controls
    binding : Binding
        What is to be changed.
    parent : QWidget

    Attributes
    ----------
    gesture : str
        What the user did last; "" before that.
    """

    def __init__(self, controls: Controls, binding: Binding, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("gesture-dialog")
        self.setWindowTitle("Another key or gesture")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._controls, self._binding, self.gesture = controls, binding, ""
        action = binding.action.name
        how = (
            "Drag in"
            if action in DRAGS
            else "Turn the wheel over"
            if action in WHEELS
            else "Press a key or click in"
        )
        with_modifiers = "with Ctrl, Shift or Alt as you like"
        self.area = QLabel(f"<b>{binding.action.help}</b><br><br>{how} this frame, {with_modifiers}.")
        self.area.setObjectName("gesture-area")
        self.area.setFrameShape(QFrame.Shape.Box)
        self.area.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.area.setMinimumSize(380, 110)
        self.area.setWordWrap(True)
        self.area.installEventFilter(self)
        self.said = QLabel(f"Now: {binding.gesture}. Escape gives up.")
        self.said.setObjectName("gesture-said")
        self.said.setWordWrap(True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok.setObjectName("take-gesture")
        self.ok.setEnabled(False)
        for button in buttons.buttons():
            # keys are what is asked for
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.area)
        layout.addWidget(self.said)
        layout.addWidget(buttons)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See Qt."""
        if event.key() == Qt.Key.Key_Escape:
            self.reject()
        elif name := key_name(event):
            self.propose(name)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See Qt."""
        if isinstance(event, QWheelEvent):
            self.propose(together(modifiers(event), "wheel"))
            return True
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress:
            button = BUTTONS.get(event.button())
            if button:
                what = "drag" if self._binding.action.name in DRAGS else "click"
                self.propose(together(modifiers(event), f"{button} {what}"))
            return True
        return False

    def propose(self, gesture: str) -> None:
        """Say what this gesture would come to, and let it be taken if it can."""
        self.gesture = gesture
        try:
            check_suits(self._binding.action.name, gesture)
            other = self._controls.action(gesture)
            taken = other is not None and other != self._binding.action.name
            if taken:
                check_suits(str(other), self._binding.gesture)
        except ParameterError as error:
            self.said.setText(str(error))
            self.ok.setEnabled(False)
            return
        swapped = ""
        if taken and other is not None:
            instead = f"{self._binding.gesture} will do that instead"
            swapped = f"<br>It is for “{ACTIONS[other].help}” now: {instead}."
        self.said.setText(f"<b>{gesture}</b>{swapped}")
        self.ok.setText("Swap" if taken else "OK")
        self.ok.setEnabled(True)


def show_help(workspace: Workspace, window: QWidget) -> None:
    """Open the list of all keys over a window, or close it if it is open."""
    found = window.findChild(ControlsPanel)
    if found is not None and found.isVisible():
        found.close()
        return
    ControlsPanel(workspace, window).show()


def show_options(workspace: Workspace, window: QWidget) -> None:
    """Open the fields for slab, low-pass and contrast over a window, or close them if they are open."""
    from napari_tomopick.widgets.display_controls import DisplayControls

    found = window.findChild(QDialog, "display-options")
    if found is not None and found.isVisible():
        found.close()
        return
    options = _Options(workspace, window)
    QVBoxLayout(options).addWidget(DisplayControls(workspace))
    options.show()
    viewer = window.findChild(QtViewer)
    if viewer is not None:
        # not over what is being picked
        canvas = viewer.canvas.native
        corner = canvas.mapToGlobal(canvas.rect().topRight())
        options.move(corner.x() - options.frameGeometry().width() - SPACING, corner.y() + SPACING)


class _Options(QDialog):
    """A window over the slices, in which the keys that no field has a use for are those of the slices."""

    def __init__(self, workspace: Workspace, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("display-options")
        self.setWindowTitle("Display")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._workspace = workspace

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See Qt."""
        if not press(self._workspace, event):
            super().keyPressEvent(event)


def follow(widget: QWidget, signal: SignalInstance, slot: Callable[[], None]) -> None:
    """Call a method of a widget at each signal, as long as Qt has not deleted the widget."""
    signal.connect(slot)
    held = weakref.WeakMethod(slot)

    def let_go() -> None:
        method = held()
        if method is not None:
            signal.disconnect(method, missing_ok=True)

    when_deleted(widget, let_go)
