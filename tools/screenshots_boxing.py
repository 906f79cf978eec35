"""Make the pictures of docs/boxing.md from a synthetic tomogram, in a real window.

usage: python tools/screenshots_boxing.py [--stand-in] [FOLDER]   (default: docs/images; Xvfb will do)

With --stand-in the network is replaced by the one the tests use: quick, but what it finds means nothing.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

TEMPORARY = Path(tempfile.mkdtemp())
os.environ["NAPARI_CONFIG"] = str(TEMPORARY / "napari.yaml")
os.environ["TOMOPICK_SETTINGS"] = str(TEMPORARY / "settings.json")

import napari  # noqa: E402  # it reads its settings when imported
import numpy as np  # noqa: E402
from qtpy.QtTest import QTest  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402

from napari_tomopick.io.volumes import write_mrc  # noqa: E402
from napari_tomopick.layers.boxing_gallery import KINDS  # noqa: E402
from napari_tomopick.layers.workspace import workspace_for  # noqa: E402
from napari_tomopick.models.tomogram import Tomogram  # noqa: E402
from napari_tomopick.project import Session  # noqa: E402
from napari_tomopick.samples.complexes import TARGET, crowded_tomogram  # noqa: E402
from napari_tomopick.widgets.window import add_docks  # noqa: E402

SIZE = (1280, 800)
LOW_PASS_ANGSTROM = 60.0
BOX = 32


class Stage:
    """The window, and the truth about what is in it."""

    def __init__(self, folder: Path, stand_in: bool) -> None:
        self.folder = folder
        sample = crowded_tomogram()
        self.truth = sample.particles[TARGET].positions
        self.others = np.concatenate([p.positions for name, p in sample.particles.items() if name != TARGET])
        file = TEMPORARY / "cell.mrc"
        write_mrc(file, sample.volume, sample.voxel_size_angstrom)
        with Session.create(TEMPORARY / "cell.tomopick") as session:
            session.add_tomogram(
                Tomogram(
                    "cell",
                    file,
                    sample.volume.shape,
                    sample.voxel_size_angstrom,
                    acquisition=sample.acquisition,
                    particles_are_dark=True,
                )
            )
        self.viewer = napari.Viewer(title="TomoPick")
        self.viewer.window.resize(*SIZE)
        self.workspace = workspace_for(self.viewer)
        self.boxing = self.workspace.boxing
        if stand_in:
            sys.path.append(str(Path(__file__).parents[1] / "tests"))
            from fake_engine import FakeEngine

            self.boxing.engine = FakeEngine(steps=200)
        add_docks(self.viewer)
        self.workspace.open_project(TEMPORARY / "cell.tomopick")
        self.workspace.open_tomogram("cell")
        while self.workspace.loading:
            QTest.qWait(50)
        self.workspace.display.set_thickness(5)
        self.workspace.display.set_low_pass(LOW_PASS_ANGSTROM)
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-tomopick", "Boxing")
        QTest.qWait(800)

    def settle(self, milliseconds: int = 1500) -> None:
        """Wait until nothing is under way, and everything is drawn."""
        boxing = self.boxing
        QTest.qWait(300)
        while boxing.learning.background.running or boxing.network.background.running:
            QTest.qWait(50)
        QTest.qWait(milliseconds)

    def refer(self, positive: int, negative: int) -> None:
        """Click so many particles and others, those nearest to the shown slice."""
        middle = self.viewer.dims.point[0]
        for places, role, count in ((self.truth, "positive", positive), (self.others, "negative", negative)):
            order = np.argsort(np.abs(places[:, 2] - middle))
            for place in places[order[:count]]:
                self.boxing.refer_at(np.round(place), role)

    def take(self, name: str) -> None:
        """Take a picture of the window."""
        self.settle()
        self.viewer.screenshot(str(self.folder / f"{name}.png"), canvas_only=False, flash=False)

    def turn_to(self, kind: str) -> None:
        """Bring a tab to the front."""
        self.dock.galleries.setCurrentIndex(KINDS.index(kind))


def main() -> None:
    """Play the scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    parser.add_argument("--stand-in", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(options.folder, options.stand_in)
    stage.boxing.rename_label("ribosomes")
    stage.boxing.set_sizes(box_size=BOX)
    stage.refer(6, 8)
    stage.settle()
    stage.turn_to("uncertain")
    stage.take("boxing-uncertain")
    stage.dock.network.train.click()
    stage.turn_to("particles")
    stage.take("boxing")
    stage.workspace.close_project()
    stage.viewer.close()
    QApplication.processEvents()


if __name__ == "__main__":
    main()
