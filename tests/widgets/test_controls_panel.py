"""The list of keys, changing one, switching schemes, and keys and mouse in real widgets."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QLineEdit, QPushButton, QWidget

from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.widgets.controls_panel import ControlsPanel, GestureDialog, SchemeSwitch, hint
from napari_tomopick.widgets.hand_events import HandEvents

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@pytest.fixture
def workspace(window):
    return workspace_for(window)


@pytest.fixture
def canvas(window, dock):
    """The slice viewer's canvas, with a dock beside it, by which keys come in."""
    dock("Picking")
    return window.window._qt_viewer.canvas.native


@pytest.fixture
def at(window, canvas, workspace, qtbot):
    """``at(x, y)``: where that is on the canvas; the mouse is put there."""

    def at(x, y):
        camera = window.scene.camera
        right = canvas.width() / 2 + (x - camera.center[-1]) * camera.zoom
        place = QPoint(round(right), round(canvas.height() / 2 - (y - camera.center[-2]) * camera.zoom))

        def arrived():
            qtbot.mouseMove(canvas, place + QPoint(1, 1))
            qtbot.mouseMove(canvas, place)
            qtbot.wait(40)
            assert np.abs(np.subtract(workspace.pointing.at, (place.x(), place.y()))).max() <= 1

        qtbot.waitUntil(arrived)
        return place

    return at


