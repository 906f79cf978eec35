"""Where the pictures and boxes of the gallery are cut: which voxel is in the middle, and what is up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomopick.geometry.cropping import box_corners, crop, crop_oriented, nearest_voxels
from napari_tomopick.layers.boxes import Boxes, Placing
from napari_tomopick.layers.gallery_cutting import Cutter, OneVolume, box, sections

N = 16


def some(positions, rotations=None):
    positions = np.asarray(positions, float)
    n = len(positions)
    turns = None if rotations is None else rotations.as_matrix().reshape(-1, 3, 3)
    ids, ones = np.arange(n), np.ones(n)
    return Boxes("set", "some", True, ids, positions, ones, ids, N, Placing(positions, turns))


@pytest.fixture(scope="module")
def smooth():
    """A volume in which every place is another grey value: x + 100 y + 10000 z, which is linear."""
    z, y, x = np.indices((60, 70, 80), np.float32)
    return OneVolume("v", x + 100 * y + 10000 * z, 5.0)


def pictures(volumes, boxes, **look):
    cuts = Cutter(**look).cuts(boxes, range(len(boxes)), volumes.key, None)
    return [sections(volumes, cut) for cut in cuts]


def test_the_particle_is_in_the_very_middle_of_its_own_frame_and_its_voxel_in_that_of_the_tomogram(smooth):
    positions = np.array([[40.3, 30.6, 29.7], [33.0, 40.0, 25.0]])
    boxes = some(positions, Rotation.random(2, rng=3))
    scale = np.array([1, 100, 10000])
    for picture, position in zip(
        pictures(smooth, boxes, frame="own", view="three", slices=1), positions, strict=True
    ):
        # all three sections go through it
        assert picture[:, N // 2, N // 2] == pytest.approx(position @ scale, rel=1e-6)
    for picture, voxel in zip(
        pictures(smooth, boxes, frame="tomogram", slices=1), nearest_voxels(positions), strict=True
    ):
        assert picture[0, N // 2, N // 2] == voxel @ scale


def test_one_pixel_is_one_voxel_along_the_axes_of_the_particle(smooth):
    rotation = Rotation.from_euler("ZYZ", [20, 50, -70], degrees=True)
    [[xy, xz, yz]] = pictures(
        smooth, some([[40.3, 30.6, 29.7]], rotation), frame="own", view="three", slices=1
    )
    along = rotation.inv().apply([1, 100, 10000])  # grey values per voxel along the own x, y, z
    m = N // 2
    for picture, right, up in ((xy, 0, 1), (xz, 0, 2), (yz, 1, 2)):
        assert picture[m, m + 3] - picture[m, m] == pytest.approx(3 * along[right], rel=1e-3)
        assert picture[m + 3, m] - picture[m, m] == pytest.approx(3 * along[up], rel=1e-3)


def test_a_membrane_lies_flat_with_its_normal_up():
    # a sheet through a point, its upper side bright, at any angle
    normal = np.array([0.6, -0.5, 0.62])
    normal /= np.linalg.norm(normal)
    z, y, x = np.indices((60, 60, 60))
    away = (np.stack([x, y, z], axis=-1) - 30) @ normal
    volumes = OneVolume("v", np.where(away > 0, 1, -1).astype(np.float32), 5.0)
    rotation = Rotation.align_vectors([normal], [[0, 0, 1]])[0]
    [[xy, xz, yz]] = pictures(volumes, some([[30, 30, 30]], rotation), frame="own", view="three", slices=1)
    for picture in (xz, yz):
        assert (picture[N // 2 + 2 :] > 0.9).all()
        assert (picture[: N // 2 - 1] < -0.9).all()
    assert np.abs(xy).mean() < 0.9


@pytest.mark.parametrize("slices", [1, 2, 4, 5])
@pytest.mark.parametrize("frame", ["tomogram", "own"])
def test_sections_are_those_of_the_box(frame, slices):
    volume = np.random.default_rng(0).normal(size=(50, 50, 50)).astype(np.float32)
    volumes = OneVolume("v", volume, 5.0)
    positions, rotations = np.array([[25.2, 24.4, 25.9], [22.0, 27.5, 24.6]]), Rotation.random(2, rng=1)
    middle = slice(N // 2 - slices // 2, N // 2 - slices // 2 + slices)
    if frame == "own":
        cropped = crop_oriented(volume, positions, rotations, N)
    else:
        cropped = [crop(volume, c, N) for c in box_corners(nearest_voxels(positions), N)]
    found = pictures(volumes, some(positions, rotations), frame=frame, view="three", slices=slices)
    for b, (xy, xz, yz) in zip(cropped, found, strict=True):
        np.testing.assert_allclose(xy, b[middle].mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(xz, b[:, middle].mean(axis=1), atol=1e-4)
        np.testing.assert_allclose(yz, b[..., middle].mean(axis=2), atol=1e-4)


def test_without_orientations_both_frames_are_the_same(smooth):
    boxes = some([[40.3, 30.6, 29.7]])
    cuts = [Cutter(frame).cuts(boxes, [0], "v", None) for frame in ("own", "tomogram")]
    assert cuts[0] == cuts[1]


def test_a_box_that_reaches_out_is_filled_and_one_outside_is_none(smooth):
    rotation = Rotation.random(rng=5).as_matrix()
    inside = box(smooth, -1, np.array([40.0, 30.0, 30.0]), rotation, N)
    assert inside.shape == (N, N, N)
    edge = box(smooth, -1, np.array([0.0, 30.0, 30.0]), rotation, N)
    assert np.isfinite(edge).all()
    values, counts = np.unique(edge, return_counts=True)
    rest = edge[edge != values[counts.argmax()]]
    assert counts.max() > N**3 / 4
    assert values[counts.argmax()] == pytest.approx(rest.mean(), rel=1e-3)
    assert box(smooth, -1, np.array([-40.0, 30.0, 30.0]), rotation, N) is None
    # the middle of an odd box is voxel N // 2 as well
    odd = box(smooth, -1, np.array([40.3, 30.6, 30.0]), rotation, 7)
    assert odd[3, 3, 3] == pytest.approx(303100.3, rel=1e-5)
