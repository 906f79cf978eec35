"""Turning particles where they are."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.errors import ModelError, ParameterError
from napari_tomopick.geometry import orientations
from napari_tomopick.models.orient import orient
from napari_tomopick.models.particles import Particles
from napari_tomopick.models.user_points import Model, ModelType
from napari_tomopick.protocols import turn


@pytest.fixture
def picks():
    rng = np.random.default_rng(1)
    return Particles(
        rng.uniform(20, 80, (6, 3)),
        Rotation.random(6, rng=rng),
        ids=[5, 3, 9, 1, 7, 2],
        scores=rng.uniform(size=6),
        tomograms=["a"] * 6,
        table=pd.DataFrame({"note": list("uvwxyz")}),
        voxel_size_angstrom=8.0,
    )


def vesicle(marker=None, tomogram="a"):
    return Model(
        name="v",
        type=ModelType.VESICLE,
        points=np.empty((0, 3)),
        parameters={"center": [50.0, 50.0, 50.0], "radius": 20.0},
        marker=marker,
        tomogram=tomogram,
        voxel_size_angstrom=8.0,
    )


def axes(particles):
    return particles.rotations.as_matrix()


def unchanged_but_turned(before, after):
    assert after.ids.tolist() == before.ids.tolist()
    assert after.table.equals(before.table)
    np.testing.assert_array_equal(after.positions, before.positions)


def test_flipped_z_is_reversed_and_x_is_not(picks):
    after = turn.flip(picks)
    unchanged_but_turned(picks, after)
    np.testing.assert_allclose(axes(after)[:, :, 2], -axes(picks)[:, :, 2], atol=1e-12)
    np.testing.assert_allclose(axes(after)[:, :, 0], axes(picks)[:, :, 0], atol=1e-12)
    twice = turn.flip(after)
    assert orientations.angle_between(twice.rotations, picks.rotations).max() < 1e-5


def test_only_the_chosen_ones_are_turned(picks):
    after = turn.flip(picks, [9, 1])
    turned = orientations.angle_between(after.rotations, picks.rotations) > 1
    assert picks.ids[turned].tolist() == [9, 1]
    assert turn.flip(picks, []) is picks
    with pytest.raises(ParameterError, match="no particle with id 4"):
        turn.flip(picks, [9, 4])


def test_in_plane_x_goes_to_y(picks):
    after = turn.turn_in_plane(picks, 90.0)
    np.testing.assert_allclose(axes(after)[:, :, 2], axes(picks)[:, :, 2], atol=1e-12)
    np.testing.assert_allclose(axes(after)[:, :, 0], axes(picks)[:, :, 1], atol=1e-12)
    with pytest.raises(ParameterError, match="number of degrees"):
        turn.turn_in_plane(picks, np.nan)


def test_a_random_twist_is_the_same_for_the_same_seed(picks):
    one, other, third = (turn.random_twist(picks, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.rotations.as_quat(), other.rotations.as_quat())
    assert orientations.angle_between(one.rotations, third.rotations).min() > 0.1
    np.testing.assert_allclose(one.directions(), picks.directions(), atol=1e-12)
    many = turn.random_twist(Particles(np.zeros((2000, 3))), 0)
    angles = np.arctan2(axes(many)[:, 1, 0], axes(many)[:, 0, 0])
    assert abs(np.exp(1j * angles).mean()) < 0.05
    with pytest.raises(ParameterError, match="seed"):
        turn.random_twist(picks, -1)


def test_to_the_nearest_surface_by_the_smallest_turn(picks):
    after = turn.to_surface(picks, [vesicle()])
    unchanged_but_turned(picks, after)
    outwards = picks.positions - 50.0
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    cosine = np.einsum("nk,nk->n", after.directions(), outwards)
    assert np.degrees(np.arccos(cosine)).max() < 2
    # no turn takes the z axes there by less
    by = orientations.angle_between(picks.rotations, after.rotations)
    between = np.degrees(np.arccos(np.einsum("nk,nk->n", picks.directions(), after.directions())))
    assert by == pytest.approx(between, abs=1e-4)
    # on the surface already, it stays: its twist is kept
    again = turn.to_surface(after, [vesicle()])
    assert orientations.angle_between(after.rotations, again.rotations).max() < 1e-4


def test_without_an_orientation_it_is_that_of_orienting(picks):
    loose = Particles(picks.positions, tomograms=picks.tomograms)
    expected = orient(loose, [vesicle()]).particles.rotations
    assert orientations.angle_between(turn.to_surface(loose, [vesicle()]).rotations, expected).max() < 1e-4


def test_turned_inwards_by_the_marker(picks):
    inwards = turn.to_surface(picks, [vesicle(marker=np.array([90.0, 50, 50]))])
    assert (np.einsum("nk,nk->n", inwards.directions(), picks.positions - 50.0) < 0).all()


def test_a_surface_of_another_tomogram_does_not_help(picks):
    with pytest.raises(ModelError, match="particles of tomogram a"):
        turn.to_surface(picks, [vesicle(tomogram="b")])
    # but nothing chosen needs none
    assert turn.to_surface(picks, [], []) is picks


def test_no_particles():
    none = Particles([])
    for after in (
        turn.flip(none),
        turn.turn_in_plane(none, 3.0),
        turn.random_twist(none, 1),
        turn.to_surface(none, []),
    ):
        assert len(after) == 0
