"""Planes through a volume: where a pixel lies, and that it shows what is there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_tomopick.geometry.planes import Plane, section, slab

SHAPE = (20, 24, 30)


@pytest.fixture(scope="module")
def volume():
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def test_orthogonal_planes_are_exact_copies(volume):
    assert np.array_equal(section(volume, Plane.orthogonal("z", 7), 30, 24), volume[7])
    assert np.array_equal(section(volume, Plane.orthogonal("y", 7), 30, 20), volume[:, 7])
    assert np.array_equal(section(volume, Plane.orthogonal("x", 7), 24, 20), volume[:, :, 7])


def test_they_lie_as_on_the_screen():
    for axis, right, up, normal in (
        ("z", (1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ("y", (1, 0, 0), (0, 0, 1), (0, -1, 0)),
        ("x", (0, 1, 0), (0, 0, 1), (1, 0, 0)),
    ):
        plane = Plane.orthogonal(axis, 5)
        assert (tuple(plane.u), tuple(plane.v), tuple(plane.normal)) == (right, up, normal)
        position = plane.position([[2, 3]])[0]
        assert position["xyz".index(axis)] == 5
        assert position[np.flatnonzero(right)[0]] == 2
        assert position[np.flatnonzero(up)[0]] == 3


def test_an_orthogonal_plane_is_an_oblique_one_at_right_angles(volume):
    for plane, tilt, rotation in (("z", 0, 0), ("y", 90, 0), ("x", 90, 90)):
        tilted, straight = Plane.tilted((3, 4, 5), tilt, rotation), Plane.orthogonal(plane, 0)
        assert np.array_equal(tilted.u, straight.u)
        assert np.array_equal(tilted.v, straight.v)
        assert np.isfinite(section(volume, tilted, 10, 10)).all()
    assert section(volume, Plane.tilted((3, 4, 5), 90), 2, 2)[1, 0] == volume[6, 4, 3]


def test_a_point_of_a_plane_is_found_again():
    plane = Plane.tilted((10, 11, 12), 37, 20).turned("normal", 15).turned("u", -8)
    uv = np.random.default_rng(1).normal(size=(50, 2)) * 9
    back, distance = plane.coordinates(plane.position(uv))
    assert np.allclose(back, uv)
    assert np.allclose(distance, 0)
    back, distance = plane.coordinates(plane.moved(forward=2.5).position(uv))
    assert np.allclose(back, uv)
    assert np.allclose(distance, 2.5)
    assert plane.coordinates(np.empty((0, 3)))[0].shape == (0, 2)
    assert plane.coordinates([10, 11, 12])[0].tolist() == [[0, 0]]


def test_turning_is_right_handed_and_stays_true():
    plane = Plane.orthogonal("z", 4)
    assert np.allclose(plane.turned("normal", 90).u, (0, 1, 0))
    assert np.allclose(plane.turned("u", 90).v, (0, 0, 1))
    assert np.allclose(plane.turned("u", 30).normal, Plane.tilted((0, 0, 4), 30).normal)
    for _ in range(720):
        plane = plane.turned("v", 1.0).turned("u", 0.5)
    assert abs(plane.u @ plane.v) < 1e-12
    assert np.isclose(np.linalg.norm(plane.v), 1, atol=1e-12)


def test_askew_planes_are_refused():
    for u, v in (
        ((1, 0, 0), (1, 0, 0)),
        ((2, 0, 0), (0, 1, 0)),
        ((1, 0, np.nan), (0, 1, 0)),
        ((1, 0), (0, 1)),
    ):
        with pytest.raises(ValueError, match="plane"):
            Plane(np.zeros(3), u, v)
    with pytest.raises(ValueError, match="'w'"):
        Plane.orthogonal("w", 3)


def test_oblique_sections_are_those_of_scipy(volume):
    plane = Plane.tilted((14, 12, 10), 33, 25).centred(40, 36, 0.7)
    j, i = np.indices((36, 40))
    xyz = plane.position(np.column_stack([i.ravel(), j.ravel()]) * 0.7)
    expected = ndimage.map_coordinates(volume, xyz.T[::-1], order=1, mode="nearest").reshape(36, 40)
    upper = np.array(SHAPE[::-1]) - 0.5
    inside = ((xyz >= -0.5) & (xyz <= upper)).all(axis=1).reshape(36, 40)
    found = section(volume, plane, 40, 36, spacing=0.7)
    assert np.array_equal(np.isfinite(found), inside)
    assert 0 < inside.sum() < inside.size
    assert np.allclose(found[inside], expected[inside], atol=1e-5)
    assert (section(volume, plane, 40, 36, spacing=0.7, fill=-7)[~inside] == -7).all()


def test_the_middle_of_a_centred_section_is_the_point(volume):
    for width, height in ((8, 8), (9, 7)):
        found = section(volume, Plane.tilted((14, 12, 10), 50, 70).centred(width, height), width, height)
        assert np.isclose(found[height // 2, width // 2], volume[10, 12, 14])


def test_slabs_are_means_and_end_with_the_volume(volume):
    assert slab(7, 1, 20) == (7, 8)
    assert slab(7, 4, 20) == (5, 9)
    assert slab(7, 5, 20) == (5, 10)
    assert slab(0, 10, 20) == (0, 5)
    assert slab(19, 10, 20) == (14, 20)
    for axis, number, size in (("z", 0, (30, 24)), ("y", 1, (30, 20)), ("x", 2, (24, 20))):
        for thickness in (1, 2, 4, 5):
            for index in (0, 8, SHAPE[number] - 1):
                low, high = slab(index, thickness, SHAPE[number])
                expected = volume.take(range(low, high), axis=number).mean(axis=number)
                found = section(volume, Plane.orthogonal(axis, index), *size, thickness=thickness)
                assert np.allclose(found, expected, atol=1e-6)
                # and the same when nearly orthogonal, where it is sampled
                turned = Plane.orthogonal(axis, index).turned("u", 1e-9)
                found = section(volume, turned, *size, thickness=thickness)
                assert np.allclose(found, expected, atol=1e-5)


def test_outside_of_the_volume_is_filled(volume):
    found = section(volume, Plane.orthogonal("z", 3).moved(-2, -3), 40, 40)
    assert np.array_equal(found[3:27, 2:32], volume[3])
    assert np.isnan(found).sum() == 40 * 40 - 24 * 30
    assert np.isnan(section(volume, Plane.orthogonal("z", 25), 5, 5)).all()
    assert np.isnan(section(volume, Plane.tilted((0, 0, 50), 10), 5, 5)).all()


class Lazy:
    """A file that is only read in slices, as HDF and Zarr are."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.largest = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        piece = self.array[index]
        self.largest = max(self.largest, piece.size)
        return piece


@pytest.mark.parametrize("dtype", [">f4", "i1", "u2", "f2", "?"])
def test_every_kind_of_file_is_sampled_alike(dtype):
    values = np.random.default_rng(2).integers(0, 2 if dtype == "?" else 100, size=(60, 24, 30)).astype(dtype)
    plane = Plane.tilted((14, 12, 30), 70, 25).centred(60, 60)
    expected = section(values.astype(np.float32), plane, 60, 60, thickness=3)
    assert np.isfinite(expected).sum() > 500
    lazy = Lazy(values)
    for volume in (values, lazy):
        found = section(volume, plane, 60, 60, thickness=3)
        assert np.allclose(found, expected, equal_nan=True, rtol=1e-5, atol=1e-4)
        found = section(volume, Plane.orthogonal("x", 4), 24, 60)
        assert np.array_equal(found, values[:, :, 4].astype(np.float32))
    assert lazy.largest < values.size / 2


def test_a_broken_voxel_does_not_spoil_its_neighbours(volume):
    broken = volume.copy()
    broken[7, 5, 6] = np.nan
    found = section(broken, Plane.orthogonal("z", 7), 30, 24)
    assert np.isnan(found).sum() == 1
