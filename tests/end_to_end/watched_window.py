"""Opens the window as `napari-tomopick open` does, and keeps writing what is where on the screen.

usage: python watched_window.py PROJECT STATE.json
"""

import json
import os
import sys
import traceback
from pathlib import Path

import napari
from napari.qt import get_qapp
from qtpy.QtCore import QPoint, QTimer
from qtpy.QtWidgets import QApplication, QTabBar

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.widgets.window import open_window

INTERVAL_MS = 50


def rectangle(widget, rect=None):
    rect = widget.rect() if rect is None else rect
    corner = widget.mapToGlobal(rect.topLeft())
    return [corner.x(), corner.y(), rect.width(), rect.height()]


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
        "canvas": rectangle(canvas.native),
        "zero": [float(zero[0]) + corner.x(), float(zero[1]) + corner.y()],
        "pixels_per_voxel": [float(one[0] - zero[0]), float(one[1] - zero[1])],
        "models": {}
        if session is None
        else {
            m.name: {"points": m.points.tolist(), "marker": None if m.marker is None else m.marker.tolist()}
            for m in session.models()
        },
        "sets": {} if session is None else {s.name: s.count for s in session.particle_sets()},
        "results": [] if session is None else [str(result.path) for result in session.results()],
    }


def watch(path):
    viewer = napari.current_viewer()
    if viewer is None:
        return
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
