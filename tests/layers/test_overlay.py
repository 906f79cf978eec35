"""What is drawn over a picture, and between pixels and places in it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tomopick.layers.overlay import Arrows, Circles, Crosses, Frames, Lines, Overlay, Texts
from napari_tomopick.layers.viewport import MAX_SCALE, Viewport

RED = (1, 0, 0, 1)

numbers = st.floats(-500, 500)
viewports = st.builds(
    Viewport, st.integers(1, 2000), st.integers(1, 2000), numbers, numbers, st.floats(0.05, 40.0)
)


def everything():
    return Overlay(
        lines=Lines.along([[0, 0], [10, 0], [10, 10]], RED, 2.0),
        arrows=Arrows([[[1, 1], [3, 3]]], RED),
        circles=Circles([[5, 5], [9, 5]], [2, 3], RED),
        crosses=Crosses([[2, 7]], 3, RED),
        frames=Frames.around((0, 0, 10, 10), RED),
        texts=Texts([[0, 10]], "z 5", RED),
    )


def test_marks_have_one_look_or_one_each():
    circles = Circles([[0, 0], [1, 1]], [1, 2], RED, dashed=[True, False])
    assert circles.rgba.tolist() == [[1, 0, 0, 1]] * 2
    assert circles.rows([1]).radii.tolist() == [2]
    assert circles.dashed.dtype == bool
    with pytest.raises(ValueError, match="broadcast"):
        Circles([[0, 0], [1, 1]], [1, 2, 3], RED)


def test_all_of_it_moves():
    moved = everything().shifted(100, -1)
    assert len(moved) == len(everything()) == 8
    assert moved.lines.ends[1].tolist() == [[110, -1], [110, 9]]
    assert moved.circles.centres.tolist() == [[105, 4], [109, 4]]
    assert moved.circles.radii.tolist() == [2, 3]
    assert moved.texts.places.tolist() == [[100, 9]]
    assert moved.frames.corners[0, 1].tolist() == [110, 9]


def test_joined_keeps_the_order():
    both = Overlay.joined([everything(), Overlay(), everything().shifted(1, 0)])
    assert len(both) == 16
    assert both.circles.centres[:, 0].tolist() == [5, 9, 6, 10]
    assert both.texts.texts.tolist() == ["z 5", "z 5"]
    assert len(Overlay.joined([])) == 0


def test_lines_are_cut_at_the_edge():
    cut = Overlay(lines=Lines([[[-5, 5], [20, 5]], [[0, -1], [10, -1]], [[2, 2], [3, 3]]], RED)).clipped(
        (0, 0, 10, 10)
    )
    assert cut.lines.ends.tolist() == [[[0, 5], [10, 5]], [[2, 2], [3, 3]]]


def test_of_a_circle_across_the_edge_the_arc_within_is_left():
    cut = Overlay(circles=Circles([[5, 5], [10, 5], [30, 5]], [2, 3, 3], RED, widths=[1, 2, 1])).clipped(
        (0, 0, 10, 10)
    )
    assert cut.circles.centres.tolist() == [[5, 5]]
    away = np.linalg.norm(cut.lines.ends - [10, 5], axis=-1)
    np.testing.assert_allclose(away, 3, atol=0.02)
    assert (cut.lines.ends[..., 0] <= 10 + 1e-9).all()
    assert (cut.lines.widths == 2).all()
    # half of the way round
    length = np.linalg.norm(np.diff(cut.lines.ends, axis=1), axis=-1).sum()
    assert length == pytest.approx(np.pi * 3, rel=0.01)


@given(st.lists(st.tuples(numbers, numbers, st.floats(0, 300)), max_size=8), numbers, numbers)
def test_nothing_is_left_outside_the_box(rows, left, bottom):
    found = np.array(rows).reshape(-1, 3)
    box = (left, bottom, left + 80, bottom + 50)
    overlay = Overlay(
        lines=Lines.along(found[:, :2], RED),
        circles=Circles(found[:, :2], found[:, 2], RED),
        frames=Frames([[[0, 0], [100, 100]]], RED),
        texts=Texts(found[:, :2], "a", RED),
    )
    cut = overlay.clipped(box)
    for places in (cut.lines.ends, cut.frames.corners, cut.texts.places):
        assert (places >= np.array(box[:2]) - 1e-6).all()
        assert (places <= np.array(box[2:]) + 1e-6).all()
    assert len(cut.clipped(box)) == len(cut)


@given(viewports, numbers, numbers)
def test_pixels_and_places_agree(viewport, right, up):
    at = viewport.to_canvas((right, up))
    np.testing.assert_allclose(viewport.to_picture(at), (right, up), atol=1e-6)


def test_voxel_k_is_seen_from_half_before_to_half_behind():
    viewport = Viewport(100, 50).fitted((-0.5, -0.5, 9.5, 4.5))
    assert viewport.scale == 10
    np.testing.assert_allclose(viewport.to_picture((0, 50)), (-0.5, -0.5))
    np.testing.assert_allclose(viewport.to_picture((5, 45)), (0, 0))
    np.testing.assert_allclose(viewport.to_picture((100, 0)), (9.5, 4.5))
    assert viewport.seen == (-0.5, -0.5, 9.5, 4.5)


@given(viewports, st.floats(0.2, 5), st.floats(0, 500), st.floats(0, 500))
def test_what_is_under_the_mouse_stays_there(viewport, factor, x, y):
    before = viewport.to_picture((x, y))
    zoomed = viewport.zoomed(factor, (x, y))
    np.testing.assert_allclose(zoomed.to_picture((x, y)), before, atol=1e-6)
    assert zoomed.scale <= MAX_SCALE


def test_panning_moves_the_picture_with_the_mouse():
    viewport = Viewport(100, 50, scale=2.0)
    place = viewport.to_picture((10, 10))
    np.testing.assert_allclose(viewport.panned(6, -4).to_picture((16, 6)), place)


def test_another_size_keeps_the_middle():
    viewport = Viewport(100, 50, 7.0, 8.0, 2.0).resized(300, 200)
    np.testing.assert_allclose(viewport.to_picture((150, 100)), (7, 8))
