"""The slice viewer as a picture for the hand, and keys bound and given back."""

from __future__ import annotations

import gc
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image, Points

from napari_tomopick.layers import compat


@pytest.fixture
def pane(shown):
    shown.viewer.scene.camera.zoom = 3.7
    return shown.main_pane


@pytest.mark.parametrize("plane", ["x", "y", "z"])
def test_panning_and_zooming_keep_what_is_under_the_mouse(shown, pane, plane):
    place = np.array([11.0, 22.0, 33.0])
    compat.show_plane(shown.viewer, plane, place)
    shown.viewer.scene.camera.center = (0, *place[list(shown.viewer.dims.displayed)])
    height, width = shown.viewer.canvas.size
    at = (width / 2 + 10, height / 2 - 3)
    before = pane.spot(at)
    assert before.position["xyz".index(plane)] == {"z": 11, "y": 22, "x": 33}[plane]
    assert before.voxels_per_pixel == 1 / 3.7
    pane.zoom(1.7, at)
    np.testing.assert_allclose(pane.spot(at).position, before.position, atol=1e-9)
    pane.pan(31, -17)
    at = (at[0] + 31, at[1] - 17)
    np.testing.assert_allclose(pane.spot(at).position, before.position, atol=1e-9)
    # to the right is more of the first axis, and up more of the second
    right, up = {"z": (0, 1), "y": (0, 2), "x": (1, 2)}[plane]
    step = pane.spot((at[0] + 10, at[1] - 10)).position - before.position
    assert step[right] > 0
    assert step[up] > 0


def test_beside_the_tomogram_and_in_3d_there_is_no_spot(shown, pane):
    assert pane.spot((1.0, 1.0)) is None
    shown.show_3d(True)
    assert pane.spot((400.0, 300.0)) is None


def test_scrolling_stops_at_the_ends_and_moves_the_plane_in_3d(shown, pane):
    viewer, at = shown.viewer, (400.0, 300.0)
    pane.scroll(3, at)
    assert viewer.dims.point[0] == 22
    pane.scroll(100, at)
    assert viewer.dims.point[0] == 39
    pane.scroll(-100, at)
    assert viewer.dims.point[0] == 0
    shown.show_3d(True)
    pane.scroll(5, at)
    plane = shown.image.layer.plane
    assert plane.position[0] * shown.image.layer.scale[0] == pytest.approx(5, abs=1)


def test_what_was_rotated_comes_back_with_the_key_of_a_plane(shown, pane, press):
    viewer = shown.viewer
    pane.rotate(90, 0)
    assert compat.is_3d(viewer)
    view = np.array(viewer.scene.camera.view_direction)
    # turned about the upright axis: what faced the eye goes to the right with the mouse, so the eye goes left
    assert view[1] == pytest.approx(0, abs=1e-6)
    assert view[2] == pytest.approx(np.sin(np.radians(36)), abs=1e-3)
    press("Z")
    assert not compat.is_3d(viewer)
    # who wants 3D for itself looks along axes there
    shown.show_3d(True)
    press("X")
    assert compat.is_3d(viewer)


def test_points_and_markers_are_found_where_they_are_drawn(shown, pane):
    uid = shown.picking.active.uid
    shown.session.add_points(uid, [[30.0, 20, 19], [50, 40, 19]], [19, 19])
    shown.session.set_marker(uid, [10.0, 10, 19])
    shown.viewer.dims.set_point(0, 19)

    def at(x, y):
        camera, (height, width) = shown.viewer.scene.camera, shown.viewer.canvas.size
        return width / 2 + (x - camera.center[-1]) * 3.7, height / 2 - (y - camera.center[-2]) * 3.7

    assert pane.point_at(at(50, 40)) == (uid, 1)
    assert pane.point_at(at(40, 30)) is None
    assert pane.marker_at(at(10, 10)) == uid
    assert pane.marker_at(at(50, 40)) is None


