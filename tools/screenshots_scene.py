"""Make the pictures of docs/scene.md from the sample project, in a real window; Xvfb will do.

usage: python tools/screenshots_scene.py [FOLDER]   (default: docs/images)
"""

import argparse
import os
import tempfile
from pathlib import Path

TEMPORARY = Path(tempfile.mkdtemp())
os.environ["NAPARI_CONFIG"] = str(TEMPORARY / "napari.yaml")
os.environ["TOMOPICK_SETTINGS"] = str(TEMPORARY / "settings.json")

import napari  # noqa: E402  # it reads its settings when imported
from qtpy.QtTest import QTest  # noqa: E402
from qtpy.QtWidgets import QApplication, QWidget  # noqa: E402

from napari_tomopick.layers.picture_export import Turnaround  # noqa: E402
from napari_tomopick.layers.workspace import workspace_for  # noqa: E402
from napari_tomopick.protocols.demo import run_demo  # noqa: E402
from napari_tomopick.widgets.window import add_docks  # noqa: E402

SIZE = (1280, 800)
ASKEW = ((0.45, 0.6, -0.66), (0.0, 0.74, 0.67))


class Stage:
    """The window."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        demo = run_demo(TEMPORARY / "demo")
        self.viewer = napari.Viewer(title="TomoPick")
        self.viewer.window.resize(*SIZE)
        self.work = workspace_for(self.viewer)
        docks = add_docks(self.viewer)
        self.work.open_project(demo.project)
        self.work.open_tomogram(self.work.open_session.tomograms()[0].name)
        self.settle()
        docks["Review"].show()
        docks["Review"].raise_()
        self.dock = docks["Review"].findChild(QWidget, "tomopick-review")
        tabs = self.dock.tabs
        tabs.setCurrentIndex(next(i for i in range(tabs.count()) if tabs.tabText(i) == "Scene"))
        self.scene = self.work.scene
        self.sets = {s.name: s.uid for s in self.work.review.sets}

    def settle(self, milliseconds: int = 1500) -> None:
        """Wait until everything is drawn."""
        scene = self.work.scene
        while self.work.loading or scene.map.busy or scene.membranes.busy or scene.pictures.running:
            QTest.qWait(50)
        QTest.qWait(milliseconds)

    def take(self, name: str) -> None:
        """Take a picture of the window."""
        self.settle()
        self.viewer.screenshot(str(self.folder / f"{name}.png"), canvas_only=False, flash=False)

    def only(self, *names: str) -> None:
        """Draw these sets."""
        for name, uid in self.sets.items():
            self.work.review.set_visible(uid, name in names)


def play(stage: Stage) -> None:
    """All scenes."""
    work, scene = stage.work, stage.scene
    crowns = next(name for name in stage.sets if "crowns" in name)
    work.picking.show(False)
    work.show_3d(True)
    scene.look(*ASKEW)
    scene.membranes.show(True)
    stage.take("scene")
    scene.membranes.show(False)
    stage.only(crowns)
    scene.boxes.set_look(shown=True)
    scene.slice.tilt(35, 60)
    stage.take("scene-boxes")
    scene.boxes.set_look(shown=False)
    scene.default_view()
    scene.look(*ASKEW)
    scene.show_points(False)
    scene.map.attach_latest()
    stage.settle()
    work.review.selection.set({stage.sets[crowns]: work.review.particles(stage.sets[crowns]).ids[:3]})
    stage.take("scene-map")
    work.review.selection.clear()
    work.set_depiction("volume")
    stage.settle(4000)
    stage.take("scene-volume")
    work.set_depiction("plane")
    scene.membranes.show(True)
    stage.settle()
    movie = Turnaround(stage.folder / "scene-turn.gif", frames=24, seconds=4, axis="y", width=400, height=300)
    scene.pictures.start(movie)
    while scene.pictures.step():
        QApplication.processEvents()
    stage.settle(0)
    print(scene.pictures.said)


def main() -> None:
    """Play the scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(folder)
    play(stage)
    stage.work.close_project()
    stage.viewer.close()
    QApplication.processEvents()


if __name__ == "__main__":
    main()
