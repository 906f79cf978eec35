"""The Initial model dock in a real window, with a stand-in for the protocol."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Surface
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QPushButton, QToolButton, QWidget

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step
from napari_tomopick.protocols.extract import extract
from napari_tomopick.widgets import matching
from napari_tomopick.widgets.dock import MARGIN
from stand_in_model import StandIn


def cut_off(dock):
    """What reaches beyond the edge of the page that is in front."""
    return [
        field.objectName() or type(field).__name__
        for field in dock.tabs.currentWidget().findChildren(QWidget)
        if field.isVisible() and field.mapTo(dock, QPoint(field.width(), 0)).x() > dock.width() - MARGIN
    ]


@pytest.fixture
def model(window, qtbot, tmp_path):
    """The dock on five extracted boxes without a tilt range."""
    work = workspace_for(window)
    places = np.random.default_rng(0).uniform(12, 28, (5, 3))
    particles = Particles(places, tomograms=["tomo_1"] * 5, voxel_size_angstrom=10.0)
    boxes = extract(particles, [work.tomogram], tmp_path / "balls subtomograms", box_size=16)
    work.session.add_result("subtomograms", boxes.folder, Step("extract"))
    work.initial_model.make = StandIn()
    window.window.resize(1270, 770)
    _, dock = window.window.add_plugin_dock_widget("napari-tomopick", "Initial model")
    qtbot.waitUntil(lambda: "5 subtomograms" in dock.setup.about.text(), timeout=10000)
    dock.setup.form.field("tilt_range_degrees").setText("-60 60")
    yield dock
    work.initial_model.give_up()


def finish(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.modelling.running, timeout=20000)
    qtbot.wait(100)


def test_from_set_up_to_a_model_and_what_to_do_with_it(model, press, qtbot, tmp_path, window, monkeypatch):
    setup = model.setup
    assert setup.subtomograms.currentText() == "balls subtomograms"
    assert setup.output.line.text() == str(tmp_path / "balls initial model.mrc")
    assert not setup.folder.isVisible()
    assert model.tabs.currentIndex() == 0
    setup.form.field("batch_size").setValue(7)
    for button in setup.form.findChildren(QToolButton):
        if button.text().startswith("Advanced"):
            button.setChecked(True)
    qtbot.wait(80)
    assert cut_off(model) == []
    press(model, "run-model")
    finish(model, qtbot)
    [(folder, output, options)] = model.modelling.make.calls
    assert (folder.name, output.name) == ("balls subtomograms", "balls initial model.mrc")
    assert (options["batch_size"], options["iterations"], options["reference"]) == (7, 5, None)
    assert options["tilt_range_degrees"] == (-60, 60)
    view = model.view
    assert model.tabs.currentWidget().isAncestorOf(view)
    assert view.state.text().startswith("From 4 subtomograms; its halves agree to 40.7 Å")
    assert view.agreement.isVisible()
    assert view.directions.count == 4
    assert model.message.text().startswith("Kept as balls initial model.mrc")
    page = model.tabs.currentWidget()
    assert cut_off(model) == []
    assert not page.verticalScrollBar().isVisible()
    for button in page.findChildren(QPushButton):
        assert button.width() >= button.fontMetrics().horizontalAdvance(button.text())
    # whether there is a scroll bar or not, nothing makes it come and go
    height = model.height()
    for less in range(0, 120, 4):
        model.setFixedHeight(height - less)
        qtbot.wait(1)
    assert page.verticalScrollBar().isVisible()
    model.setFixedHeight(height)
    # another run is not to replace it
    assert setup.output.line.text().endswith("balls initial model 2.mrc")
    # the other class
    assert view.which.isVisible()
    view.which.setCurrentIndex(1)
    view.which.activated.emit(1)
    qtbot.wait(80)
    assert view.directions.count == 1
    assert not view.agreement.isVisible()
    press(model, "model-3d")
    assert any(type(layer) is Surface for layer in window.layers)
    assert view.scene.isChecked()
    assert window.dims.ndisplay == 3
    press(model, "model-3d")
    assert not any(type(layer) is Surface for layer in window.layers)
    assert (window.dims.ndisplay, view.scene.isChecked()) == (2, False)
    taken = []
    monkeypatch.setattr(matching, "use_as_template", lambda viewer, path: taken.append((viewer, path)))
    press(model, "model-template")
    assert taken == [(model.workspace.viewer, tmp_path / "balls initial model_class2.mrc")]


def test_it_is_seen_while_it_grows_and_can_be_stopped_also_in_a_new_dock(model, press, qtbot, window):
    go_on, reached = threading.Event(), threading.Event()

    def watch(tell, number):
        tell(number)
        if number == 2:
            reached.set()
            assert go_on.wait(20)

    model.modelling.make.watch = watch
    press(model, "run-model")
    assert reached.wait(10)
    qtbot.waitUntil(lambda: model.view.state.text().startswith("Start 2 of 3 is ahead"), timeout=5000)
    assert len(model.view.scores.plot.lines) == 3
    assert [line.strong for line in model.view.scores.plot.lines] == [False, True, False]
    assert model.bar.isVisible()
    assert (model.bar.value(), model.bar.maximum()) == (2, 6)
    assert not model.run_button.isEnabled()
    assert not model.view.template.isEnabled()
    # it goes on without its dock
    window.window.remove_dock_widget(model)
    _, model = window.window.add_plugin_dock_widget("napari-tomopick", "Initial model")
    qtbot.waitUntil(lambda: model.view.state.text().startswith("Start 2 of 3 is ahead"), timeout=5000)
    press(model, "cancel-model")
    assert "stopping" in model.bar.format()
    assert not model.cancel.isEnabled()
    go_on.set()
    finish(model, qtbot)
    assert "It was stopped early." in model.message.text()
    assert model.run_button.isEnabled()
    assert not model.bar.isVisible()
    assert model.view.template.isEnabled()


def test_what_is_missing_is_said_in_the_dock(model, press, qtbot, monkeypatch, tmp_path):
    told = []
    monkeypatch.setattr("napari_tomopick.layers.compat.show_error", told.append)
    model.setup.form.field("tilt_range_degrees").clear()
    press(model, "run-model")
    qtbot.waitUntil(model.message.isVisible)
    assert "the tilt range of tomo_1 is not known" in model.message.text()
    assert not model.trouble.isVisible()
    assert model.tabs.currentIndex() == 0
    assert model.modelling.make.calls == []
    assert len(told) == 1
    # what the form cannot read
    model.setup.form.field("tilt_range_degrees").setText("steep")
    press(model, "run-model")
    qtbot.waitUntil(model.trouble.isVisible)
    assert "'steep' is not 2 numbers" in model.trouble.text()
    # another folder
    setup = model.setup
    setup.subtomograms.setCurrentIndex(setup.subtomograms.count() - 1)
    qtbot.wait(60)
    assert setup.folder.isVisible()
    assert model.modelling.folder is None
    setup.folder.line.setText(str(tmp_path))
    qtbot.waitUntil(lambda: "no folder of subtomograms" in setup.about.text(), timeout=5000)
    setup.folder.line.setText(str(tmp_path / "balls subtomograms"))
    qtbot.waitUntil(lambda: "5 subtomograms" in setup.about.text(), timeout=5000)
