"""Make the pictures of the docs from the sample project, in a real window.

usage: python tools/screenshots.py [--only NAME] [FOLDER]   (default: docs/images; Xvfb will do as a display)

With QT_SCALE_FACTOR=2, on a screen of 2560x1600, they are what a user of a finely resolved screen sees.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

TEMPORARY = Path(tempfile.mkdtemp())
os.environ["NAPARI_CONFIG"] = str(TEMPORARY / "napari.yaml")
os.environ["TOMOPICK_SETTINGS"] = str(TEMPORARY / "settings.json")

import napari  # noqa: E402  # it reads its settings when imported
import numpy as np  # noqa: E402
from qtpy.QtTest import QTest  # noqa: E402
from qtpy.QtWidgets import QApplication, QDockWidget  # noqa: E402

from napari_tomopick.layers.schemes import Scheme  # noqa: E402
from napari_tomopick.layers.workspace import workspace_for  # noqa: E402
from napari_tomopick.protocols.demo import run_demo  # noqa: E402
from napari_tomopick.widgets.window import add_docks  # noqa: E402

SIZE = (1280, 800)


class Stage:
    """The window, and what a scene does with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.demo = run_demo(TEMPORARY / "demo")
        self.viewer = napari.Viewer(title="TomoPick")
        self.viewer.window.resize(*SIZE)
        self.workspace = workspace_for(self.viewer)
        self.docks = add_docks(self.viewer)
        self.workspace.open_project(self.demo.project)
        self.workspace.open_tomogram(self.session.tomograms()[0].name)
        self.settle()
        self.show_particles(False)

    @property
    def session(self):
        """The open project."""
        return self.workspace.open_session

    def settle(self, milliseconds: int = 1200) -> None:
        """Wait until nothing is being opened, and everything is drawn."""
        while self.workspace.loading or self.workspace.tracking.running:
            QTest.qWait(50)
        QTest.qWait(milliseconds)

    def show_particles(self, on: bool) -> None:
        """Draw the particle sets, or none."""
        for entry in self.session.particle_sets():
            self.workspace.review.set_visible(entry.uid, on)

    def dock(self, name: str):
        """Bring a dock to the front, or open it, and return its widget."""
        if name not in self.docks:
            self.docks[name], _ = self.viewer.window.add_plugin_dock_widget("napari-tomopick", name)
        self.docks[name].show()
        self.docks[name].raise_()
        QTest.qWait(600)
        widgets = self.docks[name].findChildren(object)
        return next(w for w in widgets if w.objectName() == f"tomopick-{name.lower()}")

    def close(self, name: str) -> None:
        """Close a dock again."""
        frame = self.docks.pop(name)
        self.viewer.window.remove_dock_widget(frame.widget())
        QTest.qWait(300)

    def activate(self, name: str) -> None:
        """Let the model of this name get the points."""
        self.workspace.picking.activate(next(m.uid for m in self.session.models() if m.name == name))

    def take(self, name: str, milliseconds: int = 600) -> None:
        """Take a picture of the window."""
        self.settle(milliseconds)
        self.viewer.screenshot(str(self.folder / f"{name}.png"), canvas_only=False, flash=False)

    def take_window(self, name: str, widget, milliseconds: int = 600) -> None:
        """Take a picture of a window of its own."""
        self.settle(milliseconds)
        window = widget.window()
        frame = widget
        while frame is not None and not isinstance(frame, QDockWidget):
            frame = frame.parentWidget()
        (frame or window).grab().save(str(self.folder / f"{name}.png"))


def tomograms(stage: Stage) -> None:
    """The project, and how far one is."""
    stage.dock("Tomograms")
    stage.take("tomograms")


def picking(stage: Stage) -> None:
    """Models and points."""
    stage.dock("Picking")
    stage.activate("outer membrane")
    stage.take("picking")


def tracking(stage: Stage) -> None:
    """What tracking placed, not accepted yet."""
    session, workspace = stage.session, stage.workspace
    stage.dock("Picking")
    stage.activate("outer membrane")
    model = workspace.picking.active
    middle = int(np.unique(model.levels)[len(np.unique(model.levels)) // 2])
    with session.edit("Keep one level"):
        session.delete_points(model.uid, np.flatnonzero(model.levels != middle))
    workspace.viewer.dims.set_point(0, middle)
    workspace.tracking.set_step(3)
    workspace.tracking.on()
    stage.settle(1500)
    workspace.viewer.dims.set_point(0, middle + 6)
    stage.take("tracking", 1000)
    session.undo()
    session.undo()


def views(stage: Stage) -> None:
    """The linked planes, and an oblique one."""
    dock = stage.dock("Views")
    membrane = next(m for m in stage.session.models() if m.name == "outer membrane")
    dock.views.look_at(membrane.points[len(membrane) // 2])
    stage.take("views", 1500)
    dock.oblique.click()
    dock.views.set_attitude(replace(dock.views.attitude, tilt_degrees=40.0, rotation_degrees=90.0))
    stage.take("views-oblique", 1500)
    stage.close("Views")


def gallery(stage: Stage) -> None:
    """The boxes of the membrane's particles in their own frames, some selected, with the average of these."""
    dock = stage.dock("Gallery")
    shown = dock.gallery
    shown.show(next(s.uid for s in stage.session.particle_sets() if s.name == "outer membrane crop points"))
    shown.set_cut(view="y", frame="own", slices=9)
    shown.select(range(4, 40))
    dock.controls.average.setChecked(True)
    stage.take("gallery", 2500)
    stage.workspace.review.selection.clear()
    stage.close("Gallery")


def montage(stage: Stage) -> None:
    """Slices side by side, in a window of its own."""
    stage.activate("outer membrane")
    dock = stage.dock("Montage")
    stage.take_window("montage", dock, 3000)
    stage.close("Montage")


def controls(stage: Stage) -> None:
    """All keys and gestures, in Dynamo's scheme."""
    stage.workspace.controls.set_scheme(Scheme.DYNAMO)
    stage.workspace.hand.do("help")
    stage.settle()
    [panel] = [w for w in QApplication.topLevelWidgets() if w.objectName() == "controls-panel"]
    panel.grab().save(str(stage.folder / "controls.png"))
    panel.close()
    stage.workspace.controls.set_scheme(Scheme.NAPARI)


def steps(stage: Stage) -> None:
    """The forms of the steps."""
    dock = stage.dock("Steps")
    for title in ("Import", "Crop points", "Orient", "Extract"):
        dock.show_step(title)
        stage.take("step-" + title.lower().replace(" ", "-"))


def review(stage: Stage) -> None:
    """Particles, in the slice and in 3D."""
    stage.show_particles(True)
    stage.dock("Review")
    stage.take("review")
    stage.viewer.dims.ndisplay = 3
    stage.viewer.scene.camera.angles = (0.0, 25.0, 60.0)
    stage.take("review-3d", 3000)
    stage.viewer.dims.ndisplay = 2
    stage.show_particles(False)


SCENES = (tomograms, picking, tracking, views, gallery, montage, controls, steps, review)


def main() -> None:
    """Play the scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    parser.add_argument("--only", choices=[scene.__name__ for scene in SCENES], action="append")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(options.folder)
    for scene in SCENES:
        if not options.only or scene.__name__ in options.only:
            scene(stage)
    stage.workspace.close_project()
    stage.viewer.close()
    QApplication.processEvents()


if __name__ == "__main__":
    main()
