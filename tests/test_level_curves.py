"""Curves through the clicks of levels, and the outer side told as the fitted surface tells it."""

import numpy as np
import pytest

from napari_tomopick.geometry.level_curves import Sides, same_way, through
from napari_tomopick.layers.curves import (
    arrow_strokes,
    curve_pieces,
    curve_segments,
    level_curves,
    outward_arrows,
)
from napari_tomopick.models.sided_surfaces import surface_of
from napari_tomopick.models.user_points import Model, ModelType


def circle(radius, z, n=10, start=0.0, turn=1):
    angle = start + turn * np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack([50 + radius * np.cos(angle), 60 + radius * np.sin(angle), np.full(n, z)])


def surface(curves, marker=None, **fields):
    levels = np.concatenate([np.full(len(c), round(c[:, 2].mean())) for c in curves])
    return Model("m", ModelType.SURFACE, np.concatenate(curves), levels, marker=marker, **fields)


def test_a_ring_of_clicks_is_closed_and_smooth():
    curve = through(circle(30, 5.0))
    away = np.linalg.norm(curve.positions[:, :2] - (50, 60), axis=1)
    assert curve.closed
    assert np.array_equal(curve.positions[0], curve.positions[-1])
    assert np.abs(away - 30).max() < 0.15
    assert np.allclose(curve.positions[:, 2], 5)
    assert curve.length == pytest.approx(2 * np.pi * 30, rel=0.01)
    # a half of it is not
    assert not through(circle(30, 5.0)[:6]).closed
    assert not through(circle(30, 5.0), closed=False).closed
    assert through(circle(30, 5.0)[:6], closed=True).closed


def test_all_clicks_lie_on_the_curve_in_their_order():
    clicks = np.random.default_rng(0).uniform(0, 100, (12, 3))
    curve = through(clicks)
    rows = [int(np.linalg.norm(curve.positions - click, axis=1).argmin()) for click in clicks]
    assert rows == sorted(rows)
    assert np.allclose(curve.positions[rows], clicks)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_clicks_give_what_they_can(n):
    clicks = np.arange(3.0 * n).reshape(n, 3)
    assert np.array_equal(through(clicks).positions, clicks)


def test_clicks_in_one_place_are_one():
    clicks = np.repeat(circle(20, 0.0, n=8), 2, axis=0)
    assert np.isfinite(through(clicks).positions).all()
    assert through(np.vstack([circle(20, 0.0, n=8), circle(20, 0.0, n=8)[:1]])).closed
    assert len(through(np.zeros((5, 3))).positions) == 1


def test_uneven_clicks_make_no_loops():
    """Two clicks close together in a turn must not throw the curve about."""
    clicks = np.array([[0, 0, 0], [50, 0, 0], [51, 2, 0], [50, 50, 0.0]])
    curve = through(clicks).positions
    assert curve[:, 0].max() < 60
    assert curve[:, 1].min() > -8


def test_places_by_parts_of_the_length():
    curve = through(np.array([[0.0, 0, 0], [10, 0, 0]]))
    positions, tangents = curve.at(np.array([0, 0.25, 1]))
    assert positions[:, 0].tolist() == [0, 2.5, 10]
    assert tangents.tolist() == [[1, 0, 0]] * 3


@pytest.mark.parametrize("turn", [1, -1])
def test_which_way_rings_run_does_not_hang_on_where_they_start(turn):
    axis = (0.0, 0.0, 1.0)
    one, other = through(circle(30, 0)), through(circle(25, 4, n=13, start=2.0, turn=turn))
    assert same_way(one, other, axis) == (turn > 0)


def wavy(rng, *, closed):
    """Levels of a wavy sheet or vesicle, in any order, each clicked either way round."""
    curves = []
    for z in np.arange(20, 20 + 3 * rng.integers(2, 9), 3.0):
        n = int(rng.integers(7, 16))
        if closed:
            angle = np.linspace(0, 2 * np.pi, n, endpoint=False) + rng.uniform(0, 6)
            radius = 30 + 6 * np.sin(2 * angle) + 0.4 * (z - 20)
            curve = np.column_stack([60 + radius * np.cos(angle), 60 + radius * np.sin(angle), np.full(n, z)])
        else:
            x = np.linspace(rng.uniform(5, 25), rng.uniform(80, 100), n)
            y = 50 + 8 * np.sin(x / 15) + 0.5 * (z - 20)
            curve = np.column_stack([x, y, np.full(n, z)])
        curve[:, :2] += rng.normal(0, 0.5, (n, 2))
        curves.append(curve[:: rng.choice([-1, 1])])
    return [curves[i] for i in rng.permutation(len(curves))]


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
def test_arrows_point_to_the_side_to_which_the_fitted_surface_turns(closed, seed, axes):
    rng = np.random.default_rng(seed)
    curves = wavy(rng, closed=closed)
    middle = np.concatenate(curves).mean(axis=0)
    marker = middle + (rng.normal(0, 5, 3) if closed else [0, rng.choice([-1, 1]) * rng.uniform(12, 25), 0])
    if seed % 3 == 0 and closed:
        marker = middle + np.array([60, 5, 0])
    points = np.concatenate(curves)
    model = Model(
        "m",
        ModelType.SURFACE,
        points[:, axes],
        np.round(points[:, 2]).astype(int),
        marker=marker[list(axes)],
    )
    arrows = outward_arrows(model)
    mesh = surface_of(model).mesh(4.0, 100_000, 0)[0]
    normals = mesh.nearest(arrows[:, 0])[1]
    agree = (normals * arrows[:, 1]).sum(axis=1) > 0
    assert agree.mean() > 0.97
    axis = model.level_axis()
    assert np.allclose(arrows[:, 1, axis], 0)


