"""In a real window: a click means the voxel under it, and the scene has its true hand."""

import gc

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor, QImage, QPainter

from napari_tomopick.layers import compat
from napari_tomopick.layers.overlay import Arrows, Circles, Lines, Overlay
from napari_tomopick.layers.viewport import Viewport
from napari_tomopick.layers.workspace import workspace_for
from napari_tomopick.widgets.overlay_painter import OverlayPainter

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def canvas(window):
    return window.window._qt_viewer.canvas.native


def on_canvas(viewer, canvas, zyx):
    """Where a position is on the canvas: x or y of it to the right, y or z up, from the camera alone."""
    vertical, horizontal = viewer.dims.displayed
    centre, zoom = viewer.scene.camera.center, viewer.scene.camera.zoom
    right = canvas.width() / 2 + (zyx[horizontal] - centre[-1]) * zoom
    down = canvas.height() / 2 - (zyx[vertical] - centre[-2]) * zoom
    return QPoint(round(right), round(down))


@pytest.fixture
def hover(window, canvas, qtbot):
    """Move the mouse to a place on the canvas and wait until napari knows."""

    def hover(at, zyx, tolerance=0.5):
        def arrived():
            # the X server's own pointer, which stands elsewhere, interferes now and then
            qtbot.mouseMove(canvas, at + QPoint(1, 1))
            qtbot.mouseMove(canvas, at)
            qtbot.wait(10)
            assert np.allclose(window.cursor.position, zyx, atol=tolerance)

        qtbot.waitUntil(arrived)

    return hover


@pytest.mark.parametrize("how", ["key", "click"])
def test_a_point_lands_on_the_voxel_under_the_mouse(window, canvas, hover, qtbot, how):
    workspace = workspace_for(window)
    wanted = np.array([13.0, 37.0, 52.0])
    workspace.picking.set_mode("add" if how == "click" else "pan_zoom")
    for plane in "zyx":
        compat.show_plane(window, plane, wanted)
        window.fit_to_view()
        for zoom, off in ((1.0, (0.0, 0.0)), (2.7, (3.3, -4.1))):
            window.scene.camera.zoom *= zoom
            if zoom > 1:
                window.scene.camera.center = (0, *(wanted[list(window.dims.displayed)] + off))
            qtbot.wait(50)
            at = on_canvas(window, canvas, wanted)
            if how == "click":
                qtbot.mouseMove(canvas, at)
                qtbot.mouseClick(canvas, LEFT, NONE, at)
            else:
                hover(at, wanted)
                qtbot.keyClick(canvas, Qt.Key.Key_C)
            found = workspace.picking.active.points[-1]
            assert np.abs(found[::-1] - wanted).max() <= 0.5
            assert found["xyz".index(plane)] == wanted["zyx".index(plane)]
    assert len(workspace.picking.active) == 6
    # a model that is traced along z goes on so, whichever plane it is seen in
    assert workspace.picking.active.levels.tolist() == [13] * 6


def test_x_and_back_keep_the_voxel_under_the_mouse(window, canvas, hover, qtbot):
    wanted = np.array([19.0, 37.0, 52.0])
    window.dims.set_point(0, 19)
    at = on_canvas(window, canvas, wanted)
    hover(at, wanted)
    for key, order in ((Qt.Key.Key_X, (2, 0, 1)), (Qt.Key.Key_Y, (1, 0, 2)), (Qt.Key.Key_Z, (0, 1, 2))):
        qtbot.keyClick(canvas, key)
        assert tuple(window.dims.order) == order
        seen = on_canvas(window, canvas, wanted)
        assert abs(seen.x() - at.x()) + abs(seen.y() - at.y()) <= 2 + 1.5 * window.scene.camera.zoom
        hover(at, wanted, 1.5)


def test_an_asymmetric_object_is_not_mirrored_in_3d(window, qtbot):
    """Red on x, green on y, blue on z, seen from (1, 1, 1): x to y to z turns counter-clockwise."""
    workspace_for(window).show_3d(True)
    for layer in window.layers:
        layer.visible = False
    centre = np.array([20.0, 30.0, 40.0])
    for colour, axis in (("red", 2), ("lime", 1), ("blue", 0)):
        window.add_points(centre + 15 * np.eye(3)[axis], size=6, face_color=colour, border_width=0)
    window.scene.camera.center = tuple(centre)
    window.scene.camera.zoom = 8
    window.scene.camera.set_view_direction((-1, -1, -1), (1, 0, 0))
    qtbot.wait(100)
    picture = window.screenshot(flash=False)[..., :3].astype(int)
    spots = []
    for channel in range(3):
        others = [c for c in range(3) if c != channel]
        rows, columns = np.nonzero((picture[..., channel] > 200) & (picture[..., others].max(axis=2) < 60))
        assert len(rows)
        spots.append((columns.mean(), -rows.mean()))
    x, y, z = np.array(spots)
    turn = (y - x)[0] * (z - y)[1] - (y - x)[1] * (z - y)[0]
    assert turn > 0
    assert z[1] > max(x[1], y[1])


def test_an_empty_slice_shows_no_point(window, qtbot):
    """napari draws a stand-in at the origin when there is no point in the slice."""
    workspace = workspace_for(window)
    session, uid = workspace.session, workspace.picking.active.uid
    session.add_points(uid, [[40.0, 30.0, 5.0]], [5])
    session.set_marker(uid, [40.0, 30.0, 5.0])
    workspace.image.layer.visible = False
    window.canvas.overlays.text.visible = False
    window.dims.set_point(0, 5)
    qtbot.wait(50)
    assert window.screenshot(flash=False)[..., :3].max() > 100
    window.dims.set_point(0, 30)
    qtbot.wait(50)
    assert window.screenshot(flash=False)[..., :3].max() == 0


def test_what_is_drawn_is_no_work_for_the_garbage_collection():
    rng = np.random.default_rng(0)
    ends, centres = rng.uniform(0, 500, (3000, 2, 2)), rng.uniform(0, 500, (1000, 2))
    overlay = Overlay(
        lines=Lines(ends, (0, 1, 0, 1), 1.0),
        arrows=Arrows(ends, (0, 1, 0, 1), 1.0),
        circles=Circles(centres, np.full(1000, 4.0), (0, 1, 0, 1), 0.3, 1.0, 3.0),
    )
    image = QImage(500, 500, QImage.Format.Format_RGB32)
    image.fill(0)
    overlay_painter, qt_painter = OverlayPainter(), QPainter(image)
    gc.collect()
    before = len(gc.get_objects())
    overlay_painter.paint(qt_painter, overlay, Viewport(500, 500, 250.0, 250.0, 1.0))
    after = len(gc.get_objects())
    qt_painter.end()
    # the whole heap of a napari window is looked through after so many objects more
    assert after - before < 500
    assert image.pixelColor(int(centres[-1, 0]), int(499 - centres[-1, 1])) != QColor(0, 0, 0)
