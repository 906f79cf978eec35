"""Boxes: where they are cut, how they are turned, and what happens at the ends of the volume."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.cropping import (
    box_corners,
    boxes_inside,
    crop,
    crop_oriented,
    crop_shifted,
    nearest_voxels,
)
from napari_tomopick.geometry.orientations import from_dynamo


def smooth_volume(shape=(40, 44, 48), seed=0):
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, 1.5).astype(np.float32) * 10


def gaussian_at(shape, xyz, sigma=2.0):
    z, y, x = np.indices(shape)
    r2 = (x - xyz[0]) ** 2 + (y - xyz[1]) ** 2 + (z - xyz[2]) ** 2
    return np.exp(-r2 / (2 * sigma**2)).astype(np.float32)


def centre_of_mass_xyz(box):
    return np.array(ndimage.center_of_mass(np.maximum(box, 0)))[::-1]


def test_dynamo_box_in_numpy_slices():
    # Dynamo's 1-based position (100, 100, 100) and a box of 32: voxels 84..115, 1-based
    centre = nearest_voxels(np.array([100.0, 100.0, 100.0]) - 1)
    corner = box_corners(centre, 32)[0]
    assert corner.tolist() == [83, 83, 83]
    volume = np.arange(120**3, dtype=np.int32).reshape(120, 120, 120)
    np.testing.assert_array_equal(crop(volume, corner, 32), volume[83:115, 83:115, 83:115])
    assert crop(volume, corner, 32)[16, 16, 16] == np.float32(volume[99, 99, 99])


def test_valid_centres_as_in_dynamo():
    one_based = np.arange(1, 401)
    centres = nearest_voxels(np.repeat(one_based[:, None] - 1.0, 3, axis=1))
    inside = boxes_inside(box_corners(centres, 32), 32, (400, 400, 400))
    assert (one_based[inside].min(), one_based[inside].max()) == (17, 385)


def test_halves_always_go_up():
    # round() would take 0.5 and 2.5 down, 1.5 up: boxes one voxel apart for no reason
    np.testing.assert_array_equal(
        nearest_voxels([[0.5, 1.5, 2.5], [-0.5, 0.49, 7.0]]), [[1, 2, 3], [0, 0, 7]]
    )


@pytest.mark.parametrize("size", [31, 0, -2])
def test_odd_box_is_refused(size):
    with pytest.raises(ValueError, match="even"):
        box_corners(np.zeros((1, 3), np.int64), size)


def test_padding_is_the_mean_of_the_inner_part():
    volume = smooth_volume()
    box = crop(volume, (-3, 10, 40 - 5), 8)
    inner = volume[35:40, 10:18, 0:5]
    np.testing.assert_array_equal(box[:5, :, 3:], inner)
    outside = np.ones(box.shape, bool)
    outside[:5, :, 3:] = False
    np.testing.assert_allclose(box[outside], inner.mean(), rtol=1e-5)
    with pytest.raises(ValueError, match="does not touch"):
        crop(volume, (48, 0, 0), 8)


def test_shifted_box_has_the_position_in_its_centre():
    xyz = np.array([20.3, 21.6, 18.45])
    box = crop_shifted(gaussian_at((40, 44, 48), xyz), xyz, 24)
    np.testing.assert_allclose(box, gaussian_at((24, 24, 24), (12, 12, 12)), atol=3e-3)


def test_whole_shift_is_a_copy_even_at_the_end_of_the_volume():
    volume = smooth_volume()
    np.testing.assert_allclose(crop_shifted(volume, (8, 9, 8), 16), crop(volume, (0, 1, 0), 16), atol=1e-5)
    # padded: the same rule as for boxes cut at whole voxels
    np.testing.assert_allclose(crop_shifted(volume, (5, 9, 8), 16), crop(volume, (-3, 1, 0), 16), atol=1e-4)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_blob_along_the_particle_axis_lands_on_plus_z(interpolation):
    # blob at c + 10 n, Dynamo angles (30, 40, -30), N = 48: peak at (24, 24, 34)
    rotation = from_dynamo([[30.0, 40.0, -30.0]])
    n = rotation.apply([0.0, 0.0, 1.0])[0]
    volume = gaussian_at((48, 48, 48), 24 + 10 * n)
    aligned = crop_oriented(volume, [[24.0, 24, 24]], rotation, 48, interpolation=interpolation)[0]
    assert np.unravel_index(aligned.argmax(), aligned.shape) == (34, 24, 24)
    np.testing.assert_allclose(centre_of_mass_xyz(aligned), [24, 24, 34], atol=0.01)


def test_particle_off_the_box_centre_lands_on_the_centre():
    # with the shift s = (3, -2, 4) the particle's centre comes to (24, 24, 24)
    rotation = from_dynamo([[30.0, 40.0, -30.0]])
    position = np.array([24.0 + 3, 24 - 2, 24 + 4])
    aligned = crop_oriented(gaussian_at((48, 48, 48), position), [position], rotation, 48)[0]
    np.testing.assert_allclose(centre_of_mass_xyz(aligned), [24, 24, 24], atol=0.01)


@pytest.mark.parametrize(("interpolation", "order"), [("linear", 1), ("cubic", 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, ">i2"])
def test_sampling_equals_scipy(interpolation, order, dtype):
    volume = smooth_volume().astype(dtype)
    positions = np.array([[24.3, 22.1, 19.7], [20.0, 24.0, 21.5]])
    rotations = Rotation.random(2, random_state=3)
    boxes = crop_oriented(volume, positions, rotations, 12, interpolation=interpolation)
    for box, position, matrix in zip(boxes, positions, rotations.as_matrix(), strict=True):
        zyx = matrix[::-1, ::-1]
        offset = position[::-1] - zyx @ np.full(3, 6.0)
        expected = ndimage.affine_transform(
            volume.astype(np.float64), zyx, offset, (12, 12, 12), order=order, mode="mirror"
        )
        np.testing.assert_allclose(box, expected, atol=2e-5)


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_bricks_give_what_the_whole_volume_gives(interpolation):
    class Chunked:
        """Stands for a file that is read in pieces."""

        def __init__(self, data):
            self.data, self.shape, self.dtype, self.most = data, data.shape, data.dtype, 0

        def __getitem__(self, key):
            piece = self.data[key]
            self.most = max(self.most, piece.size)
            return piece

    volume = smooth_volume((80, 90, 100))
    positions = [[50.2, 45.7, 40.1], [4.0, 86.0, 40.0], [-30.0, 45.0, 40.0]]
    rotations = Rotation.random(3, random_state=5)
    chunked = Chunked(volume)
    options = {"interpolation": interpolation, "fill": 7.0}
    whole = crop_oriented(volume, positions, rotations, 16, **options)
    bricks = crop_oriented(chunked, positions, rotations, 16, max_bytes=0, **options)
    np.testing.assert_allclose(bricks, whole, atol=1e-4)
    assert chunked.most < volume.size / 5
    assert (whole[2] == 7.0).all()  # wholly outside


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_no_turn_copies_and_the_last_half_voxel_continues(interpolation):
    volume = smooth_volume((12, 12, 12))
    still = Rotation.identity(1)
    box = crop_oriented(volume, [[6, 6, 6]], still, 12, interpolation=interpolation)[0]
    np.testing.assert_allclose(box, volume, atol=1e-5)
    near_end = crop_oriented(volume, [[6.4, 6, 6]], still, 12, interpolation=interpolation, fill=np.nan)[0]
    np.testing.assert_allclose(near_end[:, :, -1], volume[:, :, -1], atol=1e-5)
    beyond = crop_oriented(volume, [[6.6, 6, 6]], still, 12, interpolation=interpolation, fill=np.nan)[0]
    assert np.isnan(beyond[:, :, -1]).all()
    assert np.isfinite(beyond[:, :, :-1]).all()


def test_threads_do_not_change_the_result():
    volume = smooth_volume()
    positions = np.random.default_rng(1).uniform(10, 30, (20, 3))
    rotations = Rotation.random(20, random_state=2)
    one = crop_oriented(volume, positions, rotations, 12, threads=1)
    np.testing.assert_array_equal(crop_oriented(volume, positions, rotations, 12, threads=3), one)
