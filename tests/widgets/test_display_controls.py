"""The fields for slab, low-pass and contrast: they show the display, and change it, wherever they stand."""

from __future__ import annotations

import gc
import weakref

import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.project import Session
from napari_tomopick.widgets.display_controls import DisplayControls


@pytest.fixture
def workspace(project):
    viewer = ViewerModel()
    workspace = workspace_for(viewer)
    workspace.set_session(Session.open(project))
    workspace.open_tomogram("tomo_1")
    yield workspace
    workspace.close_project()


@pytest.fixture
def controls(workspace, qtbot):
    controls = DisplayControls(workspace)
    qtbot.addWidget(controls)
    controls.show()
    return controls


def test_fields_change_the_display(workspace, controls, qtbot):
    display = workspace.display
    controls.thickness.setValue(7)
    controls.low_pass.setValue(80)
    controls.clip.setValue(3.0)
    qtbot.mouseClick(controls.invert, Qt.MouseButton.LeftButton)
    assert (display.thickness, display.low_pass_angstrom, display.clip_percent) == (7, 80.0, 3.0)
    assert display.inverted
    limits = display.limits
    workspace.viewer.dims.set_point(0, 2)
    qtbot.mouseClick(controls.fit, Qt.MouseButton.LeftButton)
    assert display.limits != limits
    controls.low_pass.setValue(0)
    assert display.low_pass_angstrom is None
    qtbot.mouseClick(controls.whole, Qt.MouseButton.LeftButton)
    assert (display.clip_percent, display.inverted) == (0.5, False)
    assert not controls.invert.isChecked()


def test_all_of_them_show_the_same(workspace, controls, qtbot):
    other = DisplayControls(workspace)
    qtbot.addWidget(other)
    other.thickness.setValue(5)
    workspace.display.set_low_pass(60.0)
    workspace.display.set_inverted(True)
    assert controls.thickness.value() == 5
    assert controls.low_pass.value() == 60
    assert controls.invert.isChecked()
    workspace.close_tomogram()
    assert not controls.fit.isEnabled()
    controls.thickness.setValue(3)
    assert workspace.display.thickness == 3


def test_low_pass_steps_are_to_be_seen(controls):
    field = controls.low_pass
    assert field.text() == "off"
    field.stepBy(1)
    # 10 Å per voxel: below 20 Å there is nothing to filter
    assert field.value() == 40
    field.stepBy(1)
    assert field.value() == 50
    field.stepBy(-3)
    assert field.value() == 20
    field.stepBy(-1)
    assert field.text() == "off"


def test_it_fits_into_a_dock(controls):
    assert controls.minimumSizeHint().width() <= 330


def test_a_deleted_one_hears_nothing_more(workspace, qtbot):
    before = len(workspace.display.grey_changed)
    holder = QWidget()
    qtbot.addWidget(holder)
    controls = DisplayControls(workspace)
    QVBoxLayout(holder).addWidget(controls)
    left = weakref.ref(controls)
    controls.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    # Python still has it
    assert len(workspace.display.grey_changed) == before
    workspace.display.set_thickness(4)
    del controls

    def gone():
        gc.collect()
        return left() is None

    qtbot.waitUntil(gone)
