"""The Consensus page of the Steps dock: ticked, looked at, saved, kept, and shown in Review."""

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step


def test_a_consensus_is_looked_at_saved_kept_and_reviewed(window, dock, press, qtbot, tmp_path, monkeypatch):
    workspace = workspace_for(window)
    session = workspace.session
    for name, x in {"hand": [10, 40, 50], "net": [12, 30, 52], "truth": [11, 40, 51]}.items():
        positions = np.array([[value, 20.0, 10.0] for value in x])
        particles = Particles(positions, tomograms=["tomo_2"] * 3, voxel_size_angstrom=10.0)
        session.add_particles(name, particles, Step("manual"))
    steps = dock("Steps")
    assert not steps.preview_button.isVisible()
    page = steps.show_step("Consensus")
    assert steps.preview_button.isVisible()
    assert page.form.field("votes").value() == -1
    assert not page.form.field("symmetry").isVisible()
    assert not page.grid.isVisible()

    def run(name):
        press(steps, name)
        qtbot.waitUntil(lambda: not steps.runner.running, timeout=30000)
        qtbot.wait(60)

    run("preview-step")
    assert steps.report.text() == "Consensus, not done: tick two or more particle sets to put together"
    for row in (0, 1):
        page.sets.item(row).setCheckState(Qt.CheckState.Checked)
    page.reference.setCurrentText("truth (3)")
    page.form.field("radius").setValue(5.0)
    before = session.particle_sets()
    run("preview-step")
    assert steps.report.text().startswith("Consensus: 2 particles from 6 picks in 2 sets")
    assert session.particle_sets() == before
    tabs = page.results.tabs
    assert page.results.title.text() == "<b>2 particles: radius 5, votes all</b>"
    assert [tabs.tabText(k) for k in range(tabs.count())] == ["Picture", "Who", "Sets", "Tomograms", "Scores"]
    picture = tabs.widget(0).findChild(QWidget, "consensus-picture")
    assert picture.pixmap().width() > 0
    assert picture.width() <= steps.width()
    tabs.setCurrentIndex(4)
    scores = tabs.currentWidget().findChild(QWidget, "consensus-scores")
    assert scores.rows[-1][:4] == ("the consensus", "1.000", "0.667", "0.800")

    # a name without suffix is of the kind that was chosen
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "who"), "SVG (*.svg)"))
    page.results.save_picture.click()
    assert page.results.saved.text() == f"wrote {tmp_path / 'who.svg'}"
    assert (tmp_path / "who.svg").exists()
    monkeypatch.setattr("napari_tomopick.layers.compat.show_error", lambda text: None)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "who.xls"), "CSV (*.csv)"))
    page.results.save_table.click()
    assert "a table is .csv" in workspace.trouble
    assert not page.results.saved.text()

    run("run-step")
    made = session.particle_sets()[-1]
    assert (made.name, made.count) == ("consensus of hand, net", 2)
    assert page.results.isVisibleTo(page)
    assert tabs.currentIndex() == 4
    # in the tomogram that it lies in
    qtbot.waitUntil(lambda: workspace.tomogram_name == "tomo_2")
    review = window.window._qt_window.findChild(QWidget, "tomopick-review")
    qtbot.waitUntil(lambda: review.uid == made.uid)
    assert workspace.review.is_visible(made.uid)
    assert not page.sets.item(3).checkState() == Qt.CheckState.Checked
    session.undo()
    assert session.particle_sets() == before
    # what stands there when the project is closed does no harm
    workspace.close_project()
    page.sets.item(0).setCheckState(Qt.CheckState.Unchecked)
