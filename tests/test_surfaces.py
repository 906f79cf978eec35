"""The smooth surface through levels: how near it comes to analytic surfaces, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.levels import arrange, is_closed, stacking_direction
from napari_tomopick.geometry.sampling import poisson_disk, spacing
from napari_tomopick.geometry.surfaces import TracedSurface, fit_surface
from napari_tomopick.geometry.tensor_splines import Axis

RADIUS = 50.0


def tube(
    heights: np.ndarray,
    ranges: list[tuple[float, float]],
    counts: list[int],
    jitter: float = 0.0,
    seed: int = 0,
) -> list[np.ndarray]:
    """Levels on a tube along z, each over a range of angles in degrees."""
    rng = np.random.default_rng(seed)
    curves = []
    for z, (start, stop), n in zip(heights, ranges, counts, strict=True):
        angle = np.radians(np.linspace(start, stop, n))
        curve = np.column_stack([RADIUS * np.cos(angle), RADIUS * np.sin(angle), np.full(n, z)])
        curve[:, :2] += rng.normal(0.0, jitter, (n, 2)) if jitter else 0.0
        curves.append(curve)
    return curves


def errors_on_tube(surface: TracedSurface) -> tuple[float, float]:
    """RMS distance in voxels and RMS angle of the normals in degrees."""
    positions, normals = surface.samples(500, np.random.default_rng(0))
    radial = positions * [1, 1, 0]
    distance = np.linalg.norm(radial, axis=1)
    cosine = np.abs(np.einsum("nk,nk->n", normals, radial) / distance).clip(0, 1)
    return (
        float(np.sqrt(((distance - RADIUS) ** 2).mean())),
        float(np.degrees(np.sqrt((np.arccos(cosine) ** 2).mean()))),
    )


HEIGHTS = np.linspace(0, 70, 8)


def test_basis_functions_sum_to_one_and_slopes_are_derivatives():
    for axis in (Axis(-2.0, 7.0, 5), Axis(0.0, 10.0, 6, closed=True)):
        t = np.linspace(axis.start, axis.stop, 41)[:-1]
        index, value, slope = axis.weights(t)
        assert value.sum(axis=1) == pytest.approx(1.0)
        control = np.random.default_rng(0).normal(size=axis.size)
        change = (control[index] * value).sum(axis=1)
        _, later, _ = axis.weights(t + 1e-6)
        assert ((control[index] * later).sum(axis=1) - change) / 1e-6 == pytest.approx(
            (control[index] * slope).sum(axis=1), abs=1e-4
        )


def test_exact_levels_give_the_surface_and_jitter_is_smoothed_away():
    exact = fit_surface(tube(HEIGHTS, [(-60, 60)] * 8, [8] * 8))
    assert errors_on_tube(exact) == pytest.approx((0.0, 0.0), abs=0.06)
    found = [errors_on_tube(fit_surface(tube(HEIGHTS, [(-60, 60)] * 8, [8] * 8, 1.0, s))) for s in range(5)]
    distance, angle = np.sqrt((np.array(found) ** 2).mean(axis=0))
    assert distance < 0.44
    assert angle < 3.0


@pytest.mark.parametrize(
    ("ranges", "counts"),
    [
        ([(-60 + 12 * k, 12 * k) for k in range(8)], [8] * 8),  # each level shifted against the one before
        ([(-70, 30), (-30, 70)] * 4, [4, 12] * 4),  # uneven
        ([(-140, 140)] * 8, [14] * 8),  # no height field over any plane
    ],
)
def test_levels_may_be_uneven_shifted_and_curved_round(ranges, counts):
    distance, angle = errors_on_tube(fit_surface(tube(HEIGHTS, ranges, counts, 1.0)))
    assert distance < 0.6
    assert angle < 3.0


def test_dense_clicks_with_jitter_near_their_spacing_do_not_fold_the_surface():
    curves = tube(np.linspace(0, 70, 20), [(-60, 60)] * 20, [35] * 20, 2.0)
    distance, angle = errors_on_tube(fit_surface(curves))
    assert distance < 0.4
    assert angle < 2.0


@settings(max_examples=15, deadline=None)
@given(
    turn=st.integers(0, 10_000),
    shift=st.tuples(*[st.floats(-300, 300)] * 3),
    reverse=st.lists(st.booleans(), min_size=8, max_size=8),
    order=st.permutations(range(8)),
)
def test_neither_place_nor_attitude_nor_order_nor_direction_of_levels_matters(turn, shift, reverse, order):
    curves = tube(HEIGHTS, [(-60, 60)] * 8, [8] * 8, 0.7, 3)
    rotation = Rotation.random(rng=turn)
    moved = [curve[::-1] if back else curve for curve, back in zip(curves, reverse, strict=True)]
    moved = [rotation.apply(moved[k]) + shift for k in order]
    first, second = fit_surface(curves), fit_surface(moved)
    positions, _ = first.samples(50, np.random.default_rng(1))
    there = rotation.apply(positions) + shift
    foot = second.spline.positions(second.spline.nearest(there))
    # the smoothing is searched to a tolerance, so not to the last digit
    assert np.linalg.norm(foot - there, axis=1).max() < 0.1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_may_lie_across_any_axis(axis):
    curves = [np.roll(curve, axis + 1, axis=1) for curve in tube(HEIGHTS, [(-60, 60)] * 8, [8] * 8, 0.5)]
    assert abs(stacking_direction(curves)[axis]) > 0.99


def ring(z: float, n: int, start: float, radius: float = 60.0) -> np.ndarray:
    angle = start + np.arange(n) * 2 * np.pi / n
    around = np.sqrt(radius**2 - z**2)
    return np.column_stack([around * np.cos(angle), around * np.sin(angle), np.full(n, z)])


def test_rings_are_told_from_open_curves():
    assert is_closed(ring(0, 8, 0.3))
    assert is_closed(ring(0, 8, 0.3)[::-1])
    assert is_closed(ring(0, 8, 0.3)[[0, 1, 1, 2, 3, 4, 5, 6, 7, 0]])  # a double click, and the start again
    assert not is_closed(ring(0, 12, 0.0)[:8])
    line = np.linspace(0, 70, 8)
    assert not is_closed(np.column_stack([line, 8 * np.sin(line / 12), 0 * line]))
    # an S comes back near its start, but turns one way and the other
    t = np.linspace(0, 2 * np.pi, 12)[:-1]
    assert not is_closed(np.column_stack([np.sin(2 * t), np.sin(t), 0 * t]) * 50)


def test_a_vesicle_in_slices_is_a_closed_surface_without_seam():
    rng = np.random.default_rng(4)
    curves = [ring(z, 12, rng.uniform(0, 6)) for z in np.linspace(-45, 45, 8)]
    curves = [c[::-1] if k % 2 else c for k, c in enumerate(curves)]
    exact = fit_surface(curves)
    assert exact.closed
    positions, normals = exact.samples(1000, rng)
    assert np.linalg.norm(positions, axis=1) == pytest.approx(60.0, abs=0.15)
    assert np.abs(np.einsum("nk,nk->n", positions, normals) / 60) == pytest.approx(1.0, abs=1e-3)
    assert np.abs(positions[:, 2]).max() < 45.5  # not beyond the outermost slices
    mesh, _ = exact.mesh(5.0, 100_000, 1)
    # a tube: every edge belongs to two triangles but those of the two rims, and nothing is torn at the seam
    assert mesh.to_trimesh().euler_number == 0
    assert mesh.area() == pytest.approx(2 * np.pi * 60 * 90, rel=0.01)

    jittered = [c + rng.normal(0, 1, c.shape) * [1, 1, 0] for c in curves]
    positions, normals = fit_surface(jittered).samples(1000, rng)
    assert np.sqrt(((np.linalg.norm(positions, axis=1) - 60) ** 2).mean()) < 0.6
    radial = positions / np.linalg.norm(positions, axis=1, keepdims=True)
    angle = np.degrees(np.arccos(np.abs((radial * normals).sum(axis=1)).clip(0, 1)))
    assert np.sqrt((angle**2).mean()) < 3.0
    assert not fit_surface(curves, closed=False).closed


def test_levels_in_one_place_span_no_surface():
    curve = np.column_stack([np.linspace(0, 50, 6), np.zeros(6), np.zeros(6)])
    with pytest.raises(ValueError, match="on top of each other"):
        fit_surface([curve, curve.copy()])


def test_samples_and_mesh_stay_within_what_was_traced():
    # a flat sheet whose levels form a parallelogram
    line = np.linspace(0, 60, 7)
    curves = [np.column_stack([line + z, 0 * line, np.full(7, z)]) for z in np.linspace(0, 50, 6)]
    surface = fit_surface(curves)
    mesh, _ = surface.mesh(4, 10_000, 0)
    for points in (surface.samples(2000, np.random.default_rng(0))[0], mesh.vertices):
        assert points[:, 2].min() > -0.01
        assert points[:, 2].max() < 50.01
        along = points[:, 0] - points[:, 2]
        assert along.min() > -0.01
        assert along.max() < 60.01
    assert mesh.area() == pytest.approx(60 * 50, rel=1e-3)


def test_levels_are_common_parameters_of_shifted_curves():
    levels = arrange(tube(HEIGHTS, [(-60 + 12 * k, 12 * k) for k in range(8)], [8] * 8))
    starts = [uv[0, 0] for uv in levels.parameters]
    # 12 degrees on a radius of 50
    assert np.abs(np.diff(starts)) == pytest.approx(np.full(7, 10.47), abs=0.3)
    assert np.diff([uv[0, 1] for uv in levels.parameters]) == pytest.approx(np.full(7, 10.0), abs=0.3)


def test_poisson_disk_spacing_is_even():
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(0, 100, (20_000, 2)), np.zeros(20_000)])
    up = np.tile([0.0, 0.0, 1.0], (20_000, 1))
    gaps = spacing(points[poisson_disk(points, up, 5.0)])
    assert gaps.min() >= 5.0
    assert gaps.std() / gaps.mean() < 0.12
    # two sheets back to back do not displace each other
    both = np.vstack([points, points + np.array([0, 0, 2.0])])
    rows = poisson_disk(both, np.vstack([up, -up]), 5.0)
    assert abs((rows < 20_000).sum() - (rows >= 20_000).sum()) < 0.1 * len(rows)
