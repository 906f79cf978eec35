"""Selecting particles with the mouse, in the slices and in 3D."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.planes import Plane
from napari_tomopick.layers.projection import Seen, seen_in_viewer
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.step import Step


@pytest.fixture
def row_of_particles(shown):
    """Uid of six particles along x at y 30, every other one in slice 20, the others in slice 30."""
    n = 6
    positions = np.column_stack([10 + 10.0 * np.arange(n), np.full(n, 30.0), np.tile([20.0, 30.0], n // 2)])
    particles = Particles(
        positions,
        # arrows along y
        Rotation.from_euler("x", np.full((n, 1), -90.0), degrees=True),
        tomograms=["tomo"] * n,
        voxel_size_angstrom=10.0,
        box_size=8,
    )
    uid = shown.session.add_particles("row", particles, Step("manual"))
    shown.viewer.dims.set_point(0, 20)
    shown.viewer.scene.camera.zoom = 8
    shown.viewer.scene.camera.center = (0, 30, 35)
    return uid


def pixel(shown, x, y, z):
    return tuple(seen_in_viewer(shown.viewer, np.array([[x, y, z]], float)).pixels[0])


def drag(shown, places, modifiers=(), pane=None):
    hand, pane = shown.hand, pane or shown.main_pane
    assert hand.press(pane, places[0], "left", modifiers)
    for place in places[1:]:
        hand.move(pane, place)
    hand.release(pane, places[-1], "left")


def box(shown, low, high):
    return [pixel(shown, *low), pixel(shown, *high)]


def test_a_box_in_a_slice_selects_what_the_slice_cuts(shown, row_of_particles):
    shown.review.marking.set_tool("box")
    drag(shown, box(shown, (5, 25, 20), (35, 35, 20)))
    assert shown.review.selection.ids(row_of_particles).tolist() == [1, 3]
    drag(shown, box(shown, (45, 25, 20), (55, 35, 20)), ["Shift"])
    assert shown.review.selection.ids(row_of_particles).tolist() == [1, 3, 5]
    drag(shown, box(shown, (5, 25, 20), (15, 35, 20)), ["Ctrl"])
    assert shown.review.selection.ids(row_of_particles).tolist() == [3, 5]
    drag(shown, box(shown, (5, 50, 20), (15, 58, 20)))
    assert not shown.review.selection.rows


def test_a_lasso_selects_what_it_goes_round(shown, row_of_particles):
    shown.review.marking.set_tool("lasso")
    corners = [(5, 25, 20), (38, 30, 20), (5, 35, 20), (5, 26, 20)]
    drag(shown, [pixel(shown, *c) for c in corners])
    assert shown.review.selection.ids(row_of_particles).tolist() == [1, 3]
    # the third is within the box about this one, but not within the lasso
    corners = [(5, 25, 20), (34, 25.5, 20), (5, 35, 20), (5, 26, 20)]
    drag(shown, [pixel(shown, *c) for c in corners])
    assert shown.review.selection.ids(row_of_particles).tolist() == [1]


def test_a_box_in_3d_selects_what_lies_behind_each_other_too(shown, row_of_particles):
    shown.show_3d(True)
    shown.review.marking.set_tool("box")
    drag(shown, box(shown, (5, 25, 20), (35, 35, 20)))
    assert shown.review.selection.ids(row_of_particles).tolist() == [1, 2, 3]


def test_an_arrow_is_clicked_in_3d_without_any_tool(shown, row_of_particles, click):
    shown.show_3d(True)
    tip = shown.review.view.tips[3]
    assert tip[1] > 36
    x, y, z = tip[::-1] - (0, 2, 0)
    at = pixel(shown, x, y, z)
    shown.hand.press(shown.main_pane, at, "left", left_to_picture=shown._mouse._left_to_napari())
    shown.hand.release(shown.main_pane, at, "left")
    assert shown.review.selection.ids(row_of_particles).tolist() == [4]
    # beside everything nothing changes: it was only looked at
    away = pixel(shown, x, y + 15, z)
    shown.hand.press(shown.main_pane, away, "left", left_to_picture=shown._mouse._left_to_napari())
    shown.hand.release(shown.main_pane, away, "left")
    assert shown.review.selection.ids(row_of_particles).tolist() == [4]


def test_a_click_selects_one_and_with_shift_another(shown, row_of_particles):
    shown.review.marking.set_tool("lasso")
    for x, modifiers in ((12, ()), (31, ("Shift",)), (51, ("Shift",)), (12, ("Shift",))):
        drag(shown, [pixel(shown, x, 30, 20)], modifiers)
    assert shown.review.selection.ids(row_of_particles).tolist() == [3, 5]
    drag(shown, [pixel(shown, 60, 50, 20)])
    assert not shown.review.selection.rows


def test_particles_that_are_filtered_out_or_not_drawn_cannot_be_marked(shown, row_of_particles):
    from napari_tomopick.models.filters import Range

    review = shown.review
    review.marking.set_tool("box")
    review.filters.measure(row_of_particles)
    review.filters.set_range(row_of_particles, "z", Range(high=25))
    shown.show_3d(True)
    drag(shown, box(shown, (5, 25, 20), (65, 35, 20)))
    assert review.selection.ids(row_of_particles).tolist() == [1, 3, 5]
    review.filters.reset(row_of_particles)
    review.set_visible(row_of_particles, False)
    drag(shown, box(shown, (5, 25, 20), (65, 35, 20)))
    assert not review.selection.rows


def test_a_tool_is_put_away_with_escape_and_a_begun_outline_given_up(shown, row_of_particles):
    marking, hand = shown.review.marking, shown.hand
    marking.set_tool("box")
    first, last = box(shown, (5, 25, 20), (35, 35, 20))
    hand.press(shown.main_pane, first, "left")
    hand.move(shown.main_pane, last)
    assert marking.outline is not None
    assert hand.key(shown.main_pane, last, "Escape")
    assert marking.outline is None
    hand.release(shown.main_pane, last, "left")
    assert not shown.review.selection.rows
    assert marking.tool == "box"
    assert hand.key(shown.main_pane, last, "Escape")
    assert marking.tool == ""
    assert not hand.press(shown.main_pane, first, "left", left_to_picture={"Left drag": "drag"})


def test_another_picture_tells_itself_where_particles_are(shown, row_of_particles):
    class Side:
        """Slice y 30, ten pixels a voxel."""

        in_depth = False

        def seen(self, positions):
            uv, distance = Plane.orthogonal("y", 30).coordinates(positions)
            return Seen(10 * uv, np.abs(distance), np.full(len(uv), 10.0))

    shown.review.marking.set_tool("box")
    side = Side()
    corners = 10 * Plane.orthogonal("y", 30).coordinates(np.array([[5.0, 30, 25], [65, 30, 35]]))[0]
    outline = shown.review.marking.begin(side, tuple(corners[0]), ())
    outline.to(tuple(corners[1]))
    outline.end()
    assert shown.review.selection.ids(row_of_particles).tolist() == [2, 4, 6]
    assert not shown.review.marking.takes(object(), ())
