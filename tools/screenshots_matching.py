"""Make the pictures of docs/matching.md in a real window; Xvfb will do.

usage: python tools/screenshots_matching.py [--tomogram FILE --template FILE] [FOLDER]

Without a tomogram a synthetic one is taken. Otherwise tilts are taken to be from -60 to 60 degrees, and
particles to be dark. FOLDER is docs/images by default.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

TEMPORARY = Path(tempfile.mkdtemp())
os.environ["NAPARI_CONFIG"] = str(TEMPORARY / "napari.yaml")
os.environ["TOMOPICK_SETTINGS"] = str(TEMPORARY / "settings.json")

import napari  # noqa: E402  # it reads its settings when imported
from qtpy.QtTest import QTest  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402

from napari_tomopick.io.volumes import write_mrc  # noqa: E402
from napari_tomopick.layers.workspace import workspace_for  # noqa: E402
from napari_tomopick.models.tomogram import Tomogram  # noqa: E402
from napari_tomopick.project import Session  # noqa: E402
from napari_tomopick.protocols.import_tomograms import import_tomograms  # noqa: E402
from napari_tomopick.samples.complexes import TARGET, crowded_tomogram  # noqa: E402
from napari_tomopick.widgets.matching import NAME, MatchingDock, use_as_template  # noqa: E402
from napari_tomopick.widgets.window import add_docks  # noqa: E402

SIZE = (1280, 800)
LOW_PASS_ANGSTROM = 60.0


def synthetic() -> tuple[Tomogram, Path]:
    """A crowded tomogram, and a map of one of its complexes."""
    sample = crowded_tomogram()
    file, template = TEMPORARY / "cell.mrc", TEMPORARY / "ribosome.mrc"
    write_mrc(file, sample.volume, sample.voxel_size_angstrom)
    write_mrc(template, sample.maps[TARGET], sample.voxel_size_angstrom)
    tomogram = Tomogram(
        "cell",
        file,
        sample.volume.shape,
        sample.voxel_size_angstrom,
        acquisition=sample.acquisition,
        particles_are_dark=True,
    )
    return tomogram, template


class Stage:
    """The window."""

    def __init__(self, folder: Path, tomogram: Tomogram, template: Path) -> None:
        self.folder = folder
        with Session.create(TEMPORARY / "project.tomopick") as session:
            session.add_tomogram(tomogram)
        self.viewer = napari.Viewer(title="TomoPick")
        self.viewer.window.resize(*SIZE)
        self.workspace = workspace_for(self.viewer)
        add_docks(self.viewer)
        self.workspace.open_project(TEMPORARY / "project.tomopick")
        self.workspace.open_tomogram(tomogram.name)
        while self.workspace.loading:
            QTest.qWait(50)
        self.workspace.display.set_thickness(5)
        self.workspace.display.set_low_pass(LOW_PASS_ANGSTROM)
        use_as_template(self.viewer, template)
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-tomopick", NAME)
        assert isinstance(self.dock, MatchingDock)
        QTest.qWait(1500)

    def search(self, what: str) -> None:
        """Press a button, and wait for what comes of it."""
        began = time.monotonic()
        getattr(self.dock.search, what).click()
        while self.dock.matching.runs.background.running:
            QTest.qWait(50)
        QTest.qWait(200)
        print(f"{what}: {time.monotonic() - began:.1f} s; {self.dock.found.state.text()}")

    def take(self, name: str) -> None:
        """Take a picture of the window."""
        QTest.qWait(1500)
        self.viewer.screenshot(str(self.folder / f"{name}.png"), canvas_only=False, flash=False)


def main() -> None:
    """Play the scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    parser.add_argument("--tomogram", type=Path)
    parser.add_argument("--template", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.tomogram is None:
        tomogram, template = synthetic()
    else:
        [tomogram] = import_tomograms([options.tomogram], tilt_range_degrees=(-60, 60))
        template = options.template
    stage = Stage(options.folder, tomogram, template)
    stage.search("preview")
    stage.take("matching-preview")
    stage.search("match")
    stage.take("matching")
    stage.dock.found.map.click()
    area = stage.dock.column.parentWidget().parentWidget().parentWidget()
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    stage.take("matching-scores")
    stage.workspace.close_project()
    stage.viewer.close()
    QApplication.processEvents()


if __name__ == "__main__":
    main()
