"""The Boxing dock in a real window, with a stand-in for the network."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog, QInputDialog, QSlider, QTabWidget

from fake_engine import FakeEngine, planted
from napari_tomopick.io.volumes import write_mrc
from napari_tomopick.layers.boxing_gallery import KINDS
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.tomogram import Tomogram
from napari_tomopick.project import Session

SHAPE = (40, 60, 80)
BALLS = planted()[1]
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "project.tomopick"
    with Session.create(path) as session:
        for seed, name in enumerate(("tomo_1", "tomo_2")):
            write_mrc(tmp_path / f"{name}.mrc", planted(seed=seed)[0], 10.0)
            session.add_tomogram(Tomogram(name, tmp_path / f"{name}.mrc", SHAPE, 10.0))
    return path


@pytest.fixture
def box(window, dock, qtbot):
    """The dock on two tomograms of balls, of which two are references, and one place that is none."""
    work = workspace_for(window)
    work.boxing.engine = FakeEngine()
    work.boxing.set_sizes(box_size=16)
    window.window.resize(1270, 770)
    widget = dock("Boxing")
    for ball in BALLS[:2]:
        work.boxing.refer_at(ball, "positive")
    work.boxing.refer_at([2, 2, 2], "negative")
    settle(widget, qtbot)
    yield widget
    work.boxing.engine.gate.set()
    settle(widget, qtbot)


def settle(widget, qtbot):
    boxing = widget.boxing
    qtbot.waitUntil(
        lambda: not (boxing.learning.background.running or boxing.network.background.running), timeout=20000
    )
    qtbot.wait(120)


def page(widget, kind, qtbot):
    widget.galleries.setCurrentIndex(KINDS.index(kind))
    qtbot.wait(80)
    found = widget.galleries.page
    qtbot.waitUntil(lambda: all(t.picture is not None for t in found.grid.tiles), timeout=10000)
    return found


def click_tile(grid, index, qtbot, modifiers=Qt.KeyboardModifier.NoModifier, button=LEFT, at=None):
    place = grid.tile_rect(index).center() if at is None else at
    qtbot.mouseMove(grid, place)
    qtbot.mouseClick(grid, button, modifiers, place)


def test_what_is_learned_is_shown(box, qtbot):
    assert box.network.state.text().startswith("Instant: ")
    assert "not kept yet" in box.network.state.text()
    assert "3 more positive" in box.network.to_do.text()
    assert box.teaching.particle.text() == "≈ 10"
    assert box.galleries.tabText(KINDS.index("positive")) == "Positive 2"
    grid = page(box, "particles", qtbot).grid
    shown = box.boxing.picks.shown
    assert len(grid.tiles) == min(len(shown), grid.capacity)
    assert grid.tiles[0].caption.endswith(f"{shown.scores.max():.3g}")


def test_modes_by_button(box, press, qtbot):
    picking = box.workspace.picking
    press(box, "boxing-negative")
    assert box.boxing.on
    assert box.boxing.role == "negative"
    caption = box.workspace.viewer.canvas.overlays.text
    assert "a click is a negative reference" in caption.text
    press(box, "boxing-look")
    assert (box.boxing.on, picking.mode) == (False, "pan_zoom")
    assert not box.teaching.modes["negative"].isChecked()
    press(box, "boxing-positive")
    picking.set_mode("add")
    qtbot.wait(60)
    assert [b.isChecked() for b in box.teaching.modes.values()] == [False] * 3


def test_clicks_in_the_galleries(box, qtbot):
    boxing, session = box.boxing, box.workspace.session
    grid = page(box, "particles", qtbot).grid
    last = len(grid.tiles) - 1
    click_tile(grid, last, qtbot, CTRL)
    settle(box, qtbot)
    assert boxing.count("negative") == 2
    grid = page(box, "particles", qtbot).grid
    click_tile(grid, 0, qtbot)
    settle(box, qtbot)
    assert boxing.count("positive") in (2, 3)
    before = len(boxing.picks.shown)
    click_tile(grid, 1, qtbot, SHIFT)
    settle(box, qtbot)
    [kept] = session.particle_sets()
    assert kept.count == before - 1
    click_tile(grid, 2, qtbot, SHIFT | CTRL)
    settle(box, qtbot)
    assert session.particle_set(kept.uid).count == 2
    # the right button goes there
    click_tile(grid, 1, qtbot, button=RIGHT)
    place = boxing.picks.shown.positions[np.argsort(-boxing.picks.shown.scores)[1]]
    np.testing.assert_allclose(box.workspace.viewer.dims.point, np.round(place[::-1]))
    # as does a click on a reference
    grid = page(box, "positive", qtbot).grid
    first = boxing.model("positive").points[0]
    click_tile(grid, 0, qtbot)
    np.testing.assert_allclose(box.workspace.viewer.dims.point, np.round(first[::-1]))
    click_tile(grid, 0, qtbot, SHIFT)
    settle(box, qtbot)
    assert not (boxing.model("positive").points == first).all(axis=1).any()


def test_answers(box, qtbot):
    boxing = box.boxing
    grid = page(box, "uncertain", qtbot).grid
    assert grid.tiles
    place = grid.badge(0, "negative").center()
    click_tile(grid, 0, qtbot, at=place)
    settle(box, qtbot)
    assert boxing.count("negative") == 2
    grid = page(box, "uncertain", qtbot).grid
    click_tile(grid, 0, qtbot, at=grid.badge(0, "positive").center())
    settle(box, qtbot)
    assert boxing.count("positive") == 3


def test_training_with_progress_and_cancel(box, press, qtbot):
    boxing = box.boxing
    boxing.engine.gate.clear()
    press(box, "train")
    qtbot.waitUntil(lambda: box.network.bar.isVisible() and box.network.cancel.isVisible(), timeout=5000)
    assert not box.network.train.isEnabled()
    press(box, "cancel-boxing")
    assert not boxing.network.background.running
    assert "Stopped: training" in box.network.message.text()
    assert box.network.train.isEnabled()
    boxing.engine.gate.set()
    qtbot.wait(100)
    assert boxing.network.trained is None
    press(box, "train")
    settle(box, qtbot)
    assert box.network.plot.loss == boxing.network.trained.picker.history
    assert "held back: 0.90" in box.network.plot.text()
    assert box.network.state.text().startswith("Network, trained 20 s: ")
    press(box, "apply")
    settle(box, qtbot)
    assert box.network.state.text().startswith("Kept ")
    press(box, "apply-all")
    settle(box, qtbot)
    assert box.workspace.session.particle_sets()[0].tomograms == ("tomo_1", "tomo_2")
    assert "1 done already" in box.network.message.text()
    press(box, "stage-instant")
    assert box.network.state.text().startswith("Instant: ")
    press(box, "reset-network")
    assert not box.network.instant.isVisible()


def test_sliders_show_at_once_and_keep_once(box, press, qtbot):
    boxing, session = box.boxing, box.workspace.session
    slider = box.network.threshold.slider
    assert isinstance(slider, QSlider)
    edits = []
    session.history_changed.connect(lambda: edits.append(session.undo_label))
    slider.setSliderDown(True)
    counts = []
    high = round(1000 * float(boxing.picks.shown.scores[3]) - 1)
    for place in (300, 500, 700, high):
        slider.setValue(place)
        counts.append(len(boxing.picks.shown))
    assert counts == sorted(counts, reverse=True)
    assert edits == []
    assert boxing.picks.live
    slider.setSliderDown(False)
    assert len(edits) == 1
    assert not boxing.picks.live
    assert session.particle_sets()[0].count == counts[-1]
    assert box.network.threshold.number.value() == high / 1000
    # typed numbers are kept after a moment
    box.network.maximum.number.setValue(3)
    qtbot.waitUntil(lambda: session.particle_sets()[0].count == min(3, counts[-1]), timeout=3000)
    press(box, "proposed-cutoffs")
    qtbot.wait(100)
    assert box.network.threshold.number.value() == 0.5
    assert box.network.maximum.number.text() == "all"
    assert session.particle_sets()[0].count > counts[-1]
    session.history_changed.disconnect()


def test_kinds_and_sizes(box, qtbot, monkeypatch):
    teaching, boxing = box.teaching, box.boxing
    teaching.box.setValue(20)
    teaching.network.setValue(30)
    teaching.particle.setValue(12)
    teaching.group.setValue(4)
    settle(box, qtbot)
    sizes = boxing.sizes
    assert (sizes.box_size, sizes.particle_size, sizes.network_box, sizes.group) == (20, 12.0, 30.0, 4)
    teaching.particle.setValue(teaching.particle.minimum())
    settle(box, qtbot)
    assert boxing.sizes.particle_size is None
    monkeypatch.setattr(QInputDialog, "getText", lambda *a, **k: ("ribosomes", True))
    qtbot.mouseClick(teaching.rename, LEFT)
    qtbot.wait(60)
    assert boxing.label == "ribosomes"
    assert [m.name for m in boxing.models()] == ["ribosomes +", "ribosomes -"]
    line = teaching.label.lineEdit()
    line.selectAll()
    qtbot.keyClicks(line, "proteasomes")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    settle(box, qtbot)
    assert boxing.label == "proteasomes"
    assert boxing.count("positive") == 0
    assert [teaching.label.itemText(i) for i in range(teaching.label.count())] == ["ribosomes", "proteasomes"]
    teaching.label.setCurrentIndex(0)
    teaching.label.activated.emit(0)
    settle(box, qtbot)
    assert (boxing.label, boxing.count("positive")) == ("ribosomes", 2)


def test_files(box, press, qtbot, tmp_path, monkeypatch):
    press(box, "train")
    settle(box, qtbot)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "n.safetensors"), ""))
    press(box, "save-network")
    assert box.network.message.text() == "Saved as n.safetensors."
    press(box, "reset-network")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(tmp_path / "n.safetensors"), ""))
    press(box, "load-network")
    settle(box, qtbot)
    assert box.network.plot.text().startswith("n.safetensors: ")
    assert "taught at 10 Å" in box.network.message.text()
    press(box, "apply")
    settle(box, qtbot)
    assert box.workspace.session.particle_sets()[0].count > 0


def test_one_kind_missing_is_said(box, press, qtbot):
    boxing = box.boxing
    boxing.remove([(boxing.model("negative").uid, 0)])
    settle(box, qtbot)
    assert "no particle" in box.network.state.text()
    press(box, "train")
    qtbot.wait(60)
    assert "no negative reference" in box.trouble.text()


def test_closing_and_opening_again(window, box, dock, qtbot):
    work, boxing = box.workspace, box.boxing
    frame = box.parentWidget()
    while frame.objectName() == "" or not hasattr(frame, "isFloating"):
        frame = frame.parentWidget()
    window.window.remove_dock_widget(box)
    del box, frame
    again = dock("Boxing")
    qtbot.wait(200)
    assert boxing.opened
    assert work.picking.mode == "box"
    assert again.network.state.text().startswith("Instant: ")


def test_nothing_is_cut_off(box, press, qtbot):
    press(box, "train")
    settle(box, qtbot)
    area = next(a for a in box.findChildren(object) if type(a).__name__ == "QScrollArea" and a.widget())
    assert not area.verticalScrollBar().isVisible()
    assert area.widget().minimumSizeHint().width() <= area.viewport().width()
    for kind in KINDS:
        page(box, kind, qtbot)
        for button in box.findChildren(object):
            if hasattr(button, "isCheckable") and hasattr(button, "text") and button.isVisible():
                room = button.fontMetrics().horizontalAdvance(button.text())
                assert button.width() >= room, button.text()
    tabs = box.findChild(QTabWidget, "boxing-galleries").tabBar()
    assert tabs.sizeHint().width() <= tabs.width() + 2
    assert box.galleries.page.grid.mapTo(box, QPoint(0, 0)).y() < box.height()
