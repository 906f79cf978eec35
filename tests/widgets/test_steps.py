"""The Steps dock: options that matter, runs that end well, badly or early, and what is said of them."""

import threading

import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QDialog, QToolButton, QWidget

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.protocols import jobs
from napari_tomopick.widgets.dock import MARGIN


@pytest.fixture
def told(monkeypatch):
    """The errors that a user was shown."""
    texts = []
    monkeypatch.setattr("napari_tomopick.layers.compat.show_error", texts.append)
    return texts


@pytest.fixture
def membrane(window):
    """A traced sheet with its marker, in place of the empty model."""
    session = workspace_for(window).session
    session.remove_model(session.models()[0].uid)
    z, y = (g.ravel() for g in np.meshgrid([8.0, 14, 20, 26, 32], [10.0, 20, 30, 40, 50], indexing="ij"))
    points = np.column_stack([40 + 0.002 * (y - 30) ** 2, y, z])
    model = Model(
        "sheet", ModelType.SURFACE, points, z.astype(int), np.array([60.0, 30, 20]), tomogram="tomo_1"
    )
    return session.add_model(model)


def run(steps, qtbot, press):
    press(steps, "run-step")
    qtbot.waitUntil(lambda: not steps.runner.running, timeout=30000)
    qtbot.wait(60)
    return steps.report.text()


def test_from_crop_points_to_an_average(window, dock, press, qtbot, membrane):
    workspace = workspace_for(window)
    steps = dock("Steps")
    assert steps.step.currentText() == "Import"
    steps.show_step("Crop points")
    assert "Crop points: sheet: " in run(steps, qtbot, press)
    (found,) = workspace.session.particle_sets()
    page = steps.show_step("Extract")
    assert page.particles.currentText() == f"sheet crop points ({found.count})"
    page.form.field("box_size").setValue(8)
    assert "subtomograms" in run(steps, qtbot, press)
    steps.show_step("Average")
    assert not steps.picture.isVisible()
    assert "average of" in run(steps, qtbot, press)
    assert steps.picture.isVisible()
    assert steps.picture.pixmap().width() <= steps.width()
    qtbot.mouseClick(steps.picture, Qt.MouseButton.LeftButton)
    dialog = window.window._qt_window.findChild(QDialog, "whole-picture")
    assert dialog.isVisible()
    assert dialog.width() > steps.width()
    dialog.close()


def test_an_error_is_told_and_stays_to_be_read(window, dock, press, qtbot, told):
    steps = dock("Steps")
    steps.show_step("Extract")
    press(steps, "run-step")
    assert steps.report.text().startswith("Extract, not done: there are no particles yet")
    steps.show_step("Crop points")
    said = run(steps, qtbot, press)
    assert said.startswith("Crop points, not done:")
    assert "membrane" in said
    assert len(told) == 2
    assert steps.run_button.isEnabled()
    assert workspace_for(window).session.particle_sets() == ()


def test_a_step_that_is_stopped_changes_nothing(window, dock, press, qtbot, monkeypatch):
    steps = dock("Steps")
    started, go_on = threading.Event(), threading.Event()

    def compute(progress):
        started.set()
        assert go_on.wait(10)
        progress(1, 2, "half")

    job = jobs.Job("Waiting", compute, lambda session, result: pytest.fail("it was stopped"))
    monkeypatch.setattr(steps.page, "job", lambda session: job)
    press(steps, "run-step")
    assert started.wait(10)
    assert not steps.run_button.isEnabled()
    press(steps, "cancel-step")
    assert steps.report.text() == "Stopping …"
    go_on.set()
    qtbot.waitUntil(lambda: not steps.runner.running)
    assert steps.report.text() == "Import: stopped, and nothing was changed."
    assert steps.run_button.isEnabled()
    assert not steps.cancel_button.isEnabled()
    assert not steps.bar.isVisible()


def test_a_result_is_not_kept_in_a_project_it_does_not_belong_to(
    window, dock, press, qtbot, told, tmp_path, membrane
):
    workspace = workspace_for(window)
    steps = dock("Steps")
    page = steps.show_step("Crop points")
    job = page.job(workspace.session)
    go_on = threading.Event()

    def compute(progress):
        assert go_on.wait(10)
        return job.compute(progress)

    page.job = lambda session: jobs.Job(job.title, compute, job.record)
    press(steps, "run-step")
    workspace.create_project(tmp_path / "other.tomopick")
    go_on.set()
    qtbot.waitUntil(lambda: not steps.runner.running)
    assert "another project was opened meanwhile" in steps.report.text()
    assert workspace.session.particle_sets() == ()


