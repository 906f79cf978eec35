"""Distances and angles of particles to membranes."""

import numpy as np
import pytest
import trimesh

from napari_tomopick.errors import ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.meshes import Mesh, geodesic_sphere, grid_faces
from napari_tomopick.models.membrane_relation import (
    membrane_relation,
    relation_to_surfaces,
    surface_mesh,
)
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model, ModelType


def sphere(radius=10.0, centre=(0, 0, 0)):
    unit = geodesic_sphere(24)
    return Mesh(unit.vertices * radius + np.asarray(centre, float), unit.faces, unit.vertex_normals)


def plate():
    """The square 0 to 8 in x and y at z = 0, its outer side up."""
    s, t = np.meshgrid(np.arange(9.0), np.arange(9.0), indexing="ij")
    return Mesh(np.column_stack([s.ravel(), t.ravel(), np.zeros(81)]), grid_faces(8, 8, closed=False))


def vesicle(name="vesicle", tomogram="a", radius=10.0, voxel_size=None):
    return Model(
        name=name,
        type=ModelType.VESICLE,
        points=np.empty((0, 3)),
        parameters={"center": [0.0, 0.0, 0.0], "radius": radius},
        tomogram=tomogram,
        voxel_size_angstrom=voxel_size,
    )


def test_in_and_out_of_a_closed_vesicle():
    particles = Particles(
        [[13, 0, 0], [0, 7, 0], [0, 0, -12]], orientations.from_directions([[1, 0, 0], [0, -1, 0], [0, 1, 0]])
    )
    found = membrane_relation(particles, [sphere()])
    assert found.distances == pytest.approx([3, -3, 2], abs=0.02)
    assert found.angles_degrees == pytest.approx([0, 180, 90], abs=1)
    assert found.normals == pytest.approx(np.array([[1, 0, 0], [0, 1, 0], [0, 0, -1]]), abs=0.02)
    flipped = membrane_relation(particles, [sphere().flipped()])
    assert flipped.distances == pytest.approx(-found.distances)
    assert flipped.angles_degrees == pytest.approx(180 - found.angles_degrees)


def test_of_an_open_surface_and_past_its_rim():
    particles = Particles([[4, 4, 3], [4, 4, -2], [12, 4, 3], [12, 4, -3]])
    found = membrane_relation(particles, [plate()])
    assert found.distances == pytest.approx([3, -2, 5, -5])
    assert found.angles_degrees == pytest.approx([0, 0, 0, 0], abs=1e-5)


def test_the_nearest_of_several_counts():
    found = membrane_relation(Particles([[12, 0, 0], [27, 0, 0]]), [sphere(), sphere(centre=(30, 0, 0))])
    assert found.surfaces.tolist() == [0, 1]
    assert found.distances == pytest.approx([2, -7], abs=0.02)


def test_nothing_to_relate():
    nothing = membrane_relation(Particles([[1, 2, 3]]), [])
    assert np.isnan(nothing.distances).all()
    assert np.isnan(nothing.angles_degrees).all()
    assert nothing.surfaces.tolist() == [-1]
    none = membrane_relation(Particles([]), [sphere()])
    assert none.distances.shape == (0,)


def test_each_tomogram_has_its_own_surfaces():
    particles = Particles([[13, 0, 0]] * 4, tomograms=["b", "a", "", "c"])
    found = relation_to_surfaces(particles, [vesicle("one", "a", 10.0), vesicle("two", "b", 20.0)])
    # one without a tomogram goes with all
    assert found.distances == pytest.approx([-7, 3, 3, np.nan], abs=0.1, nan_ok=True)
    assert found.surfaces.tolist() == [1, 0, 0, -1]


def test_voxel_sizes_must_agree():
    particles = Particles([[13, 0, 0]], tomograms=["a"], voxel_size_angstrom=5.0)
    with pytest.raises(ParameterError, match=r"5 Å per voxel.*picked at 10 Å"):
        surface_mesh(vesicle(voxel_size=10.0), particles)
    # a surface of another tomogram is not looked at
    assert np.isnan(relation_to_surfaces(particles, [vesicle(tomogram="b", voxel_size=10.0)]).distances[0])


def test_nearest_places_far_away_and_deep_inside_are_nearly_exact():
    rng = np.random.default_rng(0)
    # bumpy, and of triangles that are not alike
    mesh = sphere(50.0)
    bumps = 1 + 0.1 * np.sin(mesh.vertices / 9).sum(axis=1, keepdims=True)
    mesh = Mesh(mesh.vertices * bumps * [1, 1, 0.5], mesh.faces)
    points = np.concatenate([rng.uniform(-200, 200, (60, 3)), rng.uniform(-20, 20, (40, 3))])
    _, _, distances = mesh.nearest(points)
    _, exact, _ = trimesh.proximity.closest_point_naive(mesh.to_trimesh(), points)
    assert (distances >= exact - 1e-9).all()
    assert distances - exact == pytest.approx(0, abs=0.05 * mesh.edge_length())
