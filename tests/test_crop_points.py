"""From a model's user points to oriented particles, for every type, and what a user is told when it fails."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.geometry.sampling import spacing
from napari_tomopick.models.crop_points import crop_points, model_mesh, parameters_for
from napari_tomopick.models.orient import orient
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model, ModelType


def sheet(marker: object = (35.0, -30.0, 35.0), **fields: object) -> Model:
    """A flat sheet at y = 20, traced in slices across z, the inner side at small y."""
    x, z = np.meshgrid(np.linspace(0, 70, 8), np.linspace(0, 70, 8))
    points = np.column_stack([x.ravel(), np.full(64, 20.0), z.ravel()])
    model = Model("membrane", ModelType.SURFACE, points, np.repeat(np.arange(8) * 10, 8), marker)
    return replace(model, **fields)  # type: ignore[arg-type]


def globe(kind: ModelType, semi_axes: tuple[float, float, float], n: int = 40, **fields: object) -> Model:
    w = np.random.default_rng(0).normal(size=(n, 3))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    model = Model("globe", kind, w * semi_axes + [100.0, 80.0, 60.0])
    return replace(model, **fields)  # type: ignore[arg-type]


def filament(kind: ModelType) -> Model:
    points = np.column_stack([np.zeros(6), np.zeros(6), np.linspace(0, 100, 6)])
    return Model("fibre", kind, points)


def axes_of(particles: Particles) -> np.ndarray:
    """The particles' x, y, z axes in the tomogram, (n, 3, 3), as rows."""
    return particles.rotations.as_matrix().transpose(0, 2, 1)


def test_crop_points_of_a_surface_are_even_on_it_and_point_away_from_the_marker():
    found = crop_points(sheet(group=7, box_size=32, tomogram="t", voxel_size_angstrom=10.0), cropping=6.0)
    particles = found.particles
    assert particles.positions[:, 1] == pytest.approx(20.0, abs=0.01)
    assert particles.directions() == pytest.approx(np.tile([0.0, 1.0, 0.0], (len(particles), 1)), abs=1e-3)
    gaps = spacing(particles.positions)
    assert gaps.mean() == pytest.approx(6.0, rel=0.05)
    assert gaps.std() / gaps.mean() < 0.12
    assert (found.spacing_min, found.spacing_mean, found.spacing_max) == (gaps.min(), gaps.mean(), gaps.max())
    # as dense as random even spacing is (a square grid has 1)
    assert len(particles) * 6**2 / 70**2 == pytest.approx(0.8, abs=0.1)
    # within what was traced, and no closer together at its edges than elsewhere
    near_edge = np.abs(particles.positions[:, [0, 2]] - 35).max(axis=1) > 32
    assert gaps[near_edge].mean() == pytest.approx(gaps[~near_edge].mean(), rel=0.05)
    assert particles.positions[:, [0, 2]].min() > -0.01
    assert particles.positions[:, [0, 2]].max() < 70.01
    assert set(particles.groups) == {7}
    assert set(particles.tomograms) == {"t"}
    assert set(particles.table["tomopickModel"]) == {"membrane"}
    assert (particles.voxel_size_angstrom, particles.box_size) == (10.0, 32)
    # no twist: the rotation is as small as the direction allows
    assert np.degrees(particles.rotations.magnitude()) == pytest.approx(90.0, abs=0.1)


def test_the_marker_decides_the_side_of_points_and_mesh():
    for marker, sign in (((35.0, -30.0, 35.0), 1), ((35.0, 70.0, 35.0), -1)):
        found = crop_points(sheet(marker))
        particles = found.particles
        assert (particles.directions() @ [0, sign, 0]).min() > 0.99
        assert np.einsum("nk,nk->n", particles.positions - marker, particles.directions()).min() >= 0
        assert found.mesh is not None
        a, b, c = (found.mesh.vertices[found.mesh.faces[:, k]] for k in range(3))
        assert (np.cross(b - a, c - a) @ [0, sign, 0]).min() > 0
        assert (found.mesh.normals() @ [0, sign, 0]).min() > 0.99


