"""A project with a small tomogram, shown in a viewer without a window."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.workspace import Workspace, workspace_for
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.models.user_points import ModelType

SHAPE = (40, 60, 80)


@pytest.fixture
def a_tomogram(tmp_path):
    """``a_tomogram(name="tomo", shape=SHAPE)``: a small tomogram in a file."""

    def a_tomogram(name="tomo", shape=SHAPE):
        path = tmp_path / f"{name}.mrc"
        write_mrc(path, np.random.default_rng(0).normal(size=shape).astype(np.float32), 10.0)
        return Tomogram(name, path, shape, 10.0)

    return a_tomogram


@pytest.fixture(scope="session", autouse=True)
def napari_shortcuts():
    """napari's own keys for its kinds of layers, which it binds when a window is opened."""
    from napari.utils.action_manager import action_manager
    from napari.utils.shortcuts import default_shortcuts

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about those that are bound already
        for action, shortcuts in default_shortcuts.items():
            action_manager.unbind_shortcut(action)
            for shortcut in shortcuts:
                action_manager.bind_shortcut(action, shortcut)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def workspace(viewer, tmp_path):
    found = workspace_for(viewer)
    found.create_project(tmp_path / "project.tomopick")
    yield found
    found.close_project()


@pytest.fixture
def shown(workspace, a_tomogram) -> Workspace:
    """A workspace showing its only tomogram, with an empty surface model."""
    workspace.session.add_tomogram(a_tomogram())
    workspace.open_tomogram("tomo")
    workspace.picking.add_model(ModelType.SURFACE, "membrane")
    return workspace


def on_canvas(viewer, position):
    """Where z, y, x is seen on the canvas, in pixels to the right and down."""
    camera, (height, width) = viewer.scene.camera, viewer.canvas.size
    vertical, horizontal = (position[d] for d in viewer.dims.displayed[-2:])
    right = width / 2 + (horizontal - camera.center[-1]) * camera.zoom
    down = height / 2 - (vertical - camera.center[-2]) * camera.zoom
    return right, down


@pytest.fixture
def click(shown):
    """Click, drag or hover as napari reports it: ``click((z, y, x), button=1, modifiers=(), to=None)``."""
    from napari.utils import interactions
    from napari.utils._proxies import ReadOnlyWrapper

    viewer = shown.viewer

    class Event:
        def __init__(self, type, position, button, modifiers):
            self.type, self.button, self.modifiers, self.handled = type, button, modifiers, False
            self.position = tuple(float(p) for p in position)
            self.dims_displayed = list(viewer.dims.displayed)
            self.dims_point = list(viewer.dims.point)
            self.pos = np.array(on_canvas(viewer, position))
            self.view_direction = self.up_direction = None
            self.is_dragging = type == "mouse_move" and button is not None

    def send(type, position, button, modifiers):
        viewer.cursor.position = tuple(float(p) for p in position)
        event = ReadOnlyWrapper(Event(type, position, button, modifiers), exceptions=("handled",))
        callbacks = {
            "mouse_press": interactions.mouse_press_callbacks,
            "mouse_move": interactions.mouse_move_callbacks,
            "mouse_release": interactions.mouse_release_callbacks,
        }[type]
        for target in (viewer, viewer.layers.selection.active):
            callbacks(target, event)

    def click(position, button=1, modifiers=(), to=None):
        send("mouse_move", position, None, modifiers)
        send("mouse_press", position, button, modifiers)
        for p in () if to is None else np.linspace(position, to, 4)[1:]:
            send("mouse_move", p, button, modifiers)
        send("mouse_release", position if to is None else to, button, modifiers)

    return click


@pytest.fixture
def press(shown):
    """Press a key as napari resolves it: the active layer first, then the viewer."""
    from napari.utils.key_bindings import KeymapHandler

    def press(key, at=None):
        if at is not None:
            shown.viewer.cursor.position = tuple(float(p) for p in at)
            shown.pointing.move(shown.main_pane, on_canvas(shown.viewer, at))
        handler = KeymapHandler()
        handler.keymap_providers = [shown.viewer.layers.selection.active, shown.viewer]
        handler.press_key(key)
        handler.release_key(key)

    return press
