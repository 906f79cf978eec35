"""What the docks have in common."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from psygnal import SignalInstance
from qtpy.QtCore import QPoint, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent, QShowEvent
from qtpy.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import create_worker

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.widgets.closing import close_with_window
from napari_tomopick.widgets.deletion import when_deleted
from napari_tomopick.widgets.focus import canvas_follows_mouse, press
from napari_tomopick.widgets.texts import Report

T = TypeVar("T", bound="Dock")

WIDTH = 348
# of the window's width and height, for a dock that floats over it
FLOATING_PART = 0.85
MARGIN = 8
# napari shows no more than the beginning of an error; a dock says all of it
TROUBLE_STYLE = "background: #6e2630; color: white; padding: 3px;"
SPACING = 6


def run_in_thread(
    function: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[Exception], None]
) -> None:
    """The workspace's `Runner` where there is a window.

    The worker threads are those under napari's. With napari's own, its list of tasks would keep whatever the
    function holds, a closed tomogram say, as long as the window lives.
    """
    worker = create_worker(function, _start_thread=False, _ignore_errors=True)
    worker.returned.connect(done)
    worker.errored.connect(failed)
    worker.start()


class Dock(QWidget):
    """A dock on a viewer's workspace; it shows, and reports what the user meant.

    Its widgets stand in ``column``, which scrolls, and in ``above`` and ``below`` it, always in sight.
    ``place`` is where it opens: as a tab at the right of the window, below the slices, or as a window of its
    own, for what needs room; from there the user may drag it anywhere. ``at_start`` says of one at the right
    whether it opens with the window.

    Parameters
    ----------
    viewer : napari.Viewer
    name : str
        Object name.
    """

    refreshed = Signal()
    place: Literal["right", "bottom", "window"] = "right"
    at_start = True

    def __init__(self, viewer: Any, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        # below that, fields would be cut off
        self.setMinimumWidth(WIDTH)
        self.workspace = workspace_for(viewer)
        self.workspace.run = run_in_thread
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(SPACING)
        # on a small screen the middle of a dock scrolls, and does not make the window grow
        content = QWidget()
        self.above, self.column, self.below = QVBoxLayout(), QVBoxLayout(content), QVBoxLayout()
        for part in (self.above, self.column, self.below):
            part.setContentsMargins(0, 0, 0, 0)
            part.setSpacing(SPACING)
        outer.addLayout(self.above)
        outer.addWidget(scrolled(content), 1)
        outer.addLayout(self.below)
        self.trouble = Report("trouble")
        self.trouble.label.setStyleSheet(TROUBLE_STYLE)
        self.below.addWidget(self.trouble)
        # a hundred edits in a burst are shown once, and only to someone who looks
        self._stale = False
        self._frame: QDockWidget | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(30)
        self._later.timeout.connect(self._refresh_if_seen)
        self._signals: list[SignalInstance] = []
        when_deleted(self, _letting_go(weakref.ref(self), self._signals))
        self.refresh_on(self.workspace.trouble_changed)

    def _refresh_if_seen(self) -> None:
        # Qt calls a dock behind another tab visible too
        self._stale = self.visibleRegion().isEmpty()
        if not self._stale:
            self._refresh_all()

    def _refresh_all(self) -> None:
        self._stale = False
        self.show_trouble()
        self.refresh()
        self.refreshed.emit()

    def _catch_up(self, visible: bool) -> None:
        if visible and self._stale:
            self._refresh_all()

    def refresh(self) -> None:
        """Show everything anew; for the docks to say how."""

    def show_trouble(self) -> None:
        """Say what went wrong with what the user did last."""
        self.trouble.say(self.workspace.trouble)

    def sizeHint(self) -> QSize:
        """As wide as four docks in tabs need, leaving a small screen to the picture."""
        return QSize(WIDTH, super().sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """See Qt: a key that no field has a use for is one of the controls, such as Ctrl+Z."""
        if not press(self.workspace, event):
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up on what changed meanwhile; let keys go to the canvas under the mouse from now on."""
        super().showEvent(event)
        canvas_follows_mouse(self.window())
        close_with_window(self.window(), self.workspace)
        self._catch_up(visible=True)
        frame = _frame(self)
        if frame is not None and frame is not self._frame:
            self._frame = frame
            frame.visibilityChanged.connect(self._catch_up)
            # only once napari has put it there
            QTimer.singleShot(0, self._take_place)

    def _take_place(self) -> None:
        window, frame = self.window(), _frame(self)
        if not isinstance(window, QMainWindow) or frame is None or frame.isFloating():
            return
        if self.place == "bottom":
            window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, frame)
        if self.place != "window":
            # the name of the plugin behind that of the dock would leave a tab no room for either
            frame.setWindowTitle(frame.windowTitle().partition(" (")[0])
            self._join_the_others(window, frame)
        else:
            around = window.geometry()
            frame.setFloating(True)
            size = around.size() * FLOATING_PART
            frame.resize(size)
            frame.move(around.center() - QPoint(size.width() // 2, size.height() // 2))

    def _join_the_others(self, window: QMainWindow, frame: QDockWidget) -> None:
        """Stand as a tab among the docks that are open, where napari stacks what its menu opens."""
        for other in window.findChildren(Dock):
            beside = _frame(other)
            if (
                beside is None
                or other is self
                or beside.isFloating()
                or beside in window.tabifiedDockWidgets(frame)
            ):
                continue
            if window.dockWidgetArea(beside) == window.dockWidgetArea(frame):
                window.tabifyDockWidget(beside, frame)
                frame.raise_()
                return

    def raised(self, kind: type[T], name: str) -> T:
        """Another dock of this window, brought to the front, or opened if it is not there.

        Parameters
        ----------
        kind : type
        name : str
            As it stands in the plugin's menu.
        """
        found = self.window().findChild(kind)
        if found is None:
            _, found = self.workspace.viewer.window.add_plugin_dock_widget("napari-tomopick", name)  # type: ignore[attr-defined]
        bring_to_front(found)
        return found

    def refresh_on(self, *signals: SignalInstance) -> None:
        """Refresh soon after any of these."""
        for signal in signals:
            signal.connect(self._soon)
            self._signals.append(signal)

    def _soon(self, *_: object) -> None:
        self._later.start()

    def button(self, text: str, name: str, action: Callable[[], Any], tip: str = "") -> QPushButton:
        """A button whose action's errors are shown to the user."""
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(tip)

        button.clicked.connect(lambda: self.reported(action))
        return button

    def reported(self, action: Callable[[], Any]) -> None:
        """Do something whose errors are to be shown to the user."""
        with self.workspace.reporting():
            action()


def bring_to_front(dock: QWidget) -> None:
    """Show a dock that may be closed, or behind another tab."""
    frame = _frame(dock)
    if frame is not None:
        frame.show()
        frame.raise_()


def bring_into_sight(widget: QWidget) -> None:
    """Scroll a dock's column to where a widget begins."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QScrollArea):
        parent = parent.parentWidget()
    if parent is not None:
        parent.verticalScrollBar().setValue(widget.mapTo(parent.widget(), QPoint(0, 0)).y())


def _frame(widget: QWidget) -> QDockWidget | None:
    """What holds a widget at the side of the window."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent


def _letting_go(dock: weakref.ref[Dock], signals: list[SignalInstance]) -> Callable[[], None]:
    """What lets go of the signals of a dock that Qt has deleted while Python still has it."""

    def run() -> None:
        left = dock()
        if left is not None:
            for signal in signals:
                signal.disconnect(left._soon, missing_ok=True)

    return run


def scrolled(content: QWidget) -> QScrollArea:
    """A widget in an area that scrolls up and down where there is too little room."""
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    """Widgets side by side; the one of this number gets the room that is left."""
    layout = QHBoxLayout()
    layout.setSpacing(SPACING)
    for i, widget in enumerate(widgets):
        layout.addWidget(widget, int(i == stretch))
    return layout
