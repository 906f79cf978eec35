"""The Template matching dock in a real window, with a stand-in for the search."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QScrollArea

from fake_matching import FakeMatching, a_map, a_tomogram
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.project import Session
from napari_tomopick.widgets.matching import MatchingDock, use_as_template
from napari_tomopick.widgets.matching_pictures import edges

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "project.tomopick"
    with Session.create(path) as session:
        for name in ("tomo_1", "tomo_2"):
            session.add_tomogram(a_tomogram(tmp_path, name))
    return path


@pytest.fixture
def matching_dock(window, dock, qtbot, tmp_path):
    """The dock with a template chosen."""
    work = workspace_for(window)
    work.matching.engine = FakeMatching()
    window.window.resize(1270, 770)
    widget = dock("Template matching")
    use_as_template(window, a_map(tmp_path / "crown.mrc"))
    settle(widget, qtbot)
    yield widget
    work.matching.engine.gate.set()
    settle(widget, qtbot)


def settle(widget, qtbot):
    matching = widget.matching
    qtbot.waitUntil(
        lambda: not (matching.choice.reading.running or matching.runs.background.running), timeout=20000
    )
    qtbot.wait(120)


def test_a_template_is_shown(matching_dock, qtbot, tmp_path, monkeypatch):
    template = matching_dock.template
    assert template.template.currentText() == "crown.mrc"
    assert [s.axes for s in template.pictures.sections] == ["xy", "xz", "yz"]
    assert template.pictures.has_wedge
    assert "16³ voxels of 10 Å" in template.words.text()
    assert "67%" in template.wedge.text()
    assert "orientations" in matching_dock.search.orientations.text()
    one = matching_dock.search.orientations.text()
    line = template.symmetry.lineEdit()
    line.selectAll()
    qtbot.keyClicks(line, "C4")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    settle(matching_dock, qtbot)
    assert matching_dock.matching.choice.chosen.symmetry == "C4"
    assert matching_dock.search.orientations.text() != one
    # a bad one is told in full, and nothing is changed
    line.selectAll()
    qtbot.keyClicks(line, "X4")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    settle(matching_dock, qtbot)
    assert "X4" in matching_dock.trouble.text()
    assert matching_dock.matching.choice.chosen.symmetry == "C4"
    (tmp_path / "bad.mrc").write_bytes(b"no map")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(tmp_path / "bad.mrc"), ""))
    qtbot.mouseClick(template.file, LEFT)
    settle(matching_dock, qtbot)
    assert "bad.mrc" in matching_dock.trouble.text()
    assert template.template.currentText() == "crown.mrc"


def test_a_search_is_watched_held_and_stopped(matching_dock, press, qtbot):
    dock, runs = matching_dock, matching_dock.matching.runs
    dock.matching.engine.gate.clear()
    press(dock, "match")
    qtbot.waitUntil(lambda: dock.search.bar.isVisible() and dock.search.bar.maximum() == 10, timeout=5000)
    assert not dock.search.match.isEnabled()
    press(dock, "pause-match")
    qtbot.waitUntil(lambda: "paused" in dock.search.doing.text(), timeout=5000)
    assert dock.search.hold.text() == "Resume"
    press(dock, "pause-match")
    assert not runs.background.paused
    press(dock, "cancel-match")
    qtbot.waitUntil(lambda: dock.search.match.isEnabled(), timeout=5000)
    assert "Stopped: matching crown in tomo_1" in dock.search.message.text()
    assert dock.workspace.session.particle_sets() == ()
    assert not dock.search.bar.isVisible()


def test_threshold_by_slider_and_by_histogram(matching_dock, press, qtbot):
    dock, session = matching_dock, matching_dock.workspace.session
    press(dock, "match")
    settle(dock, qtbot)
    assert "Kept 12 particles" in dock.found.state.text()
    assert dock.found.count.text().startswith("12 of 72 candidates")
    edits = []
    session.history_changed.connect(lambda: edits.append(session.undo_label))
    slider = dock.found.threshold.slider
    slider.setSliderDown(True)
    for place in (850, 900):
        slider.setValue(place)
    shown = len(dock.matching.results.shown)
    assert dock.found.count.text().startswith(f"{shown} of 72")
    assert dock.found.histogram.threshold == dock.matching.results.outcome.threshold
    assert edits == []
    slider.setSliderDown(False)
    assert len(edits) == 1
    assert session.particle_sets()[0].count == shown < 12
    # the line of the histogram does the same
    plot = dock.found.histogram
    y = plot.height() // 2
    qtbot.mousePress(plot, LEFT, pos=QPoint(round(plot.place_of(0.6)), y))
    qtbot.mouseMove(plot, QPoint(round(plot.place_of(0.35)), y))
    assert len(edits) == 1
    assert len(dock.matching.results.shown) == 12
    qtbot.mouseRelease(plot, LEFT, pos=QPoint(round(plot.place_of(0.35)), y))
    assert len(edits) == 2
    assert dock.matching.results.outcome.threshold == pytest.approx(0.35, abs=0.01)
    # fewer particles are kept after a pause
    dock.search.form.field("number").setValue(4)
    assert len(dock.matching.results.shown) == 4
    qtbot.waitUntil(lambda: session.particle_sets()[0].count == 4, timeout=3000)
    session.history_changed.disconnect()


def test_a_preview_is_kept_by_a_button(matching_dock, press, qtbot):
    dock = matching_dock
    press(dock, "preview-match")
    settle(dock, qtbot)
    assert dock.found.state.text().startswith("Preview of sections ")
    assert dock.workspace.session.particle_sets() == ()
    dock.found.threshold.slider.setValue(700)
    qtbot.wait(700)
    assert dock.workspace.session.particle_sets() == ()
    press(dock, "keep-matches")
    assert dock.workspace.session.particle_sets()[0].count > 0
    assert not dock.found.keep.isVisible()


def test_options_are_those_of_the_form(matching_dock, press, qtbot):
    dock = matching_dock
    form = dock.search.form
    form.field("rmgold").setChecked(False)
    form.field("angle_step_degrees").setValue(30)
    form.field("dthr").setText("12")
    form.field("box_size").setText("20")
    qtbot.keyClicks(dock.search.name, "crowns")
    press(dock, "match-all")
    settle(dock, qtbot)
    assert "30° apart" in dock.search.orientations.text()
    for _, options in dock.matching.engine.calls:
        wanted = {"rmgold": False, "angle_step_degrees": 30, "dthr": 12, "box_size": 20, "number": 500}
        assert options.items() >= wanted.items()
        assert {"sections", "threshold"}.isdisjoint(options)
    [kept] = dock.workspace.session.particle_sets()
    assert (kept.name, kept.box_size, kept.tomograms) == ("crowns", 20, ("tomo_1", "tomo_2"))
    form.field("vthr").setText("many")
    press(dock, "match")
    qtbot.wait(60)
    assert "'many' is not a number" in dock.trouble.text()


def test_closed_while_searching_and_opened_again(window, matching_dock, dock, press, qtbot):
    matching, work = matching_dock.matching, matching_dock.workspace
    matching.engine.gate.clear()
    matching_dock.search.form.field("group").setValue(7)
    press(matching_dock, "match")
    window.window.remove_dock_widget(matching_dock)
    del matching_dock
    qtbot.wait(100)
    assert matching.runs.background.running
    work.open_tomogram("tomo_2")
    qtbot.waitUntil(lambda: work.tomogram_name == "tomo_2")
    matching.engine.gate.set()
    qtbot.waitUntil(lambda: not matching.runs.background.running, timeout=5000)
    assert work.session.particle_sets()[0].tomograms == ("tomo_1",)
    again = dock("Template matching")
    assert again.template.template.currentText() == "crown.mrc"
    assert again.search.form.field("group").value() == 7
    work.open_tomogram("tomo_1")
    qtbot.waitUntil(lambda: again.found.histogram.isVisible(), timeout=5000)


def test_it_is_opened_by_the_picking_dock_and_for_a_map(window, dock, press, qtbot, tmp_path):
    workspace_for(window).matching.engine = FakeMatching()
    picking = dock("Picking")
    press(picking, "open-template-matching")
    found = window.window._qt_window.findChild(MatchingDock)
    assert found is not None
    press(dock("Picking"), "open-boxing")
    qtbot.wait(100)
    assert found.visibleRegion().isEmpty()
    use_as_template(window, a_map(tmp_path / "new.mrc"))
    settle(found, qtbot)
    assert not found.visibleRegion().isEmpty()
    assert found.template.template.currentText() == "new.mrc"


def test_nothing_is_cut_off(matching_dock, press, qtbot):
    dock = matching_dock
    press(dock, "match")
    settle(dock, qtbot)
    dock.search.form._unfold.click()
    qtbot.wait(120)
    area = next(a for a in dock.findChildren(QScrollArea) if a.widget() and a.widget().layout())
    assert area.widget().minimumSizeHint().width() <= area.viewport().width()
    for button in dock.findChildren(QPushButton):
        if button.isVisible() and "…" not in button.text():
            assert button.width() >= button.fontMetrics().horizontalAdvance(button.text()), button.text()
    for label in dock.search.findChildren(QLabel):
        if label.isVisible() and not label.wordWrap():
            assert label.width() >= label.fontMetrics().horizontalAdvance(label.text()), label.text()


def test_the_outline_goes_round_the_mask():
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2] = True
    assert sorted(edges(mask)) == [
        (2, 1, 2, 2),
        (2, 1, 3, 1),
        (2, 2, 2, 3),
        (2, 3, 3, 3),
        (3, 1, 3, 2),
        (3, 2, 3, 3),
    ]