def test_only_options_that_act_on_the_ticked_models_are_shown(window, dock, qtbot):
    session = workspace_for(window).session
    session.remove_model(session.models()[0].uid)
    session.add_model(Model("tube", ModelType.FILAMENT_RINGS, tomogram="tomo_1"))
    steps = dock("Steps")
    page = steps.show_step("Crop points")

    def shown():
        return {n for n in ("cropping", "ring_separation", "radius", "dz") if page.form.field(n).isVisible()}

    assert shown() == {"ring_separation", "radius"}
    session.add_model(Model("sheet", ModelType.SURFACE, tomogram="tomo_1"))
    qtbot.wait(80)
    assert shown() == {"cropping", "ring_separation", "radius"}
    page.models.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert shown() == {"cropping"}


def test_nothing_is_cut_off_and_the_buttons_stay_in_sight(window, dock, qtbot):
    steps = dock("Steps")
    steps.setFixedSize(345, 400)
    for number in range(steps.step.count()):
        page = steps.show_step(steps.step.itemText(number))
        for button in page.form.findChildren(QToolButton):
            button.setChecked(True)
        qtbot.wait(50)
        for field in page.findChildren(QWidget):
            if field.isVisible():
                assert field.mapTo(steps, QPoint(field.width(), 0)).x() <= steps.width() - MARGIN, (
                    field.objectName()
                )
        assert steps.run_button.geometry().bottom() < steps.height()


def test_the_wheel_scrolls_the_page_and_changes_no_option(window, dock, qtbot):
    steps = dock("Steps")
    box = steps.show_step("Extract").form.field("box_size")
    box.clearFocus()
    before = box.value()

    def turn():
        wheel = QWheelEvent(
            QPointF(5, 5),
            QPointF(box.mapToGlobal(QPoint(5, 5))),
            QPoint(0, 0),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(box, wheel)

    turn()
    assert box.value() == before
    box.hasFocus = lambda: True  # a window under Xvfb is not always given the keyboard
    turn()
    assert box.value() < before


def test_import_with_options_leads_to_the_import_page_with_what_was_refused(
    window, dock, qtbot, told, tmp_path, monkeypatch
):
    workspace = workspace_for(window)
    tomograms = dock("Tomograms")
    path = tmp_path / "unknown.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.zeros((4, 6, 8), np.float32))
    workspace.import_tomograms([path])
    qtbot.waitUntil(lambda: bool(told))
    assert "voxel size" in told[0]
    assert "With voxel size" in told[0]
    (action,) = [
        a for a in tomograms.import_button.menu().actions() if a.text().startswith("With voxel size")
    ]
    action.trigger()
    steps = window.window._qt_window.findChild(QWidget, "tomopick-steps")
    page = steps.page
    assert page.isVisible()
    assert page.files.toPlainText() == str(path)
    page.form.field("voxel_size_angstrom").setText("12.5")
    workspace.close_tomogram()
    qtbot.mouseClick(steps.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not steps.runner.running)
    assert workspace.session.tomogram("unknown").voxel_size_angstrom == 12.5
    # and something is shown after an import
    qtbot.waitUntil(lambda: workspace.tomogram_name == "tomo_1")
    # it is not opened a second time
    action.trigger()
    assert len(window.window._qt_window.findChildren(type(steps))) == 1


def test_picks_made_elsewhere_come_into_the_project(window, dock, press, qtbot, tmp_path):
    (tmp_path / "elsewhere.csv").write_text("x,y,z\n10,20,15\n30,20,15\n")
    steps = dock("Steps")
    page = steps.show_step("Import picks")
    page.file.line.setText(str(tmp_path / "elsewhere.csv"))
    page.where.setCurrentText("tomo_1")
    assert "particle set elsewhere: 2 particles" in run(steps, qtbot, press)
    (found,) = workspace_for(window).session.particle_sets()
    assert (found.name, found.count, found.tomograms) == ("elsewhere", 2, ("tomo_1",))
