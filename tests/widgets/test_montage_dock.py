"""The Montage dock in a window, with real mouse and key events."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QEnterEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget

import counting
from napari_tomopick.errors import Cancelled
from napari_tomopick.layers import compat
from napari_tomopick.layers.schemes import Scheme
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.models.user_points import ModelType
from napari_tomopick.widgets.focus import canvas_follows_mouse
from napari_tomopick.widgets.montage import MontageDock

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@pytest.fixture
def workspace(project):
    """A workspace showing a tomogram with an empty surface model, in a viewer without a window."""
    viewer = ViewerModel()
    found = workspace_for(viewer)
    found.open_project(project)
    found.open_tomogram("tomo_1")
    found.picking.add_model(ModelType.SURFACE, "membrane")
    yield found
    found.close_project()


@pytest.fixture
def montage(workspace, qtbot):
    """The dock, with slices 2, 5 ... 38 of the tomogram in two rows of three."""
    found = MontageDock(workspace.viewer)
    qtbot.addWidget(found)
    found.resize(1000, 600)
    found.show()
    qtbot.waitUntil(lambda: found.montage.mosaic is not None and found.montage.missing == 0)
    found.montage.set(first=2, last=38, step=3, rows=2, columns=3)
    found.montage.activate(2)
    qtbot.waitUntil(lambda: found.montage.missing == 0)
    qtbot.waitUntil(found.pages.forward.isEnabled)
    found.canvas.fit()
    yield found
    found.hide()


@pytest.fixture
def at(montage):
    """``at(x, y, z)``: the pixel where a position is seen, from the layout alone."""

    def at(x, y, z):
        mosaic, viewport = montage.montage.mosaic, montage.canvas.viewport
        row, column = divmod(list(mosaic.shown).index(z), mosaic.columns)
        right = column * (80 + mosaic.gap) + x
        up = (mosaic.rows - 1 - row) * (60 + mosaic.gap) + y
        width, height = mosaic.columns * (80 + mosaic.gap), mosaic.rows * (60 + mosaic.gap)
        assert montage.canvas.box == (-0.5, -0.5, width - mosaic.gap - 0.5, height - mosaic.gap - 0.5)
        away = (right - viewport.right) * viewport.scale, (up - viewport.up) * viewport.scale
        return QPoint(round(viewport.width / 2 + away[0]), round(viewport.height / 2 - away[1]))

    return at


@pytest.fixture
def click(montage, qtbot):
    def click(where, button=LEFT, modifiers=NONE):
        qtbot.mouseMove(montage.canvas, where)
        qtbot.mouseClick(montage.canvas, button, modifiers, where)

    return click


@pytest.fixture
def key(montage, qtbot):
    def key(which, where=None, modifiers=NONE):
        if where is not None:
            # the X server's own pointer comes along a little later
            for _ in range(2):
                qtbot.mouseMove(montage.canvas, where)
                qtbot.wait(10)
        qtbot.keyClick(montage.canvas, which, modifiers)

    return key


@pytest.fixture
def wheel(montage):
    def wheel(where, steps, modifiers):
        event = QWheelEvent(
            QPointF(where),
            QPointF(montage.canvas.mapToGlobal(where)),
            QPoint(),
            QPoint(0, 120 * steps),
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(montage.canvas, event)

    return wheel


def drag(montage, qtbot, start, end, button=LEFT, modifiers=NONE):
    qtbot.mousePress(montage.canvas, button, modifiers, start)
    for k in range(1, 6):
        qtbot.mouseMove(montage.canvas, start + (end - start) * k / 5)
    qtbot.mouseRelease(montage.canvas, button, modifiers, end)


def test_it_opens_in_a_window_of_its_own_with_the_full_scene(window, dock, qtbot):
    found = dock("Montage")
    qtbot.waitUntil(lambda: found.montage.mosaic is not None and found.montage.missing == 0)
    frame = found.parentWidget()
    assert frame.isFloating()
    assert frame.width() > 0.7 * 790
    assert str(found.montage.mosaic) == "z slices 0 to 38 in steps of 2"
    assert found.pages.label.text() == "Page 1 of 1"
    assert not found.pages.forward.isEnabled()


def test_a_click_activates_and_with_the_toggle_adds_between_voxels(
    montage, workspace, at, click, press, qtbot
):
    click(at(40, 30, 8))
    assert montage.montage.active == 8
    assert len(workspace.picking.active) == 0
    press(montage, "montage-add")
    assert workspace.picking.mode == "add"
    qtbot.waitUntil(lambda: montage.hint.text().startswith("Click: add"))
    for x, y, z in ((12.25, 47.5, 5), (70.75, 3.25, 17), (1.0, 58.0, 2)):
        click(at(x, y, z))
        found = workspace.picking.active.points[-1]
        # a pixel of the screen is what a hand can hit
        assert np.abs(found[:2] - (x, y)).max() <= 0.51 / montage.canvas.viewport.scale
        assert found[2] == z
        assert montage.montage.active == z
    assert workspace.picking.active.levels.tolist() == [5, 17, 2]
    assert np.any(workspace.picking.active.points[:, :2] % 1 != 0)
    press(montage, "montage-add")
    click(at(30, 30, 11))
    assert len(workspace.picking.active) == 3
    assert montage.montage.active == 11


def test_zoomed_in_a_point_lies_where_it_was_clicked(montage, workspace, at, click, qtbot):
    workspace.picking.set_mode("add")
    where = at(60.0, 20.0, 14)
    for _ in range(15):
        montage.canvas.zoom(1.1, (where.x(), where.y()))
    click(at(61.4, 18.3, 14))
    found = workspace.picking.active.points[0]
    assert np.abs(found - (61.4, 18.3, 14)).max() <= 0.51 / montage.canvas.viewport.scale


def test_gaps_drags_and_modifiers_add_nothing(montage, workspace, at, click, qtbot):
    workspace.picking.set_mode("add")
    before = montage.canvas.viewport
    mosaic = montage.montage.mosaic
    assert mosaic.gap * before.scale > 2
    click(at(79.5 + mosaic.gap / 2, 30, 2))
    click(QPoint(1, 1))
    for modifiers in (SHIFT, CTRL, SHIFT | CTRL):
        click(at(40, 30, 5), LEFT, modifiers)
    click(at(40, 30, 5), RIGHT)
    drag(montage, qtbot, at(40, 30, 5), at(40, 30, 5) + QPoint(30, 12))
    assert len(workspace.picking.active) == 0
    assert montage.canvas.viewport.right == pytest.approx(before.right - 30 / before.scale)
    assert montage.canvas.viewport.up == pytest.approx(before.up + 12 / before.scale)


def test_a_double_click_adds_one_point_and_else_shows_the_place_in_the_viewer(montage, workspace, at, qtbot):
    where = at(20, 40, 8)

    def double_click():
        qtbot.mouseClick(montage.canvas, LEFT, NONE, where)
        qtbot.mouseDClick(montage.canvas, LEFT, NONE, where)
        qtbot.mouseRelease(montage.canvas, LEFT, NONE, where)

    workspace.picking.set_mode("add")
    double_click()
    assert len(workspace.picking.active) == 1
    workspace.picking.set_mode("pan_zoom")
    double_click()
    assert len(workspace.picking.active) == 1
    assert compat.slice_index(workspace.viewer) == 8
    assert np.allclose(workspace.viewer.scene.camera.center[-2:], (40, 20), atol=1)


def test_keys_put_points_and_the_marker_under_the_mouse(montage, workspace, at, key):
    key(Qt.Key.Key_C, at(10, 20, 5))
    key(Qt.Key.Key_C, at(30, 25, 5))
    key(Qt.Key.Key_C, at(40, 15, 11), SHIFT)
    model = workspace.picking.active
    one_pixel = 1.01 / montage.canvas.viewport.scale
    assert np.abs(model.points - [(10, 20, 5), (30, 25, 5)]).max() <= one_pixel
    assert np.abs(model.marker - (40, 15, 11)).max() <= one_pixel
    assert model.points[:, 2].tolist() == [5, 5]
    assert montage.montage.active == 5  # where the last point was put
    key(Qt.Key.Key_Delete)
    assert len(workspace.picking.active) == 1
    key(Qt.Key.Key_Z, modifiers=CTRL)
    assert len(workspace.picking.active) == 2
    key(Qt.Key.Key_Z, modifiers=CTRL | SHIFT)
    assert len(workspace.picking.active) == 1


def test_where_clicking_selects_a_point_is_selected(montage, workspace, at, click):
    uid = workspace.picking.active.uid
    workspace.session.add_points(uid, [[10, 20, 5], [30, 25, 5]], [5, 5])
    workspace.picking.set_mode("select")
    click(at(30, 25, 5))
    assert workspace.picking.view.selected == [(uid, 1)]
    assert len(workspace.picking.active) == 2


def test_beside_the_slices_a_key_puts_nothing(montage, workspace, key):
    key(Qt.Key.Key_C, QPoint(1, 1))
    assert "outside the tomogram" in workspace.trouble
    assert len(workspace.picking.active) == 0


def test_a_point_is_deleted_by_shift_click_and_by_its_menu(montage, workspace, at, click):
    session, uid = workspace.session, workspace.picking.active.uid
    session.add_points(uid, [[10, 20, 5], [30, 25, 5], [10, 20, 8]], [5, 5, 8])
    menus = []
    workspace.picking.menu_requested.connect(menus.append)
    click(at(30, 25, 5), RIGHT)
    ((text, delete), *_) = menus[0]
    assert "2" in text
    delete()
    assert workspace.picking.active.points.tolist() == [[10, 20, 5], [10, 20, 8]]
    click(at(50, 50, 5), LEFT, SHIFT)
    click(at(10, 20, 8), LEFT, SHIFT)
    assert workspace.picking.active.points.tolist() == [[10, 20, 5]]


def test_arrows_and_pages(montage, at, key, press, qtbot):
    for which, active in (
        (Qt.Key.Key_Right, 5),
        (Qt.Key.Key_Down, 14),
        (Qt.Key.Key_Left, 11),
        (Qt.Key.Key_Up, 2),
    ):
        key(which, at(40, 30, 2))
        assert montage.montage.active == active
    press(montage, "montage-forward")
    assert (montage.montage.mosaic.page, montage.montage.active) == (1, 2)
    assert montage.pages.label.text() == "Page 2 of 3"
    key(Qt.Key.Key_PageDown)
    assert montage.montage.mosaic.page == 2
    key(Qt.Key.Key_PageUp)
    press(montage, "montage-back")
    assert montage.montage.mosaic.page == 0


def test_the_wheel_zooms_and_with_ctrl_turns_pages(montage, at, wheel):
    where = at(20, 20, 5)
    before, scale = montage.pane.spot((where.x(), where.y())).position, montage.canvas.viewport.scale
    wheel(where, 2, NONE)
    assert montage.canvas.viewport.scale > 1.1 * scale
    assert np.allclose(montage.pane.spot((where.x(), where.y())).position, before)
    assert montage.montage.mosaic.page == 0
    wheel(where, -1, CTRL)
    assert montage.montage.mosaic.page == 1
    assert montage.montage.active == 2


@pytest.mark.parametrize("scheme", Scheme)
def test_every_scheme_puts_and_deletes(montage, workspace, at, click, key, scheme):
    workspace.controls.set_scheme(scheme)
    workspace.picking.set_mode("add")
    menus = []
    workspace.picking.menu_requested.connect(menus.append)
    for x, y, z in ((12, 40, 5), (70, 10, 17), (30, 30, 2)):
        click(at(x, y, z))
    assert workspace.picking.active.points[:, 2].tolist() == [5, 17, 2]
    assert montage.montage.active == 2
    click(at(70, 10, 17), LEFT, SHIFT)
    assert workspace.picking.active.points[:, 2].tolist() == [5, 2]
    click(at(12, 40, 5), RIGHT)
    delete = next(action for text, action in menus[0] if "1" in text)
    delete()
    assert workspace.picking.active.points[:, 2].tolist() == [2]
    key(Qt.Key.Key_C, at(20, 20, 8), SHIFT)
    assert workspace.picking.active.marker[2] == 8
    key(Qt.Key.Key_Delete)
    assert len(workspace.picking.active) == 0


def test_in_dynamo_the_wheel_turns_pages_and_shift_drag_moves_the_picture(
    montage, workspace, at, wheel, qtbot
):
    workspace.controls.set_scheme(Scheme.DYNAMO)
    before = montage.canvas.viewport
    wheel(at(20, 20, 5), 1, NONE)
    assert montage.montage.mosaic.page == 1
    drag(montage, qtbot, at(40, 30, 23), at(40, 30, 23) + QPoint(30, 12), LEFT, SHIFT)
    assert montage.canvas.viewport.right == pytest.approx(before.right - 30 / before.scale)
    assert len(workspace.picking.active) == 0


def test_in_eman2_a_drag_moves_a_point_within_its_slice(montage, workspace, at, qtbot):
    workspace.controls.set_scheme(Scheme.EMAN2)
    uid = workspace.picking.active.uid
    workspace.session.add_points(uid, [[20, 20, 5]], [5])
    drag(montage, qtbot, at(20, 20, 5), at(50, 30, 5))
    (found,) = workspace.picking.active.points
    assert np.abs(found - (50, 30, 5)).max() <= 1.01 / montage.canvas.viewport.scale
    workspace.undo()
    assert workspace.picking.active.points.tolist() == [[20, 20, 5]]


def test_o_tracks_into_the_active_slice_and_from_a_traced_one_into_the_next(
    montage, workspace, at, key, monkeypatch
):
    tracked = []
    monkeypatch.setattr(workspace.tracking, "one", tracked.append)
    monkeypatch.setattr(workspace.tracking, "on", lambda step: tracked.append(("on", step)))
    workspace.session.add_points(
        workspace.picking.active.uid, [[20, 20, 5], [30, 20, 5], [40, 25, 5]], [5] * 3
    )
    montage.montage.activate(8)
    key(Qt.Key.Key_O, at(20, 20, 17))
    montage.montage.activate(5)
    key(Qt.Key.Key_O)
    assert montage.montage.active == 8
    key(Qt.Key.Key_O, modifiers=SHIFT)
    assert tracked == [8, 8, ("on", montage.montage.mosaic.step)]
    workspace.session.add_points(workspace.picking.active.uid, [[20, 20, 38]], [38])
    montage.montage.activate(38)
    key(Qt.Key.Key_O)
    assert "montage ends here" in workspace.trouble
    assert len(tracked) == 3


def test_settings_are_set_in_the_bar(montage, qtbot):
    fields = montage.fields.fields
    fields["step"].setValue(4)
    fields["rows"].setValue(1)
    fields["first"].setValue(1)
    assert str(montage.montage.mosaic) == "z slices 1 to 38 in steps of 4"
    assert montage.montage.mosaic.rows == 1
    assert fields["last"].maximum() == 39
    montage.fields.thickness.setValue(3)
    assert montage.montage.thickness == 3
    montage.fields.thickness.setValue(0)
    assert montage.montage.thickness == 1


def test_the_view_of_the_slice_viewer_is_what_is_shown(window, dock, press, qtbot):
    montage = dock("Montage")
    qtbot.waitUntil(lambda: montage.montage.mosaic is not None)
    window.scene.camera.zoom *= 4
    window.scene.camera.center = (0, 20, 50)
    qtbot.wait(50)
    press(montage, "montage-view")
    region = montage.montage.mosaic.region
    # napari's own word for it
    (_, bottom, left), (_, top, right) = window.layers["tomo_1"].corner_pixels
    assert abs(region.left - left) <= 1
    assert abs(region.bottom - bottom) <= 1
    assert abs(region.left + region.width - right) <= 1
    assert abs(region.bottom + region.height - top) <= 1
    assert region.width < 80
    press(montage, "montage-full")
    assert montage.montage.mosaic.region.width == 80


def test_another_model_gets_the_points(montage, workspace, at, click, qtbot):
    workspace.picking.set_mode("add")
    click(at(10, 20, 5))
    workspace.picking.add_model(ModelType.GENERAL, "crowns")
    click(at(30, 20, 8))
    assert [len(model) for model in workspace.picking.models] == [1, 1]
    qtbot.waitUntil(lambda: montage.active.text().endswith("crowns"))
    assert montage.pane.point_at((at(30, 20, 8).x(), at(30, 20, 8).y()))[1] == 0


def test_another_tomogram(montage, workspace, qtbot):
    workspace.open_tomogram("tomo_2")
    qtbot.waitUntil(lambda: workspace.tomogram_name == "tomo_2" and montage.montage.missing == 0)
    assert str(montage.montage.mosaic) == "z slices 0 to 38 in steps of 2"
    region, mosaic = montage.montage.mosaic.region, montage.montage.mosaic
    left, bottom = mosaic.corner(8)
    shown = montage.canvas.grey[bottom : bottom + region.height, left : left + region.width]
    assert np.array_equal(shown, workspace.display.grey(workspace.image.loaded.data[8]))
    workspace.close_tomogram()
    qtbot.waitUntil(lambda: montage.active.text() == "Open a tomogram first.")
    assert montage.canvas.grey.size == 0


def test_hidden_it_follows_nothing_and_shown_again_it_catches_up(montage, workspace, qtbot):
    signals = (workspace.tomogram_changed, workspace.display.grey_changed, workspace.picking.shown_changed)
    with_it = [len(signal) for signal in signals]
    montage.hide()
    assert [len(signal) for signal in signals] == [n - 1 for n in with_it]
    before = montage.montage.mosaic
    workspace.display.set_inverted(True)
    montage.show()
    qtbot.waitUntil(lambda: montage.montage.picture is not None and montage.montage.missing == 0)
    assert [len(signal) for signal in signals] == with_it
    assert montage.montage.mosaic == before
    left, bottom = before.corner(8)
    shown = montage.canvas.grey[bottom : bottom + 60, left : left + 80]
    assert np.array_equal(shown, workspace.display.grey(workspace.image.loaded.data[8]))


def test_closing_cuts_every_link(window, qtbot):
    workspace = workspace_for(window)
    # the slice viewer itself learns what a dock needs of it once, and keeps that
    canvas_follows_mouse(window.window._qt_viewer.window())
    before = counting.listeners(workspace)
    for _ in range(2):
        frame, found = window.window.add_plugin_dock_widget("napari-tomopick", "Montage")
        qtbot.waitUntil(lambda dock=found: dock.montage.picture is not None)
        state = found.montage
        assert counting.listeners(workspace) != before
        frame.findChild(QWidget, "QTitleBarCloseButton").click()
        kept = weakref.ref(found)
        del frame, found
        for _ in range(3):
            qtbot.wait(30)
            gc.collect()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
        assert kept() is None
        assert state.picture is None
        assert counting.listeners(workspace) == before
        workspace.display.set_inverted(not workspace.display.inverted)


@pytest.fixture
def enter(montage, monkeypatch, qtbot):
    """``enter(where)``: the mouse comes from elsewhere to a pixel."""
    montage.activateWindow()
    qtbot.waitUntil(montage.isActiveWindow)

    def enter(where):
        monkeypatch.setattr(montage.canvas, "underMouse", lambda: True)
        place = QPointF(where)
        QApplication.sendEvent(montage.canvas, QEnterEvent(place, place, place))

    return enter


def test_number_that_was_entered_leaves_the_keyboard_to_the_slices(montage, at, enter, qtbot, workspace):
    columns = montage.fields.fields["columns"]
    columns.setFocus()
    columns.selectAll()
    qtbot.keyClicks(columns, "3")
    qtbot.keyClick(columns, Qt.Key.Key_Return)
    enter(at(30, 20, 2))
    assert montage.canvas.hasFocus()


def test_number_half_typed_keeps_the_keyboard_until_a_letter_is_typed(montage, at, enter, qtbot, workspace):
    slab = montage.fields.thickness
    slab.setFocus()
    slab.selectAll()
    qtbot.keyClicks(slab, "1")
    enter(at(30, 20, 2))
    qtbot.keyClicks(slab, "5")  # fifteen, wherever the mouse is
    assert slab.hasFocus()
    assert montage.montage.thickness == 1
    qtbot.mouseMove(montage.canvas, at(30, 20, 2))
    qtbot.keyClick(slab, Qt.Key.Key_C)
    assert len(workspace.picking.active) == 1
    assert montage.canvas.hasFocus()
    assert montage.montage.thickness == 15


def test_tracking_is_told_of_stopped_and_settled_in_the_montage(montage, workspace, qtbot):
    session, model = workspace.open_session, workspace.picking.active
    tracking, jobs = workspace.tracking, []
    session.add_points(model.uid, [[20.0, 20, 5], [30, 25, 5], [40, 20, 5]], [5, 5, 5])
    workspace.run = lambda *job: jobs.append(job)
    montage.track_on.click()
    qtbot.waitUntil(lambda: "Escape" in montage.track_on.text() and "Escape" in montage.hint.text())
    assert not montage.track.isEnabled()
    montage.track_on.click()
    function, _, failed = jobs.pop()
    with pytest.raises(Cancelled) as stopped:
        function()
    failed(stopped.value)
    qtbot.waitUntil(montage.track.isEnabled)
    assert "Escape" not in montage.track_on.text()
    # a run that found something
    session.add_points(model.uid, [[20.0, 20, 8], [30, 25, 8]], [8, 8], proposed=[True, True])
    tracking.message = "1 slice tracked\nup: it fades"
    tracking.changed.emit()
    qtbot.waitUntil(montage.discard.isEnabled)
    assert montage.hint.text() == "1 slice tracked · up: it fades"
    montage.accept.click()
    qtbot.waitUntil(lambda: not montage.accept.isEnabled())
    assert not workspace.picking.active.proposed.any()
    assert len(workspace.picking.active) == 5
    assert "fades" not in montage.hint.text()
    session.undo()
    qtbot.waitUntil(montage.discard.isEnabled)
    montage.discard.click()
    assert len(workspace.picking.active) == 3
