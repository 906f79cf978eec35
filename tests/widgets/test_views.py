"""The Views dock and its canvases, in a real window."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QImage, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow

from fake_engine import FakeEngine
from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.oblique import Attitude
from napari_tomopick.layers.overlay import Circles, Frames, Lines, Overlay, Texts
from napari_tomopick.layers.pointing import Spot
from napari_tomopick.layers.schemes import Scheme
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.widgets.cross_hair import CrossHair
from napari_tomopick.widgets.eraser_ring import EraserRing
from napari_tomopick.widgets.slice_canvas import SliceCanvas
from napari_tomopick.widgets.views import best_columns

RED = (1, 0, 0, 1)


@pytest.fixture
def canvas(qtbot):
    """A canvas of 200 x 100 pixels on a picture of 20 x 10 voxels, 10 pixels each."""
    found = SliceCanvas()
    qtbot.addWidget(found)
    found.resize(206, 106)
    found.set_picture(np.full((10, 20), 60, np.uint8))
    found.show()
    qtbot.waitExposed(found)
    assert found.viewport.scale == 10
    return found


def seen(canvas):
    """What is painted, ``(height, width, 3)``."""
    image = QImage(canvas.size(), QImage.Format.Format_RGB888)
    canvas.render(image)
    bits = image.constBits()
    bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


# the canvas


@pytest.mark.parametrize("scale", [10.0, 1.0])
def test_every_voxel_is_where_the_viewport_says(canvas, scale):
    grey = np.random.default_rng(0).integers(0, 256, (10, 20)).astype(np.uint8)
    canvas.set_picture(grey)
    canvas.zoom(scale / 10)
    # whole pixels of the screen, so that none is between voxels
    corner = canvas.viewport.to_canvas((-0.5, 9.5))
    canvas.pan(*(np.round(corner) - corner))
    picture = seen(canvas)
    for row in range(10):
        for column in range(20):
            x, y = canvas.viewport.to_canvas((column, row))
            assert picture[int(y), int(x), 0] == grey[row, column]


def test_a_picture_that_is_made_smaller_is_the_mean(canvas):
    grey = np.zeros((64, 128), np.uint8)
    grey[::2, ::2] = grey[1::2, 1::2] = 200
    canvas.set_picture(grey)
    canvas.fit()
    canvas.zoom(0.25 / canvas.viewport.scale)
    picture = seen(canvas)[..., 0]
    shown = picture[picture > 0]
    assert len(shown) >= 400
    assert np.median(shown) == 100


@pytest.mark.parametrize("size", [(63, 127), (33, 101), (101, 31)])
def test_odd_pictures_made_smaller_stay_in_place(canvas, size):
    canvas.set_picture(np.full(size, 255, np.uint8))
    canvas.fit()
    canvas.zoom(0.3 / canvas.viewport.scale)
    x, y = canvas.viewport.to_canvas([((size[1] - 1) / 2, (size[0] - 1) / 2)])[0]
    box = np.argwhere(seen(canvas)[..., 0] > 100)
    middle = box.mean(axis=0) + 0.5
    np.testing.assert_allclose(middle, (y, x), atol=1.0)


def test_what_is_drawn_is_where_it_should_be(canvas):
    canvas.set_overlay(
        Overlay(
            circles=Circles([[5, 5]], 2, RED, fills=1.0),
            lines=Lines.along([[10, 2], [18, 2]], (0, 1, 0, 1), 3),
            frames=Frames.around((12, 4, 18, 8), (0, 0, 1, 1), 2),
            texts=Texts([[0, 9]], "a", RED),
        )
    )
    picture = seen(canvas)

    def at(right, up):
        x, y = canvas.viewport.to_canvas((right, up))
        return picture[int(y), int(x)].tolist()

    assert at(5, 5) == at(6.8, 5) == at(5, 3.2) == [255, 0, 0]
    assert at(7.3, 5) == at(5, 7.3) == [60, 60, 60]
    assert at(14, 2) == [0, 255, 0]
    assert at(14, 2.4) == at(9.5, 2) == [60, 60, 60]
    assert at(12.1, 6) == at(15, 4.1) == [0, 0, 255]
    assert at(15, 6) == [60, 60, 60]


def test_an_overlay_follows_pan_and_zoom(canvas):
    canvas.set_overlay(Overlay(circles=Circles([[5, 5]], 1, RED, fills=1.0)))
    for change in (
        lambda: canvas.pan(20, -10),
        lambda: canvas.zoom(2.0, (80, 30)),
        lambda: canvas.pan(40, 10),
        canvas.fit,
    ):
        change()
        x, y = canvas.viewport.to_canvas((5, 5))
        picture = seen(canvas)
        assert 0 <= x < canvas.width()
        assert 0 <= y < canvas.height()
        assert picture[int(y), int(x)].tolist() == [255, 0, 0]


def test_small_points_stay_large_enough_to_be_seen(canvas):
    canvas.set_overlay(Overlay(circles=Circles([[5, 5]], 0.1, RED, fills=1.0, least=4)))
    canvas.zoom(0.2)
    assert (seen(canvas) == (255, 0, 0)).all(axis=-1).sum() > 30


def test_the_cross_leaves_its_middle_free(canvas):
    canvas.set_cross((10.0, 5.0), "#00ff00", "#0000ff")
    picture = seen(canvas)
    x, y = (int(v) for v in canvas.viewport.to_canvas((10, 5)))
    assert picture[5, x, 1] > 150
    assert picture[y, 5, 2] > 150
    assert picture[y, x].tolist() == [60, 60, 60]


def test_it_is_fitted_until_someone_moves_it(canvas, qtbot):
    canvas.resize(406, 106)
    assert canvas.viewport.scale == 10
    canvas.resize(406, 206)
    assert canvas.viewport.scale == 20
    canvas.pan(10, 0)
    canvas.resize(206, 106)
    assert canvas.viewport.scale == 20
    canvas.set_picture(np.zeros((50, 50), np.uint8))
    assert canvas.viewport.scale == 20


# the dock


@pytest.mark.parametrize(
    ("width", "height", "columns"), [(1260, 190, 3), (1100, 600, 2), (300, 600, 1), (500, 200, 2)]
)
def test_views_are_arranged_so_that_they_are_seen_large(width, height, columns):
    flat = (320, 128)
    sizes = [flat, flat, (320, 230)] if columns != 2 or width > 1000 else [flat, flat]
    assert best_columns(sizes, width, height) == columns


@pytest.fixture
def views(window, dock, qtbot):
    """The dock, showing the two other planes."""
    found = dock("Views")
    qtbot.waitUntil(lambda: all(p.shown is not None for p in found.panes[:2]))
    # until everything has its place
    before = None
    while before != [canvas.geometry() for canvas in found.canvases]:
        before = [canvas.geometry() for canvas in found.canvases]
        qtbot.wait(120)
    return found


def test_it_opens_below_the_slices_and_shows_the_other_planes(window, views, qtbot):
    main = window.window._qt_window
    frame = next(f for f in main.findChildren(QDockWidget) if f.isAncestorOf(views))
    assert main.dockWidgetArea(frame) == Qt.DockWidgetArea.BottomDockWidgetArea
    assert not frame.isFloating()
    data = np.asarray(workspace_for(window).image.loaded.data)
    display = workspace_for(window).display
    assert views.canvases[0].grey.tolist() == display.grey(data[:, 29]).tolist()
    assert views.canvases[1].grey.tolist() == display.grey(data[:, :, 39]).tolist()
    assert not views.canvases[2].isVisible()
    # as wide as it needs to be, on the smallest of screens
    assert views.minimumSizeHint().width() <= 400
    assert views.height() < 300


def test_it_follows_the_slice_viewer(window, views, qtbot):
    window.dims.set_point(1, 40)
    qtbot.waitUntil(lambda: views.panes[0].shown.plane.origin[1] == 40)
    window.dims.order = (1, 0, 2)
    qtbot.waitUntil(lambda: [p.shown.kind for p in views.panes[:2]] == ["z", "x"])


def test_the_cross_hair_lies_on_the_slice_viewer_too(window, views, qtbot):
    (glass,) = window.window._qt_window.findChildren(CrossHair)
    canvas = window.window._qt_viewer.canvas.native
    assert glass.size() == canvas.size()
    assert glass.testAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    viewport = views.views.main_viewport
    assert (viewport.width, viewport.height) == (canvas.width(), canvas.height())
    drawn = [QColor(glass.grab().toImage().pixel(int(x), int(y))).name() for x, y in _on_cross(views, glass)]
    # the x plane is upright and red, the y plane level and green
    assert QColor(drawn[0]).red() > QColor(drawn[0]).green()
    assert QColor(drawn[1]).green() > QColor(drawn[1]).red()
    views.cross.setChecked(False)
    assert glass._state() == ()


def _on_cross(views, glass):
    x, y = views.views.main_viewport.to_canvas(views.views.focus[:2])
    return (x, 5), (5, y)


def test_a_hidden_dock_costs_nothing(window, views, dock, qtbot):
    frame = next(f for f in window.window._qt_window.findChildren(QDockWidget) if f.isAncestorOf(views))
    frame.hide()
    qtbot.wait(50)
    assert not views.views.linked
    assert not window.window._qt_window.findChildren(CrossHair)
    window.dims.set_point(1, 12)
    qtbot.wait(80)
    assert views.panes[0].shown is None
    frame.show()
    qtbot.waitUntil(lambda: views.panes[0].shown is not None and views.panes[0].shown.plane.origin[1] == 12)
    assert len(window.window._qt_window.findChildren(CrossHair)) == 1


def test_floating_it_stays_linked(window, views, qtbot):
    frame = next(f for f in window.window._qt_window.findChildren(QDockWidget) if f.isAncestorOf(views))
    frame.setFloating(True)
    frame.resize(900, 500)
    qtbot.wait(100)
    window.dims.set_point(1, 13)
    qtbot.waitUntil(lambda: views.panes[0].shown is not None and views.panes[0].shown.plane.origin[1] == 13)
    assert len(window.window._qt_window.findChildren(CrossHair)) == 1


def test_the_oblique_plane_is_set_by_its_angles(window, views, press, qtbot):
    views.oblique.setChecked(True)
    qtbot.waitUntil(lambda: views.panes[2].shown is not None)
    assert views.canvases[2].isVisible()
    # it also fits beside the slices
    assert views.minimumSizeHint().width() <= 345
    views.angles[0].setValue(90)
    qtbot.waitUntil(lambda: views.views.attitude == Attitude(90, 0, 0))
    # tilted by 90 degrees about x it is the y plane
    qtbot.waitUntil(lambda: np.allclose(views.panes[2].shown.plane.v, (0, 0, 1)))
    views.views.rotate(25, 0)
    qtbot.waitUntil(lambda: views.angles[1].value() == pytest.approx(10) or views.angles[2].value() != 0)
    press(views, "views-flat")
    assert views.views.attitude == Attitude()
    press(views, "views-through-points")
    qtbot.waitUntil(lambda: "0 points" in views.trouble.text())
    workspace = workspace_for(window)
    points = Attitude(40, 10).through((40, 30, 20)).position([[-9, -9], [9, -9], [0, 9]])
    workspace.session.add_points(workspace.picking.active.uid, points, [0, 0, 0])
    press(views, "views-through-points")
    assert views.views.attitude.tilt_degrees == pytest.approx(40)
    qtbot.waitUntil(lambda: views.angles[0].value() == 40)


def test_it_shows_another_tomogram_and_none(window, views, qtbot):
    workspace = workspace_for(window)
    workspace.open_tomogram("tomo_2")
    qtbot.waitUntil(lambda: workspace.tomogram_name == "tomo_2")
    data = np.asarray(workspace.image.loaded.data)
    qtbot.waitUntil(lambda: views.canvases[0].grey.tolist() == workspace.display.grey(data[:, 29]).tolist())
    workspace.close_tomogram()
    qtbot.waitUntil(lambda: views.state.isVisible())
    assert "Open a tomogram" in views.state.text()
    assert not views.canvases[0].isVisible()


def test_the_window_is_left_as_it_was(window, views, qtbot):
    assert isinstance(window.window._qt_window, QMainWindow)
    assert list(window.layers) == list(workspace_for(window).viewer.layers)
    assert len(window.layers) == 6


# the hand


@pytest.fixture
def hand(views, qtbot):
    """``hand(which, uv, button, modifier, to)``: click at a place of a view, or drag from it to another."""

    def hand(which, uv, button=Qt.MouseButton.LeftButton, modifier=Qt.KeyboardModifier.NoModifier, to=None):
        canvas = views.canvases[which]
        start = _pixel(canvas, uv)
        place = canvas.viewport.to_picture((start.x(), start.y()))
        qtbot.mouseMove(canvas, start)
        if to is None:
            qtbot.mouseClick(canvas, button, modifier, start)
        else:
            end = _pixel(canvas, to)
            qtbot.mousePress(canvas, button, modifier, start)
            for part in (0.3, 0.7, 1.0):
                _move(canvas, start + (end - start) * part, button, modifier)
            qtbot.mouseRelease(canvas, button, modifier, end)
        qtbot.wait(60)
        return place

    return hand


def _pixel(canvas, uv):
    return QPoint(*(int(v) for v in np.round(canvas.viewport.to_canvas(uv))))


def _move(canvas, at, button, modifier):
    at = QPointF(at)
    event = QMouseEvent(
        QEvent.Type.MouseMove, at, canvas.mapToGlobal(at), Qt.MouseButton.NoButton, button, modifier
    )
    QApplication.sendEvent(canvas, event)


def _points(window):
    return workspace_for(window).picking.active.points


def test_a_click_looks_and_in_add_mode_puts_a_point_there(window, views, hand, qtbot):
    picking = workspace_for(window).picking
    up = hand(0, (20, 10))
    np.testing.assert_allclose(views.views.focus, (up[0], 29, up[1]))
    # the slice viewer has followed
    assert window.dims.point[0] == np.round(up[1])
    picking.set_mode("add")
    up = hand(0, (50, 30))
    np.testing.assert_allclose(_points(window), [[up[0], 29, up[1]]])
    # the other view has gone to the point
    qtbot.waitUntil(lambda: views.panes[1].shown.plane.origin[0] == np.floor(up[0] + 0.5))
    right = hand(1, (40, 15))
    assert _points(window)[1, 1:].tolist() == pytest.approx(right.tolist())


def test_a_drag_pans_and_never_puts_a_point(window, views, hand):
    workspace_for(window).picking.set_mode("add")
    canvas = views.canvases[0]
    before = canvas.viewport
    hand(0, (30, 20), to=(40, 25))
    assert not len(_points(window))
    np.testing.assert_allclose(
        canvas.viewport.to_canvas((40, 25)) - before.to_canvas((40, 25)),
        before.to_canvas((40, 25)) - before.to_canvas((30, 20)),
        atol=1.5,
    )
    hand(0, (30, 20), modifier=Qt.KeyboardModifier.ControlModifier)
    assert not len(_points(window))


def test_points_are_moved_and_deleted_in_a_view(window, views, hand, qtbot):
    workspace = workspace_for(window)
    uid = workspace.picking.active.uid
    workspace.session.add_points(uid, [[20, 29, 10], [60, 29, 30]], [10, 30])
    workspace.picking.set_mode("select")
    qtbot.wait(60)
    hand(0, (20, 10), to=(30, 16))
    np.testing.assert_allclose(_points(window)[0], (30, 29, 16), atol=0.7)
    assert _points(window)[0, 1] == 29
    qtbot.wait(60)
    hand(0, (60, 30), modifier=Qt.KeyboardModifier.ShiftModifier)
    assert len(_points(window)) == 1
    workspace.undo()
    workspace.undo()
    assert _points(window).tolist() == [[20, 29, 10], [60, 29, 30]]


@pytest.mark.parametrize("scheme", list(Scheme))
def test_references_are_clicked_in_a_view(window, views, hand, scheme):
    workspace = workspace_for(window)
    workspace.controls.set_scheme(scheme)
    boxing = workspace.boxing
    boxing.engine = FakeEngine()
    boxing.open()
    up = hand(0, (50, 30))
    across = hand(1, (20, 15), modifier=Qt.KeyboardModifier.ControlModifier)
    [positive] = boxing.model("positive").points
    [negative] = boxing.model("negative").points
    np.testing.assert_allclose(positive[[0, 2]], up)
    np.testing.assert_allclose(negative[1:], across)
    # all views have gone there
    assert views.views.focus[0] == pytest.approx(negative[0])
    hand(1, (20, 15), modifier=Qt.KeyboardModifier.ShiftModifier)
    assert boxing.count("negative") == 0
    boxing.close()


def test_keys_act_in_the_view_under_the_mouse(window, views, hand, qtbot):
    canvas = views.canvases[1]
    at = _pixel(canvas, (25, 12))
    canvas.setFocus()
    # the cursor of the X server, which comes when it comes, must not be over another picture meanwhile
    qtbot.mouseMove(canvas, at)
    qtbot.wait(60)
    _move(canvas, at, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)
    place = canvas.viewport.to_picture((at.x(), at.y()))
    qtbot.keyClick(canvas, Qt.Key.Key_C)
    np.testing.assert_allclose(_points(window), [[39, *place]])
    qtbot.keyClick(canvas, Qt.Key.Key_C, Qt.KeyboardModifier.ShiftModifier)
    np.testing.assert_allclose(workspace_for(window).picking.active.marker, [39, *place])
    qtbot.keyClick(canvas, Qt.Key.Key_Delete)
    assert not len(_points(window))
    qtbot.keyClick(canvas, Qt.Key.Key_Y)
    assert views.views.main_axis == "y"
    np.testing.assert_allclose(views.views.focus, [39, *place])


def _wheel(canvas, uv, modifier=Qt.KeyboardModifier.NoModifier, notches=1):
    at = QPointF(_pixel(canvas, uv))
    event = QWheelEvent(
        at,
        canvas.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


@pytest.mark.parametrize("scheme", list(Scheme))
def test_the_wheel_does_what_it_does_in_each_scheme(window, views, qtbot, scheme):
    workspace = workspace_for(window)
    workspace.controls.set_scheme(scheme)
    canvas = views.canvases[0]
    keys = {
        Scheme.NAPARI: (Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier),
        Scheme.DYNAMO: (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier),
        Scheme.EMAN2: (Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier),
    }
    slices, zoom = keys[scheme]
    _wheel(canvas, (20, 10), slices, 2)
    qtbot.wait(60)
    assert abs(views.views.focus[1] - 29) == 1
    scale, place = canvas.viewport.scale, _pixel(canvas, (20, 10))
    _wheel(canvas, (20, 10), zoom)
    assert canvas.viewport.scale > scale
    np.testing.assert_allclose(canvas.viewport.to_canvas((20, 10)), (place.x(), place.y()), atol=2)


@pytest.mark.parametrize(
    ("scheme", "modifier"),
    [
        (Scheme.NAPARI, Qt.KeyboardModifier.AltModifier),
        (Scheme.DYNAMO, Qt.KeyboardModifier.ControlModifier),
        (Scheme.EMAN2, Qt.KeyboardModifier.AltModifier),
    ],
)
def test_a_drag_turns_the_oblique_plane(window, views, hand, qtbot, scheme, modifier):
    workspace_for(window).controls.set_scheme(scheme)
    views.oblique.setChecked(True)
    qtbot.waitUntil(lambda: views.panes[2].shown is not None)
    # downwards by 50 pixels
    canvas = views.canvases[2]
    start = canvas.viewport.to_picture((50, 50))
    end = canvas.viewport.to_picture((50, 100))
    hand(2, start, to=end, modifier=modifier)
    assert views.views.attitude.tilt_degrees == pytest.approx(20, abs=2)
    qtbot.waitUntil(lambda: abs(views.angles[0].value() - views.views.attitude.tilt_degrees) < 0.1)


def test_the_reach_of_the_eraser_is_seen_about_the_mouse(window, views, qtbot):
    picking, canvas = workspace_for(window).picking, views.canvases[0]
    ring = canvas.findChild(EraserRing)
    at = _pixel(canvas, (30, 20))
    _move(canvas, at, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)
    assert not ring.isVisible()
    picking.set_eraser_radius(7)
    picking.set_mode("erase")
    assert ring.isVisible()
    assert ring.geometry().center() == at
    assert ring.radius == pytest.approx(7 * canvas.viewport.scale)
    wheel = QWheelEvent(
        QPointF(at),
        canvas.mapToGlobal(QPointF(at)),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    before = ring.radius
    QApplication.sendEvent(canvas, wheel)
    assert ring.radius == pytest.approx(1.2 * before)
    # not where the mouse is not
    assert not views.canvases[1].findChild(EraserRing).isVisible()
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert not ring.isVisible()
    picking.set_mode("pan_zoom")


def test_undo_is_for_the_project_unless_a_number_is_half_typed(window, views, qtbot):
    picking = workspace_for(window).picking
    picking.add_at(Spot(np.array([40.0, 30, 19]), Plane.orthogonal("z", 19), 1.0))
    views.oblique.setChecked(True)
    views.refresh()
    field = views.angles[0]
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "3")
    qtbot.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(picking.active) == 1
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.keyClick(field, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(picking.active) == 0
