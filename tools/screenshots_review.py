"""Make the pictures of docs/review.md from the sample project with false picks put in; Xvfb will do.

usage: python tools/screenshots_review.py [FOLDER]   (default: docs/images)
"""

import argparse
from pathlib import Path

import numpy as np
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy.spatial.transform import Rotation
from screenshots import Stage

from napari_tomopick.models.filters import Range
from napari_tomopick.models.particles import Particles, concatenate
from napari_tomopick.models.step import Step

FALSE = 0.3


def with_false_ones(stage: Stage) -> str:
    """The crop points of the membrane and a third as many false ones as a set with scores; its uid."""
    session, name = stage.session, stage.workspace.tomogram_name
    source = next(s for s in session.particle_sets() if s.name == "outer membrane crop points")
    true = session.particles(source.uid, name)
    rng, shape = np.random.default_rng(1), stage.workspace.tomogram.shape
    n = round(FALSE * len(true))
    false = Particles(
        rng.uniform(5, np.array(shape[::-1]) - 6, (n, 3)),
        Rotation.random(n, rng=rng),
        groups=np.full(n, 2),
        tomograms=[name] * n,
        voxel_size_angstrom=true.voxel_size_angstrom,
        box_size=true.box_size,
    )
    both = concatenate([true, false])
    scores = np.concatenate([rng.normal(1, 0.3, len(true)), rng.normal(0.3, 0.3, n)])
    both = Particles(
        both.positions,
        both.rotations,
        scores=scores,
        groups=both.groups,
        tomograms=both.tomograms,
        voxel_size_angstrom=both.voxel_size_angstrom,
        box_size=both.box_size,
    )
    return session.add_particles("crop points, some false", both, Step("manual"), "#e69f00")


def main() -> None:
    """Play it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(options.folder)
    review = stage.workspace.review
    uid = with_false_ones(stage)
    review.set_visible(uid, True)
    dock = stage.dock("Review")
    dock.choose(uid)

    def page(title: str) -> None:
        titles = [dock.tabs.tabText(i) for i in range(dock.tabs.count())]
        dock.tabs.setCurrentIndex(titles.index(title))
        while review.filters.is_measuring(uid):
            QTest.qWait(50)
        QTest.qWait(300)

    page("Filter")
    review.filters.set_range(uid, "score", Range(low=0.5))
    review.filters.set_range(uid, "membrane_distance", Range(-15.0, 15.0))
    review.set_look(dim=True)
    stage.take("review-filter")
    review.set_look(dim=False)
    review.filters.reset(uid)

    page("Clean")
    dock.cleaning.rule.setCurrentText("Off the membrane")
    dock.cleaning.look.click()
    stage.take("review-clean", 1500)

    page("Table")
    dock.particles.table.horizontalHeader().sectionClicked.emit(4)
    stage.take("review-table")

    page("Orient")
    stage.viewer.dims.ndisplay = 3
    stage.settle(1500)
    review.marking.set_tool("lasso")
    width, height = stage.viewer.canvas.size[::-1]
    angles = np.linspace(0, 1.9 * np.pi, 60)
    places = np.column_stack(
        [0.28 * width + 0.22 * width * np.cos(angles), 0.4 * height - 0.24 * height * np.sin(angles)]
    )
    outline = review.marking.begin(stage.workspace.main_pane, tuple(places[0]), ())
    for place in places[1:]:
        outline.to(tuple(place))
    review.marking.mark(stage.workspace.main_pane, outline.corners, "only")
    stage.take("review-lasso", 1500)
    outline.cancel()
    stage.workspace.close_project()
    stage.viewer.close()
    QApplication.processEvents()


if __name__ == "__main__":
    main()
