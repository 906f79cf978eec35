"""The button that compares particles with their average, in the Review dock and in the gallery."""

from __future__ import annotations

import numpy as np
from qtpy.QtWidgets import QProgressBar, QPushButton
from scipy.spatial.transform import Rotation

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.quantities import LIKENESS
from napari_tomopick.models.step import Step

N, FILTER = 8, 1


def test_particles_are_compared_filtered_and_sorted_by_their_likeness(window, dock, press, qtbot):
    workspace = workspace_for(window)
    particles = Particles(
        np.column_stack([8 + 6.0 * np.arange(N), np.full(N, 30.0), np.full(N, 20.0)]),
        # turned, as without orientations PyTorch is asked
        Rotation.random(N, rng=np.random.default_rng(1)),
        tomograms=["tomo_1"] * N,
        voxel_size_angstrom=10.0,
        box_size=12,
    )
    uid = workspace.session.add_particles("row", particles, Step("manual"))
    review = dock("Review")
    qtbot.waitUntil(lambda: review.uid == uid)
    review.tabs.setCurrentIndex(FILTER)
    begin = review.findChild(QPushButton, "filter-compare")
    qtbot.waitUntil(lambda: begin.isVisible() and begin.isEnabled())
    assert "it is now 12 voxels" in begin.toolTip()

    # it is held where it begins, so that it can be seen to run
    real, held = workspace.run_long, []
    workspace.run_long = lambda *what: held.append(what)
    press(review, "filter-compare")
    bar = review.findChild(QProgressBar, "filter-compare-progress")
    qtbot.waitUntil(lambda: bar.isVisible() and not begin.isVisible())
    press(review, "filter-compare-cancel")
    qtbot.waitUntil(begin.isVisible)
    assert LIKENESS not in workspace.session.particles(uid).table

    workspace.run_long = real
    press(review, "filter-compare")
    qtbot.waitUntil(lambda: f"table:{LIKENESS}" in review.filters._rows, timeout=20_000)
    line = review.filters._rows[f"table:{LIKENESS}"]
    qtbot.waitUntil(line.propose.isVisible)
    assert "8 of 8 compared" in review.filters.compare.said.text()
    line.propose.click()
    qtbot.waitUntil(lambda: "of 8 pass." in review.filters.count.text())
    limit = review.filters._filters.proposed(uid, f"table:{LIKENESS}").limit
    assert f"{limit:.5g}" == line.low.text()

    gallery = dock("Gallery")
    gallery.gallery.show(uid)
    gallery.controls.average.setChecked(True)
    qtbot.waitUntil(lambda: f"table:{LIKENESS}" in gallery.gallery.sortings)
    again = gallery.findChild(QPushButton, "average-compare")
    qtbot.waitUntil(lambda: again.isVisible() and again.isEnabled())
    workspace.session.undo()
    press(gallery, "average-compare")
    qtbot.waitUntil(lambda: LIKENESS in workspace.session.particles(uid).table, timeout=20_000)