def test_the_same_seed_gives_the_same_points():
    first, again, other = (crop_points(sheet(), seed=seed).particles.positions for seed in (0, 0, 1))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_mesh_parameters_act():
    # the sheet is 70 x 70: 14 cells of 5 along each side, two triangles each
    counts = [len(model_mesh(sheet(), subdivision=s).faces) for s in (0, 1, 2)]
    assert counts == [2 * 14 * 14 * 4**s for s in (0, 1, 2)]
    assert model_mesh(sheet(), mesh_parameter=10, subdivision=0).edge_length() == pytest.approx(11.4, abs=0.2)
    vesicle = globe(ModelType.VESICLE, (40, 40, 40))
    counts = [len(model_mesh(vesicle, subdivision=s).faces) for s in (0, 1, 2)]
    assert counts[1:] == [4 * counts[0], 16 * counts[0]]
    assert model_mesh(vesicle, subdivision=0).edge_length() == pytest.approx(5.0, rel=0.15)


@pytest.mark.parametrize("model", [sheet(), globe(ModelType.VESICLE, (40, 40, 40))])
def test_the_triangle_limit_holds_and_is_reported(model):
    assert not any("triangles" in message for message in crop_points(model).messages)
    for limit in (100, 500, 5000):
        found = crop_points(model, max_triangles=limit, subdivision=3)
        assert found.mesh is not None
        assert len(found.mesh.faces) <= limit
        assert any(f"limit of {limit} triangles" in message for message in found.messages)


def test_levels_may_be_any_numbers_and_short_ones_are_told():
    model = sheet()
    odd = replace(model, levels=np.where(model.levels == 70, -1000, model.levels))
    positions = crop_points(model).particles.positions
    assert crop_points(odd).particles.positions == pytest.approx(positions, abs=0.2)
    alone = model.with_points(np.vstack([model.points, [0, 20, 80]]), np.append(model.levels, 80))
    found = crop_points(alone)
    assert found.particles.positions[:, 2].max() < 71
    assert "level 80 has 1" in " ".join(found.messages)


def test_two_levels_of_two_points_are_a_surface():
    corners = np.array([[0, 20, 0], [50, 20, 0], [0, 20, 50], [50, 20, 50.0]])
    model = Model("m", ModelType.SURFACE, corners, np.array([0, 0, 1, 1]), np.array([25.0, 0, 25]))
    assert crop_points(model).particles.directions()[:, 1].min() > 0.999


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Model("m", ModelType.SURFACE), "no points"),
        (sheet().with_points(np.zeros((1, 3)), np.zeros(1, np.int64)), r"at least 2 levels.*level 0 has 1"),
        (
            sheet().with_points(sheet().points[:8], np.zeros(8, np.int64)),
            "1 of 1 have.*another slice",
        ),
        (sheet(None), r"no side marker.*inner side.*Shift\+C"),
        (sheet((35.0, 20.6, 35.0)), "lies on the membrane"),
        (
            Model(
                "m", ModelType.SURFACE, np.arange(12.0)[:, None] * [1, 1, 1], np.arange(12) // 4, [0, 9, 0]
            ),
            "lie on one line",
        ),
    ],
)
def test_what_a_surface_lacks_is_said(model, words):
    with pytest.raises(ModelError, match=words):
        crop_points(model)


def test_a_marker_in_line_with_the_edge_is_a_warning():
    found = crop_points(sheet((120.0, 15.0, 35.0)))
    assert "nearly in line" in " ".join(found.messages)
    assert crop_points(sheet()).messages == ()


def test_points_outside_the_tomogram_are_named():
    with pytest.raises(ModelError, match=r"90 x 80 x 64 voxels.*point 57 at \(0\.0, 20\.0, 70\.0\).*3 more"):
        crop_points(sheet(), shape=(64, 80, 90))
    assert crop_points(sheet(), shape=(71, 71, 71)).messages == ()


def test_points_that_tracking_placed_count_and_it_is_said():
    tracked = sheet(proposed=np.arange(64) >= 52)
    found = crop_points(tracked)
    assert "12 of 64 points were placed by tracking and not accepted yet" in found.messages
    accepted = crop_points(sheet())
    assert not any("tracking" in message for message in accepted.messages)
    np.testing.assert_array_equal(found.particles.positions, accepted.particles.positions)


