"""A real window with the docks, on a project with two small tomograms."""

from __future__ import annotations

import gc
import os
import shutil
import sys

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import ModelType
from napari_tomopick.project import Session
from napari_tomopick.widgets.window import DOCKS

SHAPE = (40, 60, 80)


def pytest_collection_modifyitems(items):
    if sys.platform == "linux" and not os.environ.get("DISPLAY") and shutil.which("Xvfb") is None:
        for item in items:
            if "widgets" in item.nodeid:
                item.add_marker(
                    pytest.mark.skip(reason="there is neither a display nor Xvfb to open a window on")
                )


@pytest.fixture(scope="module", autouse=True)
def only_what_is_new_is_searched_for_garbage():
    """Each window that closes has all garbage collected, several times, which libraries make take seconds."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "project.tomopick"
    with Session.create(path) as session:
        for seed, name in enumerate(("tomo_1", "tomo_2")):
            volume = np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)
            write_mrc(tmp_path / f"{name}.mrc", volume, 10.0)
            session.add_tomogram(Tomogram(name, tmp_path / f"{name}.mrc", SHAPE, 10.0))
    return path


@pytest.fixture
def window(make_napari_viewer, project, qtbot):
    """A viewer in a window, showing a tomogram with an empty surface model."""
    viewer = make_napari_viewer(show=True)
    # Xvfb's screen is as small by default, and the mouse cannot leave it
    viewer.window.resize(790, 590)
    workspace = workspace_for(viewer)
    workspace.open_project(project)
    workspace.open_tomogram("tomo_1")
    workspace.picking.add_model(ModelType.SURFACE, "membrane")
    # the panels at the left take their width once they have something to show
    canvas, width = viewer.window._qt_viewer.canvas.native, -1
    while width != canvas.width():
        width = canvas.width()
        qtbot.wait(150)
    yield viewer
    workspace.close_project()


@pytest.fixture
def dock(window, qtbot):
    """``dock(name)``: the dock as a user opens it from the menu, behind napari's proxy."""

    def dock(name):
        _, widget = window.window.add_plugin_dock_widget("napari-tomopick", name)
        assert type(widget) is DOCKS[name]
        qtbot.wait(100)  # until the canvas has made room for it
        return widget

    return dock


@pytest.fixture
def press(qtbot):
    """``press(dock, name)``: click a button of a dock."""

    def press(widget, name):
        button = widget.findChild(QWidget, name)
        assert button.isEnabled()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        qtbot.wait(60)

    return press
