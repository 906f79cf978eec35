"""Make the picture of the Consensus step from the sample project with simulated pickers; Xvfb will do.

usage: python tools/screenshots_consensus.py [FOLDER]   (default: docs/images)
"""

import argparse
from pathlib import Path

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from screenshots import Stage

from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step

# of each: share of the particles found, false ones per particle, error in voxels
PICKERS = {
    "by hand": (0.75, 0.03, 1.0),
    "convnet": (0.92, 0.3, 1.5),
    "template matching": (0.85, 0.2, 2.0),
}


def add_pickers(stage: Stage) -> None:
    """Sets of the crop points of the membrane as pickers might have found them, and these as the truth."""
    session, name = stage.session, stage.workspace.tomogram_name
    source = next(s for s in session.particle_sets() if s.name == "outer membrane crop points")
    true = session.particles(source.uid, name)
    rng, shape = np.random.default_rng(1), stage.workspace.tomogram.shape
    for picker, (found, false, error) in PICKERS.items():
        hits = true.positions[rng.random(len(true)) < found]
        hits = hits + rng.normal(0, error, hits.shape)
        wrong = rng.uniform(5, np.array(shape[::-1]) - 6, (round(false * len(true)), 3))
        positions = np.clip(np.concatenate([hits, wrong]), 0, np.array(shape[::-1]) - 1)
        particles = Particles(
            positions,
            tomograms=[name] * len(positions),
            voxel_size_angstrom=true.voxel_size_angstrom,
            box_size=true.box_size,
        )
        session.add_particles(picker, particles, Step("manual"))


def main() -> None:
    """Play it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(options.folder)
    add_pickers(stage)
    dock = stage.dock("Steps")
    page = dock.show_step("Consensus")
    QTest.qWait(500)
    for k in range(page.sets.count()):
        if any(page.sets.item(k).text().startswith(picker) for picker in PICKERS):
            page.sets.item(k).setCheckState(Qt.CheckState.Checked)
    page.reference.setCurrentIndex(page.reference.findText("outer membrane", Qt.MatchFlag.MatchStartsWith))
    page.form.field("votes").setValue(2)
    dock.preview_button.click()
    while dock.runner.running:
        QTest.qWait(50)
    stage.take("step-consensus")
    page.results.tabs.setCurrentIndex(page.results.tabs.count() - 1)
    stage.take("step-consensus-scores")
    stage.workspace.close_project()
    stage.viewer.close()
    QApplication.processEvents()


if __name__ == "__main__":
    main()