def test_arrows_are_there_with_the_first_curve_and_follow_the_marker():
    ring = circle(30, 20.0)
    inside = outward_arrows(surface([ring], marker=np.array([52, 61, 22.0])))
    outwards = (inside[:, 0] - (50, 60, 20)) * inside[:, 1]
    assert (outwards.sum(axis=1) > 0).all()
    outside = outward_arrows(surface([ring], marker=np.array([95, 60, 20.0])))
    assert np.allclose(outside[:, 1], -inside[:, 1])
    assert 8 <= len(inside) <= 12
    assert len(outward_arrows(surface([ring[:2]], marker=np.array([50, 60, 20.0])))) >= 2


def test_there_are_no_arrows_without_a_marker_a_curve_or_a_surface():
    ring, marker = circle(30, 20.0), np.array([50, 60, 20.0])
    assert len(outward_arrows(surface([ring]))) == 0
    assert len(outward_arrows(surface([ring[:1]], marker=marker))) == 0
    assert len(outward_arrows(Model("g", points=ring, marker=marker))) == 0
    assert len(outward_arrows(surface([ring], marker=ring[0]))) == 0
    assert Sides.of([], (0.0, 0.0, 1.0), marker) is None


def test_strokes_of_an_arrow_have_their_tips_together_in_the_plane_of_the_level():
    arrows = outward_arrows(surface([circle(30, 20.0)], marker=np.array([50, 60, 20.0])))
    strokes = arrow_strokes(arrows)
    n = len(arrows)
    assert strokes.shape == (3 * n, 2, 3)
    assert np.allclose(strokes[:, 1, 2], 0)
    tips = arrows.sum(axis=1)
    assert np.allclose(strokes[n : 2 * n, 0], tips)
    assert np.allclose(strokes[2 * n :, 0], tips)
    back = (strokes[n:, 1] * np.tile(arrows[:, 1], (2, 1))).sum(axis=1)
    assert (back < 0).all()
    assert arrow_strokes(np.empty((0, 2, 3))).shape == (0, 2, 3)


def test_curves_of_levels_are_told_apart_and_those_with_proposals_are_marked():
    model = Model(
        "m",
        ModelType.SURFACE,
        np.array([[0, 0, 1], [0, 0, 5], [2, 0, 1], [2, 3, 5.0]]),
        np.array([1, 5, 1, 5]),
        proposed=np.array([False, False, False, True]),
    )
    assert curve_segments(model).tolist() == [[[0, 0, 1], [2, 0, 0]], [[0, 0, 5], [2, 3, 0]]]
    assert curve_pieces(model)[1].tolist() == [False, True]
    assert [(level, rows.tolist()) for level, _, rows in level_curves(model)] == [(1, [0, 2]), (5, [1, 3])]


def test_a_surface_says_itself_whether_its_levels_are_closed():
    ring = circle(30, 20.0)
    assert level_curves(surface([ring]))[0][1].closed
    assert not level_curves(surface([ring], parameters={"closed": False}))[0][1].closed
    assert level_curves(surface([ring[:7]], parameters={"closed": True}))[0][1].closed


def test_filaments_are_one_curve_and_dipoles_go_from_centre_to_north():
    points = np.array([[0, 0, 0], [10, 0, 3], [20, 4, 6.0]])
    filament = Model("f", ModelType.FILAMENT, points, np.array([0, 3, 6]))
    assert np.allclose(curve_segments(filament)[0, 0], points[0])
    assert np.allclose(curve_segments(filament)[-1].sum(axis=0), points[-1])
    dipoles = Model("d", ModelType.DIPOLE, points=np.arange(15.0).reshape(5, 3))
    assert curve_segments(dipoles).tolist() == [[[0, 1, 2], [3, 3, 3]], [[6, 7, 8], [3, 3, 3]]]
    assert len(curve_segments(Model("g", points=np.zeros((3, 3))))) == 0


def test_a_click_more_is_followed_at_once():
    """20 levels of 12 clicks: what is drawn of them after one more click, in a fraction of a frame."""
    import time

    curves = [circle(30 + k / 4, 2.0 * k, n=12) for k in range(20)]
    marker = np.array([50, 60, 20.0])
    model = surface(curves, marker)
    curve_pieces(model), outward_arrows(model)
    start = time.process_time()
    more = model.with_points(np.vstack([model.points, [[90, 60, 40]]]), np.append(model.levels, 40))
    curve_pieces(more), outward_arrows(more)
    assert time.process_time() - start < 0.05
