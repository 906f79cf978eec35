"""A project is closed with the window it is shown in, and not only when the program ends."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_tomopick.layers.workspace import Workspace


class _ClosesProject(QObject):
    def __init__(self, window: QMainWindow, workspace: Workspace) -> None:
        super().__init__(window)
        self._workspace = workspace
        self._closing = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # napari may ask, and stay open; only where it goes is it hidden by the same event. Later than that,
        # parts of it are gone that layers are shown in.
        if event.type() == QEvent.Type.Close:
            self._closing = True
            QTimer.singleShot(0, self._stayed)
        elif event.type() == QEvent.Type.Hide and self._closing:
            self._workspace.close_project()
        return False

    def _stayed(self) -> None:
        self._closing = False


def close_with_window(window: QWidget, workspace: Workspace) -> None:
    """Close the workspace's project when the window is closed; asking once is enough."""
    if isinstance(window, QMainWindow) and window.findChild(_ClosesProject) is None:
        window.installEventFilter(_ClosesProject(window, workspace))