def turn(widget, place, notches, modifiers=NONE):
    """Turn the wheel over a widget."""
    event = QWheelEvent(
        QPointF(place),
        QPointF(widget.mapToGlobal(place)),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_the_panel_lists_what_is_bound_and_changes_it(workspace, qtbot):
    panel = ControlsPanel(workspace, None)
    qtbot.addWidget(panel)
    panel.show()
    for binding in workspace.controls.bindings:
        assert panel.findChild(QPushButton, f"binding {binding.gesture}") is not None
    qtbot.mouseClick(panel.findChild(QPushButton, "binding C"), LEFT)
    dialog = panel.findChild(GestureDialog)
    qtbot.keyClick(dialog, Qt.Key.Key_E)
    assert "eraser on or off" in dialog.said.text()
    assert dialog.ok.text() == "Swap"
    qtbot.keyClick(dialog, Qt.Key.Key_F, SHIFT)
    assert dialog.gesture == "Shift+F"
    qtbot.mouseClick(dialog.ok, LEFT)
    assert workspace.controls.action("Shift+F") == "add_point"
    qtbot.waitUntil(lambda: panel.findChild(QWidget, "reset Shift+F") is not None)
    qtbot.mouseClick(panel.findChild(QWidget, "reset Shift+F"), LEFT)
    assert workspace.controls.action("C") == "add_point"
    assert not workspace.controls.is_changed


def test_what_cannot_be_is_said_and_not_taken(workspace, qtbot):
    panel = ControlsPanel(workspace, None)
    qtbot.addWidget(panel)
    wheel = next(b for b in workspace.controls.bindings if b.gesture == "Wheel")
    dialog = GestureDialog(workspace.controls, wheel, panel)
    qtbot.keyClick(dialog, Qt.Key.Key_K)
    assert "cannot do it" in dialog.said.text()
    assert not dialog.ok.isEnabled()
    turn(dialog.area, QPoint(5, 5), 1, SHIFT)
    assert dialog.gesture == "Shift+wheel"
    assert dialog.ok.isEnabled()


def test_the_switch_and_the_panel_show_one_scheme(workspace, qtbot):
    switch, panel = SchemeSwitch(workspace), ControlsPanel(workspace, None)
    qtbot.addWidget(switch)
    qtbot.addWidget(panel)
    assert "Ctrl+wheel: slices" in switch.hint.text()
    switch.choice.setCurrentText("Dynamo")
    switch.choice.activated.emit(1)
    assert panel.scheme.currentText() == "Dynamo"
    assert switch.hint.text() == hint(workspace.controls)
    assert "Wheel: slices" in switch.hint.text()
    assert "F1: all keys" in switch.hint.text()


def test_a_closed_panel_follows_no_more(workspace, qtbot):
    panel = ControlsPanel(workspace, None)
    panel.show()
    with qtbot.waitSignal(panel.destroyed):
        panel.close()
    workspace.controls.set_scheme("EMAN2")


@pytest.mark.parametrize(
    ("scheme", "modifiers", "slices", "zooms"),
    [
        ("napari", NONE, 0, True),
        ("napari", CTRL, -1, False),
        ("Dynamo", NONE, 1, False),
        ("Dynamo", CTRL, 0, True),
        ("EMAN2", NONE, 0, True),
        ("EMAN2", CTRL, 0, True),
        ("EMAN2", SHIFT, 1, False),
    ],
)
def test_the_wheel_does_one_thing(window, workspace, canvas, at, qtbot, scheme, modifiers, slices, zooms):
    workspace.controls.set_scheme(scheme)
    place = at(40, 30)
    before, zoom, centre = window.dims.point[0], window.scene.camera.zoom, window.scene.camera.center
    turn(canvas, place, 1, modifiers)
    qtbot.wait(80)
    assert window.dims.point[0] - before == slices
    assert (window.scene.camera.zoom / zoom > 1.1) == zooms
    if not zooms:
        assert window.scene.camera.zoom == zoom
        assert window.scene.camera.center == centre


def drag(qtbot, canvas, start, end, button=LEFT, modifiers=NONE):
    qtbot.mousePress(canvas, button, modifiers, start)
    for i in range(1, 9):
        qtbot.mouseMove(canvas, start + (end - start) * i / 8)
        qtbot.wait(12)
    qtbot.mouseRelease(canvas, button, modifiers, end)
    qtbot.wait(30)


def test_eman2_in_the_slice_viewer(window, workspace, canvas, at, qtbot):
    workspace.controls.set_scheme("EMAN2")
    picking = workspace.picking
    qtbot.mouseClick(canvas, LEFT, NONE, at(40, 30))
    assert len(picking.active) == 1
    qtbot.mouseDClick(canvas, LEFT, NONE, at(40, 30))
    assert len(picking.active) == 1
    zoom, first = window.scene.camera.zoom, picking.active.points[0]
    drag(qtbot, canvas, at(40, 30), at(50, 20))
    moved = picking.active.points[0] - first
    assert abs(moved - [10, -10, 0]).max() < 1
    assert workspace.session.undo_label == "Move point"
    centre = window.scene.camera.center
    drag(qtbot, canvas, at(20, 20), at(25, 20), RIGHT)
    assert window.scene.camera.zoom == zoom
    assert abs(window.scene.camera.center[-1] - (centre[-1] - 5)) < 0.6
    qtbot.mouseClick(canvas, LEFT, SHIFT, at(*picking.active.points[0][:2]))
    assert len(picking.active) == 0


def test_dynamo_in_the_slice_viewer(window, workspace, canvas, at, qtbot):
    workspace.controls.set_scheme("Dynamo")
    camera, picking = window.scene.camera, workspace.picking
    before, centre, zoom = window.dims.point[0], camera.center, camera.zoom
    start = at(40, 30)
    drag(qtbot, canvas, start, start - QPoint(0, 24))
    assert window.dims.point[0] - before == 4
    assert camera.center == centre
    drag(qtbot, canvas, start, start + QPoint(round(5 * zoom), 0), modifiers=SHIFT)
    assert window.dims.point[0] - before == 4
    assert abs(camera.center[-1] - (centre[-1] - 5)) < 0.6
    at(30, 30)
    qtbot.keyPress(canvas, Qt.Key.Key_C)
    qtbot.keyRelease(canvas, Qt.Key.Key_C)
    assert abs(picking.active.points[0] - [30, 30, window.dims.point[0]]).max() < 0.6
    assert len(picking.active) == 1


def test_keys_follow_the_scheme_and_the_user(window, workspace, canvas, at, qtbot):
    at(40, 30)
    workspace.controls.rebind("C", "F")
    qtbot.keyClick(canvas, Qt.Key.Key_C)
    assert len(workspace.picking.active) == 0
    qtbot.keyClick(canvas, Qt.Key.Key_F)
    assert len(workspace.picking.active) == 1
    before = window.dims.point[0]
    workspace.controls.set_scheme("EMAN2")
    qtbot.keyClick(canvas, Qt.Key.Key_QuoteLeft)
    assert window.dims.point[0] == before + 1
    workspace.controls.set_scheme("napari")
    qtbot.keyClick(canvas, Qt.Key.Key_QuoteLeft)
    assert window.dims.point[0] == before + 1


@pytest.mark.parametrize("key", [(Qt.Key.Key_F1, NONE), (Qt.Key.Key_Question, SHIFT)])
def test_help_opens_and_closes_with_its_key(window, canvas, at, qtbot, key):
    at(40, 30)
    main = window.window._qt_window

    def panels():
        return [p for p in main.findChildren(ControlsPanel) if p.isVisible()]

    qtbot.keyClick(canvas, *key)
    assert len(panels()) == 1
    qtbot.keyClick(canvas, *key)
    qtbot.waitUntil(lambda: not panels())
    # also where the panel has the keyboard, as it has once it was clicked
    qtbot.keyClick(canvas, *key)
    qtbot.keyClick(panels()[0], *key)
    qtbot.waitUntil(lambda: not panels())


def test_undo_also_from_a_dock_but_not_out_of_a_text_field(workspace, dock, qtbot):
    widget = dock("Tomograms")
    session, uid = workspace.session, workspace.picking.active.uid
    session.add_points(uid, [[1.0, 2, 3], [4, 5, 6]], [3, 6])
    qtbot.keyClick(widget, Qt.Key.Key_Z, CTRL)
    assert len(workspace.picking.active) == 0
    qtbot.keyClick(widget, Qt.Key.Key_Z, CTRL | SHIFT)
    assert len(workspace.picking.active) == 2
    field = QLineEdit(widget)
    field.show()
    qtbot.keyClicks(field, "abc")
    qtbot.keyClick(field, Qt.Key.Key_Z, CTRL)
    assert field.text() == ""
    assert len(workspace.picking.active) == 2


class Picture:
    """What a hand does to a picture, noted down."""

    def __init__(self):
        self.done = []

    def __getattr__(self, name):
        return lambda *args: self.done.append((name, *args)) if name != "point_at" else None

    def spot(self, at):
        return None


def test_events_over_a_widget_reach_the_hand(workspace, qtbot):
    workspace.controls.set_scheme("Dynamo")
    widget, picture = QWidget(), Picture()
    widget.resize(200, 200)
    qtbot.addWidget(widget)
    HandEvents(widget, picture, workspace.hand, own_keys=("Up",))
    widget.show()
    qtbot.mouseMove(widget, QPoint(50, 60))
    qtbot.waitUntil(lambda: workspace.pointing.pane is picture)
    turn(widget, QPoint(50, 60), 1)
    turn(widget, QPoint(50, 60), 1, CTRL)
    qtbot.mouseClick(widget, LEFT, NONE, QPoint(50, 60))
    qtbot.keyClick(widget, Qt.Key.Key_Y)
    qtbot.keyClick(widget, Qt.Key.Key_Up)
    qtbot.keyPress(widget, Qt.Key.Key_C)
    drag(qtbot, widget, QPoint(50, 60), QPoint(80, 60))
    qtbot.keyRelease(widget, Qt.Key.Key_C)
    names = [done[0] for done in picture.done if done[0] not in ("point_at", "marker_at")]
    assert names[:4] == ["scroll", "zoom", "click", "show_plane"]
    assert set(names[4:]) == {"rotate"}
    assert sum(done[1] for done in picture.done if done[0] == "rotate") == 30
    widget.hide()
    assert workspace.pointing.pane is workspace.main_pane
