"""Meshes, vesicles and filaments."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry import filaments, orientations
from napari_tomopick.geometry.ellipsoids import Ellipsoid, fit_ellipsoid, fit_sphere
from napari_tomopick.geometry.meshes import Mesh, geodesic_sphere, grid_faces


def unit_vectors(n: int, seed: int) -> np.ndarray:
    v = np.random.default_rng(seed).normal(size=(n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


@pytest.mark.parametrize("frequency", [1, 2, 5])
def test_geodesic_sphere_is_closed_and_seen_from_outside(frequency):
    sphere = geodesic_sphere(frequency)
    assert len(sphere.faces) == 20 * frequency**2
    other = sphere.to_trimesh()
    assert other.is_watertight
    assert other.is_winding_consistent
    assert other.volume > 0
    assert np.linalg.norm(sphere.vertices, axis=1) == pytest.approx(1.0)


def test_normals_from_triangles_and_flipping():
    faces = grid_faces(2, 3, closed=False)
    s, t = np.meshgrid(np.arange(3.0), np.arange(4.0), indexing="ij")
    flat = Mesh(np.column_stack([s.ravel(), t.ravel(), np.zeros(12)]), faces)
    assert len(faces) == 12
    assert flat.area() == pytest.approx(6.0)
    assert flat.normals() == pytest.approx(np.tile([0.0, 0.0, 1.0], (12, 1)))
    assert flat.flipped().normals() == pytest.approx(np.tile([0.0, 0.0, -1.0], (12, 1)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 3.0))
def test_nearest_place_on_a_mesh_is_exact(seed, scale):
    mesh = geodesic_sphere(3)
    points = scale * np.random.default_rng(seed).normal(size=(20, 3))
    positions, _, distances = mesh.nearest(points)
    _, expected, _ = trimesh.proximity.closest_point_naive(mesh.to_trimesh(), points)
    assert distances == pytest.approx(expected, abs=1e-12)
    assert np.linalg.norm(positions - points, axis=1) == pytest.approx(distances, abs=1e-12)


def test_normals_between_vertices_do_not_jump():
    mesh = geodesic_sphere(6)
    directions = unit_vectors(200, 1)
    _, normals, _ = mesh.nearest(2 * directions)
    angle = np.degrees(np.arccos(np.einsum("nk,nk->n", normals, directions).clip(-1, 1)))
    assert angle.max() < 3.5  # those of the triangles are off by up to 7


def test_nearest_of_nothing():
    positions, normals, distances = geodesic_sphere(1).nearest(np.empty((0, 3)))
    assert positions.shape == normals.shape == (0, 3)
    assert distances.shape == (0,)


def test_sphere_from_jittered_points_and_one_bad_click():
    points = 40 * unit_vectors(40, 2) + [100, 50, 30] + np.random.default_rng(3).normal(0, 1, (40, 3))
    points[0] += 30
    sphere = fit_sphere(points)
    assert sphere.centre == pytest.approx([100, 50, 30], abs=0.8)
    assert sphere.semi_axes() == pytest.approx(np.full(3, 40.0), abs=0.8)


def test_ellipsoid_in_any_attitude():
    frame = Rotation.random(rng=5).as_matrix()
    shape = frame @ np.diag([60.0, 40.0, 25.0]) @ frame.T
    fitted = fit_ellipsoid(unit_vectors(40, 6) @ shape + [200, 100, 60])
    assert fitted.centre == pytest.approx([200, 100, 60], abs=0.1)
    assert fitted.shape == pytest.approx(shape, abs=0.3)
    assert fitted.level(np.array([[200.0, 100, 60]]))[0] < 0


def test_three_slices_near_the_equator_do_not_let_the_unseen_axis_run_away():
    rng = np.random.default_rng(0)
    points = []
    for z in (-10.0, 0.0, 10.0):
        angle = rng.uniform(0, 6) + np.arange(6) * np.pi / 3
        around = np.sqrt(1600 - z**2)
        points.append(np.column_stack([around * np.cos(angle), around * np.sin(angle), 0 * angle + z]))
    axes = fit_ellipsoid(np.concatenate(points) + rng.normal(0, 1, (18, 3))).semi_axes()
    assert axes.min() > 30
    assert axes.max() < 55


def test_samples_are_even_over_an_ellipsoid():
    ellipsoid = Ellipsoid(np.zeros(3), np.diag([60.0, 20.0, 20.0]))
    positions, normals = ellipsoid.samples(40_000, np.random.default_rng(0))
    assert ellipsoid.level(positions) == pytest.approx(0.0, abs=1e-9)
    gradient = positions / np.array([60.0, 20, 20]) ** 2
    assert normals == pytest.approx(gradient / np.linalg.norm(gradient, axis=1, keepdims=True))
    # share of the area beyond x = 30, from a fine mesh
    mesh, _ = ellipsoid.mesh(1.0, 10**6, 0)
    corners = mesh.vertices[mesh.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = area[corners[:, :, 0].mean(axis=1) > 30].sum() / area.sum()
    assert (positions[:, 0] > 30).mean() == pytest.approx(share, abs=0.01)


def test_backbone_smooths_and_measures_arc_length():
    x = np.linspace(0, 100, 12)
    wave = np.column_stack([x, 10 * np.sin(x / 20), np.zeros(12)])
    fine = np.linspace(0, 100, 5001)
    length = np.hypot(np.diff(fine), np.diff(10 * np.sin(fine / 20))).sum()
    assert filaments.fit_backbone(wave).length == pytest.approx(length, abs=0.1)
    straight = np.column_stack([0 * x, 0 * x, x]) + np.random.default_rng(0).normal(0, 1, (12, 3))
    tangents = filaments.fit_backbone(straight).tangents
    assert np.degrees(np.arccos(tangents[:, 2].clip(-1, 1))).max() < 3.0


def test_frames_do_not_turn_about_the_backbone():
    # a planar curve keeps the frame's axis across its plane
    angle = np.linspace(0, np.pi, 15)
    arc = filaments.fit_backbone(np.column_stack([50 * np.cos(angle), np.zeros(15), 50 * np.sin(angle)]))
    _, frames = arc.at(np.linspace(0, arc.length, 30))
    across = frames.as_matrix()[:, :, 1]
    assert across == pytest.approx(np.tile(across[0], (30, 1)), abs=1e-6)
    assert orientations.directions(frames) @ [0, 1, 0] == pytest.approx(0.0, abs=1e-6)
