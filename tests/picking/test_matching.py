"""References and places in all orientations: what is planted is found, with its hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_sampling import uniform_rotations
from napari_tomopick.models.tomogram import Acquisition
from napari_tomopick.picking import matching
from napari_tomopick.picking.matching import BOX, MatchingVolume, match, moved, settled, shifts_within, summed
from napari_tomopick.samples.phantoms import Blobs, handed_object

ALL_TILTS = Acquisition(-89, 89)
SHAPE = (60, 80, 100)
OBJECT = handed_object().scaled(0.6)


def volume_with(poses, thing=OBJECT):
    volume = np.zeros(SHAPE, np.float32)
    for place, turn in poses:
        thing.posed(place, turn).add_to(volume)
    return MatchingVolume(volume, ALL_TILTS)


def mirrored(thing):
    return Blobs(thing.centres * [1, 1, -1], thing.sigmas, thing.weights)


@pytest.mark.parametrize("count", [200, 1000])
def test_rotations_are_spread_evenly(count):
    turns = uniform_rotations(count)
    some = Rotation.random(300, np.random.default_rng(0))
    nearest = [float((turns.inv() * one).magnitude().min()) for one in some]
    # of perfectly even ones, each answers for a ball of 8 pi^2 / count
    ball = (6 * np.pi / count) ** (1 / 3)
    assert np.degrees(max(nearest)) < 2.0 * np.degrees(ball)
    assert len(turns) == count


def test_there_must_be_a_rotation():
    with pytest.raises(ValueError, match="at least one"):
        uniform_rotations(0)


def test_shifts_lie_within_their_radius():
    shifts = shifts_within(1.0)
    assert len(shifts) == 7
    assert shifts[0].tolist() == [0, 0, 0]
    assert len(shifts_within(2.0)) == 33


def test_a_turned_object_is_found_in_its_place_and_orientation():
    rng = np.random.default_rng(3)
    turns = Rotation.random(4, rng)
    places = np.array([[25.0, 30, 22], [70, 28, 30], [28, 60, 33], [75, 55, 25]])
    volume = volume_with(zip(places, turns, strict=True))
    rotations = uniform_rotations(3000)
    bank = volume.bank(OBJECT.map(BOX), rotations)
    clicks = places + np.array([[1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, 0]])
    shifts = shifts_within(1.0)
    found = match(volume, bank, clicks, shifts)
    assert found.scores.min() > 0.75
    np.testing.assert_array_equal(clicks + shifts[found.shifts], places)
    errors = (rotations[found.orientations].inv() * turns).magnitude()
    assert np.degrees(errors).max() < 14


def test_the_mirror_image_agrees_less():
    turn = Rotation.random(rng=np.random.default_rng(5))
    place = np.array([50.0, 40, 30])
    rotations = uniform_rotations(3000)
    reference = OBJECT.map(BOX)
    same = volume_with([(place, turn)])
    other = volume_with([(place, turn)], mirrored(OBJECT))
    none = shifts_within(0)
    scores = [
        match(volume, volume.bank(reference, rotations), place[None], none).scores[0]
        for volume in (same, other)
    ]
    assert scores[0] > scores[1] + 0.05


def test_averages_are_in_the_frame_of_the_reference():
    rng = np.random.default_rng(7)
    turns = Rotation.random(12, rng)
    places = np.stack(np.meshgrid([20.0, 50, 80], [20.0, 60], [18.0, 42]), -1).reshape(-1, 3)
    volume = volume_with(zip(places, turns, strict=True))
    average = summed([volume.sums(places[:5], turns[:5]), volume.sums(places[5:], turns[5:])]).average()
    truth = OBJECT.map(BOX)
    assert np.corrcoef(average.ravel(), truth.ravel())[0, 1] > 0.95
    wrong = mirrored(OBJECT).map(BOX)
    assert np.corrcoef(average.ravel(), wrong.ravel())[0, 1] < 0.8


def test_the_frequencies_that_were_not_measured_do_not_count():
    volume = MatchingVolume(np.zeros(SHAPE, np.float32), Acquisition(-45, 45))
    # a layer across the beam: all its frequencies but the mean lie in the missing wedge
    layer = np.zeros((BOX,) * 3, np.float32)
    layer[BOX // 2] = 1.0
    along = volume.bank(layer, Rotation.identity(1))[0]
    across = volume.bank(np.moveaxis(layer, 0, 2).copy(), Rotation.identity(1))[0]
    full = np.zeros((BOX,) * 3, np.float32).reshape(-1)
    full[matching._MASK] = across
    # the sheet that stands upright is seen as it is
    assert full.reshape((BOX,) * 3)[:, :, BOX // 2].mean() > 3 * np.abs(full.reshape((BOX,) * 3)).mean()
    assert not np.allclose(along, across, atol=0.05)


def test_moving_a_reference():
    thing = Blobs(np.zeros((1, 3)), np.array([2.0]), np.array([1.0]))
    at = np.array([1.3, -0.7, 0.4])
    there = np.zeros((BOX,) * 3, np.float32)
    thing.posed(at + BOX // 2, Rotation.identity()).add_to(there)
    np.testing.assert_allclose(moved(thing.map(BOX), at), there, atol=0.02)


def test_places_settle_between_voxels():
    place = np.array([50.3, 40.2, 29.7])
    volume = volume_with([(place, Rotation.identity())])
    bank = volume.bank(OBJECT.map(BOX), Rotation.identity(1))
    found = settled(volume, np.array([[50.0, 40.0, 30.0]]), bank)
    np.testing.assert_allclose(found[0], place, atol=0.12)


def test_whitening_levels_the_power_spectrum():
    rng = np.random.default_rng(0)
    z, y, x = (np.fft.fftfreq(n) for n in (40, 48, 56))
    k = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    coloured = np.fft.ifftn(np.fft.fftn(rng.normal(size=k.shape)) / (0.05 + k)).real.astype(np.float32)
    power = np.abs(np.fft.fftn(matching.whitened(coloured))) ** 2
    means = [power[(k >= low) & (k < low + 0.05)].mean() for low in np.arange(0.05, 0.45, 0.05)]
    assert max(means) < 1.2 * min(means)


def test_boxes_at_the_border_go_on_mirrored():
    volume = MatchingVolume(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), ALL_TILTS)
    box = volume.box(np.array([0.0, 0.0, 0.0]))
    assert box.shape == (BOX,) * 3
    c = BOX // 2
    np.testing.assert_array_equal(box[c:, c:, c - 1], box[c:, c:, c])
