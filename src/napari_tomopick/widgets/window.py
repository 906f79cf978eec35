"""The window with all docks in place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QDockWidget

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.widgets.boxing import BoxingDock
from napari_tomopick.widgets.gallery import GalleryDock
from napari_tomopick.widgets.initial_model import InitialModelDock
from napari_tomopick.widgets.matching import MatchingDock
from napari_tomopick.widgets.montage import MontageDock
from napari_tomopick.widgets.picking import PickingDock
from napari_tomopick.widgets.review import ReviewDock
from napari_tomopick.widgets.steps import StepsDock
from napari_tomopick.widgets.tomograms import TomogramsDock
from napari_tomopick.widgets.views import ViewsDock

if TYPE_CHECKING:
    import napari.viewer

COMFORTABLE = (1400, 900)

DOCKS = {
    "Tomograms": TomogramsDock,
    "Picking": PickingDock,
    "Boxing": BoxingDock,
    "Template matching": MatchingDock,
    "Steps": StepsDock,
    "Initial model": InitialModelDock,
    "Review": ReviewDock,
    "Views": ViewsDock,
    "Gallery": GalleryDock,
    "Montage": MontageDock,
}


def add_docks(viewer: napari.viewer.Viewer) -> dict[str, QDockWidget]:
    """Add the docks that stand at the right, as tabs, the first in front; the others open when asked for."""
    docks = {
        name: viewer.window.add_dock_widget(dock(viewer), name=name, area="right", tabify=True)
        for name, dock in DOCKS.items()
        if dock.place == "right" and dock.at_start
    }
    _bring_to_front(docks["Tomograms"])
    return docks


def open_window(project: Path) -> None:
    """Open napari with a project and its first tomogram, and return when it is closed."""
    import napari

    viewer = napari.Viewer(title="TomoPick")
    workspace = workspace_for(viewer)
    docks = add_docks(viewer)
    _make_room(viewer)
    with workspace.reporting():
        workspace.open_project(project)
        workspace.open_first()
        if workspace.loading:
            _bring_to_front(docks["Picking"])
    napari.run()
    workspace.close_project()


def _bring_to_front(dock: QDockWidget) -> None:
    # tabs take an order only once the window has been laid out
    QTimer.singleShot(0, dock.raise_)


def _make_room(viewer: napari.viewer.Viewer) -> None:
    """Enlarge a window too small for slices beside the docks, as far as the screen allows."""
    screen = QGuiApplication.primaryScreen().availableGeometry()
    _, _, width, height = viewer.window.geometry()
    viewer.window.resize(
        max(width, min(COMFORTABLE[0], screen.width())), max(height, min(COMFORTABLE[1], screen.height()))
    )
