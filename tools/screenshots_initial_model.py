"""Make the pictures of docs/initial-model.md in a real window; Xvfb will do.

usage: python tools/screenshots_initial_model.py [--tomogram FILE --particles FILE] [FOLDER]

Without a tomogram a synthetic one is taken. Otherwise tilts are taken to be from -60 to 60 degrees, and
particles to be dark. FOLDER is docs/images by default.
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
from qtpy.QtWidgets import QApplication  # noqa: E402

from napari_tomopick.io.volumes import write_mrc  # noqa: E402
from napari_tomopick.layers.workspace import workspace_for  # noqa: E402
from napari_tomopick.models.particles import Particles  # noqa: E402
from napari_tomopick.models.step import Step  # noqa: E402
from napari_tomopick.models.tomogram import Tomogram  # noqa: E402
from napari_tomopick.project import Session  # noqa: E402
from napari_tomopick.protocols import jobs  # noqa: E402
from napari_tomopick.protocols.import_picks import import_picks  # noqa: E402
from napari_tomopick.protocols.import_tomograms import import_tomograms  # noqa: E402
from napari_tomopick.samples.complexes import TARGET, crowded_tomogram  # noqa: E402
from napari_tomopick.widgets.window import add_docks  # noqa: E402

SIZE = (1280, 800)
BOX = 32
NAME = "ribosomes"


def synthetic() -> tuple[Tomogram, Particles]:
    """A crowded tomogram, and where its complexes of one kind are."""
    sample = crowded_tomogram()
    file = TEMPORARY / "cell.mrc"
    write_mrc(file, sample.volume, sample.voxel_size_angstrom)
    tomogram = Tomogram(
        "cell",
        file,
        sample.volume.shape,
        sample.voxel_size_angstrom,
        acquisition=sample.acquisition,
        particles_are_dark=True,
    )
    found = sample.particles[TARGET]
    return tomogram, Particles(
        found.positions, tomograms=["cell"] * len(found), voxel_size_angstrom=sample.voxel_size_angstrom
    )


def real(tomogram: Path, particles: Path) -> tuple[Tomogram, Particles]:
    """Those in files."""
    [known] = import_tomograms([tomogram], tilt_range_degrees=(-60, 60))
    picks = import_picks(particles, [known], in_tomogram=known.name)
    assert picks.particles is not None
    return known, picks.particles


class Stage:
    """The window."""

    def __init__(self, folder: Path, tomogram: Tomogram, particles: Particles) -> None:
        self.folder = folder
        project = TEMPORARY / "cell.tomopick"
        with Session.create(project) as session:
            session.add_tomogram(tomogram)
            uid = session.add_particles(NAME, particles, Step("import"))
            options = {"box_size": BOX, "invert": True, "normalise": "box"}
            job = jobs.extract_job(session, uid, TEMPORARY / f"{NAME} subtomograms", options)
            job.record(session, job.compute(None))
        self.viewer = napari.Viewer(title="TomoPick")
        self.viewer.window.resize(*SIZE)
        self.workspace = workspace_for(self.viewer)
        self.modelling = self.workspace.initial_model
        add_docks(self.viewer)
        self.workspace.open_project(project)
        self.workspace.open_tomogram(tomogram.name)
        while self.workspace.loading:
            QTest.qWait(50)
        self.workspace.display.set_thickness(5)
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-tomopick", "Initial model")
        QTest.qWait(1500)

    def take(self, name: str) -> None:
        """Take a picture of the window."""
        QTest.qWait(800)
        self.viewer.screenshot(str(self.folder / f"{name}.png"), canvas_only=False, flash=False)

    def wait(self, until) -> None:
        """Wait until something is so, or nothing is under way any more."""
        while self.modelling.running and not until():
            QTest.qWait(100)


def main() -> None:
    """Play the scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    parser.add_argument("--tomogram", type=Path)
    parser.add_argument("--particles", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(
        options.folder,
        *(real(options.tomogram, options.particles) if options.tomogram else synthetic()),
    )
    stage.dock.run_button.click()
    stage.wait(lambda: stage.modelling.progress[0] > 20)
    stage.take("initial-model-growing")
    stage.wait(lambda: False)
    stage.take("initial-model")
    stage.dock.view.scene.click()
    QTest.qWait(1500)
    stage.take("initial-model-3d")
    print(stage.modelling.message)
    stage.workspace.close_project()
    stage.viewer.close()
    QApplication.processEvents()


if __name__ == "__main__":
    main()
