"""Places that a reference is aligned with: they are found where they are, and looked for about that."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_sampling import uniform_rotations
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.picking.matching import BOX, MatchingVolume, shifts_within
from napari_tomopick.picking.posed_places import PosedPlaces, TurnedReference
from napari_tomopick.samples.phantoms import handed_object

OBJECT = handed_object().scaled(0.6)
TRUE = np.array([[25.0, 30, 22], [70, 28, 30], [28, 60, 33]])
OFF = np.array([[3.0, 0, 0], [0, -2, 2], [0, 0, 0]])


@pytest.fixture(scope="module")
def turns():
    return Rotation.random(len(TRUE), np.random.default_rng(3))


@pytest.fixture(scope="module")
def volume(turns):
    density = np.zeros((60, 80, 100), np.float32)
    for place, turn in zip(TRUE, turns, strict=True):
        OBJECT.posed(place, turn).add_to(density)
    return MatchingVolume(density, Acquisition(-89, 89))


@pytest.fixture(scope="module")
def reference():
    return TurnedReference(OBJECT.map(BOX), uniform_rotations(1500))


def test_a_place_three_voxels_off_is_found_where_it_is(volume, reference, turns):
    places = PosedPlaces([volume], [TRUE + OFF])
    agreement = places.align_all(reference, shifts_within(3.0))
    assert agreement.min() > 0.7
    poses = places.poses()
    np.testing.assert_array_equal(poses.at, TRUE)
    errors = (Rotation.from_quat(poses.turns).inv() * turns).magnitude()
    assert np.degrees(errors).max() < 18
    # in the reference's own frame, the way from its centre to the place that was given
    np.testing.assert_allclose(
        Rotation.from_quat(poses.turns).apply(places.offsets(np.arange(3))), OFF, atol=1e-9
    )


def test_where_it_was_found_is_where_it_is_looked_for_next(volume, reference):
    places = PosedPlaces([volume], [TRUE + OFF])
    close = shifts_within(1.0)
    near = places.align_all(reference, close)
    assert not np.array_equal(places.poses().at, TRUE)
    wide = places.align_all(reference, shifts_within(3.0))
    assert (near[:2] < wide[:2]).all()
    places.recentre(3.0)
    np.testing.assert_array_equal(places.align_all(reference, close), wide)
    np.testing.assert_array_equal(places.poses().at, TRUE)


def test_it_is_never_looked_for_farther_off_than_allowed(volume, reference):
    places = PosedPlaces([volume], [TRUE + OFF])
    places.align_all(reference, shifts_within(3.0))
    places.recentre(1.0)
    places.align_all(reference, shifts_within(0))
    np.testing.assert_array_equal(places.poses().at - (TRUE + OFF), np.clip(-OFF, -1, 1))


def test_tomograms_of_one_wedge_share_a_bank(volume, reference):
    other = MatchingVolume(volume.volume.copy(), Acquisition(-89, 89))
    assert reference.bank(other) is reference.bank(volume)
    assert reference.bank(MatchingVolume(volume.volume, Acquisition(-50, 50))) is not reference.bank(volume)


def test_some_of_the_places(volume, reference):
    places = PosedPlaces([volume], [TRUE + OFF])
    places.align_all(reference, shifts_within(3.0))
    some = places.some(np.array([2, 0]))
    np.testing.assert_array_equal(some.poses().at, TRUE[[2, 0]])
    np.testing.assert_array_equal(some.agreement, places.agreement[[2, 0]])
