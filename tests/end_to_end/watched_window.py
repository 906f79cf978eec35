"""Opens the window as `napari-tomopick open` does, and keeps writing what is where on the screen.

usage: python watched_window.py PROJECT STATE.json

With TOMOPICK_STAND_IN set, boxing has a stand-in for the network.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import napari
from napari.qt import get_qapp
from qtpy.QtCore import QPoint, QTimer
from qtpy.QtWidgets import QApplication, QDockWidget, QTabBar, QWidget

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.widgets.window import open_window

sys.path.append(str(Path(__file__).parents[1]))
from fake_engine import FakeEngine

STAND_IN = bool(os.environ.get("TOMOPICK_STAND_IN"))
INTERVAL_MS = 50


def rectangle(widget, rect=None):
    rect = widget.rect() if rect is None else rect
    corner = widget.mapToGlobal(rect.topLeft())
    return [corner.x(), corner.y(), rect.width(), rect.height()]


def montage_state():
    """Where on the screen each slice of the montage has its voxel (0, 0)."""
    docks = [w for w in QApplication.allWidgets() if w.objectName() == "tomopick-montage" and w.isVisible()]
    if not docks or docks[0].montage.mosaic is None:
        return None
    montage, canvas = docks[0].montage, docks[0].canvas
    mosaic, corner = montage.mosaic, docks[0].canvas.mapToGlobal(QPoint(0, 0))
    places = {z: canvas.viewport.to_canvas(mosaic.place((0.0, 0.0, z), z)) for z in mosaic.shown}
    frame = docks[0].parentWidget()
    while not isinstance(frame, QDockWidget):
        frame = frame.parentWidget()
    closing = frame.titleBarWidget().findChild(QWidget, "QTitleBarCloseButton")
    return {
        "close": rectangle(closing),
        "active": montage.active,
        "complete": montage.missing == 0,
        "pixels_per_voxel": float(canvas.viewport.scale),
        "tiles": {z: [float(x) + corner.x(), float(y) + corner.y()] for z, (x, y) in places.items()},
    }


def boxing_state():
    """What the Boxing dock shows, and where its pictures are on the screen."""
    docks = [w for w in QApplication.allWidgets() if w.objectName() == "tomopick-boxing" and w.isVisible()]
    if not docks:
        return None
    boxing, page = docks[0].boxing, docks[0].galleries.page
    shown = boxing.picks.shown
    return {
        "on": boxing.on,
        "role": boxing.role,
        "stage": boxing.picks.stage,
        "live": boxing.picks.live,
        "picks": [] if shown is None else shown.positions.tolist(),
        "scores": [] if shown is None else shown.scores.tolist(),
        "threshold": boxing.picks.threshold,
        "running": boxing.learning.background.running or boxing.network.background.running,
        "kind": page.gallery.kind,
        "tiles": [rectangle(page.grid, page.grid.tile_rect(i)) for i in range(len(page.grid.tiles))],
    }


def state(viewer):
    widgets, tabs = {}, {}
    for widget in QApplication.allWidgets():
        if not widget.isVisible():
            continue
        if isinstance(widget, QTabBar):
            for i in range(widget.count()):
                tabs[widget.tabText(i)] = rectangle(widget, widget.tabRect(i))
        if widget.objectName() and not widget.visibleRegion().isEmpty():
            widgets[widget.objectName()] = {
                "at": rectangle(widget),
                "text": str(widget.text()) if hasattr(widget, "text") else "",
                "enabled": widget.isEnabled(),
            }
    workspace = workspace_for(viewer)
    session = workspace.session
    canvas = viewer.window._qt_viewer.canvas
    # where the drawn scene puts the world's (x, y) = (0, 0) and (1, 1), in pixels of the screen
    to_canvas = canvas.view.scene.node_transform(canvas._scene_canvas.scene)
    corner = canvas.native.mapToGlobal(QPoint(0, 0))
    zero, one = (to_canvas.map([i, i])[:2] for i in (0, 1))
    return {
        "widgets": widgets,
        "tabs": tabs,
        "loading": workspace.loading,
        "tomogram": workspace.tomogram_name,
        "slice": int(viewer.dims.current_step[0]),
        "plane": int(viewer.dims.order[0]),
        "tracking": workspace.tracking.running,
        "montage": montage_state(),
        "boxing": boxing_state(),
        "canvas": rectangle(canvas.native),
        "zero": [float(zero[0]) + corner.x(), float(zero[1]) + corner.y()],
        "pixels_per_voxel": [float(one[0] - zero[0]), float(one[1] - zero[1])],
        "models": {}
        if session is None
        else {
            m.name: {
                "points": m.points.tolist(),
                "levels": m.levels.tolist(),
                "proposed": m.proposed.tolist(),
                "marker": None if m.marker is None else m.marker.tolist(),
            }
            for m in session.models()
        },
        "sets": {} if session is None else {s.name: s.count for s in session.particle_sets()},
        "results": [] if session is None else [str(result.path) for result in session.results()],
    }


def watch(path):
    viewer = napari.current_viewer()
    if viewer is None:
        return
    workspace = workspace_for(viewer)
    if STAND_IN and not isinstance(workspace.boxing.engine, FakeEngine):
        workspace.boxing.engine = FakeEngine(steps=60)
    temporary = path.with_suffix(".new")
    try:
        temporary.write_text(json.dumps(state(viewer)))
    except Exception:  # an exception in a timer is endless; the test sees the window close
        traceback.print_exc()
        os._exit(1)
    os.replace(temporary, path)


def main():
    project, path = Path(sys.argv[1]), Path(sys.argv[2])
    get_qapp()
    timer = QTimer()
    timer.timeout.connect(lambda: watch(path))
    timer.start(INTERVAL_MS)
    open_window(project)


if __name__ == "__main__":
    main()