@pytest.mark.parametrize("name", ["mesh_parameter", "cropping", "dz", "ring_separation"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_lengths_must_be_positive(name, value):
    with pytest.raises(ParameterError, match=name):
        crop_points(sheet(), **{name: value})
    with pytest.raises(ParameterError, match="cropping larger"):
        crop_points(sheet(), cropping=0.01)


def test_vesicle_fitted_and_given():
    fitted = crop_points(globe(ModelType.VESICLE, (40, 40, 40)))
    offset = fitted.particles.positions - [100, 80, 60]
    assert np.linalg.norm(offset, axis=1) == pytest.approx(40.0, abs=0.05)
    assert np.einsum("nk,nk->n", offset, fitted.particles.directions()) == pytest.approx(40.0, abs=0.05)
    assert "radius 40.0" in fitted.messages[0]
    gaps = spacing(fitted.particles.positions)
    assert gaps.std() / gaps.mean() < 0.12
    empty = Model("globe", ModelType.VESICLE)
    given = crop_points(empty, center=(100, 80, 60), radius=20, cropping=5)
    assert np.linalg.norm(given.particles.positions - [100, 80, 60], axis=1) == pytest.approx(20.0)


def test_marker_outside_a_vesicle_turns_it_inside_out():
    inside, outside = (
        crop_points(globe(ModelType.VESICLE, (40, 40, 40), marker=np.array(m)))
        for m in ((105.0, 80, 60), (100.0, 150, 60))
    )
    for found, sign in ((inside, 1), (outside, -1)):
        offset = found.particles.positions - [100, 80, 60]
        assert (sign * np.einsum("nk,nk->n", offset, found.particles.directions())).min() > 39
    assert "outside the vesicle" in " ".join(outside.messages)
    with pytest.raises(ModelError, match="lies on the membrane"):
        crop_points(globe(ModelType.VESICLE, (40, 40, 40), marker=np.array([140.2, 80, 60])))


def test_ellipsoidal_vesicle_fitted_and_given():
    semi_axes = (50.0, 35.0, 25.0)
    fitted = crop_points(globe(ModelType.ELLIPSOIDAL_VESICLE, semi_axes))
    given = crop_points(
        globe(ModelType.ELLIPSOIDAL_VESICLE, semi_axes), center=(100, 80, 60), radius=semi_axes
    )
    for found, off in ((fitted, 0.02), (given, 1e-9)):
        scaled = (found.particles.positions - [100, 80, 60]) / semi_axes
        assert np.linalg.norm(scaled, axis=1) == pytest.approx(1.0, abs=off)
        normals = scaled / semi_axes
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        assert np.einsum("nk,nk->n", normals, found.particles.directions()).min() > 1 - 0.005
    assert "semi-axes 50.0, 35.0, 25.0" in fitted.messages[0]


def test_marked_vesicle_leaves_the_mark_free():
    mark = np.array([150.0, 80, 60])
    model = globe(ModelType.MARKED_ELLIPSOIDAL_VESICLE, (50, 35, 25), marker=mark)
    away = np.linalg.norm(crop_points(model, exclusion_radius=25.0).particles.positions - mark, axis=1)
    assert 25.0 <= away.min() < 35.0
    everywhere = crop_points(model, exclusion_radius=0.0).particles
    assert np.linalg.norm(everywhere.positions - mark, axis=1).min() < 10.0
    with pytest.raises(ModelError, match="no marker"):
        crop_points(replace(model, marker=None))
    with pytest.raises(ModelError, match="all crop points"):
        crop_points(model, exclusion_radius=500.0)


def test_what_a_vesicle_lacks_is_said():
    for kind, least in ((ModelType.VESICLE, 4), (ModelType.ELLIPSOIDAL_VESICLE, 9)):
        with pytest.raises(ModelError, match=f"at least {least} different points"):
            crop_points(globe(kind, (40, 40, 40), n=3))
        angle = np.linspace(0, 6, 12)
        circle = np.column_stack([40 * np.cos(angle), 40 * np.sin(angle), 0 * angle])
        with pytest.raises(ModelError, match="one plane"):
            crop_points(Model("m", kind, circle))
    with pytest.raises(ParameterError, match="both"):
        crop_points(globe(ModelType.VESICLE, (40, 40, 40)), center=(0, 0, 0))
    with pytest.raises(ParameterError, match="one positive number"):
        crop_points(globe(ModelType.VESICLE, (40, 40, 40)), center=(0, 0, 0), radius=(1, 2, 3))


def test_filament_along_its_axis():
    found = crop_points(filament(ModelType.FILAMENT), dz=10.0)
    assert found.particles.positions == pytest.approx(
        np.column_stack([np.zeros(11), np.zeros(11), np.linspace(0, 100, 11)]), abs=1e-3
    )
    assert found.particles.rotations.magnitude() == pytest.approx(0.0, abs=1e-4)
    assert found.mesh is None


def test_filament_with_torsion_turns_x_and_keeps_z():
    axes = axes_of(crop_points(filament(ModelType.FILAMENT_TORSION), dz=10.0, dphi_degrees=30.0).particles)
    turn = np.radians(30.0 * np.arange(11))
    assert axes[:, 2] == pytest.approx(np.tile([0.0, 0, 1], (11, 1)), abs=1e-4)
    assert axes[:, 0] == pytest.approx(np.column_stack([np.cos(turn), np.sin(turn), 0 * turn]), abs=1e-4)


def test_subunits_on_a_helix_point_outwards_with_x_along():
    found = crop_points(filament(ModelType.FILAMENT_HELIX), dz=5.0, dphi_degrees=27.7, radius=12.0)
    particles = found.particles
    assert len(particles) == 21
    outwards = particles.positions * [1, 1, 0]
    assert np.linalg.norm(outwards, axis=1) == pytest.approx(12.0, abs=1e-3)
    axes = axes_of(particles)
    assert axes[:, 2] == pytest.approx(outwards / 12.0, abs=1e-3)
    assert axes[:, 0] == pytest.approx(np.tile([0.0, 0, 1], (21, 1)), abs=1e-3)
    azimuth = np.unwrap(np.arctan2(outwards[:, 1], outwards[:, 0]))
    assert np.degrees(np.diff(azimuth)) == pytest.approx(np.full(20, 27.7), abs=0.01)


def test_rings():
    found = crop_points(
        filament(ModelType.FILAMENT_RINGS), ring_separation=25.0, subunits_per_ring=6, radius=8.0
    )
    positions = found.particles.positions.reshape(5, 6, 3)
    assert positions[:, :, 2] == pytest.approx(np.tile(np.arange(5)[:, None] * 25.0, 6), abs=1e-3)
    assert np.linalg.norm(positions[:, :, :2], axis=2) == pytest.approx(np.full((5, 6), 8.0), abs=1e-3)
    # six on a ring are one radius apart
    assert found.spacing_min == pytest.approx(8.0, abs=1e-3)
    assert found.spacing_max == pytest.approx(8.0, abs=1e-3)


def test_what_a_filament_lacks_is_said():
    with pytest.raises(ParameterError, match="needs a radius"):
        crop_points(filament(ModelType.FILAMENT_HELIX))
    with pytest.raises(ModelError, match="at least 2 different points"):
        crop_points(Model("fibre", ModelType.FILAMENT, np.zeros((3, 3))))


def test_dipoles_point_from_centre_to_north():
    model = Model(
        "pair", ModelType.DIPOLE, np.array([[10, 10, 10], [10, 10, 25], [50, 50, 50], [40, 50, 50.0]])
    )
    particles = crop_points(model).particles
    assert particles.positions.tolist() == [[10, 10, 10], [50, 50, 50]]
    assert particles.directions() == pytest.approx(np.array([[0, 0, 1], [-1, 0, 0.0]]), abs=1e-12)
    with pytest.raises(ModelError, match="even number"):
        crop_points(model.with_points(model.points[:3], model.levels[:3]))
    with pytest.raises(ModelError, match=r"dipole 1.*same point"):
        crop_points(model.with_points(model.points[[0, 0]], model.levels[:2]))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_general_points_stay_as_they_are(n):
    points = np.random.default_rng(n).uniform(0, 50, (n, 3))
    found = crop_points(Model("loose", ModelType.GENERAL, points, group=4))
    assert found.particles.positions.tolist() == points.tolist()
    assert found.particles.rotations.magnitude() == pytest.approx(np.zeros(n))
    assert set(found.particles.groups) == {4}
    assert np.isnan(found.spacing_min) == (n < 2)


def test_every_type_names_the_parameters_that_act_on_it():
    for kind in ModelType:
        assert set(parameters_for(kind)) <= set(crop_points.__kwdefaults__)
    assert parameters_for("general") == ()
    assert "cropping" in parameters_for("surface")


def test_orient_by_the_nearest_of_all_membranes():
    low = sheet(name="low")
    high = replace(
        sheet(name="high"), points=low.points + np.array([0, 60, 0]), marker=np.array([35.0, 130, 35])
    )
    points = np.array([[30, 25, 30], [40, 74, 30], [35, 12, 20], [36, 50.5, 40.0]])
    found = orient(Particles(points, ids=np.array([5, 6, 7, 8])), [low, high])
    assert found.particles.table["tomopickSurface"].tolist() == ["low", "high", "low", "high"]
    assert found.particles.table["tomopickDistance"].to_numpy() == pytest.approx([5, 6, 8, 29.5], abs=0.02)
    # the markers are below the lower sheet and above the upper one; the third point is on the inner side
    assert found.particles.directions()[:, 1] == pytest.approx([1, -1, 1, -1], abs=1e-3)
    assert found.particles.positions.tolist() == points.tolist()
    assert found.too_far.tolist() == []
    assert found.messages == ()
    beside = orient(Particles(points[:1]), [sheet((120.0, 15.0, 35.0), name="low")])
    assert beside.messages[0].startswith("low: the side marker")

    near = orient(Particles(points, ids=np.array([5, 6, 7, 8])), [high, low], max_distance=7.0)
    assert near.particles.ids.tolist() == [5, 6]
    assert near.too_far.tolist() == [7, 8]


def test_orient_with_twist_keeps_the_axis():
    points = Particles(np.array([[30, 25, 30], [40, 24, 30.0]]))
    plain, turned = orient(points, [sheet()]).particles, orient(points, [sheet()], twist_seed=1).particles
    assert turned.directions() == pytest.approx(plain.directions())
    assert orientations.angle_between(plain.rotations, turned.rotations).min() > 1.0


def test_orient_uses_surfaces_of_the_particles_tomogram():
    particles = Particles(np.tile([30.0, 25, 30], (2, 1)), tomograms=np.array(["a", "b"]))
    other = sheet((35.0, 70.0, 35.0), tomogram="b")
    found = orient(particles, [sheet(tomogram="a"), other])
    assert found.particles.directions()[:, 1] == pytest.approx([1, -1], abs=1e-3)
    with pytest.raises(ModelError, match="no surface was given for the particles of tomogram a"):
        orient(particles, [other])


def test_orient_by_a_vesicle_with_given_geometry():
    model = Model(
        "globe", ModelType.VESICLE, parameters={"center": (50, 50, 50), "radius": 20.0, "cropping": 4.0}
    )
    found = orient(Particles(np.array([[50, 50, 75], [50, 72, 50.0]])), [model])
    assert found.particles.directions() == pytest.approx(np.array([[0, 0, 1], [0, 1, 0.0]]), abs=0.01)


def test_orient_says_what_is_wrong():
    particles = Particles(np.array([[30, 25, 30.0]]), voxel_size_angstrom=5.0)
    with pytest.raises(ModelError, match="no surface"):
        orient(particles, [])
    with pytest.raises(ModelError, match="no side marker"):
        orient(particles, [sheet(None)])
    with pytest.raises(ModelError, match="type general"):
        orient(particles, [Model("m", ModelType.GENERAL, np.zeros((1, 3)))])
    with pytest.raises(ParameterError, match="5 Å per voxel"):
        orient(particles, [sheet(voxel_size_angstrom=10.0)])
    with pytest.raises(ParameterError, match="max_distance"):
        orient(particles, [sheet()], max_distance=0.0)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (ModelType.SURFACE, {"cropping": "10"}),
        (ModelType.SURFACE, {"cropping": None}),
        (ModelType.SURFACE, {"subdivision": 2.5}),
        (ModelType.SURFACE, {"max_triangles": 1e5}),
        (ModelType.SURFACE, {"seed": -1}),
        (ModelType.SURFACE, {"seed": "x"}),
        (ModelType.SURFACE, {"closed": "yes"}),
        (ModelType.VESICLE, {"center": [9, 9, 9], "radius": "x"}),
        (ModelType.VESICLE, {"center": "x", "radius": 4}),
        (ModelType.MARKED_ELLIPSOIDAL_VESICLE, {"exclusion_radius": "x"}),
        (ModelType.FILAMENT_TORSION, {"dphi_degrees": math.nan}),
        (ModelType.FILAMENT_HELIX, {"radius": True}),
        (ModelType.FILAMENT_RINGS, {"radius": 5, "subunits_per_ring": 2.5}),
    ],
)
def test_parameters_of_a_wrong_kind_name_the_model_and_the_parameter(kind, parameters):
    points = np.array([[x, y, z] for z in (0.0, 10.0) for x, y in ((0, 0), (9, 2), (20, 0))])
    model = Model("m", kind, points, points[:, 2], marker=[10, -30, 5], parameters=parameters)
    name = next(reversed(parameters))
    with pytest.raises(ParameterError, match=rf"'m'.*{name}.*{re.escape(repr(parameters[name]))}"):
        crop_points(model, **parameters)