def test_a_quick_click_that_means_something_else_is_not_lost(shown, pane):
    viewer = shown.viewer
    shown.controls.set_scheme("EMAN2")
    uid = shown.picking.active.uid

    def happening(kind, modifiers=()):
        return SimpleNamespace(type=kind, button=1, modifiers=modifiers, pos=(400.0, 300.0), handled=False)

    def click():
        event = happening("mouse_press")
        callback = viewer.mouse_drag_callbacks[0](viewer, event)
        next(callback)
        event.type = "mouse_release"
        assert next(callback, "ended") == "ended"

    def double_click(modifiers=()):
        event = happening("mouse_double_click", modifiers)
        viewer.mouse_double_click_callbacks[0](viewer, event)
        return event

    def count():
        return len(shown.session.model(uid))

    click()
    assert count() == 1
    # another click at once is the latter half of a double click
    double_click()
    assert count() == 1
    # with Shift it takes the point away, however quick
    assert double_click(("Shift",)).handled
    assert count() == 0
    double_click()
    assert count() == 1


def test_keys_that_are_given_up_are_what_they_were(shown):
    viewer, controls = shown.viewer, shown.controls
    layer = shown.picking.view.points

    def bound(target):
        return {str(key) for key in target.keymap}

    before = bound(viewer)
    assert {"C", "Shift+C", "X"} <= before
    assert not [key for key in before if not key.strip()]
    controls.set_scheme("EMAN2")
    assert {"`", "1", "Up"} <= bound(viewer)
    assert {"`", "1", "Up"} <= bound(layer)
    controls.set_scheme("napari")
    assert bound(viewer) == before
    # a key of someone else, that a scheme takes and gives back
    viewer.bind_key("V", lambda _: None)
    mine = viewer.keymap
    controls.set_scheme("Dynamo")
    controls.set_scheme("napari")
    assert "V" in bound(viewer)
    assert viewer.keymap is mine


def test_another_tomogram_lets_the_layer_before_go(shown, a_tomogram):
    before = len(shown._keys._layers)
    shown.session.add_tomogram(a_tomogram("other"))
    for name in ("other", "tomo", "other"):
        shown.open_tomogram(name)
    gc.collect()
    assert len(shown._keys._layers) <= before + 1
    assert isinstance(shown.image.layer, Image)


@pytest.mark.parametrize(("scheme", "rotates"), [("napari", True), ("EMAN2", True), ("Dynamo", False)])
def test_alt_and_a_drag_rotates_or_is_the_frame_of_napari(shown, click, scheme, rotates):
    viewer = shown.viewer
    shown.controls.set_scheme(scheme)
    zoomed = []
    viewer.canvas.overlays._zoom_box.events.zoom_area.connect(lambda: zoomed.append(True))
    click((19, 10, 10), modifiers=("Alt",), to=(19, 40, 50))
    assert compat.is_3d(viewer) is rotates
    assert bool(zoomed) is not rotates
    assert not viewer.canvas.overlays._zoom_box.visible


def test_the_status_bar_finds_nothing_in_points_that_are_replaced_under_it(shown, monkeypatch):
    def torn(*_args, **_options):
        raise ValueError("operands could not be broadcast together with shapes (22,2) (23,2)")

    layer, found = shown.picking.view.points, []

    def ask():
        return layer.get_value((19.0, 30.0, 30.0), dims_displayed=[1, 2], world=True)

    with monkeypatch.context() as patch:
        patch.setattr(Points, "get_value", torn)
        # napari asks from a thread of its own
        asking = threading.Thread(target=lambda: found.append(ask()))
        asking.start()
        asking.join()
        assert found == [None]
        with pytest.raises(ValueError, match="broadcast"):
            ask()


def test_the_caption_is_read_in_any_theme(shown):
    viewer = shown.viewer
    viewer.theme = "light"
    compat.set_caption(viewer, "crowns", "#ffd166")
    caption = viewer.canvas.overlays.text
    assert caption.box
    ground = np.asarray(caption.box_color, float).ravel()
    assert ground[:3].max() < 0.1
    assert ground[3] > 0.5
