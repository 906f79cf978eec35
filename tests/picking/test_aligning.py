"""Alignment in Fourier space, on objects that are exact in every pose."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.rotation_sampling import rotations_about, rotations_by_step
from napari_tomopick.geometry.symmetry import point_group
from napari_tomopick.picking.aligning import AlignedBoxes
from napari_tomopick.picking.aligning_kernels import best_products, turned_spectrum
from napari_tomopick.picking.aligning_poses import Directions, Poses, best_of
from napari_tomopick.picking.aligning_spectra import PADDING, Frequencies, rotation_spectrum
from napari_tomopick.picking.initial_symmetry import SymmetrySearch
from napari_tomopick.picking.matching import shifts_within
from napari_tomopick.samples.phantoms import Blobs
from noisy_boxes import SIZE, handed, noisy_boxes

TURN = Rotation.from_euler("zyx", [40, -70, 110], degrees=True)


def posed(item: Blobs, turn: Rotation, shift=(0, 0, 0)) -> np.ndarray:
    box = np.zeros((SIZE,) * 3, np.float32)
    item.posed(np.full(3, SIZE // 2) + np.asarray(shift), turn).add_to(box)
    return box


def test_a_turned_spectrum_is_that_of_the_turned_object() -> None:
    frequencies = Frequencies.of(SIZE, 9.0)
    out = np.empty((1, 2, len(frequencies)), np.float32)
    matrix = TURN.as_matrix().T[None].astype(np.float32)
    spectrum = rotation_spectrum(posed(handed(), Rotation.identity()))
    turned_spectrum(spectrum, float(PADDING), frequencies.xyz, matrix, out)
    exact = frequencies.of_volume(posed(handed(), TURN))
    assert np.abs(out[0, 0] + 1j * out[0, 1] - exact).max() < 0.03 * np.abs(exact).max()
    assert np.linalg.norm(out[0, 0] + 1j * out[0, 1] - exact) < 0.05 * np.linalg.norm(exact)


def test_values_at_frequencies_make_the_volume_again_and_move_it() -> None:
    frequencies = Frequencies.of(SIZE, 99)
    volume = posed(handed(), TURN)
    values = frequencies.of_volume(volume)
    np.testing.assert_allclose(frequencies.volume(values), volume - volume.mean(), atol=0.02)
    moved = frequencies.volume(frequencies.moved(values, np.array([1.5, -0.5, 2.0])))
    exact = posed(handed(), TURN, (1.5, -0.5, 2.0))
    np.testing.assert_allclose(moved, exact - exact.mean(), atol=0.02)


def test_boxes_of_two_sizes_have_their_frequencies_in_one_order() -> None:
    small, large = Frequencies.of(16, 7.0), Frequencies.of(30, 12.0)
    assert len(small) > 600
    np.testing.assert_array_equal(small.xyz, large.xyz[: len(small)])


def test_the_best_product_is_found_with_its_orientation_and_shift() -> None:
    rng = np.random.default_rng(0)
    products = rng.normal(size=(7, 3, 5)).astype(np.float32)
    inverse = rng.uniform(0.5, 2, (7, 3)).astype(np.float32)
    scores, rows, columns = np.empty(3, np.float32), np.empty(3, np.int64), np.empty(3, np.int64)
    best_products(products, inverse, scores, rows, columns)
    scaled = products * inverse[:, :, None]
    for number in range(3):
        at = np.unravel_index(scaled[:, number].argmax(), (7, 5))
        assert (rows[number], columns[number]) == at
        assert scores[number] == scaled[:, number].max()


@pytest.mark.parametrize("turned_frames", [False, True])
def test_poses_are_found_to_a_degree_and_a_tenth_of_a_voxel(turned_frames) -> None:
    frames = Rotation.random(8, rng=np.random.default_rng(1)) if turned_frames else None
    noisy = noisy_boxes([handed()] * 8, noise=0.0, seed=4, frames=frames)
    offsets = np.round(noisy.shifts)
    boxes = AlignedBoxes(noisy.boxes, noisy.wedges, offsets, 8.0)
    rows = np.arange(8)
    reference = boxes.frequencies.volume(boxes.whitened(handed().map(SIZE)))
    poses = boxes.align(rows, boxes.bank(reference, rotations_by_step(15), 8.0), shifts_within(1) * 1.0)
    for radius, step, apart in ((10, 5, 0.5), (5, 2.5, 0.25), (2.5, 1.2, 0.1), (1.2, 0.6, 0.05)):
        around = rotations_about(radius, step)
        poses = boxes.align_near(rows, reference, 8.0, poses, around, shifts_within(2) * apart, 3.0)
    off = np.degrees((noisy.rotations.inv() * poses.rotations()).magnitude())
    assert np.median(off) < 0.8
    assert off.max() < 6
    assert np.median(np.abs(poses.shifts + offsets - noisy.shifts)) < 0.1
    # a box agrees with what it shows, however little of it was measured
    assert poses.scores.min() > 0.94


def test_an_average_brings_particles_back_to_the_centre() -> None:
    noisy = noisy_boxes([handed()] * 12, noise=0.0, seed=5)
    boxes = AlignedBoxes(noisy.boxes, noisy.wedges, np.zeros((12, 3)), 8.0)
    poses = Poses(noisy.rotations.as_quat(), noisy.shifts, np.ones(12, np.float32))
    total, weight = boxes.sums(np.arange(12), poses, 6.0)
    average = boxes.coloured(total / np.maximum(weight, 1))
    truth = boxes.frequencies.volume(boxes.frequencies.of_volume(handed().map(SIZE))[: len(total)])
    assert np.corrcoef(average.ravel(), truth.ravel())[0, 1] > 0.97


def test_the_axes_of_a_turned_object_are_found_and_its_centre() -> None:
    part = np.array([[5, 0, -4], [4, 3, 1], [2, 0, 4]], float)
    turns = [Rotation.from_euler("z", 120 * i, degrees=True) for i in range(3)]
    item = Blobs(np.concatenate([turn.apply(part) for turn in turns]), np.full(9, 1.4), np.ones(9))
    frequencies = Frequencies.of(SIZE, 8.0)
    search = SymmetrySearch(frequencies, point_group("C3"), 7.0)
    values = frequencies.of_volume(posed(item, TURN, (1.0, -1.5, 0.5)))
    setting = search.find(values)
    assert setting.agreement > 0.99
    axis = (setting.rotation * TURN).as_matrix()[:, 2]
    assert abs(axis[2]) > np.cos(np.radians(2))
    upright = frequencies.volume(search.applied(values, setting, average=False))
    averaged = frequencies.volume(search.applied(values, setting, average=True))
    assert np.corrcoef(upright.ravel(), averaged.ravel())[0, 1] > 0.99
    # an object without that symmetry does not agree with its average
    assert search.find(frequencies.of_volume(posed(handed(), TURN))).agreement < 0.9


def test_a_reference_moved_and_turned_is_told_by_other_poses() -> None:
    turns = Rotation.random(5, rng=np.random.default_rng(0))
    poses = Poses(turns.as_quat(), np.arange(15.0).reshape(5, 3) / 10, np.ones(5, np.float32))
    centre = np.array([1.0, -2.0, 0.5])
    new = poses.of_moved_reference(TURN, centre)
    # a point of the old reference, and where it is in the new one
    point = np.array([3.0, 1.0, -2.0])
    np.testing.assert_allclose(
        poses.shifts + turns.apply(point),
        new.shifts + new.rotations().apply(TURN.apply(point - centre)),
        atol=1e-9,
    )


def test_directions_allow_any_twist_within_their_cone() -> None:
    given = Rotation.random(6, rng=np.random.default_rng(2))
    directions = Directions(given.as_quat(), 20.0)
    around = directions.around(10.0)
    tilts = np.degrees(np.arccos(np.clip(around.as_matrix()[:, 2, 2], -1, 1)))
    assert tilts.max() == pytest.approx(20, abs=1e-5)
    assert (tilts < 1e-3).sum() == 36
    assert directions.allowed(3, (given[3] * around).as_matrix()).all()
    assert not directions.allowed(3, (given[3] * Rotation.from_rotvec([0.5, 0, 0])).as_matrix()[None]).any()
    tilted = given * Rotation.from_rotvec([0.2, 0.1, 0])
    poses = Poses(tilted.as_quat(), np.zeros((6, 3)), np.ones(6, np.float32))
    straight = poses.of_moved_reference(directions.straightening(np.arange(6), poses), np.zeros(3))
    axes = straight.rotations().as_matrix()[:, :, 2]
    np.testing.assert_allclose(axes, given.as_matrix()[:, :, 2], atol=1e-6)


def test_the_best_of_several_poses_of_each_box() -> None:
    one, other = Poses.unknown(3), Poses.unknown(3)
    one.scores[:], other.scores[:] = [0.1, 0.5, 0.2], [0.3, 0.4, 0.2]
    other.shifts[:] = 1.0
    which, best = best_of([one, other])
    assert which.tolist() == [1, 0, 0]
    assert best.scores.tolist() == pytest.approx([0.3, 0.5, 0.2])
    assert best.shifts[:, 0].tolist() == [1.0, 0.0, 0.0]
